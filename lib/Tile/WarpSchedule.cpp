// Tile sizes of GPUs, for warps and for groups of warps. Every row of a table has its reason beside it.
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Schedule.h"

#include <algorithm>

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kAny = INT64_MAX;

struct WarpRow {
  int64_t maxDim;  // for a head dimension of at most this
  int64_t maxRows; // for a tile of at most so many rows
  WarpSchedule schedule;
};

// Two slots of a block of K and of V: while one pair is multiplied, the other is on its way. They take at
// most 72 KB, so that chips with 100 KB of shared memory run a task, and those with 164 KB or more run two.
constexpr WarpRow kWarpRows[] = {
    // Rows, keys, warps, resident, slots.
    {128, 16, {16, 64, 4, 2, 2}},   // decode: the group's queries fill the 16 rows of the tensor cores' tile,
                                    // and 32 KB on their way in each task are what a memory's latency needs
    {kAny, 16, {16, 32, 2, 2, 2}},  // wide heads: half the keys keep the same place
    {64, 64, {64, 64, 4, 2, 2}},    // a few queries more: half of 128 rows would be padding
    {128, 64, {64, 64, 4, 1, 2}},   // the same, with as many registers as prefill
    {64, kAny, {128, 64, 8, 1, 2}}, // prefill: 128 rows use every key 128 times
    {128, kAny, {128, 64, 8, 1, 2}}, // q, o and scores of 64 keys take 225 of 255 registers
    {192, kAny, {64, 32, 4, 1, 2}},  // q and o alone take 144: scores of 32 keys
    {256, kAny, {64, 16, 4, 1, 2}},  // and here 192
};

// Heads of more than 256, such as those of latent attention (576 and 512): q alone takes up to 144 registers,
// and o of all columns 256. So four warps share rows, and each computes all of their scores, a quarter of the
// products that each had anyway, and its part of o. Two slots are 70 KB.
constexpr int64_t kColumnWarps = 4;
constexpr WarpRow kWideRows[] = {
    {kAny, 16, {16, 16, kColumnWarps, 2, 2}},
    {kAny, kAny, {32, 16, 2 * kColumnWarps, 1, 2}}, // twice the rows for every key that is read
};

} // namespace

int64_t headPartsOf(int64_t group, int64_t rows) {
  int64_t parts = llvm::divideCeil(group, rows);
  while (group % parts != 0)
    ++parts;
  return parts;
}

int64_t queriesOfBox(const WarpSchedule &schedule, int64_t heads) {
  int64_t queries = schedule.rows / heads;
  return schedule.columnParts > 1 ? int64_t(llvm::bit_floor(uint64_t(queries))) : queries;
}

int64_t fewQueries(AttentionOp op) {
  return ShapedType::isDynamic(op.getGroupSize())
             ? 1
             : std::max<int64_t>(tile::kFragmentRows / std::max<int64_t>(op.getGroupSize(), 1), 1);
}

/// Keys and values that both are narrow come twice as many at a time: as many bytes on their way.
static int64_t keysInPlaceOfOne(TokenBytes bytes) { return bytes.key + bytes.value == 2 ? 2 : 1; }

WarpSchedule chooseWarpSchedule(AttentionOp op, int64_t queries, TokenBytes bytes) {
  int64_t dim = std::max(op.getKeyDim(), op.getValueDim()); // both are known
  bool known = !ShapedType::isDynamic(op.getGroupSize()) && !ShapedType::isDynamic(queries);
  int64_t rows = known ? op.getGroupSize() * queries : kAny;
  bool isWide = dim > kMostDimOfWarp;
  for (const WarpRow &row : isWide ? ArrayRef(kWideRows) : ArrayRef(kWarpRows))
    if (dim <= row.maxDim && rows <= row.maxRows) {
      WarpSchedule schedule = row.schedule;
      schedule.columnParts = isWide ? kColumnWarps : 1;
      if (!schedule.keysAcrossWarps())
        return schedule;
      schedule.keys *= keysInPlaceOfOne(bytes);
      if (dim > 128) // a warp's registers have room for no more scores
        schedule.warps *= keysInPlaceOfOne(bytes);
      return schedule;
    }
  llvm_unreachable("the last row of the table takes everything");
}

namespace {

struct GroupRow {
  int64_t maxDim; // for a head dimension of at most this
  int64_t wide;   // keys of a block
  int64_t narrow; // the same where slots of codes stand beside those of the numbers that they become
  bool storesTile;

