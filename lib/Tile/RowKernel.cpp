// Attention row by row: each warp computes one, its lanes along the head dimension. Slow, but it reads
// operands as they lie, of any type, width, stride and alignment; and it computes what a tile cannot: rows
// whose hidden values are not finite (a product multiplies them by 0, which is NaN), and rows without a
// visible key that are to be a mean.
#include "TileBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <limits>

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32, kWarps = 8;

class RowBuilder : TileBuilder {
public:
  RowBuilder(AttentionOp op, const AttentionValues &values, IndexBuilder &b)
      : TileBuilder(op, values, b), none(constant(-std::numeric_limits<double>::infinity())) {
    lane = tile::WarpLaneOp::create(b, b.getIndexType());
    warp = tile::WarpIdOp::create(b, b.getIndexType());
  }

  /// A row of its own for each warp.
  void buildAll(ValueRange point) {
    batch = point[0];
    head = point[1];
    query = b.add(b.mul(point[2], b.index(kWarps)), warp);
    b.branch(compare(arith::CmpIPredicate::slt, query, values.queries), [&] { buildRow(); });
  }

  /// The rows of a tile's fragments that are marked.
  void buildMarked(ValueRange point) {
    bindPosition(point);
    Value firstHead = head, firstQuery = query, rows = b.mul(values.period, values.group);
    b.branch(isMarked(b.index(0), rows), [&] {
      auto loop = scf::ForOp::create(b, warp, rows, b.index(kWarps));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value row = loop.getInductionVar(), first = b.roundDown(row, tile::kFragmentRows);
      head = b.add(firstHead, b.div(row, values.period));
      query = b.add(firstQuery, b.rem(row, values.period));
      Value exists = compare(arith::CmpIPredicate::slt, query, values.queries);
      Value fragment = b.min(b.sub(rows, first), b.index(tile::kFragmentRows));
      b.branch(arith::AndIOp::create(b, isMarked(first, fragment), exists), [&] { buildRow(); });
    });
  }

private:
  using Values = SmallVector<Value>;

  /// Whether a mark of so many rows of the tile, from the first of a fragment on, is set. A fragment has one
  /// for each part of its columns, or where parts of keys were merged, one for each of its rows.
  Value isMarked(Value first, Value rows) {
    int64_t fragmentsOfTile = *getConstantIntValue(values.rows) / tile::kFragmentRows;
    int64_t fragmentsOfParts = *getConstantIntValue(b.size(values.marks, 1));
    Value isSplit = compare(arith::CmpIPredicate::sgt, values.splits, b.index(1)), any;
    Value step = select(isSplit, b.index(1), b.index(tile::kFragmentRows)), last = b.sub(rows, b.index(1));
    for (int64_t number = 0; number < kMostHeadsOfTile; number += kLanes) {
      Value row = b.add(first, b.min(b.mul(b.add(lane, b.index(number)), step), last));
      Value place = select(isSplit, b.rem(row, b.index(tile::kFragmentRows)), b.index(0));
      Value fragment = b.div(row, b.index(tile::kFragmentRows));
      for (int64_t behind = 0; behind < fragmentsOfParts; behind += fragmentsOfTile) {
        Value part = select(isSplit, b.index(0), b.index(behind));
        Value mark = memref::LoadOp::create(b, viewMarks(b.add(fragment, part)), place);
        any = any ? arith::OrIOp::create(b, any, mark) : mark;
      }
    }
    return tile::WarpAnyOp::create(b, b.getI1Type(), compare(arith::CmpIPredicate::ne, any, i32(0)));
  }

