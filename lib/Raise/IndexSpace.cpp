// Simplification of affine expressions by the ranges of their variables.
#include "gqa/Raise/IndexSpace.h"
#include "Divisors.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;

namespace gqa {

AffineExpr IndexSpace::addVariable(int64_t size) {
  return addVariable(ShapedType::isDynamic(size) ? AffineExpr() : constant(size));
}

AffineExpr IndexSpace::addVariable(AffineExpr size) {
  extents.push_back(size);
  return getAffineDimExpr(extents.size() - 1, context);
}

int64_t IndexSpace::sizeOf(unsigned variable) const {
  auto size = dyn_cast_if_present<AffineConstantExpr>(extents[variable]);
  return size ? size.getValue() : ShapedType::kDynamic;
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
  AffineExpr small = remainder.floorDiv(divisor);
  if (IndexSpace::Range range = space.rangeOf(small); range.low == range.high) {
    quotient.constant += range.low;
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
  quotient.add(small, 1);
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

/// A term that is a quotient, and the number that it divides.
using Quotient = std::pair<AffineExpr, AffineExpr>;

/// The term of `form` that makes `coefficient * remainder` a whole number: for `x mod c` it is `x floordiv
/// c`, with the coefficient times c, or `y floordiv c` where y differs from x by multiples of c.
static std::optional<Quotient> findQuotient(const IndexSpace &space, const LinearForm &form,
                                            AffineExpr remainder, int64_t coefficient) {
  AffineExpr divisor = anyDivisorOf(remainder, AffineExprKind::Mod);
  AffineExpr number = cast<AffineBinaryOpExpr>(remainder).getLHS();
  LinearForm multiple;
  multiple.accumulate(number.floorDiv(divisor) * divisor, coefficient);
  if (multiple.constant == 0 && multiple.terms.size() == 1 &&
      form.coefficientOf(multiple.terms[0].first) == multiple.terms[0].second)
    return Quotient(multiple.terms[0].first, number);
  auto constant = dyn_cast<AffineConstantExpr>(divisor);
  for (auto [term, other] : form.terms) {
    if (!constant || other != coefficient * constant.getValue() ||
        anyDivisorOf(term, AffineExprKind::FloorDiv) != divisor)
      continue;
    number = cast<AffineBinaryOpExpr>(term).getLHS();
    if (space.simplify(number % divisor) == remainder)
      return Quotient(term, number);
  }
  return std::nullopt;
}

/// `c * (x floordiv c) + x mod c` is `x`: what a reshape and its inverse leave.
static void recombine(const IndexSpace &space, LinearForm &form) {
  for (auto [term, coefficient] : form.terms) {
    if (!anyDivisorOf(term, AffineExprKind::Mod))
      continue;
    std::optional<Quotient> quotient = findQuotient(space, form, term, coefficient);
    if (!quotient)
      continue;
    form.add(quotient->first, -form.coefficientOf(quotient->first));
    form.add(AffineExpr(term), -int64_t(coefficient));
    form.accumulate(quotient->second, coefficient);
    return recombine(space, form);
  }
}

/// The quotient, or the rest, of a number that is divided by a size that is not known: the multiples of the
/// size come out, and what is left is one if it is known to be smaller.
static AffineExpr simplifyBySize(const IndexSpace &space, AffineExpr numerator, AffineExpr size, bool isMod) {
  MLIRContext *context = space.getContext();
  LinearForm divisor = LinearForm::of(size), multiples, rest;
  if (divisor.terms.size() != 1 || divisor.constant != 0)
    return isMod ? numerator % size : numerator.floorDiv(size);
  auto [unit, number] = divisor.terms[0];
  LinearForm form = LinearForm::of(numerator);
  rest.constant = form.constant;
  for (auto [term, coefficient] : form.terms) {
    AffineExpr quotient = coefficient % number == 0 ? divideTerm(term, unit) : AffineExpr();
    if (quotient)
      multiples.accumulate(quotient, coefficient / number);
    else
      rest.add(term, coefficient);
  }
  AffineExpr left = rest.build(context);
  bool isRest = space.rangeOf(left).low >= 0 && space.rangeOf(space.simplify(size - 1 - left)).low >= 0;
  if (isMod)
    return isRest ? left : left % size;
  if (!isRest)
    multiples.accumulate(left.floorDiv(size), 1);
  return multiples.build(context);
}

AffineExpr IndexSpace::divide(AffineExpr a, AffineExpr b) const {
  LinearForm numerator = LinearForm::of(simplify(a)), divisor = LinearForm::of(simplify(b)), quotient;
  if (divisor.terms.empty()) {
    if (divisor.constant == 0 || numerator.constant % divisor.constant != 0)
      return nullptr;
    quotient.constant = numerator.constant / divisor.constant;
    for (auto [term, coefficient] : numerator.terms) {
      if (coefficient % divisor.constant != 0)
        return nullptr;
      quotient.add(term, coefficient / divisor.constant);
    }
    return quotient.build(context);
  }
  for (auto [term, coefficient] : numerator.terms) { // the first term of the divisor leads
    AffineExpr part = divideTerm(term, divisor.terms[0].first);
    if (part && coefficient % divisor.terms[0].second == 0)
      quotient.accumulate(part, coefficient / divisor.terms[0].second);
  }
  AffineExpr result = quotient.build(context);
  return simplify(result * b - a) == constant(0) ? result : AffineExpr();
}

static AffineExpr simplifyFactors(const IndexSpace &space, AffineExpr term) {
  AffineExpr product = space.constant(1);
  for (AffineExpr factor : factorsOf(term))
    product = product * space.simplify(factor);
  return product;
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
    else if (anyDivisorOf(term, AffineExprKind::FloorDiv) || anyDivisorOf(term, AffineExprKind::Mod))
      result = simplifyBySize(*this, simplify(cast<AffineBinaryOpExpr>(term).getLHS()),
                              simplify(cast<AffineBinaryOpExpr>(term).getRHS()),
                              term.getKind() == AffineExprKind::Mod);
    else if (auto dim = dyn_cast<AffineDimExpr>(term); dim && sizeOf(dim.getPosition()) == 1)
      result = constant(0);
    else if (term.getKind() == AffineExprKind::Mul)
      result = simplifyFactors(*this, term);
    simple.accumulate(result, coefficient);
  }
  recombine(*this, simple);
  return simplified[expr] = simple.build(context);
}

AffineExpr IndexSpace::substitute(AffineExpr expr, unsigned variable, AffineExpr replacement) const {
  return simplify(expr.replace(getAffineDimExpr(variable, context), replacement));
}

} // namespace gqa
