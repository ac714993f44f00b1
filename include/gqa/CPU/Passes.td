// Passes that lower to code for the host's processor.
#ifndef GQA_CPU_PASSES_TD
#define GQA_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def InheritLayouts : Pass<"gqa-inherit-layouts", "mlir::ModuleOp"> {
  let summary = "functions that know what their only caller knows of strides";
  let description = [{
    The function of an attention takes buffers of any strides. Where it is called once, which is always, its arguments get the
    types that the caller's buffers have, and so do views of them and the operands of tile operations:

    ```mlir
    %any = memref.cast %k : memref<1x8x?x128xf32> to memref<1x8x?x128xf32, strided<[?, ?, ?, ?], offset: ?>>
    call @gqa_attention_0(%any) : (memref<1x8x?x128xf32, strided<[?, ?, ?, ?], offset: ?>>) -> ()
    // becomes
    call @gqa_attention_0(%k) : (memref<1x8x?x128xf32>) -> ()
    ```

    So rows that are as long as their stride are known to be one behind the other, and addresses are constants apart.

    Numerics: exact
  }];
  let dependentDialects = ["mlir::memref::MemRefDialect"];
}

def OptimizeRanges : Pass<"gqa-optimize-ranges", "mlir::ModuleOp"> {
  let summary = "upstream's int-range-optimizations, which ends for functions that call themselves as well";
  let description = [{
    Bounds checks that hold go away, because of ranges that callers hand to functions. Upstream's analysis follows a number that a
    function hands to itself, one less each time, through all 2^64 of them; where functions call themselves, each one is looked at
    alone.

    Numerics: exact
  }];
  let dependentDialects = ["mlir::arith::ArithDialect"];
}

def IsolateArguments : Pass<"gqa-isolate-arguments", "mlir::func::FuncOp"> {
  let summary = "arguments have a block of their own, for the conversion of functions to LLVM's dialect";
  let description = [{
    The conversion takes a buffer's argument apart, and for each asks which operations of its block are behind what it has just put
    there: it counts the operations of a model's function again for each of a model's parameters. In another block than the
    arguments they are not counted. LLVM merges the two blocks before anything else.

    ```mlir
    func.func @main(%x: memref<4xf32>) {
      %0 = memref.load %x[%c0] : memref<4xf32>
    // becomes
    func.func @main(%x: memref<4xf32>) {
      cf.br ^bb1
    ^bb1:
      %0 = memref.load %x[%c0] : memref<4xf32>
    ```

    Numerics: exact
  }];
  let dependentDialects = ["mlir::cf::ControlFlowDialect"];
}

