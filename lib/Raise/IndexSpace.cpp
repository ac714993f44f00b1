// Simplification of affine expressions by the ranges of their variables.
#include "gqa/Raise/IndexSpace.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <limits>
#include <numeric>

using namespace mlir;

namespace gqa {

static constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
static constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

//===-- LinearForm ----------------------------------------------------------------------------------------------===//

void LinearForm::add(AffineExpr term, int64_t coefficient) {
  auto it = llvm::find_if(terms, [&](auto &entry) { return entry.first == term; });
  if (it == terms.end())
    terms.emplace_back(term, coefficient);
  else if ((it->second += coefficient) == 0)
    terms.erase(it);
}

int64_t LinearForm::coefficientOf(AffineExpr term) const {
  for (auto [other, coefficient] : terms)
    if (other == term)
      return coefficient;
  return 0;
}

static void accumulate(LinearForm &form, AffineExpr expr, int64_t factor) {
  if (factor == 0)
    return;
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    form.constant += factor * constant.getValue();
    return;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (binary && expr.getKind() == AffineExprKind::Add) {
    accumulate(form, binary.getLHS(), factor);
    accumulate(form, binary.getRHS(), factor);
    return;
  }
  if (binary && expr.getKind() == AffineExprKind::Mul) {
    if (auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS()))
      return accumulate(form, binary.getLHS(), factor * constant.getValue());
    if (auto constant = dyn_cast<AffineConstantExpr>(binary.getLHS()))
      return accumulate(form, binary.getRHS(), factor * constant.getValue());
  }
  form.add(expr, factor);
}

LinearForm LinearForm::of(AffineExpr expr) {
  LinearForm form;
  accumulate(form, expr, 1);
  return form;
}

/// Any total order will do, as long as equal sums are built in the same order.
static int compareTerms(AffineExpr a, AffineExpr b) {
  auto dimA = dyn_cast<AffineDimExpr>(a), dimB = dyn_cast<AffineDimExpr>(b);
  if (dimA && dimB)
    return static_cast<int>(dimA.getPosition()) - static_cast<int>(dimB.getPosition());
  if (bool(dimA) != bool(dimB))
    return dimA ? -1 : 1;
  return std::less<const void *>()(a.getAsOpaquePointer(), b.getAsOpaquePointer()) ? -1 : a != b;
}

AffineExpr LinearForm::build(MLIRContext *context) const {
  auto sorted = terms;
  llvm::sort(sorted, [](auto &a, auto &b) { return compareTerms(a.first, b.first) < 0; });
  AffineExpr sum;
  for (auto [term, coefficient] : sorted) {
    AffineExpr product = coefficient == 1 ? term : term * coefficient;
    sum = sum ? sum + product : product;
  }
  if (!sum)
    return getAffineConstantExpr(constant, context);
  return constant == 0 ? sum : sum + constant;
}

//===-- IndexSpace ----------------------------------------------------------------------------------------------===//

AffineExpr IndexSpace::addVariable(int64_t size) {
  sizes.push_back(size);
  return getAffineDimExpr(sizes.size() - 1, context);
}

static int64_t saturatedAdd(int64_t a, int64_t b, int64_t unbounded) {
  int64_t sum;
  return a == unbounded || b == unbounded || llvm::AddOverflow(a, b, sum) ? unbounded : sum;
}

static IndexSpace::Range scale(IndexSpace::Range range, int64_t factor) {
  auto times = [&](int64_t bound, int64_t unbounded) {
    int64_t product;
    return bound == kMin || bound == kMax || llvm::MulOverflow(bound, factor, product) ? unbounded : product;
  };
  if (factor >= 0)
    return {times(range.low, kMin), times(range.high, kMax)};
  return {times(range.high, kMin), times(range.low, kMax)};
}

static int64_t floorDivide(int64_t a, int64_t b) {
  return a == kMin || a == kMax ? a : llvm::divideFloorSigned(a, b);
}

IndexSpace::Range IndexSpace::rangeOf(AffineExpr expr) const {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return {constant.getValue(), constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    int64_t size = sizes[dim.getPosition()];
    return {0, ShapedType::isDynamic(size) ? kMax : std::max<int64_t>(size, 1) - 1};
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  auto divisor = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS()) : AffineConstantExpr();
  if (divisor && divisor.getValue() > 0 && expr.getKind() == AffineExprKind::FloorDiv) {
    Range range = rangeOf(binary.getLHS());
    return {floorDivide(range.low, divisor.getValue()), floorDivide(range.high, divisor.getValue())};
  }
  if (divisor && divisor.getValue() > 0 && expr.getKind() == AffineExprKind::Mod)
    return {0, divisor.getValue() - 1};
  if (expr.getKind() != AffineExprKind::Add && expr.getKind() != AffineExprKind::Mul)
    return {kMin, kMax};
  LinearForm form = LinearForm::of(expr);
  Range sum = {form.constant, form.constant};
  for (auto [term, coefficient] : form.terms) {
    if (term == expr) // a product of two variables: nothing is known
      return {kMin, kMax};
    Range range = scale(rangeOf(term), coefficient);
    sum = {saturatedAdd(sum.low, range.low, kMin), saturatedAdd(sum.high, range.high, kMax)};
  }
  return sum;
}

/// Splits `form` into the part that `divisor` divides (returned, divided) and the rest.
static LinearForm takeMultiples(LinearForm &form, int64_t divisor) {
  LinearForm multiples, rest;
  for (auto [term, coefficient] : form.terms) {
    if (coefficient % divisor == 0)
      multiples.add(term, coefficient / divisor);
    else
      rest.add(term, coefficient);
  }
  multiples.constant = llvm::divideFloorSigned(form.constant, divisor);
  rest.constant = form.constant - multiples.constant * divisor;
  form = rest;
  return multiples;
}

