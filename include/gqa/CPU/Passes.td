// Passes that lower to code for the host's processor.
#ifndef GQA_CPU_PASSES_TD
#define GQA_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerTileToCPU : Pass<"gqa-lower-tile-to-cpu", "mlir::ModuleOp"> {
  let summary = "tile kernels as vector code that the runtime runs in parallel";
  let description = [{
    Lowers every tile operation to loops over rank-1 vectors, with a register-blocked product for `tile.qk` and `tile.pv`
    and an exponential of our own, and moves the body of each `tile.kernel` to a task function:

    ```mlir
    tile.kernel grid(%b = %batch, %h = %heads) { ... }
    // becomes
    call @gqa_rt_parallel_for(%tasks, %task, %context) : (i64, !llvm.ptr, !llvm.ptr) -> ()
    ```

    The work of a task does not depend on the number of threads, so neither do results.

    Numerics: approximates (exp and tanh of f32 to a relative error of 1e-7), reassociates (sums over the head dimension)
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "unsigned", "0",
           "width of a vector register: 128, 256 or 512; 0 is that of this machine">,
  ];
  let statistics = [Statistic<"numKernels", "kernels", "kernels that became task functions">];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::func::FuncDialect", "mlir::LLVM::LLVMDialect",
                           "mlir::math::MathDialect", "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect",
                           "mlir::vector::VectorDialect"];
}

#endif
