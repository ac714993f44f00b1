// What a block of a kernel of few-row products has: columns of a tile, of one product or of several.
#ifndef GQA_LIB_NVPTX_SKINNYCOLUMNS_H
#define GQA_LIB_NVPTX_SKINNYCOLUMNS_H

#include "LoopKernel.h"
#include "SkinnyProducts.h"
#include "SkinnyStep.h"

namespace gqa {

/// The columns of products that a block has together. Of all warps of the kernel's blocks, the first ones
/// have parts of the first product's sums, and so on; those that are left wait for the others.
class SkinnyColumns {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;

  SkinnyColumns(NVVMBuilder &b, const FusedProducts &fused, const SkinnyForm &form, int64_t warps);

  Value countBlocks() { return b.mul(batch, tiles); }

  /// Tells `operands` what is read and written, but for what `isKnown` in the kernel.
  void collect(KernelOperands &operands, llvm::function_ref<bool(Value)> isKnown);

  /// SkinnyStep::askFirst, and the sums of the lane.
  void askFirst(const KernelOperands &operands, Value block);
  Values sum(const KernelOperands &operands, Value block);

  /// Of the sums of all warps the results.
  void store(const KernelOperands &operands, Value block, SkinnySums &room);

private:
  using Build = llvm::function_ref<Values(SkinnyStep, Value)>;
  Values byMembers(size_t member, const KernelOperands &operands, Value block, mlir::TypeRange types,
                   Build build);
  SkinnyStep stepOf(const DeviceProduct &product, const KernelOperands &operands, Value block);
  void storeEpilogue(const KernelOperands &operands, llvm::ArrayRef<Value> indices, SkinnySums::Sum sum);
  Values pointAt(llvm::ArrayRef<Value> indices);
  Values number(Value block);
  Value firstColumn(Value block);

  NVVMBuilder &b;
  const FusedProducts &fused;
  mlir::linalg::LinalgOp epilogue;
  const SkinnyForm &form;
  unsigned batchDims;
  int64_t depth, each, warps; // elements of a sum; warps of a product, and of the block
  Value batch, m, n, tiles;
};

} // namespace gqa

#endif // GQA_LIB_NVPTX_SKINNYCOLUMNS_H
