// The table that maps an attention to tile sizes, with the reason for each row.
#include "gqa/Tile/Schedule.h"

#include <algorithm>

using namespace mlir;

namespace gqa {
namespace {

struct Row {
  int64_t maxQueries; // for at most so many queries,
  int64_t maxDim;     // and a head dimension of at most this
  Schedule schedule;
};

constexpr int64_t kAny = INT64_MAX;

constexpr Row kTable[] = {
    {8, kAny, {64, 64}},    // decode: bound by bytes; blocks long enough to amortise the softmax of a row
    {kAny, 128, {64, 64}},  // prefill: q, k, v, s and o of a tile are 150 KB in f32, a fraction of L2
    {kAny, kAny, {32, 64}}, // wide heads: half the rows keep the same tile in L2
};

} // namespace

Schedule chooseSchedule(AttentionOp op) {
  int64_t dim = std::max(op.getKeyDim(), op.getValueDim());
  for (const Row &row : kTable) {
    bool queriesFit = row.maxQueries == kAny ||
                      (!ShapedType::isDynamic(op.getNumQueries()) && op.getNumQueries() <= row.maxQueries);
    if (queriesFit && dim <= row.maxDim) // a dynamic dimension is negative: it takes the narrow row
      return row.schedule;
  }
  llvm_unreachable("the last row of the table takes everything");
}

} // namespace gqa
