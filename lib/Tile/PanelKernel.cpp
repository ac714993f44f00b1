// The kernel in front of an interleaved attention: values become panels once per key/value head, not once for
// every block of queries.
#include "TileBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {

/// Keys of one task: enough to pay for its start.
static constexpr int64_t kKeysOfTask = 8 * tile::kRegisterDepth;

Value TileBuilder::packPanels(const TokenBuffers &rows, Value room, Value joint) {
  Value source = joint ? packRows(rows, joint) : rows.cached;
  // As many panels as there are keys for, of which the last may be part empty.
  Value depth = b.index(tile::kRegisterDepth), panels = b.ceilDiv(b.size(source, 0), depth),
        zero = b.index(0);
  Value used = b.view(room, {zero, zero, zero}, {panels, values.valueWidth, depth});
  auto pack = tile::PackOp::create(b, used.getType(), source, used);
  pack.setTransposed(true);
  return pack;
}

namespace {

class PanelBuilder : TileBuilder {
public:
  PanelBuilder(AttentionOp op, const AttentionValues &values, IndexBuilder &b) : TileBuilder(op, values, b) {}

  void build(ValueRange point) {
    batch = point[0];
    kvHead = point[1];
    bindVisible(); // what comes after may be garbage, and is not looked at
    Value zero = b.index(0), depth = b.index(tile::kRegisterDepth), step = b.index(kKeysOfTask);
    Value key = b.mul(point[2], step), keys = b.max(b.min(step, b.sub(visible, key)), zero);
    TokenBuffers rows = rowsOf(values.v, key, keys, values.valueDim);
    Value room = b.view(values.panels, {batch, kvHead, b.div(key, depth), zero, zero},
                        {nullptr, nullptr, b.ceilDiv(keys, depth), values.valueWidth, depth});
    Value joint = rows.fresh || rows.dequantize ? scratch({step, values.valueDim}, b.getBF16Type()) : Value();
    packPanels(rows, room, joint);
  }
};

} // namespace

void buildPanelKernel(AttentionOp op, AttentionValues &values, IndexBuilder &b) {
  // Where all queries of a head are one tile, its task is the only one that reads a block of values. Which
  // keys a score region leaves, or a window of fewer queries than keys, only tasks know.
  bool seesAll = !ShapedType::isDynamic(op.getNumKeys()) && op.getNumQueries() == op.getNumKeys();
  bool isPart = op.hasScore() || (op.getWindow() && !seesAll);
  if (!values.schedule.hasPanels() || isPart || getConstantIntValue(values.blocks) == 1)
    return;
  Value depth = b.index(tile::kRegisterDepth);
  values.panels =
      b.allocate({values.batch, values.kvHeads, b.ceilDiv(values.keys, depth), values.valueWidth, depth},
                 b.getBF16Type());
  SmallVector<Value> grid = {values.batch, values.kvHeads, b.ceilDiv(values.keys, b.index(kKeysOfTask))};
  Value work = b.mul(b.mul(values.batch, values.kvHeads), b.mul(values.keys, values.valueDim));
  buildKernel(b, grid, work, [&](ValueRange point) { PanelBuilder(op, values, b).build(point); });
}

} // namespace gqa
