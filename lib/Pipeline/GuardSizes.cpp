// gqa-guard-sizes: allocations whose size is only known at run time.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_GUARDSIZES
#include "gqa/Pipeline/Passes.h.inc"

namespace {

void guard(memref::AllocOp alloc) {
  ImplicitLocOpBuilder b(alloc.getLoc(), alloc);
  Type f64 = b.getF64Type(), i64 = b.getI64Type();
  Value zero = arith::ConstantIndexOp::create(b, 0);
  double fixed = 8;
  for (int64_t size : alloc.getType().getShape())
    fixed *= ShapedType::isDynamic(size) ? 1.0 : double(size);
  // In f64 nothing wraps around; that it rounds does not matter here.
  Value bytes = arith::ConstantOp::create(b, b.getF64FloatAttr(fixed));
  Value good;
  for (Value size : alloc.getDynamicSizes()) {
    Value atLeastZero = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, size, zero);
    good = good ? Value(arith::AndIOp::create(b, good, atLeastZero)) : atLeastZero;
    Value wide = arith::SIToFPOp::create(b, f64, arith::IndexCastOp::create(b, i64, size));
    bytes = arith::MulFOp::create(b, bytes, wide);
  }
  Value limit = arith::ConstantOp::create(b, b.getF64FloatAttr(0x1p46));
  Value fits = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, bytes, limit);
  cf::AssertOp::create(b, arith::AndIOp::create(b, good, fits),
                       "the shapes of the arguments need an impossible amount of memory");
}

struct GuardSizesPass : impl::GuardSizesBase<GuardSizesPass> {
  void runOnOperation() override {
    getOperation()->walk([](memref::AllocOp alloc) {
      if (!alloc.getDynamicSizes().empty())
        guard(alloc);
    });
  }
};

} // namespace
} // namespace gqa
