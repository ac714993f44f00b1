// What the expressions of an attention say of one variable: whether it counts queries, sequences or heads.
#ifndef GQA_LIB_RAISE_AXISEVIDENCE_H
#define GQA_LIB_RAISE_AXISEVIDENCE_H

#include "gqa/Raise/Match.h"

#include "llvm/ADT/SmallSet.h"

namespace gqa {

/// The numbers by which a reshape divides `variable` somewhere in `expr`: `variable floordiv c`, `variable
/// mod c`.
void collectDivisors(mlir::AffineExpr expr, unsigned variable, llvm::SmallSet<int64_t, 4> &divisors);

/// The last element of a chain: what all of it is moved from.
llvm::ArrayRef<Expr> sourceOf(llvm::ArrayRef<Expr> chain);

/// True if some tensor on the way to q has a dimension in which `inner` directly follows `outer`: one group's
/// queries stand together because they belong to one head. There may be more behind them, as where a group's
/// key and value follow its queries.
bool standTogether(ExprContext &context, llvm::ArrayRef<Expr> chain, unsigned outer, unsigned inner);

/// True if the element's tensor has a dimension for `inner` right behind the one for `outer`.
bool areNeighbours(Expr element, unsigned outer, unsigned inner);

/// True if a mask compares the variable with the key: it is a position, so a query and no head.
bool isPosition(Evaluator &evaluator, const AttentionMatch &match, unsigned variable);

/// True if a mask has a length, or the place where the queries begin, for each value of the variable: it
/// counts sequences then.
bool isSequence(Evaluator &evaluator, const AttentionMatch &match, unsigned variable);

/// True if K and V are the same for all values of the variable, whether or not copies are made of them.
bool isRepeated(Evaluator &evaluator, const AttentionMatch &match, unsigned variable);

/// True if the operand comes from a tensor with an index that is a part of the variable, `h floordiv G`.
bool isDivided(Evaluator &evaluator, Expr operand, unsigned variable);

/// True if K and V are only repeated along the variable: one of them, and the other is the same for all of
/// it; for the queries, which are positions; or for those of a group, which q holds side by side behind a
/// dimension that K follows: the group is a dimension of its own.
bool isCopy(ExprContext &context, Evaluator &evaluator, const AttentionMatch &match, unsigned variable);

/// True if q has one token, in a dimension of size 1 at the place where K has the keys, behind the same
/// dimensions, and `row` in one that K lacks: a head that reads one K and V, as latent attention decodes.
bool isBesideToken(Evaluator &evaluator, const AttentionMatch &match, unsigned row);

/// What follows a variable in the product that q comes from: the weights, which have the head dimension, or
/// what they are multiplied with. Heads have weights of their own; sequences and queries share them.
struct Projection {
  bool weights = false, inputs = false;
};
Projection projectionOf(Evaluator &evaluator, const AttentionMatch &match, unsigned variable);

} // namespace gqa

#endif // GQA_LIB_RAISE_AXISEVIDENCE_H
