// From a match to operations.
#ifndef GQA_RAISE_BUILD_H
#define GQA_RAISE_BUILD_H

#include "gqa/Raise/Axes.h"

namespace gqa {

/// How query heads find their K or V head, as the access map says.
struct HeadMap {
  int64_t groups = 1;
  HeadOrder order = HeadOrder::Block;
};

/// What the report says of an attention beside what its operation says.
struct Findings {
  HeadMap k, v;
  llvm::StringRef rotary = "none", cache = "none";
  int64_t rotaryDim = 0;
};

/// Visibility as attributes and one dense operand.
struct Visibility {
  std::optional<int64_t> offset; ///< causal, if set
  std::optional<int64_t> left;   ///< keys behind the query's position that are seen: j >= i - left
  llvm::SmallVector<Expr> masks; ///< loads of i1 tensors
};

/// Sorts the conditions of the match into attributes and dense masks; false, with the reason, if one is
/// neither.
bool classifyConditions(Evaluator &evaluator, const Axes &axes, Visibility &visibility, Refusal &refusal);

/// What the verifier says against an operation that was just made, or nothing: limits of the dialect, such as
/// the element types it knows, have their one place there.
std::string whyInvalid(mlir::Operation *op);

/// Builds the attention in front of the match's product, and replaces the product by it.
std::optional<AttentionOp> buildAttention(mlir::RewriterBase &rewriter, Evaluator &evaluator, Axes &axes,
                                          Findings &findings, Refusal &refusal);

/// If `tensor`, laid out as `layout`, is a rotated tensor: builds gqa.rotary behind it, replaces its other
/// uses, and returns the rotated operand in the layout of what is rotated.
std::optional<Operand> raiseRotary(mlir::RewriterBase &rewriter, Evaluator &evaluator, const Operand &tensor);

/// If the operand is cached tokens followed by new ones, a gqa.append_kv instead of it.
std::optional<AppendKVOp> raiseAppend(mlir::RewriterBase &rewriter, const Operand &operand);

} // namespace gqa

#endif // GQA_RAISE_BUILD_H
