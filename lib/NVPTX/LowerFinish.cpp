// How a warp ends: its rows, normalised, on the way to the result, and what a kernel behind has to compute
// again.
#include "Channels.h"
#include "Runs.h"
#include "SlotRows.h"
#include "Units.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

using Values = NVVMBuilder::Values;

struct LowerFinish : WarpPattern<tile::WarpFinishOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpFinishOp op, Adaptor operands, NVVMBuilder &b) const override {
    Value out = operands.getOut().front(), bad;
    if (op.getMarks())
      bad = notFinite(operands.getO(), b);
    Values factors;
    for (int64_t row = 0; row < kLaneRows; ++row) {
      Value l = sumOverRow(b, operands.getL()[row]);
      Value head = operands.getHead()[row], query = operands.getQuery()[row];
      Value exists = arith::AndIOp::create(b, b.compare(arith::CmpIPredicate::slt, head, b.size(out, 0)),
                                           b.compare(arith::CmpIPredicate::slt, query, b.size(out, 1)));
      if (op.getMarks())
        bad = arith::OrIOp::create(b, bad,
                                   arith::AndIOp::create(b, exists, isLost(op, operands.getM()[row], l, b)));
      factors.push_back(factorOf(op, l, b));
      b.branch(exists, [&] {
        if (!op.getChannel())
          storeRow(op, operands, row, factors.back(), b);
        storeLse(op, operands, row, l, b);
      });
    }
    if (op.getChannel())
      putRows(op, operands, factors, b);
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
    b.branch(first, [&] {
      Value number = arith::ExtUIOp::create(b, b.getI32Type(), any);
      memref::StoreOp::create(b, number, operands.getMarks().front(), operands.getMark().front());
    });
  }

  static void storeLse(tile::WarpFinishOp op, Adaptor operands, int64_t row, Value l, NVVMBuilder &b) {
    if (!op.getLse())
      return;
    b.branch(b.compare(arith::CmpIPredicate::eq, b.lanePair(), b.i32(0)), [&] {
      Value power = b.addF(operands.getM()[row], b.log2(l)); // -inf for a dead row
      memref::StoreOp::create(b, b.mulF(power, b.f32(kLn2)), operands.getLse().front(),
                              ValueRange{operands.getHead()[row], operands.getQuery()[row]});
    });
  }

  /// What a row's sums are multiplied by.
  static Value factorOf(tile::WarpFinishOp op, Value l, NVVMBuilder &b) {
    Value otherwise = op.getDeadRow() == DeadRow::NaN ? b.f32(std::nan("")) : b.f32(0);
    return b.select(b.equal(l, b.f32(0)), otherwise, b.reciprocal(l));
  }

  /// The numbers of a run, two to a word.
  static Values wordsOf(const Run &run, tile::WarpFinishOp op, Adaptor operands, Value factor,
                        NVVMBuilder &b) {
    Type element = cast<MemRefType>(op.getOut().getType()).getElementType();
    Values numbers = run.of(operands.getO()), words;
    for (size_t i = 0; i < numbers.size(); i += 2)
      words.push_back(b.pack(b.mulF(numbers[i], factor), b.mulF(numbers[i + 1], factor), element));
    return words;
  }

  static void storeRow(tile::WarpFinishOp op, Adaptor operands, int64_t row, Value factor, NVVMBuilder &b) {
    Value out = operands.getOut().front(), first = operands.getColumn().front();
    tile::FragmentType sums = op.getO().getType();
    Value column = b.add(first, b.toIndex(b.laneColumn(sums.getQuads())));
    Value address = b.addressOf(out, {operands.getHead()[row], operands.getQuery()[row], column});
    std::optional<int64_t> known = getConstantIntValue(first);
    for (const Run &run : runsOf(sums)) {
      if (run.row != row)
        continue;
      auto store = [&] {
        for (auto [i, word] : llvm::enumerate(wordsOf(run, op, operands, factor, b)))
          LLVM::StoreOp::create(b, word, b.advance(address, 2 * run.column + 4 * int64_t(i)),
                                /*alignment=*/4);
      };
      if (!known)
        b.branch(b.compare(arith::CmpIPredicate::slt, b.add(first, b.index(run.column)), b.size(out, 2)),
                 store);
      else if (*known + run.column < cast<MemRefType>(op.getOut().getType()).getDimSize(2))
        store(); // a multiple of 8 columns, in quads of 16
    }
  }

  /// All rows into slot 0, 16 columns at a time: four matrices, of rows 0 to 7 and 8 to 15 with 8 columns and
  /// the next 8, as the lanes' runs are.
  static void putRows(tile::WarpFinishOp op, Adaptor operands, ValueRange factors, NVVMBuilder &b) {
    Value row = b.bitAnd(b.lane(), tile::kFragmentRows - 1), half = b.shiftRight(b.lane(), 4);
    SlotRows places(b, op.getChannel().getType(), operands.getChannel().front(), /*slot=*/b.i32(0),
                    operands.getRow().front(), row, half);
    Values words;
    for (const Run &run : runsOf(op.getO().getType())) {
      words.append(wordsOf(run, op, operands, factors[run.row], b));
      if (words.size() < 4)
        continue;
      b.storeMatrices(places.at(/*row=*/0, run.column / 16), words);
      words.clear();
    }
  }
};

