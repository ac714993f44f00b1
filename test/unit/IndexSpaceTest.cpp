// Simplified index expressions against the ones they came from, at every point.
#include "gqa/Raise/IndexSpace.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/MathExtras.h"
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace gqa;
using namespace mlir;

namespace {

int64_t evaluate(AffineExpr expr, llvm::ArrayRef<int64_t> point) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return point[dim.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t left = evaluate(binary.getLHS(), point), right = evaluate(binary.getRHS(), point);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return left + right;
  case AffineExprKind::Mul:
    return left * right;
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(left, right);
  case AffineExprKind::Mod:
    return left - right * llvm::divideFloorSigned(left, right);
  default:
    ADD_FAILURE() << "an expression of a kind that was not put in";
    return 0;
  }
}

/// Expressions as reshapes, slices and head maps make them, and worse ones.
class RandomExpr {
public:
  RandomExpr(MLIRContext *context, unsigned seed, unsigned numVariables)
      : context(context), random(seed), numVariables(numVariables) {}

  int64_t number(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }

  AffineExpr make(unsigned depth) {
    if (depth == 0 || number(0, 9) == 0)
      return number(0, 3) == 0 ? getAffineConstantExpr(number(-7, 7), context)
                               : getAffineDimExpr(number(0, numVariables - 1), context);
    switch (number(0, 4)) {
    case 0:
      return make(depth - 1) * number(-3, 6);
    case 1:
      return make(depth - 1).floorDiv(number(1, 12));
    case 2:
      return make(depth - 1) % number(1, 12);
    default:
      return make(depth - 1) + make(depth - 1) * number(1, 12);
    }
  }

private:
  MLIRContext *context;
  std::mt19937 random;
  unsigned numVariables;
};

/// Calls `visit` at every point of the space.
template <typename Visit> void forEachPoint(const IndexSpace &space, Visit visit) {
  std::vector<int64_t> point(space.numVariables(), 0);
  while (true) {
    visit(llvm::ArrayRef<int64_t>(point));
    unsigned k = 0;
    while (k < point.size() && ++point[k] == space.sizeOf(k))
      point[k++] = 0;
    if (k == point.size())
      return;
  }
}

TEST(IndexSpace, SimplifyKeepsTheValueAndRangesHold) {
  MLIRContext context;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    IndexSpace space(&context);
    RandomExpr random(&context, seed, 3);
    for (int k = 0; k < 3; ++k)
      space.addVariable(random.number(1, 6));
    AffineExpr expr = random.make(5), simple = space.simplify(expr);
    IndexSpace::Range range = space.rangeOf(expr), simpleRange = space.rangeOf(simple);
    forEachPoint(space, [&](llvm::ArrayRef<int64_t> point) {
      int64_t value = evaluate(expr, point);
      ASSERT_EQ(evaluate(simple, point), value) << "seed " << seed;
      ASSERT_TRUE(range.low <= value && value <= range.high) << "seed " << seed;
      ASSERT_TRUE(simpleRange.low <= value && value <= simpleRange.high) << "seed " << seed;
    });
    if (HasFatalFailure())
      return;
    EXPECT_EQ(space.simplify(simple), simple) << "not canonical: seed " << seed;
  }
}

TEST(IndexSpace, SubstituteIsEvaluation) {
  MLIRContext context;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    IndexSpace space(&context);
    RandomExpr random(&context, seed, 2);
    AffineExpr outer = space.addVariable(random.number(1, 4));
    space.addVariable(random.number(1, 4));
    AffineExpr expr = space.simplify(random.make(4)), by = outer * 3 + 1;
    AffineExpr replaced = space.substitute(expr, 1, by);
    for (int64_t value = 0; value < space.sizeOf(0); ++value)
      ASSERT_EQ(evaluate(replaced, {value, 0}), evaluate(expr, {value, 3 * value + 1})) << "seed " << seed;
  }
}

