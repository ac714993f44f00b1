// A builder of a lane's code: 32-bit arithmetic, and the instructions of sm_80 with the operands that
// attention gives them.
#ifndef GQA_LIB_NVPTX_NVVMBUILDER_H
#define GQA_LIB_NVPTX_NVVMBUILDER_H

#include "gqa/Tile/IndexBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace gqa {

/// Attribute of a kernel's function: the threads of a block.
constexpr llvm::StringLiteral kThreads = "gqa.threads";

/// Attribute of a kernel, and of its function: so many tasks share a processor's registers at least.
constexpr llvm::StringLiteral kResident = "gqa.resident";

/// Address spaces of pointers.
constexpr unsigned kGlobalSpace = unsigned(mlir::NVVM::NVVMMemorySpace::Global);
constexpr unsigned kSharedSpace = unsigned(mlir::NVVM::NVVMMemorySpace::Shared);

/// Where lanes keep what. A fragment of 16 rows lies in the 32 lanes of a warp as PTX's mma has it: lane `4 g
/// + c` holds columns `2 c` and `2 c + 1` of every 8, of rows `g` and `g + 8`.
constexpr int64_t kLaneRows = 2;

class NVVMBuilder : public IndexBuilder {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;
  using IndexBuilder::IndexBuilder;

  Value i32(int64_t value);
  Value f32(double value);
  Value infinity(bool negative);
  /// An index as an i32, and back.
  Value toI32(Value index);
  Value toIndex(Value value);
  Value bitAnd(Value x, int64_t mask);
  Value shiftRight(Value x, int64_t bits);
  Value compare(mlir::arith::CmpIPredicate predicate, Value x, Value y);
  Value equal(Value x, Value y); ///< of floats
  Value select(Value condition, Value x, Value y);

  /// Of the kernel around the insertion point.
  int64_t numThreads();
  Value thread();
  Value lane();
  Value laneRow();  ///< g
  Value lanePair(); ///< 2 c
  /// The first of the lane's columns: 2 c, in quads 4 c.
  Value laneColumn(bool quads);

  Value addF(Value x, Value y);
  Value subF(Value x, Value y);
  Value mulF(Value x, Value y);
  Value mulTowardsZero(Value x, Value y);
  Value fma(Value x, Value y, Value z);
  Value maxF(Value x, Value y); ///< NaN is left out
  Value exp2(Value x);
  Value log2(Value x);
  Value reciprocal(Value x);
  /// The value of the lane whose number differs in the bits of `mask`.
  Value exchange(Value x, int64_t mask);
  /// Combined over the four lanes of a row.
  Value overRow(Value x, llvm::function_ref<Value(Value, Value)> combine);

  /// Whether the condition holds in some lane.
  Value anyLane(Value condition);

  /// The pointer so many bytes further on.
  Value advance(Value pointer, Value bytes);
  Value advance(Value pointer, int64_t bytes);
  /// The address of an element in the device's memory.
  Value addressOf(Value buffer, mlir::ValueRange indices);

  /// Two f32 as a word of `element`, the first in the lower half.
  Value pack(Value low, Value high, mlir::Type element);
  /// Four bytes of x and y, one for each 4 bits of the selector from the lowest on (prmt).
  Value permute(Value x, Value y, int64_t selector);
  /// Four 8x8 matrices of 16-bit elements whose rows are at the lanes' addresses; transposed on the way.
  Values loadMatrices(Value pointer, bool transposed);
  /// The same to memory.
  void storeMatrices(Value pointer, mlir::ValueRange words);
  /// The copy engine and products of groups see what the thread wrote to shared memory (sm_90a).
  void fenceForAsyncProxy();
  /// The product of a 16x16 and a 16x8 matrix of `element`, added to `c`.
  Values multiply(mlir::ValueRange a, mlir::ValueRange b, mlir::ValueRange c, mlir::Type element);

private:
  Value call(llvm::StringRef intrinsic, mlir::ValueRange operands);
};

} // namespace gqa

#endif // GQA_LIB_NVPTX_NVVMBUILDER_H
