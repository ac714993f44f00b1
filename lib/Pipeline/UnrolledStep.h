// A step of an unrolled loop over parts of a tensor, beside the last one.
#ifndef GQA_LIB_PIPELINE_UNROLLEDSTEP_H
#define GQA_LIB_PIPELINE_UNROLLEDSTEP_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/MapVector.h"

namespace gqa {

/// What of an operation may differ from step to step: where a slice lies, and the sizes of what is made.
llvm::SmallVector<int64_t> numbersOf(mlir::Operation *op);

/// A part that is computed and put into the tensor: which operation of it stands for which one of the last
/// step. All can be built anew for numbers that a loop computes.
class UnrolledStep {
public:
  UnrolledStep(mlir::tensor::InsertSliceOp insert, mlir::tensor::InsertSliceOp last);
  /// The last step itself, with the operations of the one in front.
  UnrolledStep(const UnrolledStep &before, mlir::tensor::InsertSliceOp last);

  /// Whether it is the last step but for numbers.
  bool isFound() const { return found; }
  /// Whether it reads what the steps in front have written.
  bool readsTensor() const { return reads; }
  /// Its operations by those of the last step; behind all others, the insertion.
  const llvm::MapVector<mlir::Operation *, mlir::Operation *> &all() const { return operations; }
  /// Whether nobody but this step uses the tensor as it was before.
  bool isOnlyUser(mlir::Value tensor) const;

private:
  bool match(mlir::Value mine, mlir::Value its);

  mlir::tensor::InsertSliceOp insert, last;
  llvm::MapVector<mlir::Operation *, mlir::Operation *> operations;
  bool found, reads = false;
};

} // namespace gqa

#endif // GQA_LIB_PIPELINE_UNROLLEDSTEP_H