/// What a chain of reshapes leaves is the access map that was meant.
TEST(IndexSpace, ReshapesCancel) {
  MLIRContext context;
  IndexSpace space(&context);
  AffineExpr b = space.addVariable(2), h = space.addVariable(6), s = space.addVariable(ShapedType::kDynamic);
  AffineExpr head = b * 6 + h;
  EXPECT_EQ(space.simplify(head.floorDiv(6)), b);
  EXPECT_EQ(space.simplify(head % 6), h);
  EXPECT_EQ(space.simplify(head.floorDiv(3) % 2), space.simplify(h.floorDiv(3)));
  EXPECT_EQ(space.simplify(h.floorDiv(3) * 3 + h % 3), h);
  EXPECT_EQ(space.simplify((s * 6 + h).floorDiv(6)), s);
  EXPECT_EQ(space.simplify((s * 6 + h) % 6), h);
  EXPECT_NE(space.simplify(s.floorDiv(2)), space.simplify(s));
}

TEST(IndexSpace, SizesZeroOneAndUnknown) {
  MLIRContext context;
  IndexSpace space(&context);
  AffineExpr zero = space.addVariable(0), one = space.addVariable(1),
             any = space.addVariable(ShapedType::kDynamic);
  EXPECT_EQ(space.simplify(one + zero * 0), space.constant(0));
  EXPECT_EQ(space.rangeOf(any).high, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(space.rangeOf(-any).low, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(space.rangeOf(-any).high, 0);
  // A division by zero stays what it is; MLIR does not fold it, and nobody may compute with it.
  AffineExpr bad = any % getAffineConstantExpr(0, &context);
  EXPECT_EQ(space.simplify(bad + 1), bad + 1);
  EXPECT_EQ(space.rangeOf(bad).low, std::numeric_limits<int64_t>::min());
}

/// Sizes that are not known take part like numbers.
TEST(IndexSpace, SizesAreSymbols) {
  MLIRContext context;
  IndexSpace space(&context);
  AffineExpr size = space.addSymbol(), past = space.addSymbol();
  AffineExpr b = space.addVariable(2), i = space.addVariable(size), j = space.addVariable(past + size);
  AffineExpr position = b * size + i;
  EXPECT_EQ(space.simplify(position.floorDiv(size)), b);
  EXPECT_EQ(space.simplify(position % size), i);
  EXPECT_EQ(space.simplify(position.floorDiv(size) * size + position % size), space.simplify(position));
  EXPECT_EQ(space.simplify(j.floorDiv(size) * size + j % size), j);
  EXPECT_TRUE(space.isNotNegative(size * 2 - 1 - position));
  EXPECT_FALSE(space.isNotNegative(size * 2 - 2 - position));
  EXPECT_TRUE(space.isNotNegative(past + size - 1 - i));
  EXPECT_FALSE(space.isNotNegative(size - 1 - j));
  EXPECT_FALSE(space.isNotNegative(i - past));
  EXPECT_EQ(space.sizeOf(2), ShapedType::kDynamic);
}

TEST(IndexSpace, DivisionWithoutRemainder) {
  MLIRContext context;
  IndexSpace space(&context);
  AffineExpr size = space.addSymbol(), other = space.addSymbol();
  EXPECT_EQ(space.divide(size * 6, space.constant(3)), space.simplify(size * 2));
  EXPECT_EQ(space.divide(size * other * 6, size * 2), space.simplify(other * 3));
  EXPECT_EQ(space.divide(size * 6 + 6, size + 1), space.constant(6));
  EXPECT_FALSE(space.divide(size * 6, space.constant(4)));
  EXPECT_FALSE(space.divide(size + 1, size));
  EXPECT_FALSE(space.divide(size, space.constant(0)));
  EXPECT_FALSE(space.divide(size, other));
}

TEST(IndexSpace, NumbersThatDoNotFitAreNotSmall) {
  MLIRContext context;
  IndexSpace space(&context);
  AffineExpr x = space.addVariable(8);
  int64_t huge = int64_t(1) << 62;
  EXPECT_TRUE(LinearForm::of(x * 4096 + 7).isSmall());
  EXPECT_FALSE(LinearForm::of(x * huge).isSmall());
  LinearForm form = LinearForm::of(x * huge);
  form.accumulate(x * huge + huge, 4);
  EXPECT_FALSE(form.isSmall());
  EXPECT_EQ(form.constant, std::numeric_limits<int64_t>::max());
  // Divisors whose product does not fit are not multiplied.
  AffineExpr nested = x.floorDiv(huge).floorDiv(4);
  EXPECT_EQ(space.simplify(nested), space.constant(0));
}

} // namespace