  int64_t keys(TokenBytes bytes) const { return bytes.key + bytes.value < 4 ? narrow : wide; }
};

// Two slots, and as many keys as registers and shared memory have room for beside 128 queries. The copy
// engine stores tiles: a lane's stores are of 4 bytes, so that a warp's request is half of a sector in each
// of 8 rows, and a task at heads of 128 makes 256 requests of 8 sectors, with nothing else on its processor.
// Matrices into shared memory are 64 instructions of 4 passes, and leave as 1024 whole sectors.
constexpr GroupRow kGroupRows[] = {
    {128, 128, 128, true}, // q, o and p of 128 keys take 160 of 240 registers, and 160 KB, with codes 192
    {192, 96, 80, true},   // 168 registers, 192 KB, with codes 198
    {256, 64, 48, true},   // 176 registers, 192 KB, with codes 184
};

// Heads of more than 256: both groups have the same 64 rows, all of their scores, and half of the output's
// columns, up to 128 registers. Two slots have as many keys as there is room for beside the queries: 32 of
// latent attention's. Products of 64 rows by 32 keys are bound by shared memory: with what the copy engine
// writes, 2600 cycles for them, of the 3800 that memory takes. Warps that split 16 rows wait for memory
// alone: heads of 512 on an H200, decode steps of 16 rows 83.1 us by warps and 85.9 by groups, of 128
// rows 78.3 and 49.3, a prompt 315 and 104.
constexpr int64_t kColumnGroups = 2;
constexpr int64_t kMostWideKeys = 64;     // beside which registers have room for probabilities
constexpr int64_t kWideBytes = 224 << 10; // of a block's shared memory, without barriers

constexpr int64_t kFewestGroupRows = 17; // more than warps have with keys of their own
// A half tile, of one group, has room for few rows, but of two blocks one task of a processor has nothing on
// its way: there warps are better, of which there are several tasks.
constexpr int64_t kFewKeys = 256;
// It also serves more rows, where all half tiles have a processor, of an H100 or H200 if nothing better is
// known, and keys are too few to split: nothing goes on beside exponentials then, but each processor has half
// of them, and half of the products.
constexpr uint64_t kUsualProcessors = 132;

} // namespace

/// Whether rows are whole panels of what the copy engine fills.
static bool hasPanels(AttentionOp op, TokenBytes bytes) {
  return op.getKeyDim() * bytes.key % tile::kHalfPanelRowBytes == 0 &&
         op.getValueDim() * bytes.value % tile::kHalfPanelRowBytes == 0;
}

std::optional<WarpSchedule> chooseCopySchedule(AttentionOp op, int64_t queries, TokenBytes bytes) {
  WarpSchedule plain = chooseWarpSchedule(op, queries);
  if (!plain.keysAcrossWarps() || !hasPanels(op, bytes))
    return std::nullopt;
  // One task has what two have else: as many bytes on their way, and half the states to merge. But where
  // there is only one such block, nothing is on its way while it is multiplied, and a second task has to be.
  // So where codes are widened, which takes a good half of the time that memory does: two fill each other's
  // gaps.
  constexpr int64_t kLongBlock = 128;
  bool isNarrow = bytes.key + bytes.value < 4;
  int64_t keys = op.getNumKeys(); // negative where they are dynamic
  bool isWide = std::max(op.getKeyDim(), op.getValueDim()) > 128;
  // Parts of one tile are merged where they are, without a kernel that starts when the last of all has ended.
  int64_t clusterParts = op->hasAttr("gqa.no_clusters") ? 1 : tile::kMostTasksOfCluster;
  if (isNarrow)
    return WarpSchedule{plain.rows,
                        isWide ? 64 : 64 * keysInPlaceOfOne(bytes),
                        /*warps=*/4,
                        /*resident=*/isWide && keysInPlaceOfOne(bytes) == 1 ? 1 : 2,
                        /*slots=*/2,
                        clusterParts};
  if (isWide || (keys >= 0 && keys <= kLongBlock))
    return WarpSchedule{plain.rows, 64, /*warps=*/4, /*resident=*/isWide ? 1 : 2, /*slots=*/2, clusterParts};
  return WarpSchedule{plain.rows, kLongBlock, /*warps=*/4, /*resident=*/1, /*slots=*/2, clusterParts};
}

/// Whether the result of a tile has room where its queries were: of the same type, in panels of the same
/// width, and no more of them. A group then overwrites rows that no other reads. But in the three loops of a
/// window ptxas moves what a store needs beside the products: 12 instructions more for each block.
static bool suitsStore(AttentionOp op) {
  int64_t rowBytes = 2 * op.getValueDim(), queryBytes = 2 * op.getKeyDim();
  return !op.getQueryDequantize() && !op.getWindow() && rowBytes <= queryBytes &&
         tile::panelRowBytesFor(rowBytes) == tile::panelRowBytesFor(queryBytes);
}

static bool mayHalveTiles(AttentionOp op) {
  return op.getGroupSize() <= tile::kGroupRows && !op->hasAttr("gqa.no_half_tiles");
}

