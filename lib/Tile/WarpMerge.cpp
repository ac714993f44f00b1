// The second kernel of an attention on a GPU whose keys are split: it joins the states of a row's parts. How
// long it takes is how long memory takes to answer, so a row's parts are dealt to several warps, and each
// asks for all that it needs at once.
#include "TileBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32, kWarps = 8;
constexpr int64_t kPartsOfWarp = kLanes / kWarps; // that are on their way at a time
constexpr int64_t kWidth = 4;                     // columns of a lane: 16 bytes of f32

/// How the warps of a task are dealt: 1, 2, 4 or 8 of them to each of its rows.
struct Deal {
  Value shift; ///< of which this is the logarithm
  Value warps; ///< of a row
  Value rows;  ///< of a task
};

class MergeBuilder : TileBuilder {
public:
  MergeBuilder(AttentionOp op, const AttentionValues &values, const Deal &deal, IndexBuilder &b)
      : TileBuilder(op, values, b), deal(deal), none(constant(-std::numeric_limits<double>::infinity())),
        zero(constant(0)), type(VectorType::get(kWidth, b.getF32Type())) {}

  void build(ValueRange point) {
    bindPosition(point);
    bindRow(point[3]);
    bindColumns();
    State state = joinParts();
    state.l = tile::WarpSumOp::create(b, state.l.getType(), state.l);
    Value room = scratch({b.index(kWarps), values.valueWidth}, b.getF32Type());
    forColumns(values.valueWidth, nullptr, [&](size_t i, Value column) {
      vector::StoreOp::create(b, state.o[i], room, ValueRange{warp, column}, false, align(16));
    });
    tile::BarrierOp::create(b);
    ifThen(compare(arith::CmpIPredicate::eq, slice, b.index(0)), [&] {
      addSlices(state, room);
      finish(state);
    });
  }

private:
  using Values = SmallVector<Value>;

  /// Of a row: o for each of the lane's columns.
  struct State {
    Values o;
    Value m, l;
  };

