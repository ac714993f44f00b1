// Blocks of 2 x 2 tile registers: with two operands each way, eight registers hold everything.
#ifndef GQA_LIB_CPU_TILEREGISTERS_H
#define GQA_LIB_CPU_TILEREGISTERS_H

#include "VectorBuilder.h"

namespace gqa {

/// Sums in tile registers, `height x width` of them, neighbours in a matrix of f32.
class RegisterTiles {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  RegisterTiles(VectorBuilder &b, int64_t height, int64_t width) : b(b), height(height), width(width) {}

  Values zeros();
  /// The sums whose first element is at [line, column].
  Values load(Value matrix, Value line, Value column);
  void store(Value matrix, Value line, Value column, mlir::ValueRange sums);
  /// One step along the sum. `left` and `right` load the operands of a line and of a column of tiles.
  Values multiply(mlir::ValueRange sums, llvm::function_ref<Value(int64_t)> left,
                  llvm::function_ref<Value(int64_t)> right);

  /// A bf16 operand of 16 rows, each of 32 elements next to each other.
  static Value loadOperand(VectorBuilder &b, Value buffer, mlir::ValueRange at);

private:
  VectorBuilder &b;
  int64_t height, width;
};

/// All blocks of `lines x columns` tile registers; what is odd is left to smaller blocks. `lines` is a
/// multiple of `unit`.
void forEachTileBlock(VectorBuilder &b, mlir::Value lines, int64_t unit, mlir::Value columns,
                      llvm::function_ref<void(mlir::Value, mlir::Value, RegisterTiles)> body);

} // namespace gqa

#endif // GQA_LIB_CPU_TILEREGISTERS_H
