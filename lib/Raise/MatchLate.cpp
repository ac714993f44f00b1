// What stands behind the product with V and is the attention's: the division by the sum of exponentials, a
// rounding.
#include "gqa/Raise/Match.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {

/// Whether the tensor holds nothing but elements of `source`.
bool Matcher::isMovedFrom(Value source, Value tensor) {
  SmallVector<AffineExpr> coordinates;
  for (int64_t dim = 0; dim < cast<RankedTensorType>(tensor.getType()).getRank(); ++dim)
    coordinates.push_back(context.space.addVariable(context.sizes.of(tensor, dim)));
  return llvm::any_of(evaluator.chain(context.load(tensor, coordinates)),
                      [&](Expr element) { return element->value == source; });
}

/// The product of exponentials with V, divided by their sum afterwards: looks for the division among what
/// follows.
bool Matcher::matchLate(AttentionMatch &match) {
  auto product = cast<linalg::LinalgOp>(match.product);
  llvm::SetVector<Value> worklist;
  worklist.insert(product->getResult(0));
  constexpr size_t kFarthest = 6;
  bool found = false;
  for (size_t next = 0; next < worklist.size() && worklist.size() < kFarthest; ++next)
    for (Operation *user : worklist[next].getUsers()) {
      if (user->getNumResults() != 1 || !isa<RankedTensorType>(user->getResult(0).getType()))
        continue;
      Value result = user->getResult(0);
      AttentionMatch candidate;
      // A guard may follow the division; what only moves or repeats the output is none.
      if (matchOutput(result, product, candidate) &&
          (!found || (guarded && !isMovedFrom(match.output, result)))) {
        match = candidate;
        found = true;
      }
      if (!isa<linalg::LinalgOp>(user) || cast<linalg::LinalgOp>(user).getNumReductionLoops() == 0)
        worklist.insert(result);
    }
  return found;
}

/// The operation that uses the value, if it is one; those that only ask for sizes do not count.
static Operation *onlyReader(Value value) {
  Operation *reader = nullptr;
  for (OpOperand &use : value.getUses()) {
    if (isa<tensor::DimOp>(use.getOwner()))
      continue;
    if (reader && reader != use.getOwner())
      return nullptr;
    reader = use.getOwner();
  }
  return reader;
}

/// The output may be of a wider type than q, k and v, and rounded to theirs later, behind whatever moves it:
/// that is the attention's output then.
void Matcher::matchRounding(AttentionMatch &match) {
  Type element = match.q->type;
  Value output = match.output;
  constexpr unsigned kFarthest = 8;
  for (unsigned step = 0; step < kFarthest && getElementTypeOrSelf(output) != element; ++step) {
    Operation *user = onlyReader(output);
    if (!user || user->getNumResults() != 1 || !isa<RankedTensorType>(user->getResult(0).getType()))
      return;
    output = user->getResult(0);
    AttentionMatch rounded;
    if (getElementTypeOrSelf(output) == element &&
        matchOutput(output, cast<linalg::LinalgOp>(match.product), rounded))
      match = rounded;
  }
}

} // namespace gqa
