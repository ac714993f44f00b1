// Warps that share rows have a part of the scores each: what a lane holds goes to shared memory, 16 bytes at
// a time side by side with what the other lanes hold, and the same lane of every other warp finds it there.
#include "TileLowering.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

using Values = NVVMBuilder::Values;

constexpr int64_t kAtOnce = 4; // numbers

VectorType pieceType(NVVMBuilder &b) { return VectorType::get(kAtOnce, b.getF32Type()); }

/// Where in a row of the buffer the lane's numbers from `first` on are.
Value placeOf(int64_t first, NVVMBuilder &b) {
  return b.add(b.mul(b.toIndex(b.lane()), b.index(kAtOnce)), b.index(32 * first));
}

struct LowerShare : WarpPattern<tile::WarpShareOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpShareOp op, Adaptor operands, NVVMBuilder &b) const override {
    ValueRange s = operands.getS();
    for (size_t first = 0; first < s.size(); first += kAtOnce) {
      Value piece = vector::FromElementsOp::create(b, pieceType(b), s.slice(first, kAtOnce));
      vector::StoreOp::create(b, piece, operands.getRoom().front(),
                              ValueRange{operands.getN().front(), placeOf(int64_t(first), b)},
                              /*nontemporal=*/false, llvm::MaybeAlign(4 * kAtOnce));
    }
    return {};
  }
};

struct LowerTotal : WarpPattern<tile::WarpTotalOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpTotalOp op, Adaptor operands, NVVMBuilder &b) const override {
    int64_t count = op.getTotal().getType().getColumns() / 2;
    Values totals;
    for (int64_t first = 0; first < count; first += kAtOnce) {
      Value sum;
      for (int64_t part = 0; part < int64_t(op.getParts()); ++part) {
        Value row = b.add(operands.getFirst().front(), b.index(part));
        Value piece = vector::LoadOp::create(b, pieceType(b), operands.getRoom().front(),
                                             ValueRange{row, placeOf(first, b)}, /*nontemporal=*/false,
                                             llvm::MaybeAlign(4 * kAtOnce));
        sum = sum ? Value(arith::AddFOp::create(b, sum, piece)) : piece;
      }
      for (int64_t i = 0; i < kAtOnce; ++i)
        totals.push_back(vector::ExtractOp::create(b, sum, i));
    }
    return {totals};
  }
};

} // namespace

void populateTotalPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerShare, LowerTotal>(types, patterns.getContext());
}

} // namespace gqa
