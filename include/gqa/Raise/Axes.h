// Which coordinates are batch, head, query and key, and how a tensor is read along them.
#ifndef GQA_RAISE_AXES_H
#define GQA_RAISE_AXES_H

#include "gqa/Raise/Match.h"

namespace gqa {

/// One letter of an attention's shapes: the variables that make it up, the outermost first; none for a size
/// of 1.
struct Axis {
  char letter;
  llvm::SmallVector<unsigned, 2> variables;
};

/// An attention's coordinates by letter. Front ends collapse `b` with `h`, and the group with the query; here
/// they are variables of their own, so that what a tensor depends on can be read off.
struct Axes {
  Axis b{'b', {}}, h{'h', {}}, i{'s', {}}, j{'s', {}}, d{'d', {}}, dv{'d', {}};
  /// The matched expressions, rewritten to these variables.
  AttentionMatch match;
  /// The output's dimensions as variables, in order.
  llvm::SmallVector<llvm::SmallVector<unsigned, 2>> output;
};

/// Splits the coordinates of `match`; none if some dimension has no place among batch, head and query.
std::optional<Axes> findAxes(ExprContext &context, Evaluator &evaluator, AttentionMatch match,
                             Refusal &refusal);

/// How a tensor holds the axes: dimension k of it is the product of `dims[k]` (outermost first). All
/// variables of `axes` appear, once, and nothing else; variables of one axis stand together.
struct View {
  mlir::Value tensor;
  llvm::SmallVector<llvm::SmallVector<unsigned, 2>> dims;
  /// Where the dimensions begin, if they are parts of the tensor's; else none.
  llvm::SmallVector<int64_t> offsets;
};

/// The element of `load`'s chain nearest to its source that is a view of the axes; with `parts`, the nearest
/// of which a slice is one.
std::optional<View> findView(ExprContext &context, llvm::ArrayRef<Expr> chain, llvm::ArrayRef<Axis> axes,
                             bool parts = false);

/// An operand of rank-4 operations: one dimension for each axis, `layout` names them.
struct Operand {
  mlir::Value tensor;
  std::string layout;
};

/// The axes, given in their usual order, in the order in which `sequence` names their variables.
llvm::SmallVector<const Axis *> inOrderOf(llvm::ArrayRef<unsigned> sequence, llvm::ArrayRef<Axis> axes);

/// Emits the reshapes that give each of the four axes a dimension of its own, in the order in which the
/// tensor holds them.
Operand materialize(mlir::OpBuilder &builder, mlir::Location loc, const IndexSpace &space, const View &view,
                    llvm::ArrayRef<Axis> axes);

/// Reshapes between two ways to hold the same sequence of variables; dimensions without variables have
/// size 1.
mlir::Value reshape(mlir::OpBuilder &builder, mlir::Location loc, const IndexSpace &space, mlir::Value value,
                    llvm::ArrayRef<llvm::SmallVector<unsigned, 2>> from,
                    llvm::ArrayRef<llvm::SmallVector<unsigned, 2>> to);

} // namespace gqa

#endif // GQA_RAISE_AXES_H
