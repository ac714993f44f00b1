// Canonicalisations of gqa.attention.
#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace gqa {

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {}

} // namespace gqa
