// One softmax over several sets of keys: scores that were put side by side, or exponentials that share their
// sum. Each set is an attention with its own q, scale and masks; their results are merged.
#include "gqa/Raise/Match.h"

#include <limits>

using namespace mlir;

namespace gqa {

static constexpr size_t kMostParts = 16;

/// The products that `expr` is the sum of; false if it is the sum of anything else.
bool Matcher::collectTerms(Expr expr, Expr divisor, SmallVectorImpl<Term> &terms) {
  expr = evaluator.peelCasts(expr);
  if (expr->isApply("arith.addf"))
    return collectTerms(expr->operands[0], divisor, terms) && collectTerms(expr->operands[1], divisor, terms);
  auto [numerator, sum] = matchQuotient(expr);
  if (numerator)
    return !divisor && collectTerms(numerator, sum, terms);
  std::optional<Reduction> product = evaluator.reduction(expr);
  if (!product || product->kind != Reduction::Kind::Sum || terms.size() == kMostParts)
    return false;
  terms.push_back({*product, divisor});
  return true;
}

/// Which factor of `body` is the exponentials, divided by a sum or not, and which is the values.
bool Matcher::readFactors(Expr body, Expr divisor, Part &part) {
  body = withoutSkip(Evaluator::withoutCasts(body));
  if (!body->isApply("arith.mulf"))
    return false;
  for (unsigned side : {0, 1}) {
    Expr weight = evaluator.peelCasts(body->operands[side]), sum = divisor;
    if (auto [numerator, quotientSum] = matchQuotient(weight); numerator && !divisor)
      weight = evaluator.peelCasts(numerator), sum = quotientSum;
    part.softmax = {};
    part.softmax.numerator = weight;
    part.softmax.denominator = sum;
    bool isExponential = weight->isApply("math.exp") || weight->isApply("math.exp2");
    if (!isExponential || !(sum ? matchNumerator(part.softmax, weight) : matchLogarithm(part.softmax)))
      continue;
    part.match.exponential = ownerOf(weight);
    part.match.v = Evaluator::withoutCasts(body->operands[1 - side]);
    return true;
  }
  return false;
}

/// The sets of keys that a product contracts, which the scores tell apart.
bool Matcher::readTerm(const Term &term, SmallVectorImpl<Part> &parts, const AttentionMatch &whole) {
  unsigned key = term.product.variable;
  Part all{whole};
  AffineExpr end = context.space.extentOf(key), begin = context.space.constant(0);
  if (!end || !readFactors(term.product.body, term.divisor, all))
    return false;
  SmallVector<AffineExpr> ends = cutsOf(all.softmax.scores, key);
  ends.push_back(end);
  for (AffineExpr cut : ends) {
    Part part{whole};
    AffineExpr place = context.space.addVariable(context.space.simplify(cut - begin));
    part.match.product = term.product.op;
    part.match.key = context.space.numVariables() - 1;
    if (!readFactors(context.substitute(term.product.body, key, begin + place), term.divisor, part))
      return false;
    parts.push_back(part);
    begin = cut;
  }
  return parts.size() <= kMostParts;
}

/// What the softmax is of one set; `match` is filled.
bool Matcher::matchPart(Part &part, AttentionMatch &match) {
  current = &part;
  match = part.match;
  clamped = guarded = zeroed = false;
  deadFill = 0;
  narrowest = std::numeric_limits<double>::infinity();
  return matchShift(part.softmax, part.softmax.scores, match) &&
         matchScores(part.softmax.scores, part.softmax.factor, match);
}

/// Each set as an attention. Where every row sees a key of some set, it may see none of the others.
bool Matcher::matchParts(MutableArrayRef<Part> parts) {
  SmallVector<AttentionMatch, 1> matches(parts.size());
  SmallVector<double> fills(parts.size());
  auto matchEach = [&](bool elsewhere) {
    seenElsewhere = elsewhere;
    return llvm::all_of(llvm::seq(parts.size()), [&](size_t which) {
      bool found = matchPart(parts[which], matches[which]);
      fills[which] = deadFill;
      return found;
    });
  };
  if (!matchEach(/*elsewhere=*/true))
    return false;
  bool isSeen = llvm::any_of(matches, [&](const AttentionMatch &match) { return isAlwaysSeen(match); });
  if (!isSeen && !matchEach(/*elsewhere=*/false))
    return false;
  for (auto [part, match] : llvm::zip_equal(parts, matches)) {
    bool isOther = match.deadRow != matches.front().deadRow || !llvm::all_equal(fills);
    if (!isSeen && (isOther || (match.score && hidesKeys(evaluator, match.score))))
      return refuse(match.exponential, "rows that see no key of any set become nothing that a merge of the "
                                       "sets' attentions can tell");
    part.match = match;
    part.match.parts = parts.size();
    part.match.mayBeDead = !isSeen;
  }
  return true;
}

/// The attentions that `product`, or a sum of it and others behind it, is merged of; none if it is one or
/// none.
SmallVector<AttentionMatch, 1> Matcher::matchParts(linalg::LinalgOp product) {
  llvm::SetVector<Value> worklist;
  worklist.insert(product->getResult(0));
  constexpr size_t kFarthest = 12;
  SmallVector<AttentionMatch, 1> matches;
  for (size_t next = 0; next < worklist.size() && matches.empty(); ++next) {
    Value output = worklist[next];
    AttentionMatch whole;
    SmallVector<Term> terms;
    SmallVector<Part, 2> parts;
    bool isSum = collectTerms(readOutput(output, product, whole), nullptr, terms);
    isSum &= llvm::any_of(terms, [&](const Term &term) { return term.product.op == product; });
    bool isRead =
        isSum && llvm::all_of(terms, [&](const Term &term) { return readTerm(term, parts, whole); });
    if (isRead && parts.size() > 1 && placeParts(parts) && matchParts(parts))
      for (Part &found : parts)
        matches.push_back(found.match);
    current = nullptr;
    seenElsewhere = false;
    for (Operation *user : output.getUsers()) {
      auto linalgOp = dyn_cast<linalg::LinalgOp>(user);
      bool isOne = user->getNumResults() == 1 && isa<RankedTensorType>(user->getResult(0).getType());
      if (isOne && (!linalgOp || linalgOp.getNumReductionLoops() == 0) && worklist.size() < kFarthest)
        worklist.insert(user->getResult(0));
    }
  }
  return matches;
}

} // namespace gqa
