// Kernels made of structured operations on memrefs.
#ifndef GQA_LIB_NVPTX_LOOPKERNEL_H
#define GQA_LIB_NVPTX_LOOPKERNEL_H

#include "KernelOperands.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace gqa {

/// A kernel in which every thread computes one point of an operation's parallel loops, and the others one
/// after the other. No operation uses what another one writes.
void buildPointKernel(llvm::ArrayRef<mlir::linalg::LinalgOp> ops);

/// Operations that share a kernel. Around a reduction: those whose first `rows` loops are the same, parallel
/// ones; the others are all parallel, or all reductions that `isRowReduction` knows.
struct RowGroup {
  llvm::SmallVector<mlir::linalg::LinalgOp> members;
  unsigned rows = 0;
};

/// Whether no operation uses what the other one writes.
bool areIndependent(mlir::linalg::LinalgOp a, mlir::linalg::LinalgOp b);

/// If the product's `result`, of f32, is only rounded to the type of its operands: where the rounded numbers
/// go, in front of the product; the operation that rounds them is erased. Else null.
mlir::Value takeRounding(mlir::linalg::LinalgOp op, mlir::Value result);

/// Whether the loops are parallel ones and then reductions, combined by operations that may be done in any
/// order and have a neutral element.
bool isRowReduction(mlir::linalg::LinalgOp op);

/// A kernel in which every block of threads runs all members for one point of the common loops.
void buildRowKernel(const RowGroup &group);

/// Splits operations that follow each other into groups around reductions, and groups of others that are
/// independent of each other.
llvm::SmallVector<RowGroup> groupRows(llvm::ArrayRef<mlir::linalg::LinalgOp> run);

/// One operation inside a kernel.
class LoopBody {
public:
  LoopBody(mlir::linalg::LinalgOp op, const KernelOperands &operands, IndexBuilder &b)
      : op(op), operands(operands), b(b) {}

  /// Tells `operands` what the operation uses.
  static void collect(mlir::linalg::LinalgOp op, KernelOperands &operands);

  /// An operand's element at a point of the loops.
  mlir::Value load(mlir::OpOperand &operand, mlir::ValueRange point);
  void store(mlir::OpOperand &output, mlir::Value value, mlir::ValueRange point);

  /// What the body yields at a point where the operands have these elements.
  llvm::SmallVector<mlir::Value> evaluate(mlir::ValueRange elements, mlir::ValueRange point);

private:
  llvm::SmallVector<mlir::Value> indices(mlir::OpOperand &operand, mlir::ValueRange point);
  void clone(mlir::Operation &inner, mlir::IRMapping &mapping, mlir::ValueRange point);

  mlir::linalg::LinalgOp op;
  const KernelOperands &operands;
  IndexBuilder &b;
};

/// The loops of the given dimensions as one: how many points, and where one lies. All sizes but the first
/// divide.
mlir::Value countPoints(IndexBuilder &b, mlir::ValueRange sizes);
llvm::SmallVector<mlir::Value> delinearize(IndexBuilder &b, mlir::Value index, mlir::ValueRange sizes);

/// Ends the kernel where the condition does not hold; the host learns of it by the stream's error.
void buildAssertion(IndexBuilder &b, mlir::Value condition);

/// The number of the thread in its block.
mlir::Value threadOf(IndexBuilder &b);

/// What an operation that combines two numbers makes of x and y, and of the x of all threads of a block,
/// which all have it afterwards. `warps` is a power of two.
mlir::Value combine(IndexBuilder &b, mlir::Operation *combiner, mlir::Value x, mlir::Value y);
mlir::Value reduceOverBlock(IndexBuilder &b, mlir::Operation *combiner, mlir::Value x, int64_t warps);

/// The end of the kernel's mappings, behind it.
void finishKernel(mlir::linalg::LinalgOp last);

} // namespace gqa

#endif // GQA_LIB_NVPTX_LOOPKERNEL_H
