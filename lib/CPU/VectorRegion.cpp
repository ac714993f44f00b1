// Cloning a score region: scalars, vectors, and which integers are narrow.
#include "VectorRegion.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {

Value gather(VectorBuilder &b, Value buffer, function_ref<SmallVector<Value>(int64_t)> placeOf) {
  SmallVector<Value> numbers;
  bool isBit = cast<MemRefType>(buffer.getType()).getElementType().isInteger(1);
  for (int64_t lane = 0; lane < b.lanes; ++lane) {
    Value number = b.load(buffer, placeOf(lane));
    // Vectors of bits are taken apart by code generation: words that are compared once are not.
    numbers.push_back(isBit ? Value(arith::ExtUIOp::create(b, b.getI32Type(), number)) : number);
  }
  Value vector = vector::FromElementsOp::create(b, b.vectorOf(numbers.front().getType()), numbers);
  if (!isBit)
    return vector;
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(vector.getType()));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, vector, zero);
}

namespace {

enum Argument : unsigned { kScore, kBatch, kHead, kQuery, kKey };

constexpr int64_t kMostPositions = INT32_MAX;

bool isWide(Type type) {
  return type.isIndex() || (isa<IntegerType>(type) && type.getIntOrFloatBitWidth() > 32);
}

bool isCast(Operation &op) {
  return isa<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp>(op);
}

/// Of one number at a time: only the C library has them.
bool isLibraryFunction(Operation &op) {
  return isa<math::CbrtOp, math::ErfcOp, math::AsinhOp, math::AcoshOp, math::AtanhOp>(op);
}

bool isElementwise(Operation &op) {
  auto isScalar = [](Type type) { return type.isIntOrIndexOrFloat(); };
  return OpTrait::hasElementwiseMappableTraits(&op) && !isLibraryFunction(op) && op.getNumResults() == 1 &&
         op.getNumRegions() == 0 && llvm::all_of(op.getOperandTypes(), isScalar) &&
         isScalar(op.getResult(0).getType());
}

} // namespace

bool VectorRegion::isVectorizable(Block &block) {
  DenseSet<Value> differing(block.args_begin(), block.args_end());
  differing.erase(block.getArgument(kBatch));
  for (Operation &op : block.without_terminator()) {
    if (!llvm::any_of(op.getOperands(), [&](Value operand) { return differing.contains(operand); }))
      continue;
    if (!isElementwise(op) && !isa<memref::LoadOp>(op))
      return false;
    differing.insert(op.getResult(0));
  }
  return true;
}

VectorRegion::VectorRegion(VectorBuilder &b, Block &block) : b(b), block(block) {
  for (BlockArgument argument : block.getArguments().drop_front())
    ranges.insert({argument, ConstantIntRanges::fromSigned(APInt(64, 0), APInt(64, kMostPositions))});
  perKey.insert(block.getArgument(kScore));
  perKey.insert(block.getArgument(kKey));
  for (Operation &op : block.without_terminator()) {
    inferRanges(op);
    if (isPerKey(op))
      perKey.insert(op.result_begin(), op.result_end());
  }
}

void VectorRegion::inferRanges(Operation &op) {
  auto inferrable = dyn_cast<InferIntRangeInterface>(op);
  if (!inferrable)
    return;
  SmallVector<IntegerValueRange> operands;
  for (Value operand : op.getOperands()) {
    auto known = ranges.find(operand);
    operands.push_back(known != ranges.end() ? IntegerValueRange(known->second)
                                             : IntegerValueRange::getMaxRange(operand));
  }
  inferrable.inferResultRangesFromOptional(operands, [&](Value result, const IntegerValueRange &range) {
    if (!range.isUninitialized())
      ranges.insert({result, range.getValue()});
  });
}

bool VectorRegion::isPerKey(Operation &op) {
  return llvm::any_of(op.getOperands(), [&](Value operand) { return perKey.contains(operand); });
}

void VectorRegion::bindRows(const LanePositions &at) {
  vectors.clear();
  scalars.clear();
  positions.clear();
  scalars.map(block.getArgument(kBatch), at.batch);
  bind(kHead, at.heads);
  bind(kQuery, at.queries);
  cloneAll(/*perKey=*/false);
}

std::pair<Value, Value> VectorRegion::apply(Value x, const LanePositions &at) {
  vectors[block.getArgument(kScore)] = x;
  bind(kKey, at.keys);
  cloneAll(/*perKey=*/true);
  ValueRange yielded = block.getTerminator()->getOperands();
  auto result = [&](Value value) { return vectorOf(value, value.getType()); };
  return {result(yielded[0]), yielded.size() > 1 ? result(yielded[1]) : Value()};
}

void VectorRegion::bind(unsigned argument, ArrayRef<Value> lanes) {
  Value index = block.getArgument(argument);
  if (lanes.size() == 1) {
    scalars.map(index, lanes.front());
    return;
  }
  positions[index] = SmallVector<Value>(lanes);
  auto words = llvm::map_to_vector(
      lanes, [&](Value lane) -> Value { return arith::IndexCastOp::create(b, b.getI32Type(), lane); });
  vectors[index] = vector::FromElementsOp::create(b, b.vectorOf(b.getI32Type()), words);
}