  Value constant(double value) { return arith::ConstantOp::create(b, b.getF32FloatAttr(float(value))); }
  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return b.createOrFold<arith::CmpIOp>(predicate, x, y);
  }
  Value both(Value x, Value y) { return arith::AndIOp::create(b, x, y); }
  Value select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, condition, x, y); }
  Value splat(Value x) { return vector::BroadcastOp::create(b, type, x); }
  Value larger(Value x, Value y) { return arith::MaxNumFOp::create(b, x, y); }
  static llvm::MaybeAlign align(uint64_t bytes) { return llvm::MaybeAlign(bytes); }

  void ifThen(Value condition, function_ref<void()> body) {
    auto op = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(op.thenYield());
    body();
  }

  /// The warp's row, and which of the row's warps it is. Rows that are not there read the first one.
  void bindRow(Value task) {
    warp = tile::WarpIdOp::create(b, b.getIndexType());
    lane = tile::WarpLaneOp::create(b, b.getIndexType());
    slice = arith::AndIOp::create(b, warp, b.sub(deal.warps, b.index(1)));
    row = b.add(b.mul(task, deal.rows), arith::ShRUIOp::create(b, warp, deal.shift));
    inTile = compare(arith::CmpIPredicate::slt, row, b.mul(values.group, values.period));
    headOfRow = b.div(row, values.period);
    queryOfRow = b.rem(row, values.period);
    exists = both(inTile, compare(arith::CmpIPredicate::slt, queryOfRow, queries));
    source = select(exists, row, b.index(0));
  }

  /// The lane's columns, each 32 lanes further on; the last ones where there are no more.
  void bindColumns() {
    int64_t width = *getConstantIntValue(values.valueWidth);
    for (int64_t first = 0; first < width; first += kLanes * kWidth) {
      columns.push_back(b.add(b.mul(lane, b.index(kWidth)), b.index(first)));
      loaded.push_back(b.min(columns.back(), b.index(width - kWidth)));
    }
  }

  /// Those that are below `end`, if a condition holds.
  void forColumns(Value end, Value condition, function_ref<void(size_t, Value)> body) {
    for (size_t i = 0; i < columns.size(); ++i) {
      Value inside = compare(arith::CmpIPredicate::slt, columns[i], end);
      ifThen(condition ? both(condition, inside) : inside, [&] { body(i, columns[i]); });
    }
  }

  /// The parts of the warp's slice; of m and l, all.
  State joinParts() {
    Values init(columns.size(), splat(zero));
    init.append({none, zero});
    auto loop = scf::ForOp::create(b, b.index(0), values.splits, b.index(kLanes), init);
    auto toState = [&](ValueRange values) {
      return State{Values(values.drop_back(2)), values.drop_back().back(), values.back()};
    };
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    State next = joinRound(loop.getInductionVar(), toState(loop.getRegionIterArgs()));
    next.o.append({next.m, next.l});
    scf::YieldOp::create(b, next.o);
    return toState(loop.getResults());
  }

  /// Where the state of the row over a part of the keys is.
  Value rowOf(Value part) { return b.add(b.mul(partNumber(part), values.rows), source); }

  /// As many parts as a warp has lanes, from `first` on: each lane weighs one.
  State joinRound(Value first, State state) {
    Value last = b.sub(values.splits, b.index(1)), part = b.add(first, lane);
    Value isPart = compare(arith::CmpIPredicate::sle, part, last);
    Value place = rowOf(b.min(part, last));
    Value m = select(isPart, memref::LoadOp::create(b, values.partialM, place), none);
    Value l = select(isPart, memref::LoadOp::create(b, values.partialL, place), zero);
    Values lanes, loads;
    for (int64_t i = 0; i < kPartsOfWarp; ++i) {
      lanes.push_back(b.add(slice, b.mul(deal.warps, b.index(i))));
      Value place = rowOf(b.min(b.add(first, lanes.back()), last));
      for (Value column : loaded)
        loads.push_back(
            vector::LoadOp::create(b, type, values.partialO, ValueRange{place, column}, false, align(16)));
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

  /// Adds what the row's other warps have.
  void addSlices(State &state, Value room) {
    for (int64_t i = 1; i < kWarps; ++i) {
      Value isSlice = compare(arith::CmpIPredicate::slt, b.index(i), deal.warps);
      Value other = b.add(warp, select(isSlice, b.index(i), b.index(0)));
      for (auto [o, column] : llvm::zip(state.o, loaded)) {
        Value numbers = vector::LoadOp::create(b, type, room, ValueRange{other, column}, false, align(16));
        o = arith::AddFOp::create(b, o, select(isSlice, numbers, splat(zero)));
      }
    }
  }

  /// As tile.warp.finish, of which this is the one for rows.
  void finish(const State &state) {
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
      ifThen(both(exists, isFirst), [&, lse = lse] {
        Value power =
            arith::AddFOp::create(b, state.m, math::Log2Op::create(b, state.l)); // -inf for a dead row
        Value natural = arith::MulFOp::create(b, power, constant(0.6931471805599453));
        memref::StoreOp::create(b, natural, lse, ValueRange{headOfRow, queryOfRow});
      });
    if (values.marks)
      mark(state, dead, deadRow.getValue(), isFirst);
  }

  /// Whether the row has to be computed another way.
  void mark(const State &state, Value dead, DeadRow deadRow, Value isFirst) {
    Value sum = splat(zero); // NaN where a number is not finite: only those times 0 are not 0
    for (Value o : state.o)
      sum = math::FmaOp::create(b, o, splat(zero), sum);
    Value one = vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum);
    Value bad = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, one, one);
    Value lost = dead;
    if (deadRow != DeadRow::Uniform)
      lost = both(dead, arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, state.m, none));
    bad = tile::WarpAnyOp::create(b, b.getI1Type(), arith::OrIOp::create(b, bad, lost));
    ifThen(both(inTile, isFirst), [&] {
      Value number = arith::ExtUIOp::create(b, b.getI32Type(), both(exists, bad));
      Value fragment = b.div(row, b.index(tile::kFragmentRows));
      memref::StoreOp::create(b, number, viewMarks(fragment), b.rem(row, b.index(tile::kFragmentRows)));
    });
  }

  const Deal &deal;
  Value none, zero;
  VectorType type;
  Value warp, lane, slice;                  // which of the row's warps this is
  Value row, headOfRow, queryOfRow, source; // and the row, and where its states are
  Value inTile, exists;                     // a tile may have rows of queries that do not exist
  Values columns, loaded;                   // of the lane
};

} // namespace

void buildWarpMerge(AttentionOp op, const AttentionValues &values, bool dependent, IndexBuilder &b) {
  if (!values.partialO)
    return;
  Deal deal{b.index(0), nullptr, nullptr};
  for (int64_t warps = 1; warps < kWarps; warps *= 2) {
    Value more =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, values.splits, b.index(warps * kPartsOfWarp));
    deal.shift = b.add(deal.shift, arith::SelectOp::create(b, more, b.index(1), b.index(0)));
  }
  deal.warps = arith::ShLIOp::create(b, b.index(1), deal.shift);
  deal.rows = arith::ShRUIOp::create(b, b.index(kWarps), deal.shift);
  // With one part the first kernel has written the result.
  Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, values.splits, b.index(1));
  Value batch = arith::SelectOp::create(b, isOne, b.index(0), values.batch);
  Value tasks = b.ceilDiv(b.mul(values.group, values.period), deal.rows);
  SmallVector<Value> grid = {batch, values.kvHeads, values.blocks, tasks};
  buildKernel(
      b, grid, /*work=*/nullptr, [&](ValueRange point) { MergeBuilder(op, values, deal, b).build(point); },
      kWarps, dependent);
}

} // namespace gqa
