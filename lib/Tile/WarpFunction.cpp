// An attention on a GPU: what its kernels can do, operands in the device's memory, tiles and parts of the
// keys.
#include "AttentionFunction.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kCopyBytes = 16;    // that one copy moves
constexpr int64_t kChunk = 8;         // elements of 16 bits in them
constexpr int64_t kMostDim = 256;     // of a tile
constexpr int64_t kMostRowDim = 1024; // of a row, of which a lane has every 32nd number in a register

/// Why the tensor cores' tiles cannot hold an attention, or "".
std::string whyRowByRow(AttentionOp op) {
  Type type = cast<RankedTensorType>(op.getQ().getType()).getElementType();
  std::string text;
  llvm::raw_string_ostream out(text);
  if (!type.isF16() && !type.isBF16())
    out << "its type is " << type;
  for (auto [dim, name] : {std::pair(op.getKeyDim(), "key"), std::pair(op.getValueDim(), "value")})
    if (dim > kMostDim || dim % kChunk != 0)
      return out << "the " << name << " head dimension is " << dim << ", not a multiple of " << kChunk
                 << " and at most " << kMostDim,
             text;
  for (auto [layout, name] : {std::pair(op.getQLayout(), "q"), std::pair(op.getKLayout(), "k"),
                              std::pair(op.getVLayout(), "v"), std::pair(op.getOLayout(), "the output")})
    if (layout.back() != 'd')
      return out << "layout \"" << layout << "\" of " << name << " does not keep a head contiguous", text;
  if (op.getGroupSize() > kMostHeadsOfTile) // a dynamic one is negative, and looked at in the call
    return out << op.getGroupSize() << " query heads share a key/value head, more than " << kMostHeadsOfTile,
           text;
  return text;
}

/// Why no tile reads narrow keys, or values, as they are; or "".
StringRef whyWidened(AttentionOp op, const TokenBuffers &tokens, bool isKey) {
  if (tokens.zero)
    return "they have a zero point";
  if (tokens.scaledByToken && tokens.scaledByChannel)
    return "each element has a scale of its own";
  if ((isKey ? op.getKeyDim() : op.getValueDim()) % kCopyBytes != 0)
    return "rows are no multiple of 16 bytes";
  // The scales of channels are multiplied into queries, whose exponents f16 has no room for.
  bool isHalf = cast<RankedTensorType>(op.getQ().getType()).getElementType().isF16();
  if (isKey && tokens.scaledByChannel && isHalf)
    return "queries of f16 cannot take the scales of channels";
  return "";
}

TokenBytes bytesOf(const AttentionValues &values) {
  return {values.k.dequantize ? 1 : 2, values.v.dequantize ? 1 : 2};
}

/// Why no kernel multiplies queries of 8 bits; or "". A call with too few tiles for groups widens them all
/// the same.
StringRef whyWideQueries(AttentionOp op, const AttentionValues &values, const CUDATarget &target) {
  if (!target.groups)
    return "only sm_90a multiplies floats of 8 bits";
  return chooseGroupSchedule(op, op.getNumQueries(), bytesOf(values))
             ? ""
             : "a tile has few of them, or heads are no multiple of 64";
}

/// The values' operands in the device's memory.
AttentionValues mapOperands(AttentionValues values, IndexBuilder &b) {
  auto map = [&](Value &value, bool write) {
    if (value && isa<MemRefType>(value.getType()))
      value = tile::DeviceMapOp::create(b, value.getType(), value, write);
  };
  for (Value *read : {&values.q, &values.queryScale, &values.k.cached, &values.k.scale, &values.k.zero,
                      &values.v.cached, &values.v.scale, &values.v.zero, &values.mask, &values.bias,
                      &values.kvLen, &values.offsets, &values.sinks})
    map(*read, false);
  for (Value &capture : values.captures)
    map(capture, false);
  map(values.output, true);
  map(values.lse, true);
  return values;
}

