// From tensors to scalar expressions: through data movement, elementwise operations and into reductions.
#ifndef GQA_RAISE_EVALUATOR_H
#define GQA_RAISE_EVALUATOR_H

#include "gqa/Raise/Expr.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace gqa {

/// What a reduction computes at one coordinate: `kind` over all values of `variable` of `body`. Where several
/// loops are reduced, the variable counts them all.
struct Reduction {
  enum class Kind { Sum, Max, Any, All };
  Kind kind;
  unsigned variable;
  Expr body;
  mlir::linalg::LinalgOp op;
};

/// A block whose values are read as expressions.
struct Body {
  mlir::Block *block;
  /// What an argument of the block, or an operation that asks for a coordinate, is; null for what is neither.
  llvm::function_ref<Expr(mlir::Value)> leaf;
  /// The tensor that an argument of the block stands for.
  llvm::function_ref<mlir::Value(mlir::Value)> captured;
};

/// Reads tensors as functions of their coordinates. Nothing here knows what an attention is, or which front
/// end wrote the graph: a transpose, a broadcast and a slice are the same thing, an affine map.
class Evaluator {
public:
  explicit Evaluator(ExprContext &context) : context(context) {}

  /// The same element in the tensor that the load's tensor was moved from (transposed, reshaped, broadcast,
  /// sliced, concatenated); null if it was computed there.
  Expr step(Expr load);

  /// `load` and the elements that `step` leads to, nearest first.
  llvm::SmallVector<Expr> chain(Expr load);

  /// The expression that an elementwise operation, a concat, an inserted slice or a product with a one-hot
  /// vector has for this element; null if it is none of these.
  Expr expand(Expr load);

  /// `step`, `expand` and `partOf`, until the root is an operation, a number, or an element that nothing
  /// explains.
  Expr peel(Expr expr);

  /// The operand that an operation leaves as it is: one part of a complex number that was made of two, or
  /// what is compared with -inf by a maximum. Null if `expr` is anything else.
  Expr partOf(Expr expr);

  /// `peel`, through casts between floats of 16 bits and more as well.
  Expr peelCasts(Expr expr);

  /// Through such casts, but no further.
  static Expr withoutCasts(Expr expr);

  /// `peel` everywhere: equal results mean equal values.
  Expr expandAll(Expr expr);

  /// The reduction that computes this element, over variables of its own; the same ones when asked again.
  std::optional<Reduction> reduction(Expr load);

  /// The value of `yielded`, computed in the body; null if something in the way has no expression. `known`
  /// holds what is known already.
  Expr evaluate(mlir::Value yielded, const Body &body, llvm::DenseMap<mlir::Value, Expr> &known);

  ExprContext &context;

private:
  std::optional<llvm::SmallVector<mlir::AffineExpr>> coordinates(mlir::linalg::LinalgOp op, unsigned result,
                                                                 Expr load);
  std::optional<unsigned> addReduced(mlir::linalg::LinalgOp op,
                                     llvm::MutableArrayRef<mlir::AffineExpr> coordinates);
  Expr evaluate(mlir::linalg::LinalgOp op, mlir::Value yielded, llvm::ArrayRef<mlir::AffineExpr> coordinates,
                llvm::DenseMap<mlir::Value, Expr> &known);
  void noteSizes(mlir::Value tensor, llvm::ArrayRef<mlir::AffineExpr> indices);
  mlir::AffineExpr sizeOfLoop(mlir::linalg::LinalgOp op, unsigned loop);
  Expr computeElement(Expr load);
  Expr elementwiseElement(mlir::Operation *op, Expr load);
  Expr concatElement(mlir::Operation *op, Expr load);
  Expr pieceOfOne(mlir::tensor::ConcatOp concat, Expr load);
  Expr insertedElement(mlir::Operation *op, Expr load);
  Expr paddedElement(mlir::tensor::PadOp pad, Expr load);
  Expr chooseInside(llvm::ArrayRef<Expr> conditions, Expr inside, Expr outside);
  Expr chosenElement(Expr load);
  std::optional<Reduction> findReduction(Expr load);
  bool isCounted(Expr body);
  Expr representativeOf(Expr load, const Reduction &reduction);

  llvm::DenseMap<Expr, std::optional<Reduction>> reductions;
  llvm::DenseMap<Expr, Expr> computed, expanded, peeled;
  /// Of reductions that compute the same, the first one, by what they reduce and how.
  llvm::DenseMap<std::pair<Expr, int>, Expr> representatives;
  /// A variable of each size, for comparing what is reduced.
  llvm::DenseMap<mlir::AffineExpr, unsigned> placeholders;
};

/// The operation that computes an application, or the one in whose body that stands.
mlir::Operation *ownerOf(Expr expr);

} // namespace gqa

#endif // GQA_RAISE_EVALUATOR_H
