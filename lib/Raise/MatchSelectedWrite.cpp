// Writes to a cache that compute all of it: the new row where the coordinate is the position, what was there
// elsewhere, chosen by a select or by a sum of products with a one-hot vector.
#include "CacheWrite.h"
#include "gqa/Raise/Truth.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace gqa {
namespace {

class SelectedWrite {
public:
  explicit SelectedWrite(Value written)
      : write(std::make_unique<CacheWrite>(written)), context(write->context), evaluator(write->evaluator) {}

  std::unique_ptr<CacheWrite> match() {
    constexpr size_t kMost = 64;
    Expr element = context.load(write->written, write->coordinates);
    while (singles.size() < kMost) {
      std::optional<Single> single = split(element);
      if (!single || (!singles.empty() && single->tokens != singles.front().tokens))
        break;
      element = single->rest;
      single->cache = cacheOf(element);
      singles.push_back(*single);
    }
    while (!singles.empty() && !singles.back().cache) // written to something that has no name
      singles.pop_back();
    if (singles.empty() || !write->setTokens(singles.front().tokens))
      return nullptr;
    if (!join() && singles.size() > 1 && singles.front().cache) { // then the last one alone
      singles.truncate(1);
      join();
    }
    return write->cache && write->isWhole() ? std::move(write) : nullptr;
  }

private:
  /// A token written to what is `rest`.
  struct Single {
    unsigned tokens = CacheWrite::kNone;
    IntegerForm position;
    std::optional<int64_t> batch; ///< of one sequence only
    SmallVector<Condition> guards;
    Expr row = nullptr, rest = nullptr;
    Value cache; ///< the tensor that `rest` is an element of, if it has a name
  };

  std::optional<Single> split(Expr element);
  bool addCondition(Expr condition, bool negated, Single &single);
  bool addEqual(const IntegerForm &zero, Single &single);
  Value cacheOf(Expr kept);
  bool join();
  bool joinTokens(ArrayRef<Single> tokens, Single &joined);
  bool generalizeOver(ArrayRef<Single> singles, unsigned variable, Single &joined);

