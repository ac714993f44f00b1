// Keys that a tile need not look at, by what the score region says of positions: interval reasoning on its
// i1.
#include "RegionBounds.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

/// Numbers that are known at run time only are taken to be within this, so that no sum of them overflows.
static constexpr int64_t kFar = int64_t(1) << 60;

RegionBounds::RegionBounds(AttentionOp op, const AttentionValues &values, Value batch, Value first,
                           Value last, IndexBuilder &b)
    : b(b), values(values), first(first), last(last), block(op.getScore().front()) {
  known[block.getArgument(1)] = batch;
  for (auto [argument, capture] : llvm::zip(block.getArguments().drop_front(kIndices), values.captures))
    if (argument.getType() == capture.getType())
      known[argument] = capture;
}

Value RegionBounds::find(Side side) {
  OperandRange yielded = block.getTerminator()->getOperands();
  return yielded.size() > 1 ? find(yielded[1], side) : Value();
}

Value RegionBounds::find(Value condition, Side side) {
  Operation *op = condition.getDefiningOp();
  if (auto compare = dyn_cast_if_present<arith::CmpIOp>(op))
    return findOfCompare(compare, side);
  if (!isa_and_present<arith::AndIOp, arith::OrIOp>(op))
    return nullptr;
  Value a = find(op->getOperand(0), side), c = find(op->getOperand(1), side);
  bool both = isa<arith::AndIOp>(op);
  if (!a || !c) // of two conditions that must hold one is enough
    return both ? (a ? a : c) : Value();
  return both == (side == Side::End) ? b.min(a, c) : b.max(a, c);
}

Value RegionBounds::findOfCompare(arith::CmpIOp op, Side side) {
  using Predicate = arith::CmpIPredicate;
  Predicate predicate = op.getPredicate();
  bool isEqual = predicate == Predicate::eq;
  bool isLess = predicate == Predicate::sle || predicate == Predicate::slt;
  bool isGreater = predicate == Predicate::sge || predicate == Predicate::sgt;
  if (!isEqual && !isLess && !isGreater)
    return nullptr;
  SmallVector<int64_t, 2> signs = {isGreater ? -1 : 1};
  if (isEqual)
    signs.push_back(-1);
  for (int64_t sign : signs) {
    Position notNegative; // right - left, or left - right
    notNegative.constant = predicate == Predicate::slt || predicate == Predicate::sgt ? -1 : 0;
    bool understood =
        accumulate(op.getRhs(), sign, notNegative) && accumulate(op.getLhs(), -sign, notNegative);
    if (!understood || notNegative.key != (side == Side::End ? -1 : 1))
      continue;
    Value most = mostOf(notNegative);
    if (!most)
      continue;
    Value divisor = b.index(notNegative.keyDivisor);
    return side == Side::End ? b.mul(b.add(most, b.index(1)), divisor)
                             : b.mul(b.sub(b.index(0), most), divisor);
  }
  return isEqual ? findOfNumbers(op, side) : Value();
}

bool RegionBounds::mentions(Value value, unsigned argument) {
  if (auto own = dyn_cast<BlockArgument>(value))
    return own == block.getArgument(argument);
  return llvm::any_of(value.getDefiningOp()->getOperands(),
                      [&](Value operand) { return mentions(operand, argument); });
}

/// A number that is looked up for the key, and one for the query.
Value RegionBounds::findOfNumbers(arith::CmpIOp op, Side side) {
  auto [place, isNew] = searched.try_emplace(op, Value(), Value());
  if (isNew && values.schedule.transposed)
    for (auto [ofQuery, ofKey] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())})
      if (mentions(ofQuery, kQuery) && !mentions(ofQuery, kKey) && mentions(ofKey, kKey) &&
          !mentions(ofKey, kQuery))
        place->second = searchKeys(ofQuery, ofKey);
  return side == Side::Begin ? place->second.first : place->second.second;
}

/// The first key whose number is between those of the tile's queries, and the place behind the last; null if
/// the numbers differ within the tile by anything else than query and key.
std::pair<Value, Value> RegionBounds::searchKeys(Value ofQuery, Value ofKey) {
  if (!emitAt(ofQuery, kQuery, first) || !emitAt(ofKey, kKey, b.index(0)))
    return {};
  OpBuilder::InsertionGuard guard(b);
  Value least = emitAt(ofQuery, kQuery, first), one = b.index(1);
  auto queries = scf::ForOp::create(b, b.add(first, one), b.add(last, one), one, ValueRange{least, least});
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(queries.getBody());
    Value number = emitAt(ofQuery, kQuery, queries.getInductionVar());
    Value low = arith::MinSIOp::create(b, queries.getRegionIterArgs()[0], number);
    Value high = arith::MaxSIOp::create(b, queries.getRegionIterArgs()[1], number);
    scf::YieldOp::create(b, ValueRange{low, high});
  }
  auto keys = scf::ForOp::create(b, b.index(0), values.keys, one, ValueRange{values.keys, b.index(0)});
  b.setInsertionPointToStart(keys.getBody());
  Value key = keys.getInductionVar(), number = emitAt(ofKey, kKey, key);
  Value notLess = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, number, queries.getResult(0));
  Value notMore = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, number, queries.getResult(1));
  Value isBetween = arith::AndIOp::create(b, notLess, notMore);
  Value from = keys.getRegionIterArgs()[0], behind = keys.getRegionIterArgs()[1];
  scf::YieldOp::create(b, ValueRange{arith::SelectOp::create(b, isBetween, b.min(from, key), from),
                                     arith::SelectOp::create(b, isBetween, b.add(key, one), behind)});
  return {keys.getResult(0), keys.getResult(1)};
}

