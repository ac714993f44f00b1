// Passes that lower to code for NVIDIA's GPUs.
#ifndef GQA_NVPTX_PASSES_TD
#define GQA_NVPTX_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerTileToNVVM : Pass<"gqa-lower-tile-to-nvvm", "mlir::ModuleOp"> {
  let summary = "tile kernels of warps as functions of a gpu.module";
  let description = [{
    Moves the body of each `tile.kernel` to a kernel of `gpu.module @gqa_kernels`, and puts a launch by the runtime in its
    place. There a fragment becomes the numbers that a lane holds of it, a ring an offset of shared memory, and every
    operation of a warp what the tensor cores of sm_80 offer:

    ```mlir
    %s = tile.warp.qk %q, %keys[%slot, %row] : ... -> !tile.fragment<16x64xf32>
    // becomes, for each 16 elements of a head and each 16 keys,
    %b = nvvm.ldmatrix %address {num = 4 : i32, ...} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
    %c0 = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[...] {shape = #nvvm.shape<m = 16, n = 8, k = 16>, ...}
    %c1 = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b2, %b3] C[...] {shape = #nvvm.shape<m = 16, n = 8, k = 16>, ...}
    ```

    Kernels of groups of warps go to `gpu.module @gqa_kernels_sm_90a`, where a channel is an offset of shared memory with its
    barriers behind it, a fill a copy of the tensor memory accelerator, and a product `wgmma`. With `only-groups`
    the other kernels are there only; else the pipeline copies them there once they are lowered, as a device loads one module.

    Numerics: approximates (exponentials, logarithms and divisions to 2 ulp of f32; probabilities are rounded to the type of
    the values), reassociates
  }];
  let options = [Option<"onlyGroups", "only-groups", "bool", /*default=*/"false",
                        "nothing is for chips whose warps do not work in groups">];
  let statistics = [Statistic<"numKernels", "kernels", "kernels that became functions of the device">];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::func::FuncDialect", "mlir::gpu::GPUDialect",
                           "mlir::LLVM::LLVMDialect", "mlir::math::MathDialect", "mlir::memref::MemRefDialect",
                           "mlir::NVVM::NVVMDialect", "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
}

