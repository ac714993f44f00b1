// How a warp ends: its rows, normalised, on the way to the result, and what a kernel behind has to compute
// again.
#include "Runs.h"
#include "TileLowering.h"
#include "Units.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

using Values = NVVMBuilder::Values;

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

void populateFinishPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerFinish>(types, patterns.getContext());
}

} // namespace gqa
