// How a warp begins and ends: its rows, its queries, and the state of its softmax on the way to memory and
// back.
#include "TileLowering.h"
#include "Units.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

using Values = NVVMBuilder::Values;

Value sumOverRow(NVVMBuilder &b, Value x) {
  return b.overRow(x, [&](Value x, Value y) { return b.addF(x, y); });
}

struct LowerRows : WarpPattern<tile::WarpRowsOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpRowsOp op, Adaptor operands, NVVMBuilder &b) const override {
    Value first = b.add(b.toI32(operands.getFirst().front()), b.laneRow());
    Value queries = b.toI32(operands.getQueries().front());
    SmallVector<Values> positions(2);
    for (int64_t row = 0; row < kLaneRows; ++row) {
      Value number = b.add(first, b.i32(8 * row));
      positions[0].push_back(b.toIndex(b.createOrFold<arith::DivUIOp>(number, queries)));
      positions[1].push_back(b.toIndex(b.createOrFold<arith::RemUIOp>(number, queries)));
    }
    return positions;
  }
};

/// A word of two neighbours for each quarter of a 16 x 16 left operand.
struct LowerQueries : WarpPattern<tile::WarpQueriesOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpQueriesOp op, Adaptor operands, NVVMBuilder &b) const override {
    Value source = operands.getSource().front(), zero = b.index(0), pair = b.toIndex(b.lanePair());
    int64_t width = cast<MemRefType>(source.getType()).getDimSize(2);
    Values rows;
    for (int64_t row = 0; row < kLaneRows; ++row) {
      Value head = operands.getHead()[row], query = operands.getQuery()[row];
      Value exists = arith::AndIOp::create(b, b.compare(arith::CmpIPredicate::slt, head, b.size(source, 0)),
                                           b.compare(arith::CmpIPredicate::slt, query, b.size(source, 1)));
      rows.push_back(
          b.addressOf(source, {b.select(exists, head, zero), b.select(exists, query, zero), pair}));
    }
    Values words;
    for (int64_t column = 0; column < op.getQ().getType().getColumns(); column += 8)
      for (Value row : rows)
        words.push_back(column < width ? Value(LLVM::LoadOp::create(
                                             b, b.getI32Type(), b.advance(row, column * 2), /*alignment=*/4))
                                       : b.i32(0));
    return {words};
  }
};

struct LowerInit : WarpPattern<tile::WarpInitOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpInitOp op, Adaptor operands, NVVMBuilder &b) const override {
    Values o(op.getO().getType().getColumns() / 2, b.f32(0)), m, l;
    Value none = b.infinity(/*negative=*/true);
    for (int64_t row = 0; row < kLaneRows; ++row) {
      if (!op.getSinks()) {
        m.push_back(none);
        l.push_back(b.f32(0));
        continue;
      }
      Value sink = loadSink(operands.getSinks().front(), operands.getHead()[row], b);
      m.push_back(b.mulTowardsZero(sink, b.f32(kLog2e)));
      // The sum is over the lanes of the row, of which the first has the sink.
      Value first = b.compare(arith::CmpIPredicate::eq, b.lanePair(), b.i32(0));
      Value counts = b.select(b.equal(sink, none), b.f32(0), b.f32(1));
      l.push_back(b.select(first, counts, b.f32(0)));
    }
    return {o, m, l};
  }

private:
  static Value loadSink(Value sinks, Value head, NVVMBuilder &b) {
    Value last = b.sub(b.size(sinks, 0), b.index(1));
    Value sink = memref::LoadOp::create(b, sinks, ValueRange(b.min(head, last)));
    unsigned width = sink.getType().getIntOrFloatBitWidth();
    if (width < 32)
      return arith::ExtFOp::create(b, b.getF32Type(), sink);
    return width == 32 ? sink : Value(arith::TruncFOp::create(b, b.getF32Type(), sink));
  }
};

/// The two rows of the lane from `row` on.
Values rowsFrom(Value row, NVVMBuilder &b) {
  Value first = b.add(row, b.toIndex(b.laneRow()));
  return {first, b.add(first, b.index(8))};
}