def LowerTileToCPU : Pass<"gqa-lower-tile-to-cpu", "mlir::ModuleOp"> {
  let summary = "tile kernels as vector code that the runtime runs in parallel";
  let description = [{
    Lowers every tile operation to loops over rank-1 vectors, with a register-blocked product for `tile.qk` and `tile.pv`
    (of `amx` operations where operands are interleaved) and an exponential of our own, and moves the body of each `tile.kernel` to a task function:

    ```mlir
    tile.kernel grid(%b = %batch, %h = %heads) { ... }
    // becomes
    call @gqa_rt_parallel_for(%tasks, %task, %context) : (i64, !llvm.ptr, !llvm.ptr) -> ()
    ```

    The work of a task does not depend on the number of threads, so neither do results.

    Numerics: approximates (exp and tanh of f32 to a relative error of 1e-7), reassociates (sums over the head dimension)
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"cpu\"",
           "the processor to generate code for: cpu (this machine) or cpu:ARCH">,
  ];
  let statistics = [Statistic<"numKernels", "kernels", "kernels that became task functions">];
  let dependentDialects = ["mlir::amx::AMXDialect", "mlir::x86vector::X86VectorDialect", "mlir::arith::ArithDialect", "mlir::func::FuncDialect",
                           "mlir::LLVM::LLVMDialect",
                           "mlir::math::MathDialect", "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect",
                           "mlir::vector::VectorDialect"];
}

def EmulateAMX : Pass<"gqa-emulate-amx", "mlir::ModuleOp"> {
  let summary = "tile instructions as loops, for tests";
  let description = [{
    For targets that end in `+emulate-amx`, does nothing for others: every `amx` operation becomes loops over a small
    buffer in place of its tile register, so that a schedule for AMX computes, slowly, on any processor. A product adds
    pairs in the order of TDPBF16PS, to which denormals are zero.

    ```mlir
    %s = amx.tile_mulf %a, %b, %c : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
    // becomes loops that add to
    %c = memref.alloca() : memref<16x16xf32>
    ```

    Numerics: exact (but for the rounding inside an instruction, which is not specified)
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"cpu\"",
           "the processor to generate code for: cpu (this machine) or cpu:ARCH, emulated with +emulate-amx">,
  ];
  let dependentDialects = ["mlir::amx::AMXDialect", "mlir::arith::ArithDialect", "mlir::math::MathDialect",
                           "mlir::memref::MemRefDialect",
                           "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
}

def AbsorbTranspose : Pass<"gqa-absorb-transpose"> {
  let summary = "matrix products that read a transposed operand where it lies";
  let description = [{
    Replaces a `linalg.matmul` or `linalg.batch_matmul` of a `linalg.transpose` that swaps the last two dimensions by the
    product with those two swapped in its indexing map, so that no transposed copy of a weight is made.

    ```mlir
    %t = linalg.transpose ins(%w : tensor<8x4xf32>) outs(%e : tensor<4x8xf32>) permutation = [1, 0]
    %c = linalg.matmul ins(%a, %t : tensor<2x4xf32>, tensor<4x8xf32>) outs(%z : tensor<2x8xf32>) -> tensor<2x8xf32>
    // becomes
    %c = linalg.matmul indexing_maps = [(m, n, k) -> (m, k), (m, n, k) -> (n, k), (m, n, k) -> (m, n)] ins(%a, %w ...
    ```

    Numerics: exact
  }];
  let statistics = [Statistic<"numAbsorbed", "absorbed", "transposes read in place">];
  let dependentDialects = ["mlir::linalg::LinalgDialect"];
}

def LowerMatmul : Pass<"gqa-lower-matmul", "mlir::ModuleOp"> {
  let summary = "matrix products as calls of the runtime";
  let description = [{
    `linalg.matmul` and `linalg.batch_matmul` on memrefs of f32, f64, f16 and bf16, with either operand transposed, become
    calls of `gqa_rt_matmul`, which uses a BLAS. A fill with zero right before becomes a product that overwrites. Other
    element types and layouts stay for the loops.

    Numerics: reassociates
  }];
  let statistics = [Statistic<"numLowered", "lowered", "products that the runtime computes">];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::memref::MemRefDialect", "mlir::LLVM::LLVMDialect"];
}

def ParallelLoops : Pass<"gqa-parallel-loops", "mlir::ModuleOp"> {
  let summary = "rows of loop nests are tasks of the runtime";
  let description = [{
    What is no attention and no matrix product runs in threads where that is worth it: a `tile.kernel` whose tasks have some rows
    each, the first loops, which are parallel. Operations one behind the other with the same rows share tasks where no row looks at
    another one, as the sums, the differences and the products of a norm do; what one writes is near when the next one reads it.

    ```mlir
    linalg.generic {...} ins(%x : memref<512x768xf32>) outs(%sum : memref<512xf32>) { ... }
    linalg.generic {...} ins(%x, %sum : memref<512x768xf32>, memref<512xf32>) outs(%y : memref<512x768xf32>) { ... }
    // becomes
    tile.kernel grid(%i = %c8) {
      linalg.generic {...} ins(%x_rows : memref<64x768xf32, ...>) outs(%sum_rows : memref<64xf32, ...>) { ... }
      linalg.generic {...} ins(%x_rows, %sum_rows : ...) outs(%y_rows : memref<64x768xf32, ...>) { ... }
    }
    ```

    How rows are cut depends on sizes, never on the number of threads.

    Numerics: exact
  }];
  let statistics = [Statistic<"numKernels", "kernels", "kernels that loops have become">];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::memref::MemRefDialect", "gqa::tile::TileDialect"];
}

def OrderLoops : Pass<"gqa-order-loops", "mlir::ModuleOp"> {
  let summary = "the loops of short sums, in the order of memory";
  let description = [{
    A depthwise convolution sums over the few elements of a window, whose loops stand behind all others; a vector would have no
    more than they have. Where the results of a row, and what they are made of, are next to each other, their loop becomes the
    innermost one, and the others have the order of the result's dimensions:

    ```mlir
    linalg.generic {indexing_maps = [(n, y, x, c, j, i) -> (n, c, y + j, x + i), (n, y, x, c, j, i) -> (c, j, i),
                                     (n, y, x, c, j, i) -> (n, c, y, x)], ...}
    // becomes
    linalg.generic {indexing_maps = [(n, c, y, j, i, x) -> (n, c, y + j, x + i), (n, c, y, j, i, x) -> (c, j, i),
                                     (n, c, y, j, i, x) -> (n, c, y, x)], ...}
    ```

    Numerics: exact (a sum keeps its order)
  }];
  let statistics = [Statistic<"numOrdered", "ordered", "operations whose loops have changed places">];
  let dependentDialects = ["mlir::linalg::LinalgDialect"];
}

def ShareLoops : Pass<"gqa-share-loops", "mlir::ModuleOp"> {
  let summary = "loop nests that differ only in their operands are one function";
  let description = [{
    The layers of a model are the same operations on other buffers. LLVM's passes over loops take time that grows by the square of a
    function's loops, so a nest that is there several times, with the same types and constants, becomes a function that is
    called, and is not inlined. What is there once, or has no loop, stays. Arguments of the function are pointers, and sizes, strides
    and offsets that types leave open; `llvm.noalias` says of a pointer what LLVM could see beside the allocation, and
    loops of which that is not the same are not shared.

    ```mlir
    linalg.generic {...} ins(%x : memref<64xf32>) outs(%y : memref<64xf32>) { ... math.exp ... }
    linalg.generic {...} ins(%y : memref<64xf32>) outs(%z : memref<64xf32>) { ... math.exp ... }
    // becomes
    call @loops(%x_pointer, %y_pointer) : (!llvm.ptr, !llvm.ptr) -> ()
    call @loops(%y_pointer, %z_pointer) : (!llvm.ptr, !llvm.ptr) -> ()
    ```

    Numerics: exact
  }];
  let statistics = [Statistic<"numShared", "shared", "loop nests that an equal one computes">];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::func::FuncDialect", "mlir::LLVM::LLVMDialect"];
}

#endif // GQA_CPU_PASSES_TD