def Offload : Pass<"gqa-offload", "mlir::ModuleOp"> {
  let summary = "what a graph does around its attentions, as kernels of a GPU";
  let description = [{
    Products become calls of `gqa_rt_cuda_matmul`; those of 1 to 8 rows of f16 or bf16 become kernels, one for all that have one
    operand (`gqa.library_products` on the module asks for calls). Everything else that is a loop over buffers, a copy or a store becomes
    a kernel: of a thread for each point, or, around a reduction, of a block for each row, which also runs the operations beside it
    that have the same rows. A reduction with parallel loops behind it has a block for neighbouring columns. Whatever a kernel uses
    it finds through `tile.device.map`, so that it may be on either side; see `gqa-place-tensors`. What is computed from elements of an argument, such as a position in a cache, moves into the kernels.
    A remark tells of each operation that the device cannot do, and why, of loops that the host runs, and of reductions that one thread
    does by itself. Of a loop around one operation a kernel has all iterations; with `gqa.unordered` on it, at the same time.

    ```mlir
    // before
    linalg.generic {...} ins(%x : memref<8x64xf32>) outs(%y : memref<8x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %0 = math.exp %in : f32
      linalg.yield %0 : f32
    }
    // after
    %x1 = tile.device.map %x : memref<8x64xf32>
    %y1 = tile.device.map %y update : memref<8x64xf32>
    tile.kernel warps = 8 grid(%b = %c2) {
      ...
      %0 = memref.load %x1[%i, %j] : memref<8x64xf32>
      %1 = math.exp %0 : f32
      memref.store %1, %y1[%i, %j] : memref<8x64xf32>
    }
    tile.device.unmap
    ```

    Numerics: reassociates
  }];
  let statistics = [Statistic<"numKernels", "kernels", "kernels made of operations around attentions">,
                    Statistic<"numProducts", "products", "matrix products on the device">];
  let dependentDialects = ["gqa::tile::TileDialect", "mlir::affine::AffineDialect", "mlir::arith::ArithDialect",
                           "mlir::complex::ComplexDialect",
                           "mlir::LLVM::LLVMDialect", "mlir::memref::MemRefDialect", "mlir::NVVM::NVVMDialect",
                           "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
}

def PlaceTensors : Pass<"gqa-place-tensors", "mlir::ModuleOp"> {
  let summary = "which tensors may be in the memory of a GPU";
  let description = [{
    Arguments that the host hands to kernels and does not read itself may be anywhere, and so may results that only kernels
    write: their memory is asked of the runtime, which knows where the caller wants them. The module's attributes
    `gqa.device_arguments` and `gqa.device_results` list both by number. Other buffers that only kernels use are
    allocated on the device, in all functions, and constants are copied there once. Where the host reads an element by itself, a
    remark tells that the call waits there, and of each buffer that kernels use but that stays on the host, a remark tells why, and how
    much is copied.

    ```mlir
    // before
    func.func @main(%q: memref<1x8x64x64xf16>, ...) -> memref<1x8x64x64xf16> {
      %o = memref.alloc() {alignment = 64 : i64} : memref<1x8x64x64xf16>
      call @gqa_attention_0(%q, %k, %v, %o) : ...
    // after
    module attributes {gqa.device_arguments = array<i64: 0, 1, 2>, gqa.device_results = array<i64: 0>}
      %o = tile.device.result 0 : memref<1x8x64x64xf16>
    ```

    Numerics: exact
  }];
  let statistics = [Statistic<"numPlaced", "placed", "arguments and results that may be on a GPU">];
  let dependentDialects = ["gqa::tile::TileDialect"];
}

def CarryAddresses : Pass<"gqa-carry-addresses"> {
  let summary = "addresses that a loop advances by the same distance each time are added to";
  let description = [{
    Of pointers made of integers that are linear in a loop's induction variable, the integer becomes a value that the loop
    carries. LLVM reduces the strength of addresses it sees loads and stores of, but not those of asynchronous copies.

    ```mlir
    // before
    scf.for %i = %a to %b step %c1 {
      %0 = arith.muli %i, %stride : index
      %1 = arith.addi %base, %0 : index
      %2 = arith.index_cast %1 : index to i64
      %3 = llvm.inttoptr %2 : i64 to !llvm.ptr<1>
    // after
    %first = arith.addi %base, %a_times_stride : index
    scf.for %i = %a to %b step %c1 iter_args(%1 = %first) -> (index) {
      %2 = arith.index_cast %1 : index to i64
      %3 = llvm.inttoptr %2 : i64 to !llvm.ptr<1>
      ...
      %next = arith.addi %1, %stride : index
    ```

    Numerics: exact
  }];
  let statistics = [Statistic<"numCarried", "carried", "addresses that loops carry">];
  let dependentDialects = ["mlir::arith::ArithDialect"];
}

def EmbedPTX : Pass<"gqa-embed-ptx", "mlir::ModuleOp"> {
  let summary = "PTX, and machine code made of it, as variables of the host's code";
  let description = [{
    Turns the one object of each `gpu.binary` into text that the runtime finds through `gqa_cuda_module`, beside the cubins that
    ptxas makes of this text for `cubins`; of the text for sm_90a it makes one for that chip, if any are asked for. Without ptxas, asking for cubins is an error. What its log says of slow code (spilled
    registers, messages C75xx) becomes a remark.

    Numerics: exact
  }];
  let options = [ListOption<"cubins", "cubins", "unsigned", "chips to assemble the kernels for, 90 for sm_90">];
  let dependentDialects = ["mlir::gpu::GPUDialect", "mlir::LLVM::LLVMDialect"];
}

#endif
