// Blocks of sums of products of interleaved bf16 operands, in tile registers or in vectors.
#ifndef GQA_LIB_CPU_PAIRSUMS_H
#define GQA_LIB_CPU_PAIRSUMS_H

#include "VectorBuilder.h"

namespace gqa {

/// `height x width` registers of sums, neighbours in a matrix of f32. A register is a tile of AMX, 16 x 16
/// sums, or a vector of sums of one line.
class PairSums {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  PairSums(VectorBuilder &b, int64_t height, int64_t width) : b(b), height(height), width(width) {}

  Values zeros();
  /// The sums whose first element is at [line, column].
  Values load(Value matrix, Value line, Value column);
  void store(Value matrix, Value line, Value column, mlir::ValueRange sums);
  /// One step of `depth` elements along the sum. `left` and `right` load the operands of a line and of a
  /// column of registers.
  Values multiply(mlir::ValueRange sums, llvm::function_ref<Value(int64_t)> left,
                  llvm::function_ref<Value(int64_t)> right);

  /// Elements along the sum that one product takes.
  static int64_t depth(const CPUTarget &target);
  /// Where line `i`, and column `j`, of registers begin behind `from`.
  Value line(Value from, int64_t i);
  Value column(Value from, int64_t j);
  /// The left operand of a line of registers: `depth` elements of each of its rows, from `at` on. The right
  /// one of a column: as many interleaved rows. `depth` is even, and no more than a product takes.
  Value loadLeft(Value buffer, mlir::ValueRange at, int64_t depth);
  Value loadRight(Value buffer, mlir::ValueRange at, int64_t depth);

private:
  VectorBuilder &b;
  int64_t height, width;
};

/// How a matrix of `lines x columns` sums is cut into blocks; what is odd is left to smaller ones. Lines are
/// a multiple of `multiple`, columns of 16.
class PairBlocks {
public:
  PairBlocks(VectorBuilder &b, mlir::Value lines, int64_t multiple, mlir::Value columns);

  /// `body` gets the place of a block's first sum.
  void forEach(llvm::function_ref<void(mlir::Value, mlir::Value, PairSums)> body);
  /// The number of the block at a place, in the order in which they come, and how many there are of `lines`.
  mlir::Value number(mlir::Value line, mlir::Value column);
  int64_t count(int64_t lines);

private:
  VectorBuilder &b;
  int64_t ofRegister, height, width, rest; // lines of a register; registers of a block
  mlir::Value down, across;                // registers of the matrix
};

} // namespace gqa

#endif // GQA_LIB_CPU_PAIRSUMS_H