  Value constant(double value) { return arith::ConstantOp::create(b, b.getFloatAttr(b.getF32Type(), value)); }
  Value i32(int64_t value) { return arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(value))); }
  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return b.createOrFold<arith::CmpIOp>(predicate, x, y);
  }
  Value isEqual(Value x, Value y) { return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, y); }
  Value select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, condition, x, y); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(b, x, y, z); }
  Value exp(Value x) { return math::ExpOp::create(b, x); }

  Values foldAll(Value from, Value to, Value step, Values init,
                 function_ref<Values(Value, ValueRange)> body) {
    auto loop = scf::ForOp::create(b, from, to, step, init);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(b, body(loop.getInductionVar(), loop.getRegionIterArgs()));
    return loop.getResults();
  }
  Value fold(Value from, Value to, Value step, Value init, function_ref<Value(Value, Value)> body) {
    return foldAll(from, to, step, {init}, [&](Value i, ValueRange so) { return Values{body(i, so[0])}; })[0];
  }

  Value toF32(Value x) {
    unsigned width = x.getType().getIntOrFloatBitWidth();
    if (width < 32)
      return arith::ExtFOp::create(b, b.getF32Type(), x);
    return width == 32 ? x : Value(arith::TruncFOp::create(b, b.getF32Type(), x));
  }

  /// The lane's columns of a row, each 32 further on; of the last one where there are no more.
  Values columns(int64_t dim) {
    Values places;
    for (int64_t first = 0; first < dim; first += kLanes)
      places.push_back(b.min(b.add(lane, b.index(first)), b.index(dim - 1)));
    return places;
  }

  Values loadRow(const TokenBuffers &tokens, Value key, int64_t dim) {
    return llvm::map_to_vector(columns(dim),
                               [&](Value column) { return elementOf(tokens, tokenHead(), key, column); });
  }

  void buildRow() {
    kvHead = b.div(head, values.group); // of the parts, where groups are cut
    queries = b.index(1);
    bindBand(); // of one query, it is exactly what the query sees
    int64_t dim = op.getKeyDim(), valueDim = op.getValueDim();
    TokenBuffers tokens = queryTokens();
    Values q = llvm::map_to_vector(columns(dim),
                                   [&](Value column) { return elementOf(tokens, head, query, column); });
    for (auto [number, first] : llvm::zip(q, llvm::seq<int64_t>(0, int64_t(q.size()))))
      number = select(compare(arith::CmpIPredicate::slt, b.add(lane, b.index(first * kLanes)), b.index(dim)),
                      number, constant(0)); // a column counts once
    Values state(llvm::divideCeil(valueDim, kLanes), constant(0));
    llvm::append_range(state, initialState());
    state = foldAll(begin, end, b.index(1), state,
                    [&](Value key, ValueRange so) { return step(q, key, Values(so.begin(), so.end())); });
    store(state);
  }

  /// m and l.
  Values initialState() {
    if (!values.sinks)
      return {none, constant(0)};
    Value sink = toF32(memref::LoadOp::create(b, values.sinks, head));
    Value maximum = arith::DivFOp::create(b, sink, values.unit);
    return {maximum, select(isEqual(sink, none), constant(0), constant(1))};
  }

  /// One key: the state is a number of o for each of the lane's columns, then m and l.
  Values step(ArrayRef<Value> q, Value key, Values state) {
    Value l = state.pop_back_val(), m = state.pop_back_val(), dot = constant(0);
    for (auto [x, y] : llvm::zip(q, loadRow(values.k, key, op.getKeyDim())))
      dot = fma(x, y, dot);
    Value s = tile::WarpSumOp::create(b, dot.getType(), dot);
    if (values.scored)
      s = score(s, key);
    Value maximum = arith::MaxNumFOp::create(b, m, s), hidden = isEqual(s, none);
    Value shift = select(isEqual(maximum, none), constant(0), maximum);
    auto weightOf = [&](Value x) { return exp(mul(arith::SubFOp::create(b, x, shift), values.unit)); };
    Value alpha = weightOf(m), p = select(hidden, constant(0), weightOf(s));
    for (auto [o, v] : llvm::zip(state, loadRow(values.v, key, op.getValueDim())))
      o = fma(o, alpha, select(hidden, constant(0), mul(p, v))); // not even NaN comes from a hidden value
    state.push_back(maximum);
    state.push_back(fma(l, alpha, p));
    return state;
  }

  Value score(Value s, Value key) {
    Values at = {batch, head, query, key};
    Value x = mul(s, values.scale);
    if (std::optional<APFloat> cap = op.getSoftcap()) {
      Value value = constant(cap->convertToDouble());
      x = mul(value, math::TanhOp::create(b, arith::DivFOp::create(b, x, value)));
    }
    return values.bias || values.mask || op.hasScore() ? inlineRegion(x, at) : x;
  }

  Value inlineRegion(Value x, ArrayRef<Value> at) {
    Region region;
    buildWholeRegion(op, values, region, b);
    Values arguments = {x};
    llvm::append_range(arguments, at);
    SmallVector<Value> yielded = b.cloneBody(region.front(), arguments);
    return yielded.size() == 1 ? yielded[0] : select(yielded[1], yielded[0], none);
  }

  void store(Values state) {
    Value l = state.pop_back_val(), m = state.pop_back_val();
    Value dead = isEqual(l, constant(0)), divisor = l;
    DeadRow deadRow = values.sinks ? DeadRow::Zero : op.getDeadRow();
    if (deadRow == DeadRow::Zero)
      divisor = select(dead, constant(1), l);
    else if (deadRow == DeadRow::Uniform)
      std::tie(state, divisor) = meanIf(dead, state, l);
    Type type = cast<MemRefType>(values.output.getType()).getElementType();
    for (auto [index, o] : llvm::enumerate(state)) {
      Value column = b.add(lane, b.index(int64_t(index) * kLanes));
      b.branch(compare(arith::CmpIPredicate::slt, column, values.valueDim), [&, o = o] {
        Value quotient = arith::DivFOp::create(b, o, divisor);
        if (type != quotient.getType())
          quotient = arith::TruncFOp::create(b, type, quotient);
        memref::StoreOp::create(b, quotient, values.output, ValueRange{batch, head, query, column});
      });
    }
    if (values.lse)
      b.branch(compare(arith::CmpIPredicate::eq, lane, b.index(0)), [&] {
        Value lse = fma(m, values.unit, math::LogOp::create(b, l)); // -inf for a dead row
        memref::StoreOp::create(b, select(dead, none, lse), values.lse, ValueRange{batch, head, query});
      });
  }

  /// All values added up and how many they are, if `dead`.
  std::pair<Values, Value> meanIf(Value dead, Values state, Value l) {
    Value last = select(dead, visible, b.index(0));
    state = foldAll(b.index(0), last, b.index(1), state, [&](Value key, ValueRange so) {
      Values next;
      for (auto [o, v] : llvm::zip(so, loadRow(values.v, key, op.getValueDim())))
        next.push_back(add(o, v));
      return next;
    });
    Value count = arith::IndexCastOp::create(b, b.getI64Type(), b.max(visible, b.index(1)));
    return {state, select(dead, arith::SIToFPOp::create(b, b.getF32Type(), count), l)};
  }

  Value none, lane, warp;
};

} // namespace

void buildRowKernel(AttentionOp op, const AttentionValues &values, IndexBuilder &b) {
  SmallVector<Value> grid = {values.batch, b.size(values.q, 1), b.ceilDiv(values.queries, b.index(kWarps))};
  buildKernel(
      b, grid, /*work=*/nullptr, [&](ValueRange point) { RowBuilder(op, values, b).buildAll(point); },
      kWarps);
}

void buildMarkedRowKernel(AttentionOp op, const AttentionValues &values, IndexBuilder &b) {
  if (!values.marks)
    return;
  SmallVector<Value> grid = {values.batch, values.kvHeads, values.blocks};
  buildKernel(
      b, grid, /*work=*/nullptr, [&](ValueRange point) { RowBuilder(op, values, b).buildMarked(point); },
      kWarps);
}

} // namespace gqa
