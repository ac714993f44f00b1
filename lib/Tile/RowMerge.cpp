#include "RowMerge.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;

namespace gqa {

static llvm::MaybeAlign align(uint64_t bytes) { return llvm::MaybeAlign(bytes); }

RowMerge::RowMerge(AttentionOp op, const AttentionValues &values, int64_t partsOfWarp, IndexBuilder &b)
    : TileBuilder(op, values, b), partsOfWarp(partsOfWarp),
      none(constant(-std::numeric_limits<double>::infinity())), zero(constant(0)),
      type(VectorType::get(kWidth, b.getF32Type())) {
  warp = tile::WarpIdOp::create(b, b.getIndexType());
  lane = tile::WarpLaneOp::create(b, b.getIndexType());
  bindColumns();
}

Value RowMerge::constant(double value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(float(value)));
}
Value RowMerge::compare(arith::CmpIPredicate predicate, Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(predicate, x, y);
}
Value RowMerge::select(Value condition, Value x, Value y) {
  return arith::SelectOp::create(b, condition, x, y);
}
Value RowMerge::splat(Value x) { return vector::BroadcastOp::create(b, type, x); }
Value RowMerge::larger(Value x, Value y) { return arith::MaxNumFOp::create(b, x, y); }

void RowMerge::bindRow(Value row, Value slice, Value ofRow) {
  this->row = row;
  this->slice = slice;
  this->ofRow = ofRow;
  inTile = compare(arith::CmpIPredicate::slt, row, b.mul(values.group, values.period));
  headOfRow = b.div(row, values.period);
  queryOfRow = b.rem(row, values.period);
  exists = both(inTile, compare(arith::CmpIPredicate::slt, queryOfRow, queries));
  source = select(exists, row, b.index(0));
}

/// The lane's columns, each 32 lanes further on; the last ones where there are no more.
void RowMerge::bindColumns() {
  int64_t width = *getConstantIntValue(values.valueWidth);
  for (int64_t first = 0; first < width; first += kLanes * kWidth) {
    columns.push_back(b.add(b.mul(lane, b.index(kWidth)), b.index(first)));
    loaded.push_back(b.min(columns.back(), b.index(width - kWidth)));
  }
}

void RowMerge::forColumns(Value end, Value condition, function_ref<void(size_t, Value)> body) {
  for (size_t i = 0; i < columns.size(); ++i) {
    Value inside = compare(arith::CmpIPredicate::slt, columns[i], end);
    b.branch(condition ? both(condition, inside) : inside, [&] { body(i, columns[i]); });
  }
}

void RowMerge::buildRow(Value parts, Value room, int64_t warps) {
  State state = joinParts(parts);
  state.l = tile::WarpSumOp::create(b, state.l.getType(), state.l);
  forColumns(values.valueWidth, nullptr, [&](size_t i, Value column) {
    vector::StoreOp::create(b, state.o[i], room, ValueRange{warp, column}, false, align(16));
  });
  tile::BarrierOp::create(b);
  b.branch(compare(arith::CmpIPredicate::eq, slice, b.index(0)), [&] {
    addSlices(state, room, warps);
    finish(state);
  });
}

RowMerge::State RowMerge::joinParts(Value parts) {
  Value last = b.sub(parts, b.index(1));
  Values init(columns.size(), splat(zero));
  init.append({none, zero});
  auto loop = scf::ForOp::create(b, b.index(0), parts, b.index(kLanes), init);
  auto toState = [&](ValueRange values) {
    return State{Values(values.drop_back(2)), values.drop_back().back(), values.back()};
  };
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  State next = joinRound(loop.getInductionVar(), last, toState(loop.getRegionIterArgs()));
  next.o.append({next.m, next.l});
  scf::YieldOp::create(b, next.o);
  return toState(loop.getResults());
}