/// Mixed radix: `form = g * high + low` with `0 <= low < g` and `g` dividing `divisor`. False if there is no such g > 1.
static bool splitRadix(const IndexSpace &space, const LinearForm &form, int64_t divisor, int64_t &radix,
                       LinearForm &high, LinearForm &low) {
  for (auto [candidate, coefficient] : form.terms) {
    radix = std::gcd(coefficient, divisor);
    if (radix <= 1)
      continue;
    low = form;
    high = takeMultiples(low, radix);
    IndexSpace::Range range = space.rangeOf(low.build(space.getContext()));
    if (!high.terms.empty() && range.low >= 0 && range.high < radix)
      return true;
  }
  return false;
}

/// `numerator floordiv divisor`, where the numerator is simple already.
static AffineExpr simplifyFloorDiv(const IndexSpace &space, AffineExpr numerator, int64_t divisor) {
  MLIRContext *context = space.getContext();
  LinearForm rest = LinearForm::of(numerator);
  LinearForm quotient = takeMultiples(rest, divisor);
  AffineExpr remainder = rest.build(context);
  IndexSpace::Range range = space.rangeOf(remainder);
  int64_t low = floorDivide(range.low, divisor), high = floorDivide(range.high, divisor);
  if (low == high && range.low != kMin && range.high != kMax) {
    quotient.constant += low;
    return quotient.build(context);
  }
  int64_t radix;
  LinearForm upper, lower;
  if (splitRadix(space, rest, divisor, radix, upper, lower)) {
    quotient.add(simplifyFloorDiv(space, upper.build(context), divisor / radix), 1);
    return space.simplify(quotient.build(context));
  }
  // (x floordiv a) floordiv b == x floordiv (a * b)
  auto inner = dyn_cast<AffineBinaryOpExpr>(remainder);
  if (inner && remainder.getKind() == AffineExprKind::FloorDiv) {
    if (auto innerDivisor = dyn_cast<AffineConstantExpr>(inner.getRHS())) {
      quotient.add(simplifyFloorDiv(space, inner.getLHS(), innerDivisor.getValue() * divisor), 1);
      return space.simplify(quotient.build(context));
    }
  }
  quotient.add(remainder.floorDiv(divisor), 1);
  return quotient.build(context);
}

/// `numerator mod divisor`, where the numerator is simple already.
static AffineExpr simplifyMod(const IndexSpace &space, AffineExpr numerator, int64_t divisor) {
  LinearForm rest = LinearForm::of(numerator);
  takeMultiples(rest, divisor);
  AffineExpr remainder = rest.build(space.getContext());
  IndexSpace::Range range = space.rangeOf(remainder);
  if (range.low >= 0 && range.high < divisor)
    return remainder;
  int64_t radix;
  LinearForm upper, lower;
  if (splitRadix(space, rest, divisor, radix, upper, lower)) {
    lower.add(simplifyMod(space, upper.build(space.getContext()), divisor / radix), radix);
    return space.simplify(lower.build(space.getContext()));
  }
  // (x mod (a * divisor)) mod divisor == x mod divisor
  auto inner = dyn_cast<AffineBinaryOpExpr>(remainder);
  if (inner && remainder.getKind() == AffineExprKind::Mod)
    if (auto innerDivisor = dyn_cast<AffineConstantExpr>(inner.getRHS()))
      if (innerDivisor.getValue() % divisor == 0)
        return simplifyMod(space, inner.getLHS(), divisor);
  return remainder % divisor;
}

/// `c * (x floordiv c) + x mod c` is `x`: what a reshape and its inverse leave.
static void recombine(LinearForm &form) {
  for (unsigned i = 0; i < form.terms.size(); ++i) {
    auto [term, coefficient] = form.terms[i];
    auto mod = dyn_cast<AffineBinaryOpExpr>(term);
    if (!mod || term.getKind() != AffineExprKind::Mod)
      continue;
    auto divisor = cast<AffineConstantExpr>(mod.getRHS()).getValue();
    AffineExpr quotient = mod.getLHS().floorDiv(divisor);
    if (form.coefficientOf(quotient) != coefficient * divisor)
      continue;
    form.add(quotient, -coefficient * divisor);
    form.add(term, -coefficient);
    accumulate(form, mod.getLHS(), coefficient);
    return recombine(form);
  }
}

AffineExpr IndexSpace::simplify(AffineExpr expr) const {
  LinearForm form = LinearForm::of(expr), simple;
  simple.constant = form.constant;
  for (auto [term, coefficient] : form.terms) {
    AffineExpr simplified = term;
    auto binary = dyn_cast<AffineBinaryOpExpr>(term);
    auto divisor = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS()) : AffineConstantExpr();
    if (divisor && divisor.getValue() > 0 && term.getKind() == AffineExprKind::FloorDiv)
      simplified = simplifyFloorDiv(*this, simplify(binary.getLHS()), divisor.getValue());
    else if (divisor && divisor.getValue() > 0 && term.getKind() == AffineExprKind::Mod)
      simplified = simplifyMod(*this, simplify(binary.getLHS()), divisor.getValue());
    else if (auto dim = dyn_cast<AffineDimExpr>(term); dim && sizes[dim.getPosition()] == 1)
      simplified = constant(0);
    accumulate(simple, simplified, coefficient);
  }
  recombine(simple);
  return simple.build(context);
}

AffineExpr IndexSpace::substitute(AffineExpr expr, unsigned variable, AffineExpr replacement) const {
  return simplify(expr.replace(getAffineDimExpr(variable, context), replacement));
}

} // namespace gqa