/// Whether the rows of an operand are contiguous and start at multiples of 16 bytes, as copies need them.
Value isAligned(Value buffer, IndexBuilder &b) {
  auto type = cast<MemRefType>(buffer.getType());
  auto data = memref::ExtractStridedMetadataOp::create(b, buffer);
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer), zero = b.index(0);
  int64_t bytes = tile::bytesOf(type.getElementType());
  Value first = b.add(address, b.mul(data.getOffset(), b.index(bytes)));
  Value uneven = b.rem(first, b.index(kCopyBytes));
  for (Value stride : data.getStrides().drop_back())
    uneven = arith::OrIOp::create(b, uneven, b.rem(stride, b.index(kCopyBytes / bytes)));
  Value contiguous = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, data.getStrides().back(), b.index(1));
  Value even = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, uneven, zero);
  return arith::AndIOp::create(b, even, contiguous);
}

void branch(IndexBuilder &b, Value condition, function_ref<void()> then, function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(b, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op.thenYield());
  then();
  b.setInsertionPoint(op.elseYield());
  otherwise();
}

void bindTiles(AttentionValues &values, const WarpSchedule &schedule, IndexBuilder &b) {
  values.schedule.keys = schedule.keys;
  Value one = b.index(1);
  Value share = b.div(b.index(schedule.rows), b.max(values.group, one));
  values.period = b.max(b.min(share, values.queries), one);
  values.blocks = b.ceilDiv(values.queries, values.period);
  values.rows = b.index(schedule.rows);
  values.stateRows = values.rows;
  // Of narrow operands a matrix load brings twice as many columns.
  values.keyWidth = b.roundUp(values.keyDim, values.k.dequantize ? 32 : 16);
  values.valueWidth = b.roundUp(values.valueDim, values.v.dequantize ? 32 : 16);
}

Value allocate(IndexBuilder &b, ArrayRef<Value> sizes, Type element) {
  SmallVector<Value> dynamic;
  auto type = MemRefType::get(IndexBuilder::shapeOf(sizes, dynamic), element);
  return tile::DeviceAllocOp::create(b, type, dynamic);
}

void bindSplits(AttentionValues &values, const WarpSchedule &schedule, IndexBuilder &b) {
  Value tiles = b.mul(b.mul(values.batch, values.kvHeads), values.blocks);
  WaveSplits splits = buildWaveSplits(tiles, b.ceilDiv(values.keys, b.index(schedule.keys)), schedule, b);
  values.splits = splits.parts;
  values.isCluster = splits.isCluster;
  if (getConstantIntValue(values.splits) == 1)
    return;
  Value parts = arith::SelectOp::create(b, hasNoMerge(values, b), b.index(0), b.mul(tiles, values.splits));
  Value rows = b.mul(parts, values.rows);
  values.partialO = allocate(b, {rows, values.valueWidth}, b.getF32Type());
  values.partialM = allocate(b, {rows}, b.getF32Type());
  values.partialL = allocate(b, {rows}, b.getF32Type());
}

/// Whether a tile may hide keys from some of its rows, or rows may need a mean. Keys behind the last one are
/// zeros, but with `wholeBlocks` those behind kv_len are what they are.
bool needsMarks(AttentionOp op, const AttentionValues &values, bool wholeBlocks) {
  bool band = op.getCausal() || op.getWindow();
  return (wholeBlocks && values.kvLen) || (band && getConstantIntValue(values.period) != 1) || op.getMask() ||
         op.getBias() || op.hasScore() || (op.getDeadRow() == DeadRow::Uniform && !op.getSinks());
}

void bindMarks(AttentionOp op, AttentionValues &values, const WarpSchedule &schedule, bool wholeBlocks,
               IndexBuilder &b) {
  if (!needsMarks(op, values, wholeBlocks))
    return;
  Value tiles = b.mul(b.mul(values.batch, values.kvHeads), values.blocks);
  Value each = b.index(values.partialO ? tile::kFragmentRows : 1);
  values.marks = allocate(b, {tiles, b.index(schedule.rows / tile::kFragmentRows), each}, b.getI32Type());
}

