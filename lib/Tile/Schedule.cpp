// Tile sizes of CPUs. Every row of the table has its reason beside it.
#include "gqa/Tile/Schedule.h"
#include "gqa/Dialect/Tile/Tile.h"

#include <algorithm>

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kAny = INT64_MAX;

struct Row {
  int64_t maxDim;     // for a head dimension of at most this
  int64_t rows, keys; // of a tile
};

// Many rows. 48 is a multiple of every register block (6 x 16 in AVX2, 8 x 48 and 6 x 64 in AVX-512).
constexpr Row kManyRows[] = {
    // Scores, q, o and two blocks of K and V: 160 KB in f32 for heads of 128, a third of a small L2. And the
    // columns of values that a product reads stay in L1, where rows of 512 bytes share an eighth of the sets.
    {kAny, 48, 48},
};

// Many rows in tile registers. 64 rows are two blocks of 2 x 2 tiles: every tile of K and V^T that is read
// serves both. Longer blocks of keys mean that o is read and written less often.
constexpr Row kInterleavedRows[] = {
    {64, 64, 128},   // scores and probabilities: 48 KB, about L1 of the processors that have AMX
    {128, 64, 256},  // twice the arithmetic for every score: the scores may go to L2
    {kAny, 64, 128}, // a wide block of K and V keeps its place in L2
};

// The same in vectors. 64 rows are four of them, which serve every broadcast pair of keys in blocks of 6 x 4.
// Between 64 and 256 keys times differ by 3 %.
constexpr Row kPairRows[] = {{kAny, 64, 128}};

/// Whether pairs of bf16 numbers are multiplied, in tile registers or in vectors.
bool isInterleaved(AttentionOp op, const CPUTarget &target) {
  int64_t dim = op.getKeyDim(), valueDim = op.getValueDim();
  return (target.amx || target.pairs) && mayRoundQueries(op) &&
         cast<RankedTensorType>(op.getK().getType()).getElementType().isBF16() && dim > 0 && dim % 2 == 0 &&
         valueDim > 0;
}

/// Keys of a block for few rows: a multiple of all blocks of keys in registers, and of a vector's lanes, as
/// one may hold the scores of so many keys. Short, since short sums round less, and since K, V and what is
/// fetched of the next ones stay in L1: as many bytes for each width, for heads of 64 and of 128. Of AVX-512
/// the blocks of registers have 4 keys, not 3 as those of AVX2, and 32 KB have room for 4 times 16 keys.
int64_t keysOfFewRows(int64_t lanes, int64_t bits) {
  int64_t keys = lanes >= 16 ? 16 : 24;
  return llvm::alignTo(bits <= 16 ? 2 * keys : keys, lanes);
}

/// What a block has of K, and of V, at most: both, and the next block of both, which is on its way, are in
/// L2.
constexpr int64_t kBlockBytes = 96 << 10;

/// The key/value heads of a task of few rows. Where the heads of a token lie side by side, the rows of one
/// are as far apart as tokens are, a page or more: no prefetcher follows them, and all of them share a few
/// sets of L1. Of several heads they are one piece of memory.
int64_t headsOfTask(AttentionOp op, int64_t blockKeys) {
  auto isInside = [](StringRef layout) { return layout.ends_with("hd"); };
  int64_t all = op.getKvHeads(), dim = std::max(op.getKeyDim(), op.getValueDim());
  bool known = all > 0 && op.getKeyDim() > 0 && op.getValueDim() > 0;
  if (!known || !isInside(op.getKLayout()) || !isInside(op.getVLayout()))
    return 1;
  auto type = cast<RankedTensorType>(op.getK().getType());
  int64_t heads =
      std::clamp<int64_t>(kBlockBytes * 8 / (blockKeys * dim * type.getElementTypeBitWidth()), 1, all);
  // Where tokens have more heads, each of the task's brings whole tokens of the next block, in two halves.
  while (all % heads != 0 || (heads < all && blockKeys % (2 * heads) != 0))
    --heads;
  return heads;
}

} // namespace

int64_t Schedule::leastKeysOfTask() const { return std::max(kLeastKeysOfTask / heads, kLeastKeysOfTask / 4); }

bool mayRoundQueries(AttentionOp op) { return !op.getQueryRotary() || !op.getLse(); }

bool mayHaveSingleQuery(AttentionOp op) {
  return ShapedType::isDynamic(op.getNumQueries()) && !op->hasAttr("gqa.prompts_only");
}

Schedule chooseSchedule(AttentionOp op, int64_t queries, const CPUTarget &target) {
  int64_t dim = std::max(op.getKeyDim(), op.getValueDim()); // a dynamic one is negative
  int64_t lanes = target.lanes(op.getAccumulatorType());
  bool known = !ShapedType::isDynamic(op.getGroupSize()) && !ShapedType::isDynamic(queries);
  int64_t rows = known ? op.getGroupSize() * queries : kAny;
  if (rows < 2 * lanes) { // one vector of rows would be too few accumulators
    Type element = cast<RankedTensorType>(op.getK().getType()).getElementType();
    bool paired = element.isBF16() && op.getKeyDim() > 0 && op.getKeyDim() % (2 * lanes) == 0 &&
                  op.getValueDim() > 0 && op.getValueDim() % (2 * lanes) == 0;
    bool crossed = rows >= tile::kCrossedRows && op.getAccumulatorType().isF32();
    // One row is bound by memory, and took 1.08 to 1.10 times as long.
    bool interleaved = target.pairs && mayRoundQueries(op) && paired && rows >= 2;
    int64_t keys = keysOfFewRows(lanes, element.getIntOrFloatBitWidth());
    return {/*transposed=*/false, rows, keys, lanes, paired, crossed, interleaved,
            headsOfTask(op, keys)};
  }
  bool interleaved = isInterleaved(op, target);
  if (interleaved)
    lanes = tile::kRegisterRows;
  ArrayRef<Row> table = !interleaved ? ArrayRef<Row>(kManyRows)
                        : target.amx ? ArrayRef<Row>(kInterleavedRows)
                                     : kPairRows;
  for (const Row &row : table)
    if (dim <= row.maxDim)
      return {/*transposed=*/true, row.rows,          row.keys,   lanes,
              /*paired=*/false,    /*crossed=*/false, interleaved};
  llvm_unreachable("the last row of the table takes everything");
}

} // namespace gqa
