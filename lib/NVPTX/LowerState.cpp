// How a warp begins: its rows, its queries, and the state of its softmax on the way to memory and back.
#include "Runs.h"
#include "TileLowering.h"
#include "Units.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

using Values = NVVMBuilder::Values;

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
    if (op.getColumn())
      own = b.add(own, operands.getColumn().front());
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
        words.push_back(wordAt(op, operands, row, column, bytes, b));
    }
    return {words};
  }

private:
  /// Zero where the source does not have the column.
  static Value wordAt(tile::WarpQueriesOp op, Adaptor operands, Value row, int64_t column, int64_t bytes,
                      NVVMBuilder &b) {
    int64_t width = cast<MemRefType>(op.getSource().getType()).getDimSize(2);
    auto load = [&](Value at) -> Value {
      return LLVM::LoadOp::create(b, b.getI32Type(), at, /*alignment=*/4);
    };
    if (!op.getColumn())
      return column < width ? load(b.advance(row, bytes)) : b.i32(0);
    if (width % op.getQ().getType().getColumns() == 0)
      return load(b.advance(row, bytes)); // every part has all of its columns
    Value inside = b.compare(arith::CmpIPredicate::slt, b.add(operands.getColumn().front(), b.index(column)),
                             b.index(width));
    Value zero = b.index(0), first = b.addressOf(operands.getSource().front(), {zero, zero, zero});
    Value word = load(b.select(inside, b.advance(row, bytes), first));
    return b.select(inside, word, b.i32(0));
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
        b.branch(b.compare(arith::CmpIPredicate::slt, rows[row], operands.getEnd().front()), store);
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
    b.branch(b.compare(arith::CmpIPredicate::eq, b.lanePair(), b.i32(0)), [&] {
      memref::StoreOp::create(b, operands.getM()[row], operands.getMs().front(), ValueRange(place));
      memref::StoreOp::create(b, sum, operands.getLs().front(), ValueRange(place));
    });
  }
};

struct LowerWrite : WarpPattern<tile::WarpWriteOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpWriteOp op, Adaptor operands, NVVMBuilder &b) const override {
    Value result = operands.getResult().front(), columns = b.size(result, 1);
    auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
      return arith::CmpIOp::create(b, predicate, x, y);
    };
    Values rows = rowsFrom(operands.getRow().front(), b);
    Values exist = llvm::map_to_vector(
        rows, [&](Value row) { return compare(arith::CmpIPredicate::slt, row, operands.getEnd().front()); });
    Value own = b.add(operands.getColumn().front(), b.toIndex(b.lanePair()));
    for (const Run &run : runsOf(op.getSums().getType())) {
      Value column = b.add(own, b.index(run.column));
      Value inside =
          arith::AndIOp::create(b, compare(arith::CmpIPredicate::slt, column, columns),
                                compare(arith::CmpIPredicate::sge, column, operands.getFirst().front()));
      b.branch(arith::AndIOp::create(b, inside, exist[run.row]), [&] {
        writePair(b, run.of(operands.getSums()), result, {rows[run.row], column}, op.getAdd());
      });
    }
    return {};
  }

private:
  static void writePair(NVVMBuilder &b, const Values &sums, Value result, ValueRange indices, bool adds) {
    Type type = getElementTypeOrSelf(result.getType());
    auto pair = VectorType::get(2, type), wide = VectorType::get(2, b.getF32Type());
    llvm::MaybeAlign align(2 * tile::bytesOf(type));
    Value numbers = vector::FromElementsOp::create(b, wide, sums);
    if (adds) {
      Value there = vector::LoadOp::create(b, pair, result, indices, /*nontemporal=*/false, align);
      numbers = b.addF(numbers, type.isF32() ? there : Value(arith::ExtFOp::create(b, wide, there)));
    }
    if (!type.isF32())
      numbers = arith::TruncFOp::create(b, pair, numbers);
    vector::StoreOp::create(b, numbers, result, indices, /*nontemporal=*/false, align);
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

} // namespace

void populateStatePatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerRows, LowerQueries, LowerInit, LowerStore, LowerMerge, LowerWrite>(types,
                                                                                       patterns.getContext());
}

} // namespace gqa