/// The groups before the last one, if there are any, only say that their rows are there; one thread of the
/// last has the copy engine store the tile, a box for each panel. It waits until the rows have been read, as
/// shared memory ends with the task; that they have arrived is known when the kernel has ended.
struct LowerGroupStore : WarpPattern<tile::GroupStoreOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::GroupStoreOp op, Adaptor operands, NVVMBuilder &b) const override {
    int64_t last = b.numThreads() / kGroupThreads - 2; // of the consumers
    Value barrier = b.i32(kStoreBarrier), threads = b.i32((last + 1) * kGroupThreads);
    b.fenceForAsyncProxy();
    OpBuilder::InsertionGuard guard(b);
    if (last > 0) {
      Value isLast = b.compare(arith::CmpIPredicate::eq, operands.getGroup().front(), b.index(last));
      auto branch = scf::IfOp::create(b, isLast, /*withElseRegion=*/true);
      b.setInsertionPoint(branch.elseYield());
      NVVM::BarrierArriveOp::create(b, barrier, threads);
      b.setInsertionPoint(branch.thenYield());
    }
    NVVM::BarrierOp::create(b, TypeRange(), barrier, threads, NVVM::BarrierReductionAttr(), Value());
    Value isFirst = b.compare(arith::CmpIPredicate::eq, b.thread(), b.i32(last * kGroupThreads));
    b.branch(isFirst, [&] { storeBox(op, operands, b); });
    return {};
  }

private:
  static constexpr int64_t kStoreBarrier = 3; // 1 and 2 are turns

  static void storeBox(tile::GroupStoreOp op, Adaptor operands, NVVMBuilder &b) {
    tile::ChannelType type = op.getRows().getType();
    int64_t columns = panelRowBytesOf(type) / kMapBytes;
    for (int64_t column = 0; column < op.getMap().getType().getColumns(); column += columns) {
      Value from = b.advance(operands.getRows().front(), column / columns * panelBytesOf(type));
      Values box = {b.i32(column), b.toI32(operands.getS().front()), b.toI32(operands.getH().front()),
                    b.toI32(operands.getB().front())};
      NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(b, operands.getMap().front(), from, box,
                                                         /*l2CacheHint=*/Value(), NVVM::TMAStoreMode::TILE,
                                                         /*predicate=*/Value());
    }
    NVVM::CpAsyncBulkCommitGroupOp::create(b);
    NVVM::CpAsyncBulkWaitGroupOp::create(b, 0, b.getUnitAttr());
  }
};

} // namespace

void populateFinishPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerFinish, LowerGroupStore>(types, patterns.getContext());
}

} // namespace gqa