/// Whether the device has a copy engine, and what it is to map is not empty.
Value hasCopyEngine(const AttentionValues &values, IndexBuilder &b) {
  Value chip = tile::DeviceChipOp::create(b, b.getIndexType());
  Value has = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, chip, b.index(kGroupChip));
  for (Value size : {values.batch, values.kvHeads, values.group, values.queries, values.keys})
    has = b.createOrFold<arith::AndIOp>(
        has, b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sgt, size, b.index(0)));
  return has;
}

/// With `copyEngine` (sm_90a) each warp has it bring keys of its own, and kernels that follow start while
/// those in front end.
void buildForWarps(AttentionOp op, AttentionValues values, const WarpSchedule &schedule, bool copyEngine,
                   IndexBuilder &b) {
  bindTiles(values, schedule, b);
  bindSplits(values, schedule, b);
  bindMarks(op, values, schedule, /*wholeBlocks=*/false, b);
  if (copyEngine) {
    int64_t rows = schedule.keys / schedule.warps;
    TensorMaps maps{nullptr, mapTensor(values.k.cached, 1, rows, b), mapTensor(values.v.cached, 1, rows, b)};
    buildWarpAttention(op, values, schedule, &maps, b);
  } else {
    buildWarpAttention(op, values, schedule, nullptr, b);
  }
  buildWarpMerge(op, values, /*dependent=*/copyEngine, b);
  buildMarkedRowKernel(op, values, /*dependent=*/copyEngine, b);
}

void buildForWarps(AttentionOp op, const AttentionValues &values, int64_t queries, const CUDATarget &target,
                   IndexBuilder &b) {
  TokenBytes bytes = bytesOf(values);
  auto plain = [&] {
    buildForWarps(op, values, chooseWarpSchedule(op, queries, bytes), /*copyEngine=*/false, b);
  };
  auto schedule = target.groups ? chooseCopySchedule(op, queries, bytes) : std::nullopt;
  if (!schedule)
    return plain();
  branch(
      b, hasCopyEngine(values, b), [&] { buildForWarps(op, values, *schedule, /*copyEngine=*/true, b); },
      plain);
}

/// Warps want queries of 16 bits: they are few beside the keys, and widened in memory.
void buildWithWideQueries(AttentionOp op, AttentionValues values, int64_t queries, const CUDATarget &target,
                          IndexBuilder &b) {
  if (values.queryDequantize)
    buildWidenQueries(op, values, b);
  buildForWarps(op, values, queries, target, b);
}

/// Whether groups of warps may run an attention, and there are enough tiles for them.
Value suitsGroups(const AttentionValues &values, const WarpSchedule &schedule, IndexBuilder &b) {
  Value tiles = b.mul(b.mul(values.batch, values.kvHeads), values.blocks);
  Value keyBlocks = b.ceilDiv(values.keys, b.index(schedule.keys));
  Value splits = buildWaveSplits(tiles, keyBlocks, schedule, b).parts;
  Value enough = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, splits, b.index(1));
  return b.createOrFold<arith::AndIOp>(hasCopyEngine(values, b), enough);
}

void buildFor(AttentionOp op, AttentionValues values, int64_t queries, const CUDATarget &target,
              IndexBuilder &b) {
  // Groups' queries go from memory to products, and nobody can multiply them.
  bool mayBeGroups = target.groups && !values.k.scaledByChannel;
  auto schedule = mayBeGroups ? chooseGroupSchedule(op, queries, bytesOf(values)) : std::nullopt;
  if (!schedule)
    return buildWithWideQueries(op, values, queries, target, b);
  AttentionValues tiled = values;
  bindTiles(tiled, *schedule, b);
  // A box of queries is as large as the tile has room for, whatever is there.
  tiled.period = b.index(schedule->rows / op.getGroupSize());
  tiled.blocks = b.ceilDiv(values.queries, tiled.period);
  branch(
      b, suitsGroups(tiled, *schedule, b),
      [&] {
        tiled.splits = b.index(1);
        bindMarks(op, tiled, *schedule, /*wholeBlocks=*/true, b);
        buildGroupAttention(op, tiled, *schedule, b);
        buildMarkedRowKernel(op, tiled, /*dependent=*/true, b);
      },
      [&] { buildWithWideQueries(op, values, queries, target, b); });
}