Value RegionBounds::emitAt(Value value, unsigned argument, Value place) {
  DenseMap<Value, Value> outside = known;
  known[block.getArgument(argument)] = place;
  Value result = emit(value);
  known = std::move(outside); // what was emitted may stand in a loop
  return result;
}

bool RegionBounds::accumulate(Value value, int64_t factor, Position &position) {
  if (value == block.getArgument(kKey) || value == block.getArgument(kQuery))
    return addCoordinate(value, 1, factor, position);
  APInt number;
  if (matchPattern(value, m_ConstantInt(&number)) && number.getSignificantBits() < 60) {
    position.constant += factor * number.getSExtValue();
    return true;
  }
  Operation *op = value.getDefiningOp();
  auto isAtLeast = [](Type type, unsigned width) {
    return type.isIndex() || type.getIntOrFloatBitWidth() >= width;
  };
  bool isWide = isAtLeast(value.getType(), 64); // narrower sums may wrap around
  if (isa_and_present<arith::IndexCastOp>(op) && isWide && isAtLeast(op->getOperand(0).getType(), 32))
    return accumulate(op->getOperand(0), factor, position);
  if (isa_and_present<arith::AddIOp, arith::SubIOp>(op) && isWide)
    return accumulate(op->getOperand(0), factor, position) &&
           accumulate(op->getOperand(1), isa<arith::AddIOp>(op) ? factor : -factor, position);
  if (isa_and_present<arith::DivUIOp, arith::DivSIOp, arith::FloorDivSIOp>(op) &&
      matchPattern(op->getOperand(1), m_ConstantInt(&number)) && number.isStrictlyPositive() &&
      addCoordinate(op->getOperand(0), number.getSExtValue(), factor, position))
    return true;
  position.others.emplace_back(value, factor);
  return true;
}

bool RegionBounds::addCoordinate(Value value, int64_t divisor, int64_t factor, Position &position) {
  if (value == block.getArgument(kQuery)) {
    position.queries.emplace_back(divisor, factor);
    return true;
  }
  if (value != block.getArgument(kKey) || position.key != 0)
    return false;
  position.key = factor;
  position.keyDivisor = divisor;
  return true;
}

Value RegionBounds::mostOf(const Position &position) {
  Value sum = b.index(position.constant);
  auto add = [&](Value term, int64_t factor) { sum = b.add(sum, b.mul(term, b.index(factor))); };
  for (auto [divisor, factor] : position.queries)
    add(b.div(factor > 0 ? last : first, b.index(divisor)), factor);
  for (auto [value, factor] : position.others) {
    Value number = emit(value);
    if (!number || std::abs(factor) != 1)
      return nullptr;
    if (!number.getType().isIndex())
      number = b.createOrFold<arith::IndexCastOp>(b.getIndexType(), number);
    add(b.max(b.min(number, b.index(kFar)), b.index(-kFar)), factor);
  }
  return sum;
}

Value RegionBounds::emit(Value value) {
  if (Value there = known.lookup(value))
    return there;
  Operation *op = value.getDefiningOp();
  if (!op) // the score, a head, a query or a key: not the same for all of a tile
    return nullptr;
  auto capture = [&](Value tensor) -> Value {
    auto argument = dyn_cast<BlockArgument>(tensor);
    return argument && argument.getArgNumber() >= kIndices
               ? values.captures[argument.getArgNumber() - kIndices]
               : Value();
  };
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    Value buffer = capture(extract.getTensor());
    SmallVector<Value> at;
    for (auto [dim, index] : llvm::enumerate(extract.getIndices())) {
      Value place = buffer ? emit(index) : Value();
      if (!place)
        return nullptr;
      at.push_back(b.max(b.min(place, b.sub(b.size(buffer, dim), b.index(1))), b.index(0)));
    }
    return buffer ? known[value] = memref::LoadOp::create(b, buffer, at) : Value();
  }
  if (!isa<arith::ArithDialect>(op->getDialect()) || op->getNumResults() != 1)
    return nullptr;
  IRMapping operands;
  for (Value operand : op->getOperands()) {
    Value there = emit(operand);
    if (!there)
      return nullptr;
    operands.map(operand, there);
  }
  return known[value] = b.clone(*op, operands)->getResult(0);
}

} // namespace gqa
