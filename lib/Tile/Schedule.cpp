// Tile sizes. Every row of the table has its reason beside it.
#include "gqa/Tile/Schedule.h"

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
    {128, 48, 96},  // scores, q, o and a block of K and V: 160 KB in f32, a third of L2
    {kAny, 48, 48}, // wide heads: a shorter block of K and V keeps the same place in L2
};

/// Keys of a block for few rows: a block of K and of V, and the next of each on its way, fill L1.
int64_t keysInL1(int64_t dim, unsigned elementBytes, const CPUTarget &target) {
  int64_t keys = target.l1Bytes / (4 * std::max<int64_t>(dim, 1) * elementBytes);
  return std::clamp<int64_t>(keys / 16 * 16, 16, 128);
}

} // namespace

Schedule chooseSchedule(AttentionOp op, int64_t queries, const CPUTarget &target) {
  int64_t dim = std::max(op.getKeyDim(), op.getValueDim()); // a dynamic one is negative
  int64_t lanes = target.lanes(op.getAccumulatorType());
  bool known = !ShapedType::isDynamic(op.getGroupSize()) && !ShapedType::isDynamic(queries);
  int64_t rows = known ? op.getGroupSize() * queries : kAny;
  if (rows < 2 * lanes) { // one vector of rows would be too few accumulators
    Type element = cast<RankedTensorType>(op.getK().getType()).getElementType();
    bool paired = element.isBF16() && op.getKeyDim() > 0 && op.getKeyDim() % (2 * lanes) == 0 &&
                  op.getValueDim() > 0 && op.getValueDim() % (2 * lanes) == 0;
    int64_t keys = keysInL1(dim, element.getIntOrFloatBitWidth() / 8, target);
    return {/*transposed=*/false, rows, keys, lanes, paired};
  }
  for (const Row &row : kManyRows)
    if (dim <= row.maxDim)
      return {/*transposed=*/true, row.rows, row.keys, lanes};
  llvm_unreachable("the last row of the table takes everything");
}

} // namespace gqa
