// Bounds of affine expressions by the ranges of their variables.
#include "Divisors.h"
#include "gqa/Raise/IndexSpace.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;

namespace gqa {

static constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
static constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

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

IndexSpace::Range IndexSpace::rangeOf(AffineExpr expr) const {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return {constant.getValue(), constant.getValue()};
  if (isa<AffineSymbolExpr>(expr))
    return {0, kMax};
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    int64_t size = sizeOf(dim.getPosition());
    return {0, ShapedType::isDynamic(size) ? kMax : std::max<int64_t>(size, 1) - 1};
  }
  if (int64_t divisor = divisorOf(expr, AffineExprKind::FloorDiv)) {
    Range range = rangeOf(cast<AffineBinaryOpExpr>(expr).getLHS());
    return {floorDivide(range.low, divisor), floorDivide(range.high, divisor)};
  }
  if (int64_t divisor = divisorOf(expr, AffineExprKind::Mod))
    return {0, divisor - 1};
  if (anyDivisorOf(expr, AffineExprKind::Mod)) // a size that is not known
    return {0, kMax};
  if (anyDivisorOf(expr, AffineExprKind::FloorDiv))
    return {rangeOf(cast<AffineBinaryOpExpr>(expr).getLHS()).low >= 0 ? 0 : kMin, kMax};
  if (expr.getKind() != AffineExprKind::Add && expr.getKind() != AffineExprKind::Mul)
    return {kMin, kMax};
  LinearForm opposite;
  opposite.accumulate(expr, -1);
  int64_t low = lowestOf(LinearForm::of(expr)), high = lowestOf(opposite);
  return {low, high == kMin ? kMax : -high};
}

IndexSpace::Range IndexSpace::rangeOfTerm(AffineExpr term) const {
  if (term.getKind() != AffineExprKind::Mul)
    return rangeOf(term);
  bool notNegative =
      llvm::all_of(factorsOf(term), [&](AffineExpr factor) { return rangeOf(factor).low >= 0; });
  return {notNegative ? 0 : kMin, kMax};
}

/// A bound of the sum from below. A coordinate whose size is not known, or that a size is multiplied with,
/// stands at the end where the sum is smaller: so sizes may cancel each other.
int64_t IndexSpace::lowestOf(const LinearForm &form) const {
  LinearForm bound;
  bound.constant = form.constant;
  for (auto [term, coefficient] : form.terms) {
    SmallVector<AffineExpr, 2> factors = factorsOf(term);
    auto *dim = llvm::find_if(factors, [](AffineExpr factor) { return isa<AffineDimExpr>(factor); });
    AffineExpr extent =
        dim != factors.end() ? extents[cast<AffineDimExpr>(*dim).getPosition()] : AffineExpr();
    bool isEnd = extent && (factors.size() > 1 || !isa<AffineConstantExpr>(extent));
    if (isEnd)
      factors.erase(dim);
    if (!isEnd || !llvm::all_of(factors, [](AffineExpr factor) { return isa<AffineSymbolExpr>(factor); }))
      bound.add(term, coefficient);
    else if (coefficient < 0)
      bound.accumulate((extent - 1) * productOf(factors, context), coefficient);
  }
  int64_t low = bound.constant;
  for (auto [term, coefficient] : bound.terms)
    low = addBounds(low, scale(rangeOfTerm(term), coefficient).low, kMin);
  return low;
}

} // namespace gqa
