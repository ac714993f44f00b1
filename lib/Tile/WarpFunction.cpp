// An attention on a GPU: which of its kernels run, decided when the function is called where shapes, the chip
// and addresses are not known before.
#include "WarpFunction.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

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

/// Whether the device has a copy engine, and what it is to map is not empty.
Value hasCopyEngine(const AttentionValues &values, IndexBuilder &b) {
  Value chip = tile::DeviceChipOp::create(b, b.getIndexType());
  Value has = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, chip, b.index(kGroupChip));
  for (Value size : {values.batch, values.kvHeads, values.group, values.queries, values.keys})
    has = b.createOrFold<arith::AndIOp>(
        has, b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sgt, size, b.index(0)));
  return has;
}

/// The heads of a group that is larger than a tile in several equal parts, each of which has tiles of its
/// own.
void cutGroups(AttentionValues &values, const WarpSchedule &schedule, IndexBuilder &b) {
  std::optional<int64_t> group = getConstantIntValue(values.group);
  if (!group || *group <= schedule.rows)
    return; // an unknown one was looked at
  values.headParts = headPartsOf(*group, schedule.rows);
  values.group = b.index(*group / values.headParts);
  values.kvHeads = b.mul(values.kvHeads, b.index(values.headParts));
}

/// With `copyEngine` (sm_90a) each warp has it bring keys of its own.
void buildForWarps(AttentionOp op, AttentionValues values, const WarpSchedule &schedule, bool copyEngine,
                   IndexBuilder &b) {
  cutGroups(values, schedule, b);
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
  buildWarpMerge(op, values, b);
  buildMarkedRowKernel(op, values, b);
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
  b.branch(
      hasCopyEngine(values, b), [&] { buildForWarps(op, values, *schedule, /*copyEngine=*/true, b); }, plain);
}

/// Warps want queries of 16 bits: they are few beside the keys, and widened in memory.
void buildWithWideQueries(AttentionOp op, AttentionValues values, int64_t queries, const CUDATarget &target,
                          IndexBuilder &b) {
  if (values.queryDequantize)
    buildWidenQueries(op, values, b);
  buildForWarps(op, values, queries, target, b);
}

/// Whether groups of warps may run an attention: where they do not split keys, only if there are enough
/// tiles.
Value suitsGroups(const AttentionValues &values, const WarpSchedule &schedule, IndexBuilder &b) {
  if (schedule.splitsKeys)
    return hasCopyEngine(values, b);
  Value tiles = b.mul(b.mul(values.batch, values.kvHeads), values.blocks);
  Value keyBlocks = b.ceilDiv(values.keys, b.index(schedule.keys));
  Value splits = buildWaveSplits(tiles, keyBlocks, schedule, b).parts;
  Value enough = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, splits, b.index(1));
  return b.createOrFold<arith::AndIOp>(hasCopyEngine(values, b), enough);
}

void buildForGroups(AttentionOp op, AttentionValues values, const WarpSchedule &schedule, IndexBuilder &b) {
  if (schedule.splitsKeys)
    bindSplits(values, schedule, b);
  else
    values.splits = b.index(1);
  bindMarks(op, values, schedule, /*wholeBlocks=*/true, b);
  buildGroupAttention(op, values, schedule, b);
  buildWarpMerge(op, values, b);
  buildMarkedRowKernel(op, values, b);
}

/// A box of queries is as large as the tile has room for, whatever is there.
AttentionValues tiledForGroups(AttentionValues values, const WarpSchedule &schedule, IndexBuilder &b) {
  cutGroups(values, schedule, b);
  bindTiles(values, schedule, b);
  values.period = b.index(queriesOfBox(schedule, *getConstantIntValue(values.group)));
  values.blocks = b.ceilDiv(values.queries, values.period);
  return values;
}

