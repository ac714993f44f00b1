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

AffineExpr IndexSpace::addVariable(int64_t size) {
  sizes.push_back(size);
  return getAffineDimExpr(sizes.size() - 1, context);
}

static int64_t addBounds(int64_t a, int64_t b, int64_t unbounded) {
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

/// The divisor of `x floordiv c` or `x mod c` with a constant above 0; 0 if `expr` is nothing of that kind.
static int64_t divisorOf(AffineExpr expr, AffineExprKind kind) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  auto divisor =
      binary && expr.getKind() == kind ? dyn_cast<AffineConstantExpr>(binary.getRHS()) : AffineConstantExpr();
  return divisor && divisor.getValue() > 0 ? divisor.getValue() : 0;
}

IndexSpace::Range IndexSpace::rangeOf(AffineExpr expr) const {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return {constant.getValue(), constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    int64_t size = sizes[dim.getPosition()];
    return {0, ShapedType::isDynamic(size) ? kMax : std::max<int64_t>(size, 1) - 1};
  }
  if (int64_t divisor = divisorOf(expr, AffineExprKind::FloorDiv)) {
    Range range = rangeOf(cast<AffineBinaryOpExpr>(expr).getLHS());
    return {floorDivide(range.low, divisor), floorDivide(range.high, divisor)};
  }
  if (int64_t divisor = divisorOf(expr, AffineExprKind::Mod))
    return {0, divisor - 1};
  if (expr.getKind() != AffineExprKind::Add && expr.getKind() != AffineExprKind::Mul)
    return {kMin, kMax};
  LinearForm form = LinearForm::of(expr);
  Range sum = {form.constant, form.constant};
  for (auto [term, coefficient] : form.terms) {
    if (term == expr) // a product of two variables: nothing is known
      return {kMin, kMax};
    Range range = scale(rangeOf(term), coefficient);
    sum = {addBounds(sum.low, range.low, kMin), addBounds(sum.high, range.high, kMax)};
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

/// Mixed radix: `form = g * high + low` with `0 <= low < g` and `g` dividing `divisor`. False if there is no
/// such g > 1.
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
  int64_t innerDivisor = divisorOf(remainder, AffineExprKind::FloorDiv), product;
  if (innerDivisor > 0 && !llvm::MulOverflow(innerDivisor, divisor, product)) {
    quotient.add(simplifyFloorDiv(space, cast<AffineBinaryOpExpr>(remainder).getLHS(), product), 1);
    return space.simplify(quotient.build(context));
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
  int64_t innerDivisor = divisorOf(remainder, AffineExprKind::Mod);
  if (innerDivisor > 0 && innerDivisor % divisor == 0)
    return simplifyMod(space, cast<AffineBinaryOpExpr>(remainder).getLHS(), divisor);
  return remainder % divisor;
}

/// `c * (x floordiv c) + x mod c` is `x`: what a reshape and its inverse leave.
static void recombine(LinearForm &form) {
  for (unsigned i = 0; i < form.terms.size(); ++i) {
    auto [term, coefficient] = form.terms[i];
    int64_t divisor = divisorOf(term, AffineExprKind::Mod), product;
    if (divisor == 0 || llvm::MulOverflow(coefficient, divisor, product))
      continue;
    AffineExpr number = cast<AffineBinaryOpExpr>(term).getLHS(), quotient = number.floorDiv(divisor);
    if (form.coefficientOf(quotient) != product)
      continue;
    form.add(quotient, -product);
    form.add(AffineExpr(term), -coefficient);
    form.accumulate(number, coefficient);
    return recombine(form);
  }
}

AffineExpr IndexSpace::simplify(AffineExpr expr) const {
  if (AffineExpr known = simplified.lookup(expr))
    return known;
  LinearForm form = LinearForm::of(expr), simple;
  simple.constant = form.constant;
  for (auto [term, coefficient] : form.terms) {
    AffineExpr result = term;
    if (int64_t divisor = divisorOf(term, AffineExprKind::FloorDiv))
      result = simplifyFloorDiv(*this, simplify(cast<AffineBinaryOpExpr>(term).getLHS()), divisor);
    else if (int64_t divisor = divisorOf(term, AffineExprKind::Mod))
      result = simplifyMod(*this, simplify(cast<AffineBinaryOpExpr>(term).getLHS()), divisor);
    else if (auto dim = dyn_cast<AffineDimExpr>(term); dim && sizes[dim.getPosition()] == 1)
      result = constant(0);
    simple.accumulate(result, coefficient);
  }
  recombine(simple);
  return simplified[expr] = simple.build(context);
}

AffineExpr IndexSpace::substitute(AffineExpr expr, unsigned variable, AffineExpr replacement) const {
  return simplify(expr.replace(getAffineDimExpr(variable, context), replacement));
}

} // namespace gqa
