// A write to a cache of slices, as it is read step by step.
#ifndef GQA_LIB_RAISE_SLICEDWRITE_H
#define GQA_LIB_RAISE_SLICEDWRITE_H

#include "CacheWrite.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

namespace gqa {

class SlicedWrite {
public:
  explicit SlicedWrite(mlir::Value written)
      : write(std::make_unique<CacheWrite>(written)), context(write->context), evaluator(write->evaluator) {}

  std::unique_ptr<CacheWrite> match() {
    if (!enterLoops() || !readOffsets() || !readRow() || !assignLoops() || !write->isWhole() ||
        !readsOutside())
      return nullptr;
    dropImplied();
    return std::move(write);
  }

private:
  bool enterLoops();
  bool enterLoop(mlir::scf::ForOp loop, mlir::Value carried);
  bool enterBranch(mlir::scf::IfOp branch, mlir::Value carried);
  Expr evaluate(mlir::Value value);
  bool readOffsets();
  bool readRow();
  Expr sliced(mlir::tensor::ExtractSliceOp slice, Expr element);
  bool assignLoops();
  bool splitLoop(unsigned loop, llvm::ArrayRef<unsigned> dims);
  void replace(unsigned variable, mlir::AffineExpr by);
  bool isOutside(Expr expr) const;
  bool readsOutside() const;
  void dropImplied();

  std::unique_ptr<CacheWrite> write;
  ExprContext &context;
  Evaluator &evaluator;
  mlir::tensor::InsertSliceOp insert;
  llvm::SmallPtrSet<mlir::Block *, 4> blocks; ///< of the loops and branches
  /// Of the loops, the outermost first.
  llvm::SmallMapVector<mlir::Value, mlir::AffineExpr, 4> inductions;
  /// Where along a dimension one element is written.
  llvm::SmallMapVector<unsigned, mlir::AffineExpr, 4> digits;
  int64_t window = 1; ///< tokens of one slice
};

} // namespace gqa

#endif // GQA_LIB_RAISE_SLICEDWRITE_H
