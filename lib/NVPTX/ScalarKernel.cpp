// Kernels of one thread: what the host stores, and what it would assert of numbers that it does not know.
#include "LoopKernel.h"
#include "Offload.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {

/// A kernel of one warp that uses `values`, of which it writes buffers.
static void buildKernelWith(IndexBuilder &b, ValueRange values,
                            function_ref<void(const KernelOperands &)> body) {
  KernelOperands operands;
  for (Value value : values)
    operands.use(value, /*written=*/isa<MemRefType>(value.getType()));
  operands.map(b);
  buildKernel(
      b, {b.index(1)}, /*work=*/nullptr,
      [&](ValueRange) {
        operands.enter(b);
        body(operands);
      },
      /*warps=*/1);
  tile::DeviceUnmapOp::create(b);
}

void buildAssertionKernel(cf::AssertOp assertion) {
  IndexBuilder b(assertion.getLoc(), assertion);
  Value condition = assertion.getArg();
  buildKernelWith(b, {condition},
                  [&](const KernelOperands &operands) { buildAssertion(b, operands.lookup(condition)); });
}

void buildStoreKernel(memref::StoreOp store) {
  IndexBuilder b(store.getLoc(), store);
  buildKernelWith(b, store->getOperands(), [&](const KernelOperands &operands) {
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, threadOf(b), b.index(0));
    auto branch = scf::IfOp::create(b, isFirst, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenYield());
    IRMapping mapping = operands.values();
    b.clone(*store, mapping);
  });
  store.erase();
}

} // namespace gqa