/// Two neighbours of a row, from an even column on.
constexpr int64_t kPairBytes = 8;

/// The columns where a lane's pairs of `numbers` are, and which of its rows each is in.
template <typename Body> void forEachPair(size_t numbers, Value first, NVVMBuilder &b, Body body) {
  for (size_t i = 0; i < numbers; i += 2)
    body(i, int64_t(i) / 2 % 2, b.add(first, b.index(int64_t(i) / 4 * 8)));
}

struct LowerStore : WarpPattern<tile::WarpStoreOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpStoreOp op, Adaptor operands, NVVMBuilder &b) const override {
    Values rows = rowsFrom(operands.getRow().front(), b), sums;
    for (Value l : operands.getL())
      sums.push_back(sumOverRow(b, l));
    for (int64_t row = 0; row < kLaneRows; ++row) {
      auto store = [&] { storeRow(operands, row, rows[row], sums[row], b); };
      if (op.getEnd())
        b.ifThen(b.compare(arith::CmpIPredicate::slt, rows[row], operands.getEnd().front()), store);
      else
        store();
    }
    return {};
  }

private:
  static void storeRow(Adaptor operands, int64_t row, Value place, Value sum, NVVMBuilder &b) {
    ValueRange o = operands.getO();
    forEachPair(o.size(), b.toIndex(b.lanePair()), b, [&](size_t i, int64_t rowOfPair, Value column) {
      if (rowOfPair != row)
        return;
      Value pair = vector::FromElementsOp::create(b, VectorType::get(2, b.getF32Type()), o.slice(i, 2));
      vector::StoreOp::create(b, pair, operands.getOs().front(), ValueRange{place, column},
                              /*nontemporal=*/false, llvm::MaybeAlign(kPairBytes));
    });
    b.ifThen(b.compare(arith::CmpIPredicate::eq, b.lanePair(), b.i32(0)), [&] {
      memref::StoreOp::create(b, operands.getM()[row], operands.getMs().front(), ValueRange(place));
      memref::StoreOp::create(b, sum, operands.getLs().front(), ValueRange(place));
    });
  }
};

struct LowerMerge : WarpPattern<tile::WarpMergeOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpMergeOp op, Adaptor operands, NVVMBuilder &b) const override {
    Value first = b.compare(arith::CmpIPredicate::eq, b.lanePair(), b.i32(0));
    Values rows = rowsFrom(operands.getRow().front(), b), weights, weights0, m, l;
    for (int64_t row = 0; row < kLaneRows; ++row) {
      Value m0 = memref::LoadOp::create(b, operands.getMs().front(), ValueRange(rows[row]));
      Value l0 = memref::LoadOp::create(b, operands.getLs().front(), ValueRange(rows[row]));
      m.push_back(b.maxF(operands.getM()[row], m0));
      Value origin = originOf(b, m.back());
      weights.push_back(weightOf(b, operands.getM()[row], origin));
      weights0.push_back(weightOf(b, m0, origin));
      Value sum = b.mulF(b.select(first, l0, b.f32(0)), weights0.back()); // whole, so one lane has it
      l.push_back(b.fma(operands.getL()[row], weights.back(), sum));
    }
    Values o;
    Value columns = b.add(operands.getColumn().front(), b.toIndex(b.lanePair()));
    forEachPair(operands.getO().size(), columns, b, [&](size_t i, int64_t row, Value column) {
      Value pair = vector::LoadOp::create(b, VectorType::get(2, b.getF32Type()), operands.getOs().front(),
                                          ValueRange{rows[row], column}, /*nontemporal=*/false,
                                          llvm::MaybeAlign(kPairBytes));
      for (int64_t number : {0, 1}) {
        Value other = vector::ExtractOp::create(b, pair, number);
        o.push_back(b.fma(operands.getO()[i + number], weights[row], b.mulF(other, weights0[row])));
      }
    });
    return {o, m, l};
  }
};

