// Integers that are listed, or computed one by one, as the coordinate arithmetic that they spell out.
#ifndef GQA_RAISE_INDEXTABLE_H
#define GQA_RAISE_INDEXTABLE_H

#include "gqa/Raise/Expr.h"

namespace gqa {

class PointEvaluator;

/// Tables beyond this size are data.
constexpr int64_t kMostIndices = 1 << 12;

/// All points of some coordinates, in row-major order.
struct Points {
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<mlir::AffineExpr> variables;
  int64_t count = 1;

  void set(PointEvaluator &evaluator, int64_t position) const;
};

/// The points at which `expr` may differ, for any value of the variable `without`; none if they are too many,
/// or not known.
std::optional<Points> pointsOf(ExprContext &context, Expr expr, std::optional<unsigned> without = {});

/// The elements of a table, in row-major order, as an expression of its coordinates `d0, d1, ...`: a sum with
/// a term for each coordinate, in which floordiv and mod say how often it repeats. 0 0 0 1 1 1 is `d0
/// floordiv 3`, 0 1 0 1 is `d0 mod 2`. Null for a table that is anything else, or empty.
mlir::AffineExpr fitTable(llvm::ArrayRef<int64_t> shape, llvm::function_ref<int64_t(int64_t)> at,
                          mlir::MLIRContext *context);

/// The same for an integer that is computed from constants and coordinates, each of which runs over all of
/// its size. Null if anything else is part of it, or something that would round.
Expr tabulate(ExprContext &context, Expr expr);

} // namespace gqa

#endif // GQA_RAISE_INDEXTABLE_H
