// Loops, loads and conversions over rank-1 vectors.
#include "VectorBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;

namespace gqa {

VectorBuilder::VectorBuilder(Operation *op, const CPUTarget &target, Type element)
    : IndexBuilder(op->getLoc(), op), target(target), element(cast<FloatType>(element)),
      lanes(target.lanes(cast<FloatType>(element))) {}

Value VectorBuilder::floatLike(Value like, double value) {
  Type type = like.getType();
  Attribute scalar = FloatAttr::get(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(*this, DenseElementsAttr::get(vector, scalar));
  return arith::ConstantOp::create(*this, cast<TypedAttr>(scalar));
}

Value VectorBuilder::scalar(double value) {
  return arith::ConstantOp::create(*this, getFloatAttr(element, value));
}

Value VectorBuilder::splat(Value scalar) {
  return vector::BroadcastOp::create(*this, vectorOf(scalar.getType()), scalar);
}

Value VectorBuilder::load(Value buffer, ValueRange at) { return memref::LoadOp::create(*this, buffer, at); }

void VectorBuilder::store(Value value, Value buffer, ValueRange at) {
  memref::StoreOp::create(*this, value, buffer, at);
}

Value VectorBuilder::loadVector(Value buffer, ValueRange at) {
  VectorType type = vectorOf(cast<MemRefType>(buffer.getType()).getElementType());
  return vector::LoadOp::create(*this, type, buffer, at);
}

void VectorBuilder::storeVector(Value value, Value buffer, ValueRange at) {
  vector::StoreOp::create(*this, value, buffer, at);
}

Value VectorBuilder::flat(Value buffer) {
  // Not a reshape: that is folded into indices, by divisions.
  auto type = cast<MemRefType>(buffer.getType());
  assert(type.getLayout().isIdentity() && "rows are not next to each other");
  Value count = mul(size(buffer, 0), size(buffer, 1));
  auto flatType =
      MemRefType::get(getConstantIntValue(count).value_or(ShapedType::kDynamic), type.getElementType());
  OpFoldResult zero = getIndexAttr(0), one = getIndexAttr(1);
  return memref::ReinterpretCastOp::create(*this, flatType, buffer, zero,
                                           ArrayRef<OpFoldResult>(getAsOpFoldResult(count)), ArrayRef(one));
}

static Value shuffle(VectorBuilder &b, Value vector, int64_t count, function_ref<int64_t(int64_t)> laneOf) {
  SmallVector<int64_t> lanes = llvm::map_to_vector(llvm::seq<int64_t>(0, count), laneOf);
  return vector::ShuffleOp::create(b, vector, vector, lanes);
}

Value VectorBuilder::first(Value vector, int64_t count) {
  if (cast<VectorType>(vector.getType()).getDimSize(0) == count)
    return vector;
  return shuffle(*this, vector, count, [](int64_t lane) { return lane; });
}

Value VectorBuilder::repeat(Value vector) {
  int64_t period = cast<VectorType>(vector.getType()).getDimSize(0);
  return shuffle(*this, vector, lanes, [&](int64_t lane) { return lane % period; });
}

Value VectorBuilder::rotate(Value vector, int64_t distance) {
  return shuffle(*this, vector, lanes, [&](int64_t lane) { return (lane + distance) % lanes; });
}

Value VectorBuilder::exchange(Value vector, int64_t bit) {
  return shuffle(*this, vector, lanes, [&](int64_t lane) { return lane ^ bit; });
}

SmallVector<Value> VectorBuilder::transposed(SmallVector<Value> vectors) {
  int64_t count = vectors.size();
  for (int64_t distance = count / 2; distance >= 1; distance /= 2) { // bit after bit of the lanes' numbers
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < count; ++lane) {
      bool upper = lane & distance;
      low.push_back(upper ? count + lane - distance : lane);
      high.push_back(upper ? count + lane : lane + distance);
    }
    for (int64_t i = 0; i < count; ++i) {
      if (i & distance)
        continue;
      Value first = vectors[i], second = vectors[i + distance];
      vectors[i] = vector::ShuffleOp::create(*this, first, second, low);
      vectors[i + distance] = vector::ShuffleOp::create(*this, first, second, high);
    }
  }
  return vectors;
}

Value VectorBuilder::isContiguous(Value buffer) {
  auto data = memref::ExtractStridedMetadataOp::create(*this, buffer);
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, data.getStrides().back(), index(1));
}

