// Scalar arithmetic in bodies and on whole tensors: commuted, negated, cast there and back.
#include "Scramble.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"

#include <cmath>

using namespace mlir;

namespace gqa::roundtrip {
namespace {

/// What a reduction makes of what it has so far.
bool isSum(Operation *op) {
  auto loop = dyn_cast<linalg::LinalgOp>(op->getParentOp());
  if (!loop || loop.getNumReductionLoops() == 0)
    return false;
  auto isResult = [&](Value value) { return llvm::is_contained(loop.getRegionOutputArgs(), value); };
  return llvm::any_of(op->getOperands(), isResult) ||
         llvm::is_contained(loop.getBlock()->getTerminator()->getOperands(), op->getResult(0));
}

bool commute(Scrambler &s) {
  auto op = s.pick<Operation *>(
      [](Operation *op) { return op->hasTrait<OpTrait::IsCommutative>() && op->getNumOperands() == 2; });
  if (!op)
    return false;
  Value first = op->getOperand(0), second = op->getOperand(1);
  op->setOperands({second, first});
  return true;
}

bool flipIntegerCompare(Scrambler &s) {
  auto op = s.pick<arith::CmpIOp>();
  if (!op)
    return false;
  static const std::pair<arith::CmpIPredicate, arith::CmpIPredicate> flipped[] = {
      {arith::CmpIPredicate::slt, arith::CmpIPredicate::sgt},
      {arith::CmpIPredicate::sle, arith::CmpIPredicate::sge},
      {arith::CmpIPredicate::sgt, arith::CmpIPredicate::slt},
      {arith::CmpIPredicate::sge, arith::CmpIPredicate::sle},
      {arith::CmpIPredicate::eq, arith::CmpIPredicate::eq},
      {arith::CmpIPredicate::ne, arith::CmpIPredicate::ne}};
  for (auto [from, to] : flipped)
    if (op.getPredicate() == from) {
      s.rewriter.setInsertionPoint(op);
      s.rewriter.replaceOpWithNewOp<arith::CmpIOp>(op, to, op.getRhs(), op.getLhs());
      return true;
    }
  return false;
}

/// `a < b` as `not (a >= b)`.
bool negateIntegerCompare(Scrambler &s) {
  auto op = s.pick<arith::CmpIOp>();
  if (!op || isa<ShapedType>(op.getType()))
    return false;
  s.rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  Value opposite = arith::CmpIOp::create(s.rewriter, loc, arith::invertPredicate(op.getPredicate()),
                                         op.getLhs(), op.getRhs());
  Value one = arith::ConstantIntOp::create(s.rewriter, loc, 1, 1);
  s.rewriter.replaceOpWithNewOp<arith::XOrIOp>(op, opposite, one);
  return true;
}

bool flipFloatCompare(Scrambler &s) {
  using P = arith::CmpFPredicate;
  auto op = s.pick<arith::CmpFOp>(
      [](arith::CmpFOp op) { return op.getPredicate() == P::OEQ || op.getPredicate() == P::UNE; });
  if (!op)
    return false;
  s.rewriter.setInsertionPoint(op);
  s.rewriter.replaceOpWithNewOp<arith::CmpFOp>(op, op.getPredicate(), op.getRhs(), op.getLhs());
  return true;
}

/// `c ? a : b` as `not c ? b : a`.
bool negateSelect(Scrambler &s) {
  auto op = s.pick<arith::SelectOp>(
      [](arith::SelectOp op) { return op.getCondition().getType().isInteger(1) && !isSum(op); });
  if (!op)
    return false;
  s.rewriter.setInsertionPoint(op);
  Value one = arith::ConstantIntOp::create(s.rewriter, op.getLoc(), 1, 1);
  Value opposite = arith::XOrIOp::create(s.rewriter, op.getLoc(), op.getCondition(), one);
  s.rewriter.replaceOpWithNewOp<arith::SelectOp>(op, opposite, op.getFalseValue(), op.getTrueValue());
  return true;
}

/// `a and b` as `not (not a or not b)`.
bool deMorgan(Scrambler &s) {
  auto op = s.pick<arith::AndIOp>([](arith::AndIOp op) { return op.getType().isInteger(1) && !isSum(op); });
  if (!op)
    return false;
  s.rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  Value one = arith::ConstantIntOp::create(s.rewriter, loc, 1, 1);
  Value a = arith::XOrIOp::create(s.rewriter, loc, op.getLhs(), one),
        b = arith::XOrIOp::create(s.rewriter, loc, op.getRhs(), one);
  Value either = arith::OrIOp::create(s.rewriter, loc, a, b);
  s.rewriter.replaceOpWithNewOp<arith::XOrIOp>(op, either, one);
  return true;
}

/// A result of scalar arithmetic, by type.
Value pickScalar(Scrambler &s, llvm::function_ref<bool(Type)> accept) {
  auto op = s.pick<Operation *>([&](Operation *op) {
    return isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) && op->getNumResults() == 1 &&
           !isa<arith::ConstantOp>(op) && accept(op->getResult(0).getType()) && !isSum(op) &&
           isa<linalg::LinalgOp>(op->getParentOp());
  });
  return op ? op->getResult(0) : Value();
}

/// f32 to f64 and back, f16 to f32 and back.
bool castFloat(Scrambler &s) {
  Value value =
      pickScalar(s, [](Type type) { return isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 64; });
  if (!value)
    return false;
  insertBehind(s, value);
  Type wide = value.getType().isF32() ? s.rewriter.getF64Type() : s.rewriter.getF32Type();
  Value there = arith::ExtFOp::create(s.rewriter, value.getLoc(), wide, value);
  Value back = arith::TruncFOp::create(s.rewriter, value.getLoc(), value.getType(), there);
  s.rewriter.replaceAllUsesExcept(value, back, there.getDefiningOp());
  return true;
}

/// A truth value as a number that is not 0.
bool castTruth(Scrambler &s) {
  Value value = pickScalar(s, [](Type type) { return type.isInteger(1); });
  if (!value)
    return false;
  insertBehind(s, value);
  Location loc = value.getLoc();
  Type type = s.rewriter.getIntegerType(s.random.pick({8, 32, 64}));
  Value there = arith::ExtUIOp::create(s.rewriter, loc, type, value);
  Value zero = arith::ConstantOp::create(s.rewriter, loc, s.rewriter.getIntegerAttr(type, 0));
  Value back = arith::CmpIOp::create(s.rewriter, loc, arith::CmpIPredicate::ne, there, zero);
  s.rewriter.replaceAllUsesExcept(value, back, there.getDefiningOp());
  return true;
}

/// Coordinates as integers of a type.
bool castIndex(Scrambler &s) {
  auto op = s.pick<linalg::IndexOp>();
  if (!op)
    return false;
  s.rewriter.setInsertionPointAfter(op);
  Type type = s.rewriter.getIntegerType(s.random.pick({32, 64}));
  Value there = arith::IndexCastOp::create(s.rewriter, op.getLoc(), type, op.getResult());
  Value back = arith::IndexCastOp::create(s.rewriter, op.getLoc(), s.rewriter.getIndexType(), there);
  s.rewriter.replaceAllUsesExcept(op.getResult(), back, there.getDefiningOp());
  return true;
}

/// A comparison of coordinates done on integers: `i64(a) < i64(b)`.
bool compareAsIntegers(Scrambler &s) {
  auto op = s.pick<arith::CmpIOp>([](arith::CmpIOp op) { return op.getLhs().getType().isIndex(); });
  if (!op)
    return false;
  s.rewriter.setInsertionPoint(op);
  Type type = s.rewriter.getI64Type();
  Value a = arith::IndexCastOp::create(s.rewriter, op.getLoc(), type, op.getLhs());
  Value b = arith::IndexCastOp::create(s.rewriter, op.getLoc(), type, op.getRhs());
  s.rewriter.replaceOpWithNewOp<arith::CmpIOp>(op, op.getPredicate(), a, b);
  return true;
}

/// `x * 1`, `x + 0`, `x - 0`, `x / 1`, `--x`.
bool doNothing(Scrambler &s) {
  Value value = pickScalar(s, [](Type type) { return isa<FloatType>(type); });
  if (!value)
    return false;
  insertBehind(s, value);
  Location loc = value.getLoc();
  auto number = [&](double n) {
    return arith::ConstantOp::create(s.rewriter, loc, s.rewriter.getFloatAttr(value.getType(), n));
  };
  Value zero = number(0), one = number(1), other;
  switch (s.random.below(5)) {
  case 0:
    other = arith::MulFOp::create(s.rewriter, loc, value, one);
    break;
  case 1:
    other = arith::AddFOp::create(s.rewriter, loc, value, zero);
    break;
  case 2:
    other = arith::SubFOp::create(s.rewriter, loc, value, zero);
    break;
  case 3:
    other = arith::DivFOp::create(s.rewriter, loc, value, one);
    break;
  default:
    other = arith::NegFOp::create(s.rewriter, loc, value);
    Value negated = other;
    other = arith::NegFOp::create(s.rewriter, loc, other);
    s.rewriter.replaceAllUsesExcept(value, other, negated.getDefiningOp());
    return true;
  }
  s.rewriter.replaceAllUsesExcept(value, other, other.getDefiningOp());
  return true;
}

/// `x * c` as `x / (1 / c)`, which is the same number for moderate c: the inverse of the largest one is so
/// small that dividing by it overflows.
bool divideByInverse(Scrambler &s) {
  auto factorOf = [](arith::MulFOp op) { return op.getRhs().getDefiningOp<arith::ConstantFloatOp>(); };
  auto op = s.pick<arith::MulFOp>([&](arith::MulFOp op) {
    double size = factorOf(op) ? std::abs(cast<FloatAttr>(factorOf(op).getValue()).getValueAsDouble()) : 0;
    return size > 1e-3 && size < 1e3;
  });
  if (!op)
    return false;
  s.rewriter.setInsertionPoint(op);
  double factor = cast<FloatAttr>(factorOf(op).getValue()).getValueAsDouble();
  Value inverse =
      arith::ConstantOp::create(s.rewriter, op.getLoc(), s.rewriter.getFloatAttr(op.getType(), 1 / factor));
  s.rewriter.replaceOpWithNewOp<arith::DivFOp>(op, op.getLhs(), inverse);
  return true;
}

/// A coordinate read from a tensor that counts.
bool readIota(Scrambler &s) {
  auto op = s.pick<linalg::IndexOp>();
  auto loop = op ? dyn_cast<linalg::GenericOp>(op->getParentOp()) : nullptr;
  if (!loop)
    return false;
  int64_t size = loop.getStaticLoopRanges()[op.getDim()];
  if (ShapedType::isDynamic(size))
    return false;
  s.rewriter.setInsertionPoint(loop);
  Location loc = op.getLoc();
  Type type = s.rewriter.getIntegerType(s.random.pick({32, 64}));
  Value empty = tensor::EmptyOp::create(s.rewriter, loc, {size}, type);
  Value iota =
      linalg::GenericOp::create(s.rewriter, loc, empty.getType(), ValueRange(), empty,
                                s.rewriter.getMultiDimIdentityMap(1), utils::IteratorType::parallel,
                                [&](OpBuilder &b, Location loc, ValueRange) {
                                  Value index = linalg::IndexOp::create(b, loc, 0);
                                  linalg::YieldOp::create(
                                      b, loc, ValueRange(arith::IndexCastOp::create(b, loc, type, index)));
                                })
          .getResult(0);
  unsigned dim = op.getDim(), position = loop.getNumDpsInputs();
  Value counted = loop.getBody()->insertArgument(position, type, loc);
  s.rewriter.setInsertionPoint(op);
  s.rewriter.replaceOpWithNewOp<arith::IndexCastOp>(op, s.rewriter.getIndexType(), counted);
  SmallVector<Value> inputs(loop.getInputs());
  SmallVector<AffineMap> maps = loop.getIndexingMapsArray();
  inputs.push_back(iota);
  maps.insert(maps.begin() + position,
              AffineMap::get(loop.getNumLoops(), 0, s.rewriter.getAffineDimExpr(dim)));
  rebuild(s, loop, inputs, maps);
  return true;
}

/// A number in a body as a tensor of it.
bool splatConstant(Scrambler &s) {
  auto inBody = [](arith::ConstantOp op) {
    return isa<FloatType>(op.getType()) && isa<linalg::GenericOp>(op->getParentOp());
  };
  auto op = s.pick<arith::ConstantOp>(inBody);
  if (!op)
    return false;
  auto loop = cast<linalg::GenericOp>(op->getParentOp());
  s.rewriter.setInsertionPoint(loop);
  auto type =
      RankedTensorType::get(s.random.oneIn(2) ? ArrayRef<int64_t>() : ArrayRef<int64_t>{1}, op.getType());
  Value splat =
      arith::ConstantOp::create(s.rewriter, op.getLoc(), DenseElementsAttr::get(type, op.getValue()));
  unsigned position = loop.getNumDpsInputs();
  Value element = loop.getBody()->insertArgument(position, op.getType(), op.getLoc());
  s.rewriter.replaceOp(op, element);
  SmallVector<Value> inputs(loop.getInputs());
  inputs.push_back(splat);
  SmallVector<AffineMap> maps = loop.getIndexingMapsArray();
  SmallVector<AffineExpr> at(type.getRank(), s.rewriter.getAffineConstantExpr(0));
  maps.insert(maps.begin() + position, AffineMap::get(loop.getNumLoops(), 0, at, s.rewriter.getContext()));
  rebuild(s, loop, inputs, maps);
  return true;
}

} // namespace

ArrayRef<Rewrite> scalarRewrites() {
  static const Rewrite rewrites[] = {{"commute", commute},
                                     {"flip-compare", flipIntegerCompare},
                                     {"negate-compare", negateIntegerCompare},
                                     {"flip-float-compare", flipFloatCompare},
                                     {"negate-select", negateSelect},
                                     {"de-morgan", deMorgan},
                                     {"cast-float", castFloat},
                                     {"cast-truth", castTruth},
                                     {"cast-index", castIndex},
                                     {"compare-as-integers", compareAsIntegers},
                                     {"do-nothing", doNothing},
                                     {"divide-by-inverse", divideByInverse},
                                     {"read-iota", readIota},
                                     {"splat-constant", splatConstant}};
  return rewrites;
}

} // namespace gqa::roundtrip
