// The canonicalisations of the `gqa` operations by concern, and what they share.
#ifndef GQA_LIB_DIALECT_GQA_FOLDS_H
#define GQA_LIB_DIALECT_GQA_FOLDS_H

#include "gqa/Dialect/GQA/Rebuild.h"

#include "mlir/IR/PatternMatch.h"

namespace gqa {

/// Repeated heads under k and v.
void addHeadFolds(mlir::RewritePatternSet &patterns);
/// Transposes around the operands and the output.
void addLayoutFolds(mlir::RewritePatternSet &patterns);
/// Masks, biases and positions that hide nothing.
void addMaskFolds(mlir::RewritePatternSet &patterns);
/// Operands that are constants, unused results, dead rows that cannot be.
void addParameterFolds(mlir::RewritePatternSet &patterns);
/// The score region and its captured values.
void addScoreFolds(mlir::RewritePatternSet &patterns);

/// The one element that every position of a constant tensor holds: of a constant, a fill or a splat; null if
/// none.
mlir::Attribute constantSplat(mlir::Value value);

/// `value` with the sizes that its type or `shape` know, by a tensor.cast where its type knows fewer. A
/// rewrite must not lose sizes: constraints such as (C16) of gqa.attention need them. Null if the two
/// contradict each other.
mlir::Value withSizes(mlir::RewriterBase &rewriter, mlir::Value value, llvm::ArrayRef<int64_t> shape);

} // namespace gqa

#endif // GQA_LIB_DIALECT_GQA_FOLDS_H