static Type withElement(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? VectorType::get(vector.getShape(), element) : element;
}

Value VectorBuilder::widen(Value value, Type type) {
  if (getElementTypeOrSelf(value.getType()) == type)
    return value;
  return arith::ExtFOp::create(*this, withElement(value.getType(), type), value);
}

/// f32 to bf16 by integer arithmetic, to the nearest even: not every processor has an instruction for it.
static Value roundToBF16(VectorBuilder &b, Value value) {
  Type words = withElement(value.getType(), b.getI32Type()),
       halves = withElement(value.getType(), b.getI16Type());
  auto constant = [&](int64_t number) {
    TypedAttr attr = b.getI32IntegerAttr(number);
    if (auto vector = dyn_cast<VectorType>(words))
      attr = DenseElementsAttr::get(vector, Attribute(attr));
    return Value(arith::ConstantOp::create(b, attr));
  };
  Value bits = arith::BitcastOp::create(b, words, value);
  Value high = arith::ShRUIOp::create(b, bits, constant(16));
  Value odd = arith::AndIOp::create(b, high, constant(1));
  Value bias = arith::AddIOp::create(b, odd, constant(0x7fff));
  Value rounded = arith::ShRUIOp::create(b, arith::AddIOp::create(b, bits, bias), constant(16));
  Value quiet = arith::OrIOp::create(b, high, constant(0x40)); // a NaN must not round to an infinity
  Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  Value result = arith::TruncIOp::create(b, halves, b.select(isNaN, quiet, rounded));
  return arith::BitcastOp::create(b, withElement(value.getType(), b.getBF16Type()), result);
}

Value VectorBuilder::narrow(Value value, Type type) {
  if (getElementTypeOrSelf(value.getType()) == type)
    return value;
  if (type.isBF16())
    return roundToBF16(*this, value);
  return arith::TruncFOp::create(*this, withElement(value.getType(), type), value);
}

Value VectorBuilder::converted(Value value, Type type) {
  auto bits = [](Type type) { return getElementTypeOrSelf(type).getIntOrFloatBitWidth(); };
  return bits(value.getType()) > bits(type) ? narrow(value, type) : widen(value, type);
}

int64_t linesOfRow(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  return llvm::divideCeil(type.getDimSize(1) * type.getElementTypeBitWidth(), kLineBits);
}

Value VectorBuilder::loadHalves(Value buffer, ValueRange at) {
  return vector::LoadOp::create(*this, VectorType::get(2 * lanes, getBF16Type()), buffer, at);
}

Value VectorBuilder::splatPair(Value buffer, ValueRange at) {
  Value pair = vector::LoadOp::create(*this, VectorType::get(2, getBF16Type()), buffer, at);
  Value word = vector::BitCastOp::create(*this, VectorType::get(1, getI32Type()), pair);
  Value words = splat(vector::ExtractOp::create(*this, word, 0));
  return vector::BitCastOp::create(*this, VectorType::get(2 * lanes, getBF16Type()), words);
}

Value VectorBuilder::addPairs(Value a, Value b, Value sum) {
  if (!target.emulatePairs)
    return x86vector::DotBF16Op::create(*this, sum.getType(), sum, a, b);
  auto [evenA, oddA] = splitPairs(a);
  auto [evenB, oddB] = splitPairs(b);
  return fma(evenA, evenB, fma(oddA, oddB, sum));
}

std::pair<Value, Value> VectorBuilder::splitPairs(Value halves) {
  VectorType words = vectorOf(getI32Type()), floats = vectorOf(element);
  Value pairs = vector::BitCastOp::create(*this, words, halves);
  auto constant = [&](int32_t bits) -> Value {
    return arith::ConstantOp::create(*this,
                                     DenseElementsAttr::get(words, Attribute(getI32IntegerAttr(bits))));
  };
  Value even = arith::ShLIOp::create(*this, pairs, constant(16));
  Value odd = arith::AndIOp::create(*this, pairs, constant(int32_t(0xffff0000)));
  return {arith::BitcastOp::create(*this, floats, even), arith::BitcastOp::create(*this, floats, odd)};
}