/// As many parts as a warp has lanes, from `first` on: each lane weighs one.
RowMerge::State RowMerge::joinRound(Value first, Value last, State state) {
  Value part = b.add(first, lane), isPart = compare(arith::CmpIPredicate::sle, part, last);
  Place place = placeOf(b.min(part, last));
  Value m = select(isPart, memref::LoadOp::create(b, place.m, place.row), none);
  Value l = select(isPart, memref::LoadOp::create(b, place.l, place.row), zero);
  Values lanes, loads;
  for (int64_t i = 0; i < partsOfWarp; ++i) {
    lanes.push_back(b.add(slice, b.mul(ofRow, b.index(i))));
    Place place = placeOf(b.min(b.add(first, lanes.back()), last));
    for (Value column : loaded)
      loads.push_back(
          vector::LoadOp::create(b, type, place.o, ValueRange{place.row, column}, false, align(16)));
  }
  Value maximum = larger(state.m, tile::WarpMaxOp::create(b, m.getType(), m));
  Value origin = larger(maximum, constant(-std::numeric_limits<float>::max())); // as -inf - -inf is NaN
  auto weightOf = [&](Value m) -> Value {
    return math::Exp2Op::create(b, arith::SubFOp::create(b, m, origin));
  };
  Value alpha = weightOf(state.m), weight = weightOf(m); // 0 where there is no part
  state.l = math::FmaOp::create(b, state.l, alpha, arith::MulFOp::create(b, l, weight));
  state.m = maximum;
  for (Value &o : state.o)
    o = arith::MulFOp::create(b, o, splat(alpha));
  for (auto [i, numbers] : llvm::enumerate(loads)) {
    Value lane = lanes[i / columns.size()], &o = state.o[i % columns.size()];
    Value ofPart = tile::WarpReadOp::create(b, weight.getType(), weight, lane);
    o = math::FmaOp::create(b, numbers, splat(ofPart), o);
  }
  return state;
}

void RowMerge::addSlices(State &state, Value room, int64_t warps) {
  for (int64_t i = 1; i < warps; ++i) {
    Value isSlice = compare(arith::CmpIPredicate::slt, b.index(i), ofRow);
    Value other = b.add(warp, select(isSlice, b.index(i), b.index(0)));
    for (auto [o, column] : llvm::zip(state.o, loaded)) {
      Value numbers = vector::LoadOp::create(b, type, room, ValueRange{other, column}, false, align(16));
      o = arith::AddFOp::create(b, o, select(isSlice, numbers, splat(zero)));
    }
  }
}

/// As tile.warp.finish, of which this is the one for rows.
void RowMerge::finish(const State &state) {
  auto [out, lse, deadRow] = viewResults();
  Value dead = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, state.l, zero);
  Value otherwise = deadRow.getValue() == DeadRow::NaN ? constant(std::nan("")) : zero;
  Value factor = select(dead, otherwise, arith::DivFOp::create(b, constant(1), state.l));
  Value rows = b.withContiguousRows(out);
  auto stored = VectorType::get(kWidth, cast<MemRefType>(out.getType()).getElementType());
  forColumns(values.valueDim, exists, [&](size_t i, Value column) {
    Value scaled = arith::MulFOp::create(b, state.o[i], splat(factor));
    vector::StoreOp::create(b, arith::TruncFOp::create(b, stored, scaled), rows,
                            ValueRange{headOfRow, queryOfRow, column}, false, align(8));
  });
  Value isFirst = compare(arith::CmpIPredicate::eq, lane, b.index(0));
  if (lse)
    b.branch(both(exists, isFirst), [&, lse = lse] {
      Value power =
          arith::AddFOp::create(b, state.m, math::Log2Op::create(b, state.l)); // -inf for a dead row
      Value natural = arith::MulFOp::create(b, power, constant(0.6931471805599453));
      memref::StoreOp::create(b, natural, lse, ValueRange{headOfRow, queryOfRow});
    });
  if (values.marks)
    mark(state, dead, deadRow.getValue(), isFirst);
}

/// Whether the row has to be computed another way.
void RowMerge::mark(const State &state, Value dead, DeadRow deadRow, Value isFirst) {
  Value sum = splat(zero); // NaN where a number is not finite: only those times 0 are not 0
  for (Value o : state.o)
    sum = math::FmaOp::create(b, o, splat(zero), sum);
  Value one = vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum);
  Value bad = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, one, one);
  Value lost = dead;
  if (deadRow != DeadRow::Uniform)
    lost = both(dead, arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, state.m, none));
  bad = tile::WarpAnyOp::create(b, b.getI1Type(), arith::OrIOp::create(b, bad, lost));
  b.branch(both(inTile, isFirst), [&] {
    Value number = arith::ExtUIOp::create(b, b.getI32Type(), both(exists, bad));
    Value fragment = b.div(row, b.index(tile::kFragmentRows));
    memref::StoreOp::create(b, number, viewMarks(fragment), b.rem(row, b.index(tile::kFragmentRows)));
  });
}

} // namespace gqa
