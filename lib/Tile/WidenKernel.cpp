// The kernel in front of an attention on a GPU that cannot widen a narrow cache on its way to the products:
// where many queries read each key, that is done once for all of them.
#include "TileBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32, kWarps = 8, kRowsOfWarp = 8;

class WidenBuilder : TileBuilder {
public:
  WidenBuilder(AttentionOp op, const AttentionValues &values, const TokenBuffers &tokens, Value wide,
               IndexBuilder &b)
      : TileBuilder(op, values, b), tokens(tokens), wide(wide) {}

  /// A row for each warp at a time, its lanes along the row.
  void build(ValueRange point) {
    batch = point[0];
    kvHead = point[1];
    bindVisible(); // what comes after may be garbage, and is not looked at
    Value warp = tile::WarpIdOp::create(b, b.getIndexType()),
          lane = tile::WarpLaneOp::create(b, b.getIndexType());
    Value first = b.mul(point[2], b.index(kWarps * kRowsOfWarp));
    Value behind = b.min(b.add(first, b.index(kWarps * kRowsOfWarp)), b.size(wide, 2));
    forEach(b.add(first, warp), behind, kWarps, [&](Value key) {
      Value isSeen = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, key, visible);
      forEach(lane, b.size(wide, 3), kLanes, [&](Value column) { store(key, column, isSeen); });
    });
  }

private:
  void forEach(Value from, Value to, int64_t step, function_ref<void(Value)> body) {
    auto loop = scf::ForOp::create(b, from, to, b.index(step));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVar());
  }

  void store(Value key, Value column, Value isSeen) {
    Type element = cast<MemRefType>(wide.getType()).getElementType();
    Value number = arith::TruncFOp::create(b, element, elementOf(tokens, key, column));
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
    memref::StoreOp::create(b, arith::SelectOp::create(b, isSeen, number, zero), wide,
                            ValueRange{batch, kvHead, key, column});
  }

  const TokenBuffers &tokens;
  Value wide;
};

} // namespace

void buildWidenKernel(AttentionOp op, const AttentionValues &values, TokenBuffers &tokens, IndexBuilder &b) {
  SmallVector<Value> dynamic, sizes;
  for (unsigned dim = 0; dim < 4; ++dim)
    sizes.push_back(b.size(tokens.cached, dim));
  Type element = cast<MemRefType>(values.q.getType()).getElementType();
  auto type = MemRefType::get(IndexBuilder::shapeOf(sizes, dynamic), element);
  Value wide = tile::DeviceAllocOp::create(b, type, dynamic);
  SmallVector<Value> grid = {values.batch, values.kvHeads,
                             b.ceilDiv(values.keys, b.index(kWarps * kRowsOfWarp))};
  buildKernel(
      b, grid, /*work=*/nullptr,
      [&](ValueRange point) { WidenBuilder(op, values, tokens, wide, b).build(point); }, kWarps);
  tokens = {wide, /*fresh=*/nullptr};
}

} // namespace gqa
