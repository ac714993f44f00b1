// Passes that schedule attention.
#ifndef GQA_TILE_PASSES_TD
#define GQA_TILE_PASSES_TD

include "mlir/Pass/PassBase.td"

def GQATile : Pass<"gqa-tile", "mlir::ModuleOp"> {
  let summary = "each gqa.attention becomes a function with one tile kernel";
  let description = [{
    Outlines every `gqa.attention` on tensors into a private function on buffers, whose body is a `tile.kernel` over
    (batch, key/value head, block of queries, part of the keys). A task keeps the queries of all heads of the group in
    one tile and walks over the keys in blocks with an online softmax, so that each key and value is read once per group.
    Where there are few tiles the keys are split, and a second kernel merges the parts. Layouts become strides, broadcast
    masks become strides of zero; causal attention and windows become bounds of the loop, and a band that is applied to
    the blocks at its edge only. Runs in front of bufferization; the caller keeps its tensors.

    ```mlir
    // before
    %o = gqa.attention %q, %k, %v causal : (tensor<1x8x64x16xf32>, tensor<1x2x64x16xf32>, tensor<1x2x64x16xf32>)
         -> tensor<1x8x64x16xf32>
    // after
    %qb = bufferization.to_buffer %q read_only : tensor<1x8x64x16xf32> to memref<1x8x64x16xf32, strided<...>>
    call @gqa_attention_0(%qb, %kb, %vb, %ob) : ...
    %o = bufferization.to_tensor %room restrict writable : ...
    ```

    On processors with AMX, bf16 attention with many rows multiplies interleaved operands in tile registers. Probabilities
    are rounded to bf16 there, and a kernel in front lays the values out once for all blocks of queries.

    What feeds an attention becomes part of it where that saves a pass over memory. A cache with new tokens behind it, a
    concatenating `gqa.append_kv`, is passed in its two buffers, and blocks of keys are read where they lie. A `gqa.rotary`
    of queries that nothing else reads is done by the task that packs them.

    For `cuda` the operands go to the device's memory, a task is run by several warps (see the `tile` dialect), and keys are
    split where that fills the device's multiprocessors better.

    Sizes that are not known before the program runs are compared by assertions in front of the kernel, and indices into
    captured tensors are clamped, so that a kernel never reads or writes other memory.

    Numerics: reassociates (the sum over keys goes block by block, rescaled by the running maximum), approximates with AMX
    (probabilities to a relative 2^-9)
  }];
  let dependentDialects = ["gqa::tile::TileDialect", "mlir::arith::ArithDialect", "mlir::bufferization::BufferizationDialect",
                           "mlir::cf::ControlFlowDialect",
                           "mlir::func::FuncDialect", "mlir::math::MathDialect", "mlir::memref::MemRefDialect",
                           "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
  let options = [Option<"target", "target", "std::string", /*default=*/"\"cpu\"",
                        "the processor to schedule for: cpu (this machine) or cpu:ARCH, with +emulate-amx as if it had AMX, +emulate-pairs as if it multiplied pairs; cuda or cuda:sm_NN">];
  let statistics = [Statistic<"numTiled", "tiled", "attentions that became kernels">];
}

#endif
