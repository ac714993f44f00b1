// Into how many parts keys are split on a GPU. Tasks run in waves, as many at a time as fit; a last wave that
// is not full leaves multiprocessors idle.
#include "AttentionFunction.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kMostSplits = 128;
constexpr int64_t kLeastBlocks = 4;  // fewer blocks of keys are not worth a merge
constexpr double kFull = 0.8;        // of the multiprocessors are busy without a split
constexpr double kAlmostBest = 0.85; // the smallest split that fills the waves so well is taken

class WaveSplits {
public:
  WaveSplits(Value tiles, Value keyBlocks, int64_t resident, IndexBuilder &b)
      : b(b), tiles(tiles), keyBlocks(keyBlocks) {
    Value processors = tile::DeviceProcessorsOp::create(b, b.getIndexType());
    slots = b.mul(processors, b.index(resident));
    full = b.div(b.mul(processors, b.index(int64_t(100 * kFull))), b.index(100));
  }

  Value build() {
    Value most = b.min(b.min(keyBlocks, b.index(kMostSplits)), slots), one = b.index(1);
    Value few = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, keyBlocks, b.index(kLeastBlocks));
    Value busy = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, tiles, full);
    Value none = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, tiles, b.index(0));
    most = b.createOrFold<arith::SelectOp>(arith::OrIOp::create(b, arith::OrIOp::create(b, few, busy), none),
                                           one, most);
    Value best = forEachSplit(most, constant(0.0), [&](Value split, Value best) -> Value {
      return arith::MaximumFOp::create(b, best, fillOf(split));
    });
    Value enough = arith::MulFOp::create(b, best, constant(kAlmostBest)), zero = b.index(0);
    return forEachSplit(most, zero, [&](Value split, Value chosen) -> Value {
      Value good = arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, fillOf(split), enough);
      Value first = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, chosen, zero);
      return arith::SelectOp::create(b, arith::AndIOp::create(b, good, first), split, chosen);
    });
  }

private:
  Value constant(double value) { return arith::ConstantOp::create(b, b.getF32FloatAttr(float(value))); }

  Value toFloat(Value index) {
    return arith::SIToFPOp::create(b, b.getF32Type(), arith::IndexCastOp::create(b, b.getI64Type(), index));
  }

  Value forEachSplit(Value most, Value init, function_ref<Value(Value, Value)> step) {
    auto loop = scf::ForOp::create(b, b.index(1), b.add(most, b.index(1)), b.index(1), ValueRange(init));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value next = step(loop.getInductionVar(), loop.getRegionIterArg(0));
    scf::YieldOp::create(b, next);
    return loop.getResult(0);
  }

  /// The share of the slots of all waves that have a task; 0 where one part less has parts as long.
  Value fillOf(Value split) {
    Value tasks = b.mul(tiles, split), waves = b.ceilDiv(tasks, slots);
    Value fill = arith::DivFOp::create(b, toFloat(tasks), toFloat(b.mul(waves, slots)));
    Value less = b.max(b.sub(split, b.index(1)), b.index(1));
    Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, split, b.index(1));
    Value shorter = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, b.ceilDiv(keyBlocks, split),
                                          b.ceilDiv(keyBlocks, less));
    return arith::SelectOp::create(b, arith::OrIOp::create(b, isOne, shorter), fill, constant(0.0));
  }

  IndexBuilder &b;
  Value tiles, keyBlocks, slots, full;
};

} // namespace

Value buildWaveSplits(Value tiles, Value keyBlocks, int64_t resident, IndexBuilder &b) {
  if (std::optional<int64_t> known = getConstantIntValue(keyBlocks); known && *known <= kLeastBlocks)
    return b.index(1);
  return WaveSplits(tiles, keyBlocks, resident, b).build();
}

} // namespace gqa