void VectorRegion::cloneAll(bool isOfKeys) {
  for (Operation &op : block.without_terminator()) {
    if (isPerKey(op) != isOfKeys)
      continue;
    if (llvm::none_of(op.getOperands(), [&](Value operand) { return isVector(operand); }))
      b.clone(op, scalars);
    else if (isa<memref::LoadOp>(op))
      cloneLoad(op);
    else if (isCast(op))
      cloneCast(op);
    else
      cloneVector(op);
  }
}

bool VectorRegion::fits32(Value value) {
  auto known = ranges.find(value);
  return !isWide(value.getType()) || (known != ranges.end() && known->second.smin().isSignedIntN(32) &&
                                      known->second.smax().isSignedIntN(32));
}

/// Whether words of 32 bits give the same result.
bool VectorRegion::isNarrow(Operation &op) {
  if (!llvm::all_of(op.getOperands(), [&](Value value) { return fits32(value); }) ||
      !llvm::all_of(op.getResults(), [&](Value value) { return fits32(value); }))
    return false;
  using Predicate = arith::CmpIPredicate;
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return !llvm::is_contained({Predicate::ult, Predicate::ule, Predicate::ugt, Predicate::uge},
                               compare.getPredicate());
  return isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::MinSIOp, arith::MaxSIOp, arith::DivSIOp,
             arith::RemSIOp, arith::SelectOp, arith::SIToFPOp>(op);
}

Type VectorRegion::laneType(Type type, bool narrow) {
  if (!isWide(type))
    return type;
  return narrow ? b.getI32Type() : b.getI64Type();
}

/// The vector of a value, whose lanes are of type `lane`.
Value VectorRegion::vectorOf(Value value, Type lane) {
  Value vector = vectors.lookup(value);
  if (!vector) {
    Value scalar = scalars.lookupOrDefault(value);
    if (lane != scalar.getType()) {
      if (scalar.getType().isIndex())
        scalar = arith::IndexCastOp::create(b, lane, scalar);
      else
        scalar = arith::TruncIOp::create(b, lane, scalar);
    }
    return b.splat(scalar);
  }
  unsigned from = getElementTypeOrSelf(vector.getType()).getIntOrFloatBitWidth(),
           to = lane.getIntOrFloatBitWidth();
  if (from < to)
    return arith::ExtSIOp::create(b, b.vectorOf(lane), vector);
  return from > to ? Value(arith::TruncIOp::create(b, b.vectorOf(lane), vector)) : vector;
}

void VectorRegion::cloneVector(Operation &op) {
  Value result = op.getResult(0);
  if (isa<math::TanhOp>(op) && result.getType() == b.element) {
    vectors[result] = b.tanh(vectorOf(op.getOperand(0), b.element));
    return;
  }
  bool narrow = isNarrow(op);
  auto operands = llvm::map_to_vector(op.getOperands(), [&](Value operand) {
    return vectorOf(operand, laneType(operand.getType(), narrow));
  });
  OperationState state(b.getLoc(), op.getName(), operands, {b.vectorOf(laneType(result.getType(), narrow))},
                       op.getDiscardableAttrDictionary().getValue());
  state.propertiesAttr = op.getPropertiesAsAttribute();
  vectors[result] = b.create(state)->getResult(0);
}

/// Between integers: what is i32 in vectors may be so already.
void VectorRegion::cloneCast(Operation &op) {
  Value operand = op.getOperand(0), result = op.getResult(0);
  Value vector = vectorOf(operand, laneType(operand.getType(), fits32(operand)));
  Type lane = laneType(result.getType(), fits32(result));
  unsigned from = getElementTypeOrSelf(vector.getType()).getIntOrFloatBitWidth(),
           to = lane.getIntOrFloatBitWidth();
  if (from > to)
    vector = arith::TruncIOp::create(b, b.vectorOf(lane), vector);
  else if (from < to && isa<arith::ExtUIOp, arith::IndexCastUIOp>(op))
    vector = arith::ExtUIOp::create(b, b.vectorOf(lane), vector);
  else if (from < to)
    vector = arith::ExtSIOp::create(b, b.vectorOf(lane), vector);
  vectors[result] = vector;
}

void VectorRegion::cloneLoad(Operation &op) {
  auto load = cast<memref::LoadOp>(op);
  vectors[load.getResult()] = gather(b, scalars.lookupOrDefault(load.getMemRef()), [&](int64_t lane) {
    return llvm::map_to_vector(load.getIndices(), [&](Value index) { return indexOf(index, lane); });
  });
}

Value VectorRegion::indexOf(Value value, int64_t lane) {
  if (auto known = positions.find(value); known != positions.end())
    return known->second[lane];
  if (!isVector(value))
    return scalars.lookupOrDefault(value);
  Value number = vector::ExtractOp::create(b, vectors.lookup(value), lane);
  return arith::IndexCastOp::create(b, b.getIndexType(), number);
}

} // namespace gqa
