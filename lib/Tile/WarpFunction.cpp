// An attention on a GPU: what its kernels can do, operands in the device's memory, tiles and parts of the keys.
#include "AttentionFunction.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kChunk = 8; // elements of 16 bits in the 16 bytes that one copy moves
constexpr int64_t kMostDim = 256;

LogicalResult checkDim(AttentionOp op, int64_t dim, StringRef name) {
  if (!ShapedType::isDynamic(dim) && dim > 0 && dim <= kMostDim && dim % kChunk == 0)
    return success();
  auto error = op.emitOpError("cannot be compiled for cuda: expected a ")
               << name << " head dimension that is a multiple of " << kChunk << " and at most " << kMostDim
               << ", found ";
  return ShapedType::isDynamic(dim) ? error << "one that is not known" : error << dim;
}

LogicalResult checkLayout(AttentionOp op, StringRef layout, StringRef name) {
  if (layout.back() == 'd')
    return success();
  return op.emitOpError("cannot be compiled for cuda: expected contiguous heads, found layout \"")
         << layout << "\" of " << name;
}

/// The values' operands in the device's memory.
AttentionValues mapOperands(AttentionValues values, IndexBuilder &b) {
  auto map = [&](Value &value, bool write) {
    if (value && isa<MemRefType>(value.getType()))
      value = tile::DeviceMapOp::create(b, value.getType(), value, write);
  };
  for (Value *read : {&values.q, &values.k, &values.v, &values.mask, &values.bias, &values.kvLen,
                      &values.offsets, &values.sinks})
    map(*read, false);
  for (Value &capture : values.captures)
    map(capture, false);
  map(values.output, true);
  map(values.lse, true);
  return values;
}

/// Asserts what copies of 16 bytes need to be true of an operand: rows that start at multiples of them.
void checkAligned(Value buffer, StringRef name, IndexBuilder &b) {
  auto type = cast<MemRefType>(buffer.getType());
  auto data = memref::ExtractStridedMetadataOp::create(b, buffer);
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer), zero = b.index(0);
  Value first = b.add(address, b.mul(data.getOffset(), b.index(type.getElementTypeBitWidth() / 8)));
  Value uneven = b.rem(first, b.index(16)), good;
  for (Value stride : data.getStrides().drop_back())
    uneven = arith::OrIOp::create(b, uneven, b.rem(stride, b.index(kChunk)));
  Value contiguous = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, data.getStrides().back(), b.index(1));
  good = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, uneven, zero);
  cf::AssertOp::create(b, arith::AndIOp::create(b, good, contiguous),
                       ("gqa.attention: rows of " + name +
                        " must be contiguous and start at multiples of 16 bytes for a CUDA kernel")
                           .str());
}

void bindTiles(AttentionValues &values, const WarpSchedule &schedule, IndexBuilder &b) {
  values.schedule.keys = schedule.keys;
  Value one = b.index(1);
  Value share = b.div(b.index(schedule.rows), b.max(values.group, one));
  values.period = b.max(b.min(share, values.queries), one);
  values.blocks = b.ceilDiv(values.queries, values.period);
  values.rows = b.index(schedule.rows);
  values.keyWidth = b.roundUp(values.keyDim, 16);
  values.valueWidth = b.roundUp(values.valueDim, 16);
}

void bindSplits(AttentionValues &values, const WarpSchedule &schedule, IndexBuilder &b) {
  Value tiles = b.mul(b.mul(values.batch, values.kvHeads), values.blocks);
  values.splits =
      buildWaveSplits(tiles, b.ceilDiv(values.keys, b.index(schedule.keys)), schedule.resident, b);
  if (getConstantIntValue(values.splits) == 1)
    return;
  Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, values.splits, b.index(1));
  Value parts = arith::SelectOp::create(b, isOne, b.index(0), b.mul(tiles, values.splits));
  auto allocate = [&](ArrayRef<Value> sizes) -> Value {
    SmallVector<Value> dynamic;
    auto type = MemRefType::get(IndexBuilder::shapeOf(sizes, dynamic), b.getF32Type());
    return tile::DeviceAllocOp::create(b, type, dynamic);
  };
  values.partialO = allocate({parts, values.rows, values.valueWidth});
  values.partialM = allocate({parts, values.rows});
  values.partialL = allocate({parts, values.rows});
}

void buildFor(AttentionOp op, AttentionValues values, int64_t queries, IndexBuilder &b) {
  WarpSchedule schedule = chooseWarpSchedule(op, queries);
  bindTiles(values, schedule, b);
  bindSplits(values, schedule, b);
  buildWarpAttention(op, values, schedule, b);
  buildWarpMerge(op, values, schedule, b);
}

} // namespace

LogicalResult checkWarpKernels(AttentionOp op) {
  Type type = cast<RankedTensorType>(op.getQ().getType()).getElementType();
  if (!type.isF16() && !type.isBF16())
    return op.emitOpError("cannot be compiled for cuda: expected f16 or bf16, found ") << type;
  if (failed(checkDim(op, op.getKeyDim(), "key")) || failed(checkDim(op, op.getValueDim(), "value")))
    return failure();
  for (auto [layout, name] : {std::pair(op.getQLayout(), "q"), std::pair(op.getKLayout(), "k"),
                              std::pair(op.getVLayout(), "v"), std::pair(op.getOLayout(), "the output")})
    if (failed(checkLayout(op, layout, name)))
      return failure();
  int64_t group = op.getGroupSize();
  if (ShapedType::isDynamic(group) || group > kMostHeadsOfTile) {
    auto error = op.emitOpError("cannot be compiled for cuda: expected at most ")
                 << kMostHeadsOfTile << " query heads for each key/value head, found ";
    return ShapedType::isDynamic(group) ? error << "a number that is not known" : error << group;
  }
  if (op.getDeadRow() == DeadRow::Uniform && !op.getSinks())
    return op.emitOpError("cannot be compiled for cuda: expected dead_row zero or nan, found uniform");
  return success();
}

void buildWarpKernels(AttentionOp op, const AttentionValues &host, IndexBuilder &b) {
  AttentionValues values = mapOperands(host, b);
  for (auto [value, name] : {std::pair(values.q, "q"), std::pair(values.k, "k"), std::pair(values.v, "v"),
                             std::pair(values.output, "the output")})
    checkAligned(value, name, b);
  // One function serves a prompt and the steps that follow it: a single query has kernels of its own.
  if (ShapedType::isDynamic(op.getNumQueries())) {
    Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, values.queries, b.index(1));
    auto branch = scf::IfOp::create(b, isOne, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenYield());
    AttentionValues step = values;
    step.queries = b.index(1);
    buildFor(op, step, 1, b);
    b.setInsertionPoint(branch.elseYield());
    buildFor(op, values, ShapedType::kDynamic, b);
  } else {
    buildFor(op, values, op.getNumQueries(), b);
  }
  tile::DeviceUnmapOp::create(b);
}

} // namespace gqa