struct LowerFinish : WarpPattern<tile::WarpFinishOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpFinishOp op, Adaptor operands, NVVMBuilder &b) const override {
    Value out = operands.getOut().front(), pair = b.lanePair(), bad;
    if (op.getMarks())
      bad = notFinite(operands.getO(), b);
    for (int64_t row = 0; row < kLaneRows; ++row) {
      Value l = sumOverRow(b, operands.getL()[row]);
      Value head = operands.getHead()[row], query = operands.getQuery()[row];
      Value exists = arith::AndIOp::create(b, b.compare(arith::CmpIPredicate::slt, head, b.size(out, 0)),
                                           b.compare(arith::CmpIPredicate::slt, query, b.size(out, 1)));
      if (op.getMarks())
        bad = arith::OrIOp::create(b, bad,
                                   arith::AndIOp::create(b, exists, isLost(op, operands.getM()[row], l, b)));
      b.ifThen(exists, [&] {
        storeRow(op, operands, row, l, b);
        if (op.getLse())
          b.ifThen(b.compare(arith::CmpIPredicate::eq, pair, b.i32(0)), [&] {
            Value power = b.addF(operands.getM()[row], b.log2(l)); // -inf for a dead row
            memref::StoreOp::create(b, b.mulF(power, b.f32(kLn2)), operands.getLse().front(),
                                    ValueRange{head, query});
          });
      });
    }
    if (op.getMarks())
      mark(bad, operands, b);
    return {};
  }

private:
  /// Whether one of the numbers is NaN or infinite: only those times 0 are not 0.
  static Value notFinite(ValueRange numbers, NVVMBuilder &b) {
    Value sum = b.f32(0);
    for (Value number : numbers)
      sum = b.fma(number, b.f32(0), sum);
    return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, sum, sum);
  }

  /// Whether a row has no sum though it may need one: it is dead and wants a mean, or rounding moved the
  /// maximum of enormous scores so far that no exponential is left.
  static Value isLost(tile::WarpFinishOp op, Value m, Value l, NVVMBuilder &b) {
    Value none = b.equal(l, b.f32(0));
    if (op.getDeadRow() == DeadRow::Uniform)
      return none;
    Value seen = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, m, b.infinity(/*negative=*/true));
    return arith::AndIOp::create(b, none, seen);
  }

  static void mark(Value bad, Adaptor operands, NVVMBuilder &b) {
    Value any = b.anyLane(bad), first = b.compare(arith::CmpIPredicate::eq, b.lane(), b.i32(0));
    b.ifThen(first, [&] {
      Value number = arith::ExtUIOp::create(b, b.getI32Type(), any);
      memref::StoreOp::create(b, number, operands.getMarks().front(), operands.getMark().front());
    });
  }

  static void storeRow(tile::WarpFinishOp op, Adaptor operands, int64_t row, Value l, NVVMBuilder &b) {
    Value out = operands.getOut().front(), factor = b.reciprocal(l), first = operands.getColumn().front();
    Value dead = b.equal(l, b.f32(0));
    Value otherwise = op.getDeadRow() == DeadRow::NaN ? b.f32(std::nan("")) : b.f32(0);
    factor = b.select(dead, otherwise, factor);
    auto type = cast<MemRefType>(out.getType());
    Value column = b.add(first, b.toIndex(b.lanePair()));
    Value address = b.addressOf(out, {operands.getHead()[row], operands.getQuery()[row], column});
    std::optional<int64_t> known = getConstantIntValue(first);
    for (int64_t tile = 0; tile < op.getO().getType().getColumns() / 8; ++tile) {
      ValueRange numbers = operands.getO().slice(4 * tile + 2 * row, 2);
      auto store = [&] {
        Value word = b.pack(b.mulF(numbers[0], factor), b.mulF(numbers[1], factor), type.getElementType());
        LLVM::StoreOp::create(b, word, b.advance(address, 16 * tile), /*alignment=*/4);
      };
      if (!known)
        b.ifThen(b.compare(arith::CmpIPredicate::slt, b.add(first, b.index(8 * tile)), b.size(out, 2)),
                 store);
      else if (*known + 8 * tile < type.getDimSize(2)) // a multiple of 8 columns
        store();
    }
  }
};

} // namespace

void populateStatePatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerRows, LowerQueries, LowerInit, LowerStore, LowerMerge, LowerFinish>(
      types, patterns.getContext());
}

} // namespace gqa