/// Whether half tiles are right for a call: rows fill no more than one, or each has a multiprocessor and keys
/// are too few to split.
Value suitsHalfTiles(const AttentionValues &halved, const WarpSchedule &schedule, IndexBuilder &b) {
  auto isAtMost = [&](Value x, Value most) {
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, x, most);
  };
  Value tiles = b.mul(b.mul(halved.batch, halved.kvHeads), halved.blocks);
  Value keyBlocks = b.ceilDiv(halved.keys, b.index(schedule.keys));
  Value isShort = isAtMost(keyBlocks, b.index(int64_t(kFewBlocks)));
  Value areAlone = isAtMost(tiles, tile::DeviceProcessorsOp::create(b, b.getIndexType()));
  return b.createOrFold<arith::OrIOp>(isAtMost(halved.queries, halved.period),
                                      b.createOrFold<arith::AndIOp>(areAlone, isShort));
}

void buildFor(AttentionOp op, const AttentionValues &values, int64_t queries, const CUDATarget &target,
              IndexBuilder &b) {
  // Groups' queries go from memory to products, and nobody can multiply them.
  bool mayBeGroups = target.groups && !values.k.scaledByChannel;
  TokenBytes bytes = bytesOf(values);
  auto warps = [&] { buildWithWideQueries(op, values, queries, target, b); };
  auto schedule = mayBeGroups ? chooseGroupSchedule(op, queries, bytes) : std::nullopt;
  if (!schedule)
    return warps();
  auto groups = [&] {
    AttentionValues tiled = tiledForGroups(values, *schedule, b);
    b.branch(suitsGroups(tiled, *schedule, b), [&] { buildForGroups(op, tiled, *schedule, b); }, warps);
  };
  auto half = chooseHalfTiles(op, queries, bytes);
  if (!half)
    return groups();
  AttentionValues halved = tiledForGroups(values, *half, b);
  Value suits =
      b.createOrFold<arith::AndIOp>(suitsGroups(halved, *half, b), suitsHalfTiles(halved, *half, b));
  b.branch(suits, [&] { buildForGroups(op, halved, *half, b); }, groups);
}

/// One function serves a prompt and the steps that follow it: a single query has kernels of its own, and so
/// have a few, such as drafts, which in the tiles of prompts would be padding for the most part.
void buildForAnyNumber(AttentionOp op, const AttentionValues &values, const CUDATarget &target,
                       IndexBuilder &b) {
  int64_t few = fewQueries(op);
  auto is = [&](arith::CmpIPredicate predicate, int64_t number) {
    return arith::CmpIOp::create(b, predicate, values.queries, b.index(number));
  };
  auto many = [&] { buildFor(op, values, ShapedType::kDynamic, target, b); };
  auto several = [&] {
    if (few < 2)
      return many();
    b.branch(is(arith::CmpIPredicate::sle, few), [&] { buildFor(op, values, few, target, b); }, many);
  };
  AttentionValues step = values;
  step.queries = b.index(1);
  b.branch(is(arith::CmpIPredicate::eq, 1), [&] { buildFor(op, step, 1, target, b); }, several);
}

void buildTiles(AttentionOp op, AttentionValues values, const CUDATarget &target, IndexBuilder &b) {
  for (TokenBuffers *tokens : {&values.k, &values.v})
    if (tokens->dequantize && !whyWidened(op, *tokens, tokens == &values.k).empty())
      buildWidenKernel(op, values, *tokens, b);
  if (mayHaveSingleQuery(op))
    buildForAnyNumber(op, values, target, b);
  else
    buildFor(op, values, op.getNumQueries(), target, b);
}

} // namespace

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
    // No query heads have no rows, and no tiles.
    Value fits = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sgt, values.group, b.index(0));
    if (!getConstantIntValue(values.group)) {
      Value most = b.index(mostHeadsOfUnknownGroup(op));
      Value isTile = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, values.group, most);
      fits = b.createOrFold<arith::AndIOp>(fits, isTile);
    }
    for (Value buffer : copied)
      fits = b.createOrFold<arith::AndIOp>(fits, isAligned(buffer, b));
    b.branch(fits, [&] { buildTiles(op, values, target, b); }, [&] { buildRowKernel(op, values, b); });
  }
  tile::DeviceUnmapOp::create(b);
}

} // namespace gqa
