// From a match to operations.
#ifndef GQA_RAISE_BUILD_H
#define GQA_RAISE_BUILD_H

#include "gqa/Raise/Axes.h"
#include "gqa/Raise/IntegerForm.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace gqa {

class ExprEmitter;

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
  bool sinks = false;
  std::optional<DeadRow> deadRow; ///< of the graph, if it is not the operation's
  int64_t parts = 1;              ///< sets of keys that share a softmax, each with an operation
  bool joinsKeys = false;         ///< of two products, whose parts of k are in tensors of their own
};

/// Visibility as attributes and operands, and what is left for the score region.
struct Visibility {
  bool causal = false;
  std::optional<std::pair<int64_t, int64_t>> window; ///< left and right of the position, -1 is unbounded
  int64_t offset = 0;                                ///< of the first query among the keys
  IntegerForm offsetData;                            ///< added to it, known at run time
  std::optional<IntegerForm> kvLen;
  std::optional<Condition> mask;           ///< held by an i1 tensor
  llvm::SmallVector<Condition> conditions; ///< for the score region
};

/// What conditions may not become, since it is said already.
struct Taken {
  bool position = false; ///< causal and window
  bool length = false;   ///< the number of keys
};

/// Sorts the conditions of the match.
Visibility classifyConditions(Evaluator &evaluator, const Axes &axes, Taken taken = {});

/// `constant` plus the form, for each sequence, as a tensor of rank 1; null where the form has no data, or
/// data that cannot be read for each sequence.
mlir::Value buildPerBatch(mlir::OpBuilder &builder, mlir::Location loc, Evaluator &evaluator,
                          const Axis &batch, const IntegerForm &form, int64_t constant,
                          const llvm::DenseMap<unsigned, mlir::Value> &sizes);

/// Sets what the visibility says of an attention that has neither causal nor window nor kv_len of its own.
void setVisibility(AttentionOp op, const Visibility &visibility, mlir::Value offsets, mlir::Value kvLen);

/// The coordinates of an attention as values: those of batch, head, query and key, taken apart into
/// variables.
class CoordinateMap {
public:
  CoordinateMap(mlir::OpBuilder &builder, mlir::Location loc, const IndexSpace &space)
      : builder(builder), loc(loc), space(space) {}

  /// The variables of `axis` follow from `value`.
  void add(const Axis &axis, mlir::Value value);
  mlir::Value lookup(unsigned variable) const { return values.lookup(variable); }

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
  const IndexSpace &space;
  llvm::DenseMap<unsigned, mlir::Value> values;
};

/// A tensor with a dimension for each axis, of what `expr` is there, in front of the builder's place. `sizes`
/// has the sizes that types do not know, by variable. Null if the expression has other coordinates.
mlir::Value buildTensor(mlir::OpBuilder &builder, mlir::Location loc, Evaluator &evaluator, Expr expr,
                        llvm::ArrayRef<Axis> axes, const llvm::DenseMap<unsigned, mlir::Value> &sizes);
/// The same for elements of type `type` that `emit` computes.
mlir::Value buildTensor(mlir::OpBuilder &builder, mlir::Location loc, Evaluator &evaluator, mlir::Type type,
                        llvm::ArrayRef<Axis> axes, const llvm::DenseMap<unsigned, mlir::Value> &sizes,
                        llvm::function_ref<mlir::Value(mlir::OpBuilder &, ExprEmitter &)> emit);

/// Emits whether the condition holds; null if something in it has no value there.
mlir::Value emitCondition(mlir::OpBuilder &builder, mlir::Location loc, ExprEmitter &emitter,
                          const Condition &condition);

/// The float `value` as `type`.
mlir::Value convertScore(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::Type type);

/// The score region: what is left of the score's mathematics and of the conditions. False if something in it
/// has no value there.
bool buildScore(Evaluator &evaluator, const Axes &axes, const Visibility &visibility, AttentionOp op);

/// What the verifier says against an operation that was just made, or nothing: limits of the dialect, such as
/// the element types it knows, have their one place there.
std::string whyInvalid(mlir::Operation *op);

