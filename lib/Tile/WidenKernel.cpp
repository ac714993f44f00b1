// The kernels in front of an attention on a GPU that cannot widen narrow operands on their way to the
// products.
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
  WidenBuilder(AttentionOp op, const AttentionValues &values, Value wide, IndexBuilder &b)
      : TileBuilder(op, values, b), wide(wide) {}

  /// Keys or values. What comes behind the last that is visible may be garbage, and is not looked at.
  void buildTokens(const TokenBuffers &tokens, ValueRange point) {
    batch = point[0];
    bindVisible();
    build(tokens, point);
  }

  void buildQueries(ValueRange point) {
    batch = point[0];
    visible = values.queries;
    build(queryTokens(), point);
  }

private:
  /// A row for each warp at a time, its lanes along the row.
  void build(const TokenBuffers &tokens, ValueRange point) {
    Value warp = tile::WarpIdOp::create(b, b.getIndexType()),
          lane = tile::WarpLaneOp::create(b, b.getIndexType());
    Value first = b.mul(point[2], b.index(kWarps * kRowsOfWarp));
    Value behind = b.min(b.add(first, b.index(kWarps * kRowsOfWarp)), b.size(wide, 2));
    forEach(b.add(first, warp), behind, kWarps, [&](Value token) {
      Value isSeen = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, token, visible);
      forEach(lane, b.size(wide, 3), kLanes, [&](Value column) {
        store(elementOf(tokens, point[1], token, column), {batch, point[1], token, column}, isSeen);
      });
    });
  }

  void forEach(Value from, Value to, int64_t step, function_ref<void(Value)> body) {
    auto loop = scf::ForOp::create(b, from, to, b.index(step));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVar());
  }

  void store(Value x, ArrayRef<Value> place, Value isSeen) {
    Type element = cast<MemRefType>(wide.getType()).getElementType();
    Value number = arith::TruncFOp::create(b, element, x);
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
    memref::StoreOp::create(b, arith::SelectOp::create(b, isSeen, number, zero), wide, place);
  }

  Value wide;
};

/// Memory for the numbers of a narrow buffer in the attention's type, and a kernel that fills it.
Value widen(AttentionOp op, const AttentionValues &values, Value narrow,
            function_ref<void(WidenBuilder, ValueRange)> body, IndexBuilder &b) {
  SmallVector<Value> dynamic, sizes;
  for (unsigned dim = 0; dim < 4; ++dim)
    sizes.push_back(b.size(narrow, dim));
  Type element = cast<MemRefType>(values.output.getType()).getElementType();
  auto type = MemRefType::get(IndexBuilder::shapeOf(sizes, dynamic), element);
  Value wide = tile::DeviceAllocOp::create(b, type, dynamic);
  SmallVector<Value> grid = {sizes[0], sizes[1], b.ceilDiv(sizes[2], b.index(kWarps * kRowsOfWarp))};
  buildKernel(
      b, grid, /*work=*/nullptr, [&](ValueRange point) { body(WidenBuilder(op, values, wide, b), point); },
      kWarps);
  return wide;
}

} // namespace

void buildWidenKernel(AttentionOp op, const AttentionValues &values, TokenBuffers &tokens, IndexBuilder &b) {
  auto body = [&](WidenBuilder builder, ValueRange point) { builder.buildTokens(tokens, point); };
  tokens = {widen(op, values, tokens.cached, body, b), /*fresh=*/nullptr};
}

void buildWidenQueries(AttentionOp op, AttentionValues &values, IndexBuilder &b) {
  auto body = [&](WidenBuilder builder, ValueRange point) { builder.buildQueries(point); };
  values.q = widen(op, values, values.q, body, b);
  values.queryDequantize = nullptr;
  values.queryScale = nullptr;
}

} // namespace gqa
