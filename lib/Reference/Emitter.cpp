// Emits float64 formulas.
#include "Emitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa::reference {

template <typename FloatOp, typename IndexOp> static Value binary(Emitter &e, Value a, Value b) {
  if (a.getType().isIndex())
    return IndexOp::create(e, a, b);
  return FloatOp::create(e, a, b);
}

static Value compare(Emitter &e, arith::CmpFPredicate floats, arith::CmpIPredicate indices, Value a,
                     Value b) {
  if (a.getType().isIndex())
    return arith::CmpIOp::create(e, indices, a, b);
  return arith::CmpFOp::create(e, floats, a, b);
}

Value Emitter::number(double value) { return arith::ConstantOp::create(*this, getF64FloatAttr(value)); }
Value Emitter::index(int64_t value) { return arith::ConstantIndexOp::create(*this, value); }
Value Emitter::negativeInfinity() { return number(-std::numeric_limits<double>::infinity()); }

Value Emitter::add(Value a, Value b) { return binary<arith::AddFOp, arith::AddIOp>(*this, a, b); }
Value Emitter::sub(Value a, Value b) { return binary<arith::SubFOp, arith::SubIOp>(*this, a, b); }
Value Emitter::mul(Value a, Value b) { return binary<arith::MulFOp, arith::MulIOp>(*this, a, b); }
Value Emitter::div(Value a, Value b) { return binary<arith::DivFOp, arith::DivUIOp>(*this, a, b); }
Value Emitter::rem(Value a, Value b) { return binary<arith::RemFOp, arith::RemUIOp>(*this, a, b); }
Value Emitter::max(Value a, Value b) { return binary<arith::MaximumFOp, arith::MaxSIOp>(*this, a, b); }
Value Emitter::min(Value a, Value b) { return binary<arith::MinimumFOp, arith::MinSIOp>(*this, a, b); }
Value Emitter::exp(Value a) { return math::ExpOp::create(*this, a); }
Value Emitter::log(Value a) { return math::LogOp::create(*this, a); }
Value Emitter::tanh(Value a) { return math::TanhOp::create(*this, a); }

Value Emitter::equal(Value a, Value b) {
  return compare(*this, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, a, b);
}
Value Emitter::less(Value a, Value b) {
  return compare(*this, arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt, a, b);
}
Value Emitter::notGreater(Value a, Value b) {
  return compare(*this, arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle, a, b);
}
Value Emitter::both(Value a, Value b) { return arith::AndIOp::create(*this, a, b); }
Value Emitter::select(Value condition, Value yes, Value no) {
  return arith::SelectOp::create(*this, condition, yes, no);
}

Value Emitter::widen(Value value) {
  if (value.getType().isF64())
    return value;
  if (!value.getType().isIndex())
    return arith::ExtFOp::create(*this, getF64Type(), value);
  Value integer = arith::IndexCastOp::create(*this, getI64Type(), value);
  return arith::SIToFPOp::create(*this, getF64Type(), integer);
}

/// The f32 towards zero from an f64, its last bit set where it is not exact. Rounded further, it ends where
/// the f64 would: the set bit tells on which side of a tie the f64 was.
static Value roundToOdd(Emitter &e, Value value) {
  Type single = e.getF32Type(), bits = e.getI32Type();
  auto one = arith::ConstantOp::create(e, e.getI32IntegerAttr(1));
  Value nearest = arith::TruncFOp::create(e, single, value);
  Value back = arith::ExtFOp::create(e, value.getType(), nearest);
  Value inexact = arith::CmpFOp::create(e, arith::CmpFPredicate::ONE, back, value);
  Value away = e.less(math::AbsFOp::create(e, value), math::AbsFOp::create(e, back));
  Value asBits = arith::BitcastOp::create(e, bits, nearest);
  Value towardsZero = e.select(away, arith::SubIOp::create(e, asBits, one), asBits);
  Value odd = arith::OrIOp::create(e, towardsZero, one);
  return arith::BitcastOp::create(e, single, e.select(inexact, odd, asBits));
}

Value Emitter::round(Value value, Type type) {
  if (value.getType() == type)
    return value;
  if (type.isBF16() && value.getType().isF64())
    value = roundToOdd(*this, value); // no library rounds f64 to bf16
  return arith::TruncFOp::create(*this, type, value);
}

Value Emitter::size(Value tensor, unsigned dim) {
  int64_t known = cast<RankedTensorType>(tensor.getType()).getDimSize(dim);
  return ShapedType::isDynamic(known) ? Value(tensor::DimOp::create(*this, tensor, dim)) : index(known);
}

static Values dynamicSizes(RankedTensorType type, ValueRange sizes) {
  Values dynamic;
  for (auto [known, size] : llvm::zip_equal(type.getShape(), sizes))
    if (ShapedType::isDynamic(known))
      dynamic.push_back(size);
  return dynamic;
}

Value Emitter::empty(RankedTensorType type, ValueRange sizes) {
  return tensor::EmptyOp::create(*this, type, dynamicSizes(type, sizes));
}

Value Emitter::read(Value tensor, ValueRange at) {
  Value element = tensor::ExtractOp::create(*this, tensor, at);
  if (element.getType().isInteger(1))
    return element;
  if (element.getType().isInteger())
    return arith::IndexCastOp::create(*this, getIndexType(), element);
  return widen(element);
}

Value Emitter::write(Value value, Value tensor, ValueRange at) {
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  return tensor::InsertOp::create(*this, round(value, element), tensor, at);
}

Value Emitter::generate(RankedTensorType type, ValueRange sizes,
                        llvm::function_ref<Value(ValueRange)> element) {
  Values indices;
  // One loop per dimension. Not tensor.generate: canonicalisation copies its body to every read, chains of
  // operations would grow exponentially.
  std::function<Value(Value)> fill = [&](Value tensor) -> Value {
    if (indices.size() == sizes.size())
      return write(element(indices), tensor, indices);
    return fold(sizes[indices.size()], tensor, [&](Value i, Value filled) {
      indices.push_back(i);
      Value result = fill(filled);
      indices.pop_back();
      return result;
    });
  };
  return fill(empty(type, sizes));
}

Values Emitter::loop(Value count, ValueRange carried, llvm::function_ref<Values(Value, ValueRange)> step) {
  auto body = [&](OpBuilder &, Location, Value i, ValueRange now) {
    scf::YieldOp::create(*this, step(i, now));
  };
  return scf::ForOp::create(*this, index(0), count, index(1), carried, body).getResults();
}

Value Emitter::fold(Value count, Value start, llvm::function_ref<Value(Value, Value)> step) {
  return loop(count, start, [&](Value i, ValueRange now) -> Values { return {step(i, now[0])}; })[0];
}

Value Emitter::choose(Value condition, llvm::function_ref<Value()> yes, llvm::function_ref<Value()> no) {
  auto branch = [&](llvm::function_ref<Value()> value) {
    return [this, value](OpBuilder &, Location) { scf::YieldOp::create(*this, value()); };
  };
  return scf::IfOp::create(*this, condition, branch(yes), branch(no)).getResult(0);
}

} // namespace gqa::reference
