// A step of a product of few rows: what a warp loads, and multiplies on the tensor cores.
#ifndef GQA_LIB_NVPTX_SKINNYSTEP_H
#define GQA_LIB_NVPTX_SKINNYSTEP_H

#include "NVVMBuilder.h"

namespace gqa {

constexpr int64_t kPiece = 8; // elements of 16 bytes, which a lane loads at once

/// How weights lie, and so what a step of a warp is. Lane 4 g + c multiplies rows g and g + 8 of its left
/// operands, which are columns of the product, by column g of the right one, which is a row.
struct SkinnyForm {
  bool alongSum; // elements of a sum are contiguous, as in torch's linear layers, else columns of the product
  int64_t columns; // of a tile
  int64_t depth;   // elements of the sum that a step takes
  int64_t words;   // that a lane loads for it
  int64_t sums;    // numbers of a lane

  explicit SkinnyForm(bool alongSum)
      : alongSum(alongSum), columns(alongSum ? 16 : 64), depth(alongSum ? 32 : 16), words(alongSum ? 12 : 18),
        sums(alongSum ? 4 : 16) {}

  /// The lane and the number in it that have a column of the tile and a row.
  std::pair<mlir::Value, mlir::Value> find(IndexBuilder &b, mlir::Value column, mlir::Value row) const;
};

/// A matrix as a kernel reads it, of one matrix of the batch.
struct SkinnyRows {
  mlir::Value buffer;
  llvm::SmallVector<mlir::Value> batch; // its number, or nothing
  mlir::Value rows, columns;
  bool alongSum; // a row has elements of one sum
};

/// In a kernel, for the lane that runs it.
class SkinnyStep {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;

  /// `column` is the first one of the tile.
  SkinnyStep(NVVMBuilder &b, const SkinnyForm &form, SkinnyRows x, SkinnyRows weights, Value column);

  /// Whether 16 bytes may be loaded where pieces begin: strides are known to be multiples, buffers may be
  /// views.
  Value isAligned();

  /// The words of both operands; `whole` where the step has all of its elements, and pieces are aligned.
  Values load(Value step, bool whole);
  Values multiply(mlir::ValueRange words, mlir::ValueRange sums);

private:
  Values loadAlong(Value begin, bool whole);
  Values loadAcross(Value begin, bool whole);
  Values multiplyAlong(mlir::ValueRange words, mlir::ValueRange sums);
  Values multiplyAcross(mlir::ValueRange words, mlir::ValueRange sums);
  Values loadWords(const SkinnyRows &from, Value row, Value begin, int64_t count, bool whole);
  Values loadApart(const SkinnyRows &from, Value row, Value begin, int64_t count);
  Values split(Value piece, int64_t count);
  Value clamp(Value index, Value size);
  mlir::Type element();

  NVVMBuilder &b;
  const SkinnyForm &form;
  SkinnyRows x, weights;
  Value column, laneRow, laneColumn; // g and c
};

} // namespace gqa

#endif // GQA_LIB_NVPTX_SKINNYSTEP_H
