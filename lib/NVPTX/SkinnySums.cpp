// Warps of a block have parts of each sum, which are added up in shared memory.
#include "LoopKernel.h"
#include "SkinnyStep.h"
#include "gqa/Dialect/Tile/Tile.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32, kMostWarps = 8;
constexpr int64_t kMostSums = 256; // of a lane's numbers, those of all warps: 32 KB

} // namespace

int64_t SkinnySums::warpsOf(const SkinnyForm &form, int64_t depth, int64_t products) {
  int64_t most = std::min(kMostWarps, kMostSums / form.sums()) / products;
  return std::clamp<int64_t>(depth / (form.depth * form.together), 1, most);
}

SkinnySums::SkinnySums(NVVMBuilder &b, const SkinnyForm &form, int64_t warps)
    : b(b), form(form), numWarps(warps) {
  auto type = MemRefType::get({form.sums(), warps, kLanes}, b.getF32Type());
  room = tile::ScratchOp::create(b, type, ValueRange());
}

void SkinnySums::keep(ValueRange sums) {
  Value lane = tile::WarpLaneOp::create(b, b.getIndexType()),
        warp = tile::WarpIdOp::create(b, b.getIndexType());
  for (auto [i, sum] : llvm::enumerate(sums))
    memref::StoreOp::create(b, sum, room, ValueRange{b.index(int64_t(i)), warp, lane});
}

void SkinnySums::forEach(Value rows, function_ref<void(Value, Value, Sum)> store) {
  Value width = b.index(form.columns), threads = b.index(numWarps * kLanes);
  auto points = scf::ForOp::create(b, threadOf(b), b.mul(rows, width), threads);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(points.getBody());
  Value place = points.getInductionVar(), row = b.div(place, width), column = b.rem(place, width);
  auto [lane, number] = form.find(b, column, row);
  store(row, column, [&, lane = lane, number = number](int64_t first, int64_t count) {
    Value sum = memref::LoadOp::create(b, room, ValueRange{number, b.index(first), lane});
    for (int64_t warp = first + 1; warp < first + count; ++warp)
      sum = b.addF(sum, memref::LoadOp::create(b, room, ValueRange{number, b.index(warp), lane}));
    return sum;
  });
}

Value roundSum(NVVMBuilder &b, Value sum, Type type, Value there) {
  if (there)
    sum = b.addF(sum, type.isF32() ? there : Value(arith::ExtFOp::create(b, b.getF32Type(), there)));
  return type.isF32() ? sum : Value(arith::TruncFOp::create(b, type, sum));
}

void storeSum(NVVMBuilder &b, Value sum, Value result, ArrayRef<Value> indices, bool accumulates) {
  Value there = accumulates ? Value(memref::LoadOp::create(b, result, indices)) : Value();
  Value rounded = roundSum(b, sum, getElementTypeOrSelf(result.getType()), there);
  memref::StoreOp::create(b, rounded, result, indices);
}

} // namespace gqa
