// Patterns of gqa-share-kv.
#ifndef GQA_LIB_SHARE_PATTERNS_H
#define GQA_LIB_SHARE_PATTERNS_H

#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace gqa {

/// K and V repeated as `h mod Hkv`: the query heads are permuted so that the repeat becomes `h floordiv G`,
/// and drops.
void populateTiledOrderPatterns(mlir::RewritePatternSet &patterns);

/// K and V whose heads a list names, each as often as all others: the query heads are put into the order of the
/// heads that they read. True if they were.
bool shareListedHeads(mlir::RewriterBase &rewriter, AttentionOp op);

/// Repeats of heads move across what treats all heads alike: rotations, appends, casts, transposes.
void populateMoveRepeatPatterns(mlir::RewritePatternSet &patterns);

/// Operands of rotations and appends that repeat heads, as gqa.repeat_heads.
void raiseRepeats(mlir::func::FuncOp function);

/// Caches that are arguments, and to which repeated heads are appended, have as many heads as are not
/// repeated from now on, and so do the results; calls are adapted. `simplify` moves and folds repeats.
void changeSignatures(mlir::ModuleOp module, llvm::function_ref<void()> simplify);

/// Shares heads whose constant weights are equal, or equal up to maps that fold into other weights. True if
/// something changed.
bool shareEqualHeads(mlir::RewriterBase &rewriter, AttentionOp op);

/// The input of an elementwise operation on rank-4 tensors that repeats heads.
struct RepeatedInput {
  RepeatHeadsOp repeat;
  unsigned headLoop;   ///< the loop over heads
  std::string letters; ///< of the four loops
};
std::optional<RepeatedInput> findRepeatedInput(mlir::linalg::LinalgOp op);

/// True if sinks, mask, bias or score may depend on the query head.
bool dependsOnHead(AttentionOp op);

} // namespace gqa

#endif // GQA_LIB_SHARE_PATTERNS_H