/// Builds the attention in front of the match's product, and replaces the product by it.
std::optional<AttentionOp> buildAttention(mlir::RewriterBase &rewriter, Evaluator &evaluator, Axes &axes,
                                          Findings &findings, Refusal &refusal);

/// The same where one softmax runs over several sets of keys: an attention for each, merged. None if one of
/// them cannot be built.
llvm::SmallVector<AttentionOp> buildParts(mlir::RewriterBase &rewriter, Evaluator &evaluator,
                                          llvm::MutableArrayRef<Axes> parts,
                                          llvm::MutableArrayRef<Findings> findings, Refusal &refusal);

/// How a tensor is rotated.
struct RotaryForm {
  RotaryKind kind;
  int64_t dim;
  llvm::StringRef obstacle; ///< why it stays as the graph has it; empty if it does not
  mlir::Value source;       ///< what is rotated
};

/// If `tensor`, laid out as `layout`, is a rotated tensor, described by `form`: builds gqa.rotary behind it
/// and returns the rotated operand in the layout of what is rotated.
std::optional<Operand> raiseRotary(mlir::RewriterBase &rewriter, Evaluator &evaluator, const Operand &tensor,
                                   std::optional<RotaryForm> &form);

/// Replaces a rotated tensor, in whose layout letters other than `d` may be left out, by gqa.rotary for all
/// its users; how it is rotated. None if it is not.
std::optional<RotaryForm> replaceRotary(mlir::RewriterBase &rewriter, const Operand &tensor);

/// Softmaxes, powers of two and complex products as what they are made of, and concatenations by name.
void normalize(mlir::func::FuncOp function);

/// A concatenation whose elements are chosen in the body of a loop, as lowered StableHLO has it, as
/// `tensor.concat`; fails if the loop is anything else.
mlir::LogicalResult nameConcat(mlir::linalg::GenericOp op, mlir::PatternRewriter &rewriter);

/// The same of pieces that are written one behind the other until nothing is left of an empty tensor; fails
/// if `last` is not the last of them.
mlir::LogicalResult nameConcat(mlir::tensor::InsertSliceOp last, mlir::PatternRewriter &rewriter);

/// Raises what is still rotated by other operations, with a remark for what must stay; how many there were.
int64_t raiseRotations(mlir::RewriterBase &rewriter, mlir::func::FuncOp function);

/// If the operand is cached tokens followed by new ones, a gqa.append_kv instead of it.
std::optional<AppendKVOp> raiseAppend(mlir::RewriterBase &rewriter, const Operand &operand);

/// Writes of tokens to caches at positions become gqa.append_kv, if they are few. Returns how many there
/// were.
int64_t raiseIndexedAppends(mlir::RewriterBase &rewriter, mlir::Operation *function);

/// Whether the operand is a cache to which tokens are written at positions by something other than
/// gqa.append_kv; `fresh` are the tokens, where a tensor of rank 4 holds them.
bool findIndexedTokens(const Operand &cache, std::optional<Operand> &fresh);

/// The operand's tensor in another layout.
mlir::Value transpose(mlir::RewriterBase &rewriter, const Operand &operand, llvm::StringRef layout);

/// If the operand's heads are copies of fewer ones: gqa.repeat_heads of those in front of `before`, in the
/// operand's layout; else null.
mlir::Value raiseRepeat(mlir::RewriterBase &rewriter, const Operand &operand, mlir::Operation *before);

/// An attention that a front end kept as one operation, and what is found of it: the same operation, or,
/// where its mask is a matter of positions or its heads of K or V are repeated, a new one in its place.
AttentionOp refineKept(mlir::RewriterBase &rewriter, AttentionOp op, Findings &findings);

/// Gives the attention a constant scale: none where that is the usual one, to rounding.
void setScale(AttentionOp op, double scale);

/// Rotations and appends in front of a raised attention.
void raiseAround(mlir::RewriterBase &rewriter, AttentionOp op, Findings &findings);

} // namespace gqa

#endif // GQA_RAISE_BUILD_H