void buildTiles(AttentionOp op, AttentionValues values, const CUDATarget &target, IndexBuilder &b) {
  for (TokenBuffers *tokens : {&values.k, &values.v})
    if (tokens->dequantize && !whyWidened(op, *tokens, tokens == &values.k).empty())
      buildWidenKernel(op, values, *tokens, b);
  if (!mayHaveSingleQuery(op))
    return buildFor(op, values, op.getNumQueries(), target, b);
  // One function serves a prompt and the steps that follow it: a single query has kernels of its own.
  Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, values.queries, b.index(1));
  AttentionValues step = values;
  step.queries = b.index(1);
  branch(
      b, isOne, [&] { buildFor(op, step, 1, target, b); },
      [&] { buildFor(op, values, ShapedType::kDynamic, target, b); });
}

} // namespace

LogicalResult checkDevice(AttentionOp op) {
  if (op.getKeyAppend() || op.getValueAppend() || op.getQueryRotary())
    return op.emitOpError("cannot be compiled for cuda with an append or a rotation in front; run "
                          "gqa-decompose=keep=narrow");
  Type type = cast<RankedTensorType>(op.getQ().getType()).getElementType();
  if (type.isF64())
    return op.emitOpError("cannot be compiled for cuda: expected f16, bf16 or f32, found f64");
  for (auto [dim, name] : {std::pair(op.getKeyDim(), "key"), std::pair(op.getValueDim(), "value")})
    if (ShapedType::isDynamic(dim) || dim == 0 || dim > kMostRowDim)
      return op.emitOpError("cannot be compiled for cuda: expected a known ")
             << name << " head dimension from 1 to " << kMostRowDim << ", found "
             << (ShapedType::isDynamic(dim) ? "a dynamic one" : std::to_string(dim));
  if (op.hasScore())
    for (Operation &inner : op.getScoreBlock())
      if (!hasDeviceLowering(inner))
        return inner.emitOpError("in a score region cannot be compiled for cuda");
  if (std::string why = whyRowByRow(op); !why.empty())
    op.emitRemark("attention runs without tensor cores on cuda: ") << why;
  return success();
}

void buildDeviceKernels(AttentionOp op, const AttentionValues &host, const CUDATarget &target,
                        IndexBuilder &b) {
  AttentionValues values = mapOperands(host, b);
  if (!whyRowByRow(op).empty()) {
    buildRowKernel(op, values, b);
  } else {
    SmallVector<Value> copied = {values.q, values.output};
    for (const TokenBuffers *tokens : {&values.k, &values.v}) {
      StringRef why = tokens->dequantize ? whyWidened(op, *tokens, tokens == &values.k) : "";
      if (why.empty())
        copied.push_back(tokens->cached);
      else
        op.emitRemark(tokens == &values.k ? "keys" : "values") << " are widened in memory on cuda: " << why;
    }
    if (StringRef why = whyWideQueries(op, values, target); values.queryDequantize && !why.empty())
      op.emitRemark("queries are widened in memory on cuda: ") << why;
    Value fits =
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, values.group, b.index(kMostHeadsOfTile));
    for (Value buffer : copied)
      fits = b.createOrFold<arith::AndIOp>(fits, isAligned(buffer, b));
    branch(b, fits, [&] { buildTiles(op, values, target, b); }, [&] { buildRowKernel(op, values, b); });
  }
  tile::DeviceUnmapOp::create(b);
}

} // namespace gqa
