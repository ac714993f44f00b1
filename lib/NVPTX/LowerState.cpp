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

/// A word of two neighbours for each quarter of a 16 x 16 left operand; in quads the two words of a row are
/// neighbours as well.
struct LowerQueries : WarpPattern<tile::WarpQueriesOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpQueriesOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::FragmentType type = op.getQ().getType();
    Value source = operands.getSource().front(), zero = b.index(0),
          own = b.toIndex(b.laneColumn(type.getQuads()));
    int64_t width = cast<MemRefType>(source.getType()).getDimSize(2);
    Values rows;
    for (int64_t row = 0; row < kLaneRows; ++row) {
      Value head = operands.getHead()[row], query = operands.getQuery()[row];
      Value exists = arith::AndIOp::create(b, b.compare(arith::CmpIPredicate::slt, head, b.size(source, 0)),
                                           b.compare(arith::CmpIPredicate::slt, query, b.size(source, 1)));
      rows.push_back(b.addressOf(source, {b.select(exists, head, zero), b.select(exists, query, zero), own}));
    }
    Values words;
    for (int64_t column = 0; column < type.getColumns(); column += 8) {
      // Words for columns 8 further on are 4 bytes further on in a quad.
      int64_t bytes = type.getQuads() ? column / 16 * 32 + column % 16 / 2 : column * 2;
      for (Value row : rows)
        words.push_back(column < width ? Value(LLVM::LoadOp::create(b, b.getI32Type(), b.advance(row, bytes),
                                                                    /*alignment=*/4))
                                       : b.i32(0));
    }
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

/// Neighbours of a row among a lane's numbers.
struct Run {
  int64_t row;                    // of the lane's two
  int64_t column;                 // of the first, from the lane's first on
  SmallVector<int64_t, 4> places; // among the numbers

  Values of(ValueRange numbers) const {
    return llvm::map_to_vector(places, [&](int64_t place) -> Value { return numbers[place]; });
  }
};

/// All numbers of a lane. In quads, even columns are of one product and odd ones of the next.
SmallVector<Run> runsOf(tile::FragmentType sums) {
  SmallVector<Run> runs;
  int64_t step = sums.getQuads() ? 16 : 8;
  for (int64_t column = 0; column < sums.getColumns(); column += step)
    for (int64_t row = 0; row < kLaneRows; ++row) {
      int64_t first = column / 2 + 2 * row;
      if (sums.getQuads())
        runs.push_back({row, column, {first, first + 4, first + 1, first + 5}});
      else
        runs.push_back({row, column, {first, first + 1}});
    }
  return runs;
}

/// Runs in memory are as far from each other as they are long.
llvm::MaybeAlign alignmentOf(const Run &run) { return llvm::MaybeAlign(4 * run.places.size()); }

VectorType vectorOf(const Run &run, NVVMBuilder &b) {
  return VectorType::get(int64_t(run.places.size()), b.getF32Type());
}

struct LowerStore : WarpPattern<tile::WarpStoreOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpStoreOp op, Adaptor operands, NVVMBuilder &b) const override {
    Values rows = rowsFrom(operands.getRow().front(), b), sums;
    for (Value l : operands.getL())
      sums.push_back(sumOverRow(b, l));
    for (int64_t row = 0; row < kLaneRows; ++row) {
      auto store = [&] { storeRow(op, operands, row, rows[row], sums[row], b); };
      if (op.getEnd())
        b.ifThen(b.compare(arith::CmpIPredicate::slt, rows[row], operands.getEnd().front()), store);
      else
        store();
    }
    return {};
  }

private:
  static void storeRow(tile::WarpStoreOp op, Adaptor operands, int64_t row, Value place, Value sum,
                       NVVMBuilder &b) {
    tile::FragmentType type = op.getO().getType();
    Value own = b.toIndex(b.laneColumn(type.getQuads()));
    for (const Run &run : runsOf(type)) {
      if (run.row != row)
        continue;
      Value numbers = vector::FromElementsOp::create(b, vectorOf(run, b), run.of(operands.getO()));
      vector::StoreOp::create(b, numbers, operands.getOs().front(),
                              ValueRange{place, b.add(own, b.index(run.column))},
                              /*nontemporal=*/false, alignmentOf(run));
    }
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
    tile::FragmentType type = op.getO().getType();
    Values o(operands.getO().size());
    Value own = b.add(operands.getColumn().front(), b.toIndex(b.laneColumn(type.getQuads())));
    for (const Run &run : runsOf(type)) {
      Value stored = vector::LoadOp::create(b, vectorOf(run, b), operands.getOs().front(),
                                            ValueRange{rows[run.row], b.add(own, b.index(run.column))},
                                            /*nontemporal=*/false, alignmentOf(run));
      for (auto [number, place] : llvm::enumerate(run.places)) {
        Value other = vector::ExtractOp::create(b, stored, int64_t(number));
        o[place] = b.fma(operands.getO()[place], weights[run.row], b.mulF(other, weights0[run.row]));
      }
    }
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
    tile::FragmentType sums = op.getO().getType();
    Value column = b.add(first, b.toIndex(b.laneColumn(sums.getQuads())));
    Value address = b.addressOf(out, {operands.getHead()[row], operands.getQuery()[row], column});
    std::optional<int64_t> known = getConstantIntValue(first);
    for (const Run &run : runsOf(sums)) {
      if (run.row != row)
        continue;
      auto store = [&] {
        Values numbers = run.of(operands.getO());
        for (size_t i = 0; i < numbers.size(); i += 2) {
          Value word =
              b.pack(b.mulF(numbers[i], factor), b.mulF(numbers[i + 1], factor), type.getElementType());
          LLVM::StoreOp::create(b, word, b.advance(address, 2 * (run.column + int64_t(i))), /*alignment=*/4);
        }
      };
      if (!known)
        b.ifThen(b.compare(arith::CmpIPredicate::slt, b.add(first, b.index(run.column)), b.size(out, 2)),
                 store);
      else if (*known + run.column < type.getDimSize(2)) // a multiple of 8 columns, in quads of 16
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