SmallVector<Value> VectorBuilder::pairUp(Value first, Value second) {
  VectorType words = vectorOf(getI32Type());
  auto constant = [&](int32_t bits) -> Value {
    return arith::ConstantOp::create(*this,
                                     DenseElementsAttr::get(words, Attribute(getI32IntegerAttr(bits))));
  };
  Value a = vector::BitCastOp::create(*this, words, first),
        b = vector::BitCastOp::create(*this, words, second);
  Value even = arith::OrIOp::create(*this, arith::AndIOp::create(*this, a, constant(0xffff)),
                                    arith::ShLIOp::create(*this, b, constant(16)));
  Value odd = arith::OrIOp::create(*this, arith::ShRUIOp::create(*this, a, constant(16)),
                                   arith::AndIOp::create(*this, b, constant(int32_t(0xffff0000))));
  return {vector::BitCastOp::create(*this, first.getType(), even),
          vector::BitCastOp::create(*this, first.getType(), odd)};
}

Value VectorBuilder::pairedColumn(Value d, bool paired) {
  if (!paired)
    return d;
  Value inBlock = rem(d, index(2 * lanes)), block = sub(d, inBlock), two = index(2);
  return add(add(block, mul(rem(inBlock, two), index(lanes))), div(inBlock, two));
}

Value VectorBuilder::less(Value a, Value b) {
  return arith::CmpFOp::create(*this, arith::CmpFPredicate::OLT, a, b);
}
Value VectorBuilder::equal(Value a, Value b) {
  return arith::CmpFOp::create(*this, arith::CmpFPredicate::OEQ, a, b);
}
Value VectorBuilder::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(*this, condition, a, b);
}
Value VectorBuilder::maxKeepFirst(Value a, Value b) { return select(less(a, b), b, a); }
Value VectorBuilder::minKeepFirst(Value a, Value b) { return select(less(b, a), b, a); }
Value VectorBuilder::addF(Value a, Value b) { return arith::AddFOp::create(*this, a, b); }
Value VectorBuilder::subF(Value a, Value b) { return arith::SubFOp::create(*this, a, b); }
Value VectorBuilder::mulF(Value a, Value b) { return arith::MulFOp::create(*this, a, b); }
Value VectorBuilder::divF(Value a, Value b) { return arith::DivFOp::create(*this, a, b); }

Value VectorBuilder::fma(Value a, Value b, Value c) {
  if (!target.fma) // a fused one would be a call of the C library
    return addF(mulF(a, b), c);
  if (isa<VectorType>(a.getType()))
    return vector::FMAOp::create(*this, a, b, c);
  return math::FmaOp::create(*this, a, b, c);
}

SmallVector<Value> VectorBuilder::addSets(SmallVector<Value> values, int64_t count) {
  for (int64_t i = count, size = values.size(); i < size; ++i)
    values[i % count] = addF(values[i % count], values[i]);
  values.truncate(count);
  return values;
}

void VectorBuilder::forEach(Value begin, Value end, int64_t step, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(*this, begin, end, index(step));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

SmallVector<Value> VectorBuilder::fold(Value begin, Value end, int64_t step, ValueRange init,
                                       function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, begin, end, index(step), init);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(*this, body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return SmallVector<Value>(loop.getResults());
}

Value VectorBuilder::andThen(Value condition, function_ref<Value()> second) {
  auto branch = scf::IfOp::create(*this, TypeRange(getI1Type()), condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToEnd(branch.thenBlock());
  scf::YieldOp::create(*this, second());
  setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(*this, Value(arith::ConstantOp::create(*this, getBoolAttr(false))));
  return branch.getResult(0);
}

void VectorBuilder::blocked(Value count, int64_t block, int64_t rest, function_ref<void(Value, int64_t)> body,
                            Value used) {
  auto needed = [&](Value end) { return used ? min(end, roundUp(used, block)) : end; };
  if (std::optional<int64_t> known = getConstantIntValue(count)) {
    int64_t whole = *known / block * block;
    forEach(index(0), needed(index(whole)), block, [&](Value at) { body(at, block); });
    if (whole != *known)
      body(index(whole), *known - whole);
    return;
  }
  Value whole = roundDown(count, block);
  forEach(index(0), needed(whole), block, [&](Value at) { body(at, block); });
  if (block > rest)
    forEach(whole, count, rest, [&](Value at) { body(at, rest); });
}

void VectorBuilder::keepOrder() {
  // A fence between a thread and its own signal handlers: for the compiler only.
  LLVM::FenceOp::create(*this, LLVM::AtomicOrdering::seq_cst, "singlethread");
}

} // namespace gqa
