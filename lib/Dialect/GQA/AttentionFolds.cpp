// The canonicalisations of gqa.attention, by concern.
#include "Folds.h"

using namespace mlir;

namespace gqa {

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  addHeadFolds(patterns);
  addLayoutFolds(patterns);
  addMaskFolds(patterns);
  addParameterFolds(patterns);
  addScoreFolds(patterns);
}

} // namespace gqa
