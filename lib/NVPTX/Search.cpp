// Recognising reductions that look for a point: the body is evaluated for a number that is less than the one
// it has, equal, and greater. It is a search if each result then is what it was, or what the point has.
#include "Reduction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {
namespace {

enum class Case { Less, Equal, Greater };

/// What is known of a value in one case: a truth, or which other value it is.
struct Known {
  std::optional<bool> truth;
  Value same;
};

class Evaluation {
public:
  Evaluation(linalg::LinalgOp op, Value number, Value best) : op(op), number(number), best(best) {}

  /// What is yielded if the number is so beside the best one, none of them NaN; empty if that is not known.
  SmallVector<Value> yieldsIn(Case now) {
    which = now;
    known.clear();
    Block &body = op->getRegion(0).front();
    for (Operation &inner : body.without_terminator())
      if (inner.getNumResults() == 1)
        known[inner.getResult(0)] = evaluate(inner);
    SmallVector<Value> values;
    for (Value value : body.getTerminator()->getOperands())
      values.push_back(lookUp(value).same);
    return values;
  }

  /// How the numbers were compared, if they were.
  std::optional<bool> isSigned;
  bool isConsistent = true;

private:
  Known lookUp(Value value) {
    auto found = known.find(value);
    return found == known.end() ? Known{std::nullopt, value} : found->second;
  }

  Known evaluate(Operation &inner) {
    Value self = inner.getResult(0);
    APInt bits;
    if (self.getType().isInteger(1) && matchPattern(self, m_ConstantInt(&bits)))
      return {!bits.isZero(), nullptr};
    if (auto select = dyn_cast<arith::SelectOp>(inner)) {
      std::optional<bool> condition = lookUp(select.getCondition()).truth;
      return condition ? lookUp(*condition ? select.getTrueValue() : select.getFalseValue())
                       : Known{std::nullopt, self};
    }
    if (inner.getNumOperands() != 2)
      return {std::nullopt, self};
    Known x = lookUp(inner.getOperand(0)), y = lookUp(inner.getOperand(1));
    if (x.truth && y.truth)
      return combine(inner, *x.truth, *y.truth);
    if (std::optional<int> order = compare(x.same, y.same))
      return ofOrder(inner, x, y, *order);
    return {std::nullopt, self};
  }

  static Known combine(Operation &inner, bool x, bool y) {
    if (isa<arith::AndIOp>(inner))
      return {x && y, nullptr};
    if (isa<arith::OrIOp>(inner))
      return {x || y, nullptr};
    if (isa<arith::XOrIOp>(inner))
      return {x != y, nullptr};
    return {std::nullopt, inner.getResult(0)};
  }

  /// -1, 0 or 1. A place in front of the loop's index is one that was found before.
  std::optional<int> compare(Value x, Value y) {
    if (x && x == y)
      return 0;
    int order = which == Case::Less ? -1 : which == Case::Equal ? 0 : 1;
    if (x == number && y == best)
      return order;
    if (x == best && y == number)
      return -order;
    if (isPlace(x) && isFound(y))
      return 1;
    if (isFound(x) && isPlace(y))
      return -1;
    return std::nullopt;
  }

  /// Whether a value grows from point to point: the index of the only loop that is reduced.
  bool isPlace(Value value) {
    SmallVector<unsigned> loops;
    op.getReductionDims(loops);
    while (auto cast = value ? value.getDefiningOp<arith::IndexCastOp>() : arith::IndexCastOp())
      value = cast.getIn();
    auto index = value ? value.getDefiningOp<linalg::IndexOp>() : linalg::IndexOp();
    return index && loops.size() == 1 && index.getDim() == loops[0];
  }

  /// Whether it is a result so far that is such a place at its points.
  bool isFound(Value value) {
    auto argument = dyn_cast_or_null<BlockArgument>(value);
    if (!argument || argument.getOwner() != &op->getRegion(0).front() || value == best)
      return false;
    int64_t result = int64_t(argument.getArgNumber()) - op.getNumDpsInputs();
    return result >= 0 && takesPlace(unsigned(result));
  }

  /// Whether a result is a choice between itself and the place.
  bool takesPlace(unsigned result) {
    Block &body = op->getRegion(0).front();
    auto select = body.getTerminator()->getOperand(result).getDefiningOp<arith::SelectOp>();
    Value itself = body.getArgument(unsigned(op.getNumDpsInputs()) + result);
    return select && ((select.getTrueValue() == itself && isPlace(select.getFalseValue())) ||
                      (select.getFalseValue() == itself && isPlace(select.getTrueValue())));
  }

  void note(bool withSign) {
    isConsistent &= isSigned.value_or(withSign) == withSign;
    isSigned = withSign;
  }

