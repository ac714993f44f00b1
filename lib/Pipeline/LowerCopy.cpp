// gqa-lower-copy: copies between strided buffers as loops.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_LOWERCOPY
#include "gqa/Pipeline/Passes.h.inc"

namespace {

struct LowerCopyPass : impl::LowerCopyBase<LowerCopyPass> {
  void runOnOperation() override {
    SmallVector<memref::CopyOp> copies;
    getOperation()->walk([&](memref::CopyOp copy) { copies.push_back(copy); });
    for (memref::CopyOp copy : copies) {
      auto from = dyn_cast<MemRefType>(copy.getSource().getType()),
           to = dyn_cast<MemRefType>(copy.getTarget().getType());
      if (!from || !to || (from.getLayout().isIdentity() && to.getLayout().isIdentity()))
        continue;
      OpBuilder builder(copy);
      linalg::makeMemRefCopyOp(builder, copy.getLoc(), copy.getSource(), copy.getTarget());
      copy.erase();
    }
  }
};

} // namespace
} // namespace gqa
