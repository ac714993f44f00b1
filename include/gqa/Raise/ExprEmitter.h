// From scalar expressions back to operations.
#ifndef GQA_RAISE_EXPREMITTER_H
#define GQA_RAISE_EXPREMITTER_H

#include "gqa/Raise/Evaluator.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseSet.h"

namespace gqa {

/// Emits the operations that compute an expression at coordinates given as values of type index.
class ExprEmitter {
public:
  /// A coordinate of the index space as a value; null if there is none here.
  using Coordinate = llvm::function_ref<mlir::Value(unsigned variable)>;
  /// A value of the function as it is known where the operations stand.
  using Capture = llvm::function_ref<mlir::Value(mlir::Value)>;

  ExprEmitter(mlir::OpBuilder &builder, mlir::Location loc, Evaluator &evaluator, Coordinate coordinate,
              Capture capture)
      : builder(builder), loc(loc), evaluator(evaluator), coordinate(coordinate), capture(capture) {}

  /// What `expr` is, given as a value.
  void define(Expr expr, mlir::Value value) {
    known[expr] = value;
    defined.insert(expr);
  }
  /// The value of an index, as of a coordinate that the place does not have.
  void define(mlir::AffineExpr affine, mlir::Value value) { knownAffine[affine] = value; }

  /// A value of the expression's type; null if it mentions a coordinate that is not here.
  mlir::Value emit(Expr expr);
  mlir::Value emit(mlir::AffineExpr affine);

private:
  mlir::Value emitNew(Expr expr);
  mlir::Value emitSize(unsigned symbol);
  mlir::Value emitLoad(Expr load);
  mlir::Value emitExtract(mlir::Value tensor, llvm::ArrayRef<mlir::Value> indices,
                          llvm::ArrayRef<bool> inside);
  bool isCheap(Expr expr, unsigned &budget);
  bool mentionsDefined(Expr expr);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  Evaluator &evaluator;
  Coordinate coordinate;
  Capture capture;
  llvm::DenseMap<Expr, mlir::Value> known;
  llvm::DenseSet<Expr> defined;
  llvm::DenseMap<Expr, bool> mentions; ///< what mentionsDefined was asked
  llvm::DenseMap<mlir::AffineExpr, mlir::Value> knownAffine;
};

} // namespace gqa

#endif // GQA_RAISE_EXPREMITTER_H