/// Whether tiles of more rows are halved; nothing where sizes say so that are known in the call alone.
static std::optional<bool> halvesTiles(AttentionOp op, int64_t queries, int64_t keysOfBlock) {
  if (!mayHalveTiles(op))
    return false;
  if (ShapedType::isDynamic(queries))
    return std::nullopt;
  int64_t batch = op.getBatch(), heads = op.getKvHeads(), keys = op.getNumKeys();
  auto atLeast = [](int64_t size) { return ShapedType::isDynamic(size) ? uint64_t(1) : uint64_t(size); };
  uint64_t halvesOfHead = llvm::divideCeil(queries, tile::kGroupRows / op.getGroupSize());
  uint64_t halves =
      llvm::SaturatingMultiply(llvm::SaturatingMultiply(atLeast(batch), atLeast(heads)), halvesOfHead);
  if (halves > kUsualProcessors || llvm::divideCeil(atLeast(keys), uint64_t(keysOfBlock)) > kFewBlocks)
    return false;
  if (llvm::any_of(ArrayRef{batch, heads, keys}, ShapedType::isDynamic))
    return std::nullopt;
  return true;
}

/// How many groups work on a tile; 0 where warps do.
static int64_t groupsOfTile(AttentionOp op, int64_t queries, int64_t keysOfBlock) {
  int64_t keys = op.getNumKeys(), rows = ShapedType::isDynamic(queries) ? kAny : op.getGroupSize() * queries;
  if (rows > tile::kGroupRows)
    return halvesTiles(op, queries, keysOfBlock).value_or(false) ? 1 : 2;
  bool isLong = ShapedType::isDynamic(keys) || keys > kFewKeys;
  return mayHalveTiles(op) && isLong && rows >= kFewestGroupRows ? 1 : 0;
}

/// The row for an attention; null where groups do not take it.
static const GroupRow *groupRowFor(AttentionOp op, TokenBytes bytes) {
  // The box of queries is made of the group's size, which is negative where it is dynamic, and 0 of no heads.
  if (op.getGroupSize() < 1 || op.getGroupSize() > kMostHeadsOfTile || !hasPanels(op, bytes))
    return nullptr;
  int64_t dim = std::max(op.getKeyDim(), op.getValueDim());
  const GroupRow *row = llvm::find_if(kGroupRows, [&](const GroupRow &row) { return dim <= row.maxDim; });
  return row == std::end(kGroupRows) ? nullptr : row;
}

static WarpSchedule scheduleOf(AttentionOp op, const GroupRow &row, int64_t groups, TokenBytes bytes) {
  return {/*rows=*/groups * tile::kGroupRows,
          /*keys=*/row.keys(bytes),
          /*warps=*/groups * tile::kGroupWarps,
          /*resident=*/1,
          /*slots=*/2,
          /*clusterParts=*/1,
          /*storesTile=*/row.storesTile && suitsStore(op) && !op->hasAttr("gqa.no_tma_store"),
          /*splitsKeys=*/!op->hasAttr("gqa.no_group_splits"),
          // Products bound a whole tile, and memory a half one, whose queries leave room: up to 208 KB.
          /*codeSlots=*/groups == 1 ? 2 : 1};
}

/// The schedule of groups that share rows, where each has whole panels of the output's columns.
static std::optional<WarpSchedule> chooseWideGroups(AttentionOp op, int64_t queries, TokenBytes bytes) {
  bool hasFewRows = !ShapedType::isDynamic(queries) && op.getGroupSize() * queries < kFewestGroupRows;
  if (op.getGroupSize() < 1 || hasFewRows || !hasPanels(op, bytes) || op->hasAttr("gqa.no_wide_groups") ||
      op.getQueryDequantize() || op.getValueDim() * 2 % (kColumnGroups * tile::kPanelRowBytes) != 0)
    return std::nullopt;
  constexpr int64_t kSlots = 2;
  int64_t room = kWideBytes - 2 * tile::kGroupRows * op.getKeyDim();
  int64_t keys = room / (2 * kSlots * (op.getKeyDim() + op.getValueDim()));
  return WarpSchedule{/*rows=*/tile::kGroupRows,
                      std::min(keys / 16 * 16, kMostWideKeys),
                      /*warps=*/kColumnGroups * tile::kGroupWarps,
                      /*resident=*/1,
                      kSlots,
                      /*clusterParts=*/1,
                      /*storesTile=*/false, // one group would overwrite queries that the other still reads
                      /*splitsKeys=*/!op->hasAttr("gqa.no_group_splits"),
                      /*codeSlots=*/1,
                      kColumnGroups};
}

std::optional<WarpSchedule> chooseGroupSchedule(AttentionOp op, int64_t queries, TokenBytes bytes) {
  if (std::max(op.getKeyDim(), op.getValueDim()) > kMostDimOfWarp)
    return chooseWideGroups(op, queries, bytes);
  const GroupRow *row = groupRowFor(op, bytes);
  int64_t groups = row ? groupsOfTile(op, queries, row->keys(bytes)) : 0;
  if (groups == 0)
    return std::nullopt;
  return scheduleOf(op, *row, groups, bytes);
}

std::optional<WarpSchedule> chooseHalfTiles(AttentionOp op, int64_t queries, TokenBytes bytes) {
  const GroupRow *row = groupRowFor(op, bytes);
  if (!row || groupsOfTile(op, queries, row->keys(bytes)) != 2 ||
      halvesTiles(op, queries, row->keys(bytes)).has_value())
    return std::nullopt;
  return scheduleOf(op, *row, /*groups=*/1, bytes);
}

} // namespace gqa
