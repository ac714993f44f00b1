// Which of a row's numbers a lane holds, and where: what it brings to memory, and reads there.
#ifndef GQA_LIB_NVPTX_RUNS_H
#define GQA_LIB_NVPTX_RUNS_H

#include "NVVMBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"

namespace gqa {

/// Neighbours of a row among a lane's numbers.
struct Run {
  int64_t row;                          // of the lane's two
  int64_t column;                       // of the first, from the lane's first on
  llvm::SmallVector<int64_t, 4> places; // among the numbers

  NVVMBuilder::Values of(mlir::ValueRange numbers) const {
    return llvm::map_to_vector(places, [&](int64_t place) -> mlir::Value { return numbers[place]; });
  }
};

/// All numbers of a lane. In quads, even columns are of one product and odd ones of the next.
inline llvm::SmallVector<Run> runsOf(tile::FragmentType sums) {
  llvm::SmallVector<Run> runs;
  int64_t step = sums.getQuads() ? 16 : 8;
  for (int64_t column = 0; column < sums.getColumns(); column += step)
    for (int64_t row = 0; row < kLaneRows; ++row) {
      int64_t first = column / 2 + 2 * row;
      if (sums.getQuads())
        runs.push_back({row, column, {first, first + 4, first + 1, first + 5}});
      else
        runs.push_back({row, column, {first, first + 1}});
    }
  return runs;
}

/// Of a number in each of the four lanes of a row.
inline mlir::Value sumOverRow(NVVMBuilder &b, mlir::Value x) {
  return b.overRow(x, [&](mlir::Value x, mlir::Value y) { return b.addF(x, y); });
}

} // namespace gqa

#endif // GQA_LIB_NVPTX_RUNS_H