  Known ofOrder(Operation &inner, Known x, Known y, int order) {
    bool isNumber = (x.same == number || y.same == number) && (x.same == best || y.same == best);
    if (auto comparison = dyn_cast<arith::CmpFOp>(inner))
      return {holds(comparison.getPredicate(), order), nullptr};
    if (auto comparison = dyn_cast<arith::CmpIOp>(inner)) {
      using Predicate = arith::CmpIPredicate;
      Predicate predicate = comparison.getPredicate();
      if (isNumber && predicate != Predicate::eq && predicate != Predicate::ne)
        note(predicate == Predicate::slt || predicate == Predicate::sle || predicate == Predicate::sgt ||
             predicate == Predicate::sge);
      return {holds(predicate, order), nullptr};
    }
    bool isMaximum = isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp, arith::MaxUIOp>(inner);
    if (!isMaximum && !isa<arith::MinimumFOp, arith::MinNumFOp, arith::MinSIOp, arith::MinUIOp>(inner))
      return {std::nullopt, inner.getResult(0)};
    if (isNumber && isa<arith::MaxSIOp, arith::MaxUIOp, arith::MinSIOp, arith::MinUIOp>(inner))
      note(isa<arith::MaxSIOp, arith::MinSIOp>(inner));
    return (order > 0) == isMaximum ? x : y;
  }

  /// Numbers in this order, which have it with a sign and without.
  static bool holds(arith::CmpIPredicate predicate, int order) {
    return arith::applyCmpPredicate(predicate, APInt(8, uint64_t(order + 1)), APInt(8, 1));
  }

  static bool holds(arith::CmpFPredicate predicate, int order) {
    return arith::applyCmpPredicate(predicate, APFloat(double(order)), APFloat(0.0));
  }

  linalg::LinalgOp op;
  Value number, best;
  Case which = Case::Less;
  llvm::DenseMap<Value, Known> known;
};

/// What depends on the results so far.
llvm::SmallDenseSet<Value> dependents(linalg::LinalgOp op) {
  llvm::SmallDenseSet<Value> found(op.getRegionOutputArgs().begin(), op.getRegionOutputArgs().end());
  for (Operation &inner : op->getRegion(0).front())
    if (llvm::any_of(inner.getOperands(), [&](Value value) { return found.contains(value); }))
      found.insert_range(inner.getResults());
  return found;
}

/// Whether kernels exchange such numbers, and compare them.
bool isNumber(Type type) {
  return isa<FloatType>(type) ? type.getIntOrFloatBitWidth() >= 16
                              : type.isInteger() && type.getIntOrFloatBitWidth() >= 8;
}

std::optional<Search> matchNumber(linalg::LinalgOp op, Value number, unsigned result,
                                  const llvm::SmallDenseSet<Value> &later) {
  ArrayRef<BlockArgument> found = op.getRegionOutputArgs();
  Evaluation evaluation(op, number, found[result]);
  auto isEach = [&](ArrayRef<Value> values, function_ref<bool(size_t, Value)> holds, bool isEqual) {
    return llvm::all_of(llvm::enumerate(values), [&](auto each) {
      bool isTheNumber = each.index() == result && (each.value() == number || each.value() == found[result]);
      return (isTheNumber && isEqual) || holds(each.index(), each.value());
    });
  };
  auto keeps = [&](size_t index, Value value) { return value == found[index]; };
  auto takes = [&](size_t index, Value value) {
    return index == result ? value == number : value && !later.contains(value);
  };
  SmallVector<Value> less = evaluation.yieldsIn(Case::Less), equal = evaluation.yieldsIn(Case::Equal),
                     greater = evaluation.yieldsIn(Case::Greater);
  bool isLargest = isEach(less, keeps, false) && isEach(greater, takes, false);
  bool isSmallest = isEach(greater, keeps, false) && isEach(less, takes, false);
  bool takesLast = isEach(equal, takes, true);
  if ((!isLargest && !isSmallest) || !evaluation.isConsistent || (!takesLast && !isEach(equal, keeps, true)))
    return std::nullopt;
  return Search{result, number, isLargest, evaluation.isSigned.value_or(true), takesLast};
}

} // namespace

std::optional<Search> matchSearch(linalg::LinalgOp op) {
  llvm::SmallDenseSet<Value> later = dependents(op);
  for (Operation &inner : op->getRegion(0).front().without_terminator()) {
    if (inner.getNumOperands() != 2 || inner.getOperand(0).getType() != inner.getOperand(1).getType())
      continue;
    for (auto [best, number] : {std::pair(inner.getOperand(0), inner.getOperand(1)),
                                std::pair(inner.getOperand(1), inner.getOperand(0))}) {
      const auto *argument = llvm::find(op.getRegionOutputArgs(), best);
      if (argument == op.getRegionOutputArgs().end() || later.contains(number) || !isNumber(number.getType()))
        continue;
      unsigned result = unsigned(argument - op.getRegionOutputArgs().begin());
      if (std::optional<Search> search = matchNumber(op, number, result, later))
        return search;
    }
  }
  return std::nullopt;
}

} // namespace gqa
