// A step of a product of few rows: what a warp loads, and multiplies on the tensor cores.
#ifndef GQA_LIB_NVPTX_SKINNYSTEP_H
#define GQA_LIB_NVPTX_SKINNYSTEP_H

#include "NVVMBuilder.h"

namespace gqa {

constexpr int64_t kPiece = 8; // elements of 16 bytes, which a lane loads at once

/// How weights lie, and so what a step of a warp is. Lane 4 g + c multiplies rows g and g + 8 of its left
/// operands, which are columns of the product, by column g of the right one, which is a row; of more than 8
/// rows one 8 after the other.
struct SkinnyForm {
  bool alongSum; // elements of a sum are contiguous, as in torch's linear layers, else columns of the product
  int64_t rows;  // of a tile
  int64_t columns;
  int64_t depth;    // elements of the sum that a step takes
  int64_t together; // steps of a chunk: of weights along the sum, two are a line of the cache
  int64_t words;    // that a lane loads for a step: those of weights,
  int64_t rowWords; // and of each 8 rows
  int64_t rowSums;  // numbers of a lane, of each 8 rows

  explicit SkinnyForm(bool alongSum, int64_t rows = 8)
      : alongSum(alongSum), rows(rows), columns(alongSum ? 16 : 64), depth(alongSum ? 32 : 16),
        together(rows > 8 ? 1 : 2), words(alongSum ? 8 : 16), rowWords(alongSum ? 4 : 2),
        rowSums(alongSum ? 4 : 16) {}

  int64_t allWords() const { return words + rows / 8 * rowWords; }
  int64_t sums() const { return rows / 8 * rowSums; }

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

  /// `row` and `column` are the first ones of the tile.
  SkinnyStep(NVVMBuilder &b, const SkinnyForm &form, SkinnyRows x, SkinnyRows weights, Value row,
             Value column);

  /// What the lane has of sums of `depth` elements, of which its warp adds a part: it is number `warp` of so
  /// many.
  Values sum(int64_t depth, Value warp, int64_t warps);

  /// Brings the weights of the warp's first chunk to L2 while the left operand is computed. Registers would
  /// not do: numbers of several products are moved to the same ones, and their arrival is awaited for that.
  void askFirst(int64_t depth, Value warp);

private:
  using Build = llvm::function_ref<Values(Value, mlir::ValueRange)>;

  /// Whether 16 bytes may be loaded where pieces begin: strides are known to be multiples, buffers may be
  /// views.
  Value isAligned();
  Values addChunks(Value warp, int64_t chunks, int64_t warps, mlir::ValueRange none);
  Values addApart(Value warp, int64_t first, int64_t count, int64_t warps, mlir::ValueRange sums);
  Values loop(Value from, int64_t to, int64_t step, mlir::ValueRange carried, Build build);

  /// The words of both operands; `whole` where the step has all of its elements, and pieces are aligned.
  Values load(Value step, bool whole);
  Value stepOf(Value chunk, int64_t number);
  Values multiply(mlir::ValueRange words, mlir::ValueRange sums);
  llvm::SmallVector<std::pair<Value, Value>> piecesOf(Value step); // rows, and where in them
  Values indicesOf(const SkinnyRows &from, Value row, Value begin, int64_t count);
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
  Value row, column, laneRow, laneColumn; // g and c
};

/// The sums of a block's warps, in shared memory.
class SkinnySums {
public:
  using Value = mlir::Value;

  SkinnySums(NVVMBuilder &b, const SkinnyForm &form, int64_t warps);
  int64_t warps() const { return numWarps; }

  /// Keeps what the lane has, for all threads when they have waited for each other.
  void keep(mlir::ValueRange sums);

  /// What `count` warps from number `first` on have together.
  using Sum = llvm::function_ref<Value(int64_t first, int64_t count)>;

  /// Calls `store` with row, column of the tile and their sum, for `rows` rows, thread by thread along the
  /// columns.
  void forEach(Value rows, llvm::function_ref<void(Value, Value, Sum)> store);

  /// The number of warps that sums of `depth` elements have use for, where a block has those of so many
  /// products.
  static int64_t warpsOf(const SkinnyForm &form, int64_t depth, int64_t products = 1);

private:
  NVVMBuilder &b;
  const SkinnyForm &form;
  int64_t numWarps;
  Value room;
};

/// A sum in the type that `result` has, onto what is there, if that is not null.
mlir::Value roundSum(NVVMBuilder &b, mlir::Value sum, mlir::Type type, mlir::Value there = nullptr);

/// Stores a sum in the type that `result` has, `accumulates` onto what is there.
void storeSum(NVVMBuilder &b, mlir::Value sum, mlir::Value result, mlir::ArrayRef<mlir::Value> indices,
              bool accumulates);

} // namespace gqa

#endif // GQA_LIB_NVPTX_SKINNYSTEP_H
