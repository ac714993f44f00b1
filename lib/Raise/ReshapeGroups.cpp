// How the dimensions of a reshape's source and result belong together, and what that tells of sizes.
#include "gqa/Raise/Sizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace gqa {

/// The sizes whose product a tensor's number of elements is, and the product of those that are numbers.
namespace {
struct Count {
  SmallVector<AffineExpr> factors;
  int64_t number = 1;

  Count(Sizes &sizes, Value tensor) {
    for (int64_t dim = 0; dim < cast<RankedTensorType>(tensor.getType()).getRank(); ++dim)
      multiply(sizes.of(tensor, dim));
  }

  void multiply(AffineExpr size) {
    LinearForm form = LinearForm::of(size);
    bool isProduct = form.constant == 0 && form.terms.size() == 1;
    if (form.terms.empty())
      number *= form.constant;
    else if (!isProduct)
      factors.push_back(size);
    if (!isProduct)
      return;
    number *= form.terms[0].second;
    llvm::append_range(factors, factorsOf(form.terms[0].first));
  }
};
} // namespace

/// Whether the program ends where the comparison fails, before or after `op` has run.
static bool isAsserted(arith::CmpIOp compare, Operation *op) {
  return llvm::any_of(compare->getUsers(), [&](Operation *user) {
    return isa<cf::AssertOp>(user) && user->getBlock()->findAncestorOpInBlock(*op);
  });
}

/// A reshape keeps the number of elements: sizes that alone make a difference between two products are the
/// same.
void Sizes::compareCounts(tensor::ReshapeOp op) {
  Count left(*this, op.getSource()), right(*this, op.getResult());
  if (left.number != right.number || left.factors.size() != right.factors.size())
    return;
  auto cancel = [&] {
    llvm::erase_if(left.factors, [&](AffineExpr factor) {
      auto *same = llvm::find_if(right.factors, [&](AffineExpr other) { return areEqual(factor, other); });
      return same != right.factors.end() && right.factors.erase(same);
    });
    if (left.factors.size() == 1)
      assumeEqual(left.factors[0], right.factors[0]);
    return left.factors.size() > 1;
  };
  if (!cancel())
    return;
  readLoops(op.getSource());
  if (!cancel())
    return;
  for (AffineExpr factor : left.factors)
    readAssertions(factor, op);
  if (cancel() && !pairFactors(left.factors, right.factors))
    pairFactors(right.factors, left.factors);
}

/// Of two products that are the same: if each factor of one is asserted to be at least one of the other, they
/// are pairs of equals.
bool Sizes::pairFactors(ArrayRef<AffineExpr> larger, SmallVector<AffineExpr> smaller) {
  SmallVector<std::pair<AffineExpr, AffineExpr>> pairs;
  for (AffineExpr factor : larger) {
    auto *partner =
        llvm::find_if(smaller, [&](AffineExpr other) { return notLess.contains({factor, other}); });
    if (partner == smaller.end())
      return false;
    pairs.emplace_back(factor, *partner);
    smaller.erase(partner);
  }
  for (auto [a, b] : pairs)
    assumeEqual(a, b);
  return true;
}

/// A loop runs over dimensions of one size: what is computed from a mask and scores has the sizes of both.
void Sizes::readLoops(Value tensor) {
  constexpr size_t kMost = 16; // from a product back to a mask
  llvm::SetVector<Value> worklist;
  worklist.insert(tensor);
  for (size_t next = 0; next < worklist.size() && next < kMost; ++next) {
    auto op = worklist[next].getDefiningOp<linalg::LinalgOp>();
    SmallVector<AffineExpr> loops(op ? op.getNumLoops() : 0);
    for (OpOperand &operand : op ? op->getOpOperands() : MutableArrayRef<OpOperand>()) {
      if (!isa<RankedTensorType>(operand.get().getType()))
        continue;
      worklist.insert(operand.get());
      for (auto [dim, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
        if (auto loop = dyn_cast<AffineDimExpr>(expr)) {
          AffineExpr size = of(operand.get(), dim), &first = loops[loop.getPosition()];
          first = first ? first : size;
          assumeEqual(first, size);
        }
    }
  }
}

/// Comparisons of a tensor's size that are asserted in front of `op`, or behind it where both are reached.
void Sizes::readAssertions(AffineExpr size, Operation *op) {
  auto symbol = dyn_cast<AffineSymbolExpr>(size);
  if (!symbol)
    return;
  auto [tensor, dim] = sourceOf(symbol.getPosition());
  SmallVector<Value> worklist;
  for (Operation *user : tensor.getUsers())
    if (auto dimOp = dyn_cast<tensor::DimOp>(user); dimOp && dimOp.getConstantIndex() == dim)
      worklist.push_back(dimOp);
  while (!worklist.empty())
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      if (isa<arith::IndexCastOp>(user))
        worklist.push_back(user->getResult(0));
      else if (auto compare = dyn_cast<arith::CmpIOp>(user); compare && isAsserted(compare, op))
        assume(compare);
    }
}

/// What holds where the comparison does.
void Sizes::assume(arith::CmpIOp compare) {
  AffineExpr a = of(compare.getLhs()), b = of(compare.getRhs());
  if (!a || !b)
    return;
  using Predicate = arith::CmpIPredicate;
  Predicate predicate = compare.getPredicate();
  if (predicate == Predicate::eq)
    assumeEqual(a, b);
  else if (predicate == Predicate::sge || predicate == Predicate::sgt)
    notLess.insert({a, b});
  else if (predicate == Predicate::sle || predicate == Predicate::slt)
    notLess.insert({b, a});
}

std::optional<SmallVector<ReshapeGroup>> Sizes::groupsOf(tensor::ReshapeOp op) {
  Value source = op.getSource(), result = op.getResult();
  compareCounts(op);
  int64_t i = cast<RankedTensorType>(source.getType()).getRank(),
          j = cast<RankedTensorType>(result.getType()).getRank();
  SmallVector<ReshapeGroup> groups;
  while (i > 0 || j > 0) { // from the innermost dimension outwards
    ReshapeGroup group;
    AffineExpr left = space.constant(1), right = left;
    auto takeLeft = [&] {
      group.source.insert(group.source.begin(), --i);
      left = space.simplify(left * of(source, i));
    };
    auto takeRight = [&] {
      group.result.insert(group.result.begin(), --j);
      right = space.simplify(right * of(result, j));
    };
    if (i > 0)
      takeLeft();
    if (j > 0)
      takeRight();
    while (!areEqual(left, right)) {
      if (i > 0 && space.divide(right, left))
        takeLeft();
      else if (j > 0 && space.divide(left, right))
        takeRight();
      else
        return std::nullopt;
    }
    groups.insert(groups.begin(), group);
  }
  return groups;
}

} // namespace gqa