  std::unique_ptr<CacheWrite> write;
  ExprContext &context;
  Evaluator &evaluator;
  SmallVector<Single> singles;
};

/// `a - b` of two integers that the condition, or its opposite, says to be equal.
std::optional<IntegerForm> matchEqual(Evaluator &evaluator, Expr condition, bool negated) {
  IntegerForm form{evaluator.context.space.constant(0), {}};
  using Comparison = ExprNode::Comparison;
  if (condition->kind == ExprNode::Kind::Compare) {
    if (condition->comparison != (negated ? Comparison::NotZero : Comparison::Zero))
      return std::nullopt;
    form.affine = condition->affine;
    return form;
  }
  auto compare = condition->op ? dyn_cast<arith::CmpIOp>(condition->op) : nullptr;
  if (!compare || compare.getPredicate() != (negated ? arith::CmpIPredicate::ne : arith::CmpIPredicate::eq))
    return std::nullopt;
  form.accumulate(evaluator, condition->operands[0], 1);
  form.accumulate(evaluator, condition->operands[1], -1);
  form.affine = evaluator.context.space.simplify(form.affine);
  return form;
}

/// `coordinate == position` along tokens, or `coordinate == number` of the batch.
bool SelectedWrite::addEqual(const IntegerForm &zero, Single &single) {
  LinearForm form = LinearForm::of(zero.affine);
  if (form.terms.size() != 1 || std::abs(form.terms[0].second) != 1)
    return false;
  const auto *found = llvm::find(write->coordinates, form.terms[0].first);
  if (found == write->coordinates.end())
    return false;
  auto dim = unsigned(found - write->coordinates.begin());
  int64_t sign = -form.terms[0].second; // +t + c + data == 0 says t = -c - data, and -t the opposite
  if (zero.data.empty()) {
    if (dim != 0 || single.batch || write->rank() != 4)
      return false;
    single.batch = sign * form.constant;
    return true;
  }
  if (single.tokens != CacheWrite::kNone)
    return false;
  single.tokens = dim;
  single.position.affine = context.space.constant(sign * form.constant);
  for (auto &[data, factor] : zero.data)
    single.position.addData(data, sign * factor);
  return true;
}

bool SelectedWrite::addCondition(Expr condition, bool negated, Single &single) {
  condition = evaluator.peel(condition);
  if (condition->isApply(negated ? "arith.ori" : "arith.andi"))
    return llvm::all_of(condition->operands,
                        [&](Expr operand) { return addCondition(operand, negated, single); });
  if (Expr inner = getNegated(condition))
    return addCondition(inner, !negated, single);
  Expr expanded = evaluator.expandAll(condition);
  if (std::optional<bool> truth = expanded->getTruth())
    return *truth != negated;
  if (std::optional<IntegerForm> zero = matchEqual(evaluator, expanded, negated))
    if (addEqual(*zero, single))
      return true;
  if (std::optional<Condition> inner = simplifyTruth(evaluator, condition))
    return addCondition(inner->expr, inner->negated != negated, single);
  single.guards.push_back({expanded, negated});
  return write->isPerToken(expanded);
}

/// The element as it is where the condition of a write holds, and where it does not.
std::optional<SelectedWrite::Single> SelectedWrite::split(Expr element) {
  Expr root = evaluator.peel(element);
  if (root->kind != ExprNode::Kind::Apply || root->value)
    return std::nullopt;
  constexpr size_t kMost = 4;
  llvm::SetVector<Expr> truths;
  if (root->isSelect())
    truths.insert(root->operands[0]);
  else
    truths = truthsOf(evaluator, root);
  if (truths.size() > kMost)
    return std::nullopt;
  for (Expr truth : truths)
    for (bool negated : {false, true}) {
      Single single;
      single.position.affine = context.space.constant(0);
      if (!addCondition(truth, negated, single) || single.tokens == CacheWrite::kNone)
        continue;
      single.row = choose(evaluator, root, truth, !negated);
      single.rest = choose(evaluator, root, truth, negated);
      if (root->isSelect() || !single.rest->constant) // else it is a one-hot vector times something
        return single;
    }
  return std::nullopt;
}

/// The tensor whose elements stay where they are.
Value SelectedWrite::cacheOf(Expr kept) {
  for (Expr element : evaluator.chain(kept))
    if (element->isLoad() && element->value.getType() == write->written.getType() &&
        ArrayRef<AffineExpr>(element->indices) == ArrayRef<AffineExpr>(write->coordinates))
      return element->value;
  return nullptr;
}

/// Writes that differ by a number, as one that follows the variable.
bool SelectedWrite::generalizeOver(ArrayRef<Single> singles, unsigned variable, Single &joined) {
  joined = singles.front();
  auto joinAll = [&](llvm::function_ref<Expr(const Single &)> part) {
    SmallVector<Expr> parts = llvm::map_to_vector(singles, part);
    return generalize(context, parts, variable);
  };
  Type index = IndexType::get(context.space.getContext());
  Expr affine = joinAll([&](const Single &single) { return context.index(single.position.affine, index); });
  joined.row = joinAll([&](const Single &single) {
    return single.row->isLoad() ? evaluator.chain(single.row).back() : evaluator.expandAll(single.row);
  });
  bool isAlike = affine && joined.row && llvm::all_of(singles, [&](const Single &single) {
                   return single.position.data.size() == joined.position.data.size() &&
                          single.guards.size() == joined.guards.size();
                 });
  if (!isAlike)
    return false;
  joined.position.affine = affine->affine;
  for (size_t k = 0; k < joined.position.data.size(); ++k) {
    auto &entry = joined.position.data[k];
    entry.first = joinAll([&](const Single &single) { return single.position.data[k].first; });
    auto isOther = [&](const Single &single) { return single.position.data[k].second != entry.second; };
    if (!entry.first || llvm::any_of(singles, isOther))
      return false;
  }
  for (size_t k = 0; k < joined.guards.size(); ++k) {
    Condition &guard = joined.guards[k];
    guard.expr = joinAll([&](const Single &single) { return single.guards[k].expr; });
    auto isOther = [&](const Single &single) { return single.guards[k].negated != guard.negated; };
    if (!guard.expr || llvm::any_of(singles, isOther))
      return false;
  }
  return true;
}

/// Tokens one after the other as one write of all of them.
bool SelectedWrite::joinTokens(ArrayRef<Single> tokens, Single &joined) {
  if (tokens.size() > 1 && write->count == 1) {
    write->count = tokens.size();
    write->token = context.space.addVariable(write->count);
  }
  if (int64_t(tokens.size()) != write->count)
    return false;
  joined = tokens.front();
  return write->count == 1 || generalizeOver(tokens, cast<AffineDimExpr>(write->token).getPosition(), joined);
}

/// All writes as one: the same number of tokens of each sequence that is named, or of all.
bool SelectedWrite::join() {
  SmallVector<Single> inOrder(llvm::reverse(singles)); // the first one found is written last
  Single joined;
  write->count = 1;
  write->token = context.space.constant(0);
  if (!inOrder.front().batch) {
    if (llvm::any_of(inOrder, [](const Single &single) { return single.batch.has_value(); }) ||
        !joinTokens(inOrder, joined))
      return false;
  } else {
    int64_t batches = context.space.sizeOf(0);
    if (ShapedType::isDynamic(batches) || inOrder.size() % batches != 0)
      return false;
    SmallVector<Single> sequences;
    for (int64_t batch = 0; batch < batches; ++batch) {
      SmallVector<Single> own;
      llvm::copy_if(inOrder, std::back_inserter(own),
                    [&](const Single &single) { return single.batch == batch; });
      if (own.size() != inOrder.size() / batches || !joinTokens(own, sequences.emplace_back()))
        return false;
    }
    if (!generalizeOver(sequences, /*variable=*/0, joined))
      return false;
  }
  write->position = joined.position;
  write->guards = joined.guards;
  write->row = joined.row;
  write->cache = singles.back().cache;
  return true;
}

} // namespace

std::unique_ptr<CacheWrite> matchSelectedWrite(Value written) { return SelectedWrite(written).match(); }

} // namespace gqa
