// Sets of keys that stand one behind the other in one tensor: a softmax in blocks is an attention over all of
// them.
#include "gqa/Raise/Match.h"

using namespace mlir;

namespace gqa {
namespace {

/// Two sets as one, of which each holds a part: what is read of either must be the same place of one tensor.
class SetJoiner {
public:
  SetJoiner(Evaluator &evaluator, const AttentionMatch &first, const AttentionMatch &second)
      : evaluator(evaluator), context(evaluator.context), first(first), second(second) {
    AffineExpr before = context.space.extentOf(first.key), behind = context.space.extentOf(second.key);
    if (!before || !behind)
      return;
    begin = context.space.simplify(before);
    key = context.space.addVariable(context.space.simplify(before + behind));
    keyVariable = context.space.numVariables() - 1;
  }

  std::optional<AttentionMatch> join() {
    AttentionMatch all = first;
    bool areSame = begin && !first.score && !second.score && !first.sink && !second.sink &&
                   first.scale == second.scale && first.scaleDivides == second.scaleDivides &&
                   first.softcap == second.softcap && first.deadRow == second.deadRow &&
                   first.biases.size() == second.biases.size() && first.dot->isLoad() &&
                   second.dot->isLoad() &&
                   context.space.sizeOf(first.keyDim) == context.space.sizeOf(second.keyDim);
    if (!areSame)
      return std::nullopt;
    for (auto [one, two, joined] :
         {std::tuple(first.q, second.q, &all.q), std::tuple(first.k, second.k, &all.k),
          std::tuple(first.v, second.v, &all.v),
          std::tuple(first.factoredK, second.factoredK, &all.factoredK),
          std::tuple(first.scaleValue, second.scaleValue, &all.scaleValue)})
      if (bool(one) != bool(two) || (one && !(*joined = joinExprs(one, two))))
        return std::nullopt;
    for (auto [one, two, joined] : llvm::zip_equal(first.biases, second.biases, all.biases))
      if (one.factor != two.factor || !(joined.expr = joinExprs(one.expr, two.expr)))
        return std::nullopt;
    if (!joinConditions(all.conditions))
      return std::nullopt;
    all.key = keyVariable;
    return all;
  }

private:
  /// An expression of the first or the second set, as one of all keys.
  Expr lift(Expr expr, bool isSecond) {
    if (!isSecond)
      return context.substitute(expr, first.key, key);
    AffineExpr d = getAffineDimExpr(first.keyDim, context.space.getContext());
    return context.substitute(context.substitute(expr, second.key, key - begin), second.keyDim, d);
  }
  /// What an expression of all keys is in one of the sets.
  Expr restrict(Expr expr, bool isSecond) {
    const AttentionMatch &set = isSecond ? second : first;
    AffineExpr place = getAffineDimExpr(set.key, context.space.getContext());
    expr = context.substitute(expr, keyVariable, isSecond ? place + begin : place);
    AffineExpr d = getAffineDimExpr(second.keyDim, context.space.getContext());
    return isSecond ? context.substitute(expr, first.keyDim, d) : expr;
  }

  /// The expression of all keys that is `one` in the first set and `two` in the second; null if none is
  /// known. Of elements that were moved, the nearest that both were moved from.
  Expr joinExprs(Expr one, Expr two) {
    if (!one->isLoad() || !two->isLoad()) {
      Expr all = lift(evaluator.expandAll(one), /*isSecond=*/false);
      return restrict(all, /*isSecond=*/true) == evaluator.expandAll(two) ? all : nullptr;
    }
    SmallVector<Expr> others = evaluator.chain(two);
    for (Expr element : evaluator.chain(one)) {
      Expr all = lift(element, /*isSecond=*/false);
      if (llvm::is_contained(others, restrict(all, /*isSecond=*/true)))
        return all;
    }
    return nullptr;
  }

  std::optional<bool> truthIn(const Condition &all, bool isSecond) {
    std::optional<bool> truth = evaluator.expandAll(restrict(all.expr, isSecond))->getTruth();
    return truth ? std::optional(*truth != all.negated) : std::nullopt;
  }

  bool isSameIn(const Condition &all, const Condition &condition, bool isSecond) {
    return all.negated == condition.negated &&
           evaluator.expandAll(restrict(all.expr, isSecond)) == evaluator.expandAll(condition.expr);
  }

  /// Conditions of all keys that say in each set what its own say.
  bool joinConditions(SmallVector<Condition> &joined) {
    for (bool isSecond : {false, true}) {
      joined.clear();
      for (const Condition &condition : (isSecond ? second : first).conditions)
        joined.push_back({lift(evaluator.expandAll(condition.expr), isSecond), condition.negated});
      if (saySame(joined, first.conditions, /*isSecond=*/false) && saySame(joined, second.conditions, true))
        return true;
    }
    return false;
  }

  bool saySame(ArrayRef<Condition> all, ArrayRef<Condition> conditions, bool isSecond) {
    auto isIn = [&](const Condition &condition) {
      return llvm::any_of(all, [&](const Condition &each) { return isSameIn(each, condition, isSecond); });
    };
    auto holds = [&](const Condition &each) {
      return truthIn(each, isSecond) == true || llvm::any_of(conditions, [&](const Condition &condition) {
               return isSameIn(each, condition, isSecond);
             });
    };
    return llvm::all_of(conditions, isIn) && llvm::all_of(all, holds);
  }

  Evaluator &evaluator;
  ExprContext &context;
  const AttentionMatch &first, &second;
  AffineExpr begin, key;
  unsigned keyVariable = 0;
};

} // namespace

void Matcher::joinSets(SmallVectorImpl<AttentionMatch> &sets) {
  for (bool isJoined = true; isJoined;) {
    isJoined = false;
    for (size_t one = 0; one < sets.size() && !isJoined; ++one)
      for (size_t two = 0; two < sets.size() && !isJoined; ++two) {
        auto all = one == two ? std::nullopt : SetJoiner(evaluator, sets[one], sets[two]).join();
        if (!all)
          continue;
        llvm::append_range(all->products, sets[two].products);
        llvm::append_range(all->lses, sets[two].lses);
        sets[one] = *all;
        sets.erase(sets.begin() + two);
        isJoined = true;
      }
  }
  for (AttentionMatch &set : sets) {
    set.parts = sets.size();
    if (sets.size() == 1 && !set.mayBeDead)
      set.deadRow = DeadRow::NaN; // where there is none
    set.mayBeDead &= sets.size() > 1;
  }
}

} // namespace gqa
