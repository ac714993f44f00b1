// Passes of the pipeline itself: what happens to a whole graph around its attentions.
#ifndef GQA_PIPELINE_PASSES_TD
#define GQA_PIPELINE_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerTosa : Pass<"gqa-lower-tosa", "mlir::ModuleOp"> {
  let summary = "takes TOSA to linalg, tensor and arith";
  let description = [{
    Runs upstream's `tosa-to-linalg` pipeline, `tosa-to-arith` and `tosa-to-tensor` if there is any operation of TOSA, so
    that a graph may be given in that form. Every phase begins with it.

    ```mlir
    %s = tosa.matmul %q, %k, %zero, %zero : ...
    // becomes
    %s = linalg.batch_matmul ins(%q, %k : ...) outs(%filled : ...)
    ```

    Numerics: reassociates
  }];
  let dependentDialects = ["mlir::affine::AffineDialect", "mlir::arith::ArithDialect", "mlir::index::IndexDialect",
                           "mlir::linalg::LinalgDialect", "mlir::math::MathDialect", "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect", "mlir::tosa::TosaDialect"];
}

def PrepareEntry : Pass<"gqa-prepare-entry", "mlir::ModuleOp"> {
  let summary = "gives one function the form that the host calls";
  let description = [{
    Checks the module's types and makes `function` an entry point: every argument and result becomes a tensor (a scalar
    one of rank 0, `index` an i64), arguments are not written to, no result is an argument or the same buffer as another
    result, and a C interface is asked for, of this function only. All others become private, and unused symbols go. An argument with
    `gqa.donated_to = R` (or `tf.aliasing_output = R`, as JAX says it) becomes result R: that one is written over it.

    ```mlir
    func.func @main(%x: tensor<4xf32>, %s: f32) -> f32
    // becomes
    func.func @main(%x: tensor<4xf32> {bufferization.writable = false},
                    %s: tensor<f32> {bufferization.writable = false}) -> tensor<f32> attributes {llvm.emit_c_interface}
    ```

    Numerics: exact
  }];
  let options = [Option<"function", "function", "std::string", /*default=*/"",
                        "the entry; by default `main`, else the only public function">];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::bufferization::BufferizationDialect",
                           "mlir::tensor::TensorDialect"];
}

def ReturnDonated : Pass<"gqa-return-donated", "mlir::ModuleOp"> {
  let summary = "results that are written over arguments are not returned";
  let description = [{
    After bufferization: a result to which an argument is donated is in the argument's memory at the end of the function,
    and no longer a result of it. Bufferization has written to the argument where it could, as where a token is written to a
    cache; else the result is copied over the argument at the end, and a remark says so. The caller gets the argument
    as the result: the runtime knows which one.

    ```mlir
    func.func @main(%cache: memref<16x64xf32> {gqa.donated_to = 0}, %row: memref<1x64xf32>) -> memref<16x64xf32> {
      %to = memref.subview %cache[3, 0] [1, 64] [1, 1] : ...
      memref.copy %row, %to : ...
      return %cache : memref<16x64xf32>
    }
    // becomes
    func.func @main(%cache: memref<16x64xf32> {gqa.donated_to = 0}, %row: memref<1x64xf32>) {
      ...
      return
    }
    ```

    Numerics: exact
  }];
  let statistics = [Statistic<"numInPlace", "in-place", "results that need no copy">];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::cf::ControlFlowDialect", "mlir::memref::MemRefDialect"];
}

def MultiplyPatches : Pass<"gqa-multiply-patches"> {
  let summary = "convolutions become products of matrices";
  let description = [{
    A row of the one matrix has what one place of the result sees of the input, in the order of the filter, which is the other
    matrix. Where a patch is as large as its step, as of an image that becomes tokens, the rows are the input in another
    order; else they have elements of the input several times. Sums of numbers of 16 bits are f32, and rounded with what
    they are added to. Convolutions by groups or of integers, and filters whose channels are neither in front nor behind, stay.

    ```mlir
    // before
    %y = linalg.conv_2d_nchw_fchw {strides = dense<8> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x3x64x64xf32>, tensor<32x3x8x8xf32>) outs(%bias : tensor<1x32x8x8xf32>) -> tensor<1x32x8x8xf32>
    // after
    %0 = linalg.generic ... ins(%x : tensor<1x3x64x64xf32>) outs(%empty : tensor<1x8x8x3x8x8xf32>)
    %patches = tensor.collapse_shape %0 [[0, 1, 2], [3, 4, 5]] : tensor<1x8x8x3x8x8xf32> into tensor<64x192xf32>
    %filter = tensor.collapse_shape %w [[0], [1, 2, 3]] : tensor<32x3x8x8xf32> into tensor<32x192xf32>
    %1 = linalg.matmul indexing_maps = [(m, k), (n, k), (m, n)] ins(%patches, %filter : ...) outs(%zeros : tensor<64x32xf32>)
    %2 = tensor.expand_shape %1 ... into tensor<1x8x8x32xf32>
    %y = linalg.generic ... ins(%2, %bias : ...) // a sum, in the order of the result's dimensions
    ```

    Numerics: reassociates
  }];
  let statistics = [Statistic<"numMultiplied", "multiplied", "convolutions that became products">];
  let dependentDialects = ["mlir::affine::AffineDialect", "mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect"];
}

def GatherProducts : Pass<"gqa-gather-products"> {
  let summary = "products that read one tensor stand next to each other";
  let description = [{
    Graphs multiply one activation by several weights, and do something with each result before they come to the next
    product: add a bias, round it. A product that reads the same tensor as one in front of it moves up to that one, with
    the places, numbers and views that it needs. A target that makes one launch of such products finds them together
    (`gqa-offload`); where something else stands between them that a product needs, it stays.

    ```mlir
    // before
    %0 = linalg.matmul ins(%x, %gate : ...) outs(%zero : ...) -> tensor<1x512xf32>
    %1 = linalg.generic ... ins(%0 : tensor<1x512xf32>) // silu
    %2 = linalg.matmul ins(%x, %up : ...) outs(%zero : ...) -> tensor<1x512xf32>
    // after
    %0 = linalg.matmul ins(%x, %gate : ...) outs(%zero : ...) -> tensor<1x512xf32>
    %2 = linalg.matmul ins(%x, %up : ...) outs(%zero : ...) -> tensor<1x512xf32>
    %1 = linalg.generic ... ins(%0 : tensor<1x512xf32>)
    ```

    Numerics: exact
  }];
  let statistics = [Statistic<"numMoved", "moved", "products that stood elsewhere">];
}

def MultiplyGroups : Pass<"gqa-multiply-groups"> {
  let summary = "a row times the matrix of its group, without a copy of the matrix for each row";
  let description = [{
    Mixtures of experts multiply each token by the matrix of an expert. Graphs select the matrices by a number for each row, which
    copies one for each, and multiply a batch of single rows. Here rows that follow each other and have the same number are one
    product with the matrix where it is: of tokens that are sorted by their expert, as Hugging Face's `grouped_mm` has them, there are
    as many products as experts. A matrix that is transposed in front is multiplied as it is stored.

    With `on-device`, for targets where such a loop would wait for the numbers, products of f16 and bf16 become sums whose body takes
    the elements of a row's matrix, which a kernel multiplies run by run. Of other types all rows are multiplied by all matrices, and of
    a row's products that of its group is kept; where there are no more rows than matrices, copies stay.

    ```mlir
    // before
    %w = linalg.generic ... ins(%number : tensor<64xi64>) { ... tensor.extract %matrices[%g, %k, %n] } -> tensor<64x16x32xf32>
    %y = linalg.batch_matmul ins(%x, %w : tensor<64x1x16xf32>, tensor<64x16x32xf32>) outs(%zeros : tensor<64x1x32xf32>)
    // after
    scf.while (%first = %c0, %y = %zeros) {
      ...
      %matrix = tensor.extract_slice %matrices[%g, 0, 0] [1, 16, 32] [1, 1, 1] : tensor<8x16x32xf32> to tensor<16x32xf32>
      %0 = linalg.matmul ins(%rows, %matrix : tensor<?x16xf32>, tensor<16x32xf32>) outs(%part : tensor<?x32xf32>)
    ```

    Numerics: reassociates
  }];
  let options = [Option<"onDevice", "on-device", "bool", /*default=*/"false", "leaves runs to a kernel instead of a loop over them">];
  let statistics = [Statistic<"numMultiplied", "multiplied", "products in another form">];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect", "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect"];
}

def RenameReserved : Pass<"gqa-rename-reserved", "mlir::ModuleOp"> {
  let summary = "symbols of a graph that compiled code may have for its own get other names";
  let description = [{
    What lowering calls or makes is found by name: the runtime (`gqa_rt_copy`), kernels (`gqa_kernels`), C interfaces
    (`_mlir_ciface_main`), intrinsics, and the functions of C's library that LLVM writes calls of. Who calls a function from outside
    goes by the signature, which is read before.

    ```mlir
    func.func private @gqa_rt_copy(%x: f32) -> f32
    // becomes
    func.func private @graph_gqa_rt_copy(%x: f32) -> f32
    ```

    Numerics: exact
  }];
  let statistics = [Statistic<"numRenamed", "renamed", "symbols with another name">];
}

def FuseElementwise : Pass<"gqa-fuse-elementwise"> {
  let summary = "one loop nest per chain of elementwise operations";
  let description = [{
    Generalises named linalg operations other than contractions and fills, takes a softmax apart, and fuses elementwise
    producers into their only reader, unless the reader would then compute something expensive (a function, a division) once per element of a
    larger space than the producer's, or have a thousand operations, of which copies are made with each that is fused. What only widens
    numbers of 16 bits and more (`arith.extf`) is fused into each of its readers: they read the narrow numbers. What writes a part of a
    tensor is computed of a slice, which is put back.

    Numerics: exact
  }];
  let statistics = [Statistic<"numFused", "fused", "producers fused into their reader">];
  let dependentDialects = ["mlir::linalg::LinalgDialect", "mlir::affine::AffineDialect", "mlir::arith::ArithDialect",
                           "mlir::math::MathDialect"];
}

def SplitParts : Pass<"gqa-split-parts"> {
  let summary = "what is computed of a tensor made of parts is computed of each part";
  let description = [{
    Of an elementwise operation that alone reads a tensor which others have written part by part, as both halves of a
    rotation. Each part's computation can then be fused into it: rotated keys go to the cache at once.

    ```mlir
    // before
    %0 = tensor.insert_slice %first into %empty[0, 0] [8, 64] [1, 1] : tensor<8x64xf16> into tensor<8x128xf16>
    %1 = tensor.insert_slice %second into %0[0, 64] [8, 64] [1, 1] : tensor<8x64xf16> into tensor<8x128xf16>
    %2 = linalg.generic ... ins(%1 : tensor<8x128xf16>) outs(%row : tensor<8x128xf16>)
    // after
    %row0 = tensor.extract_slice %row[0, 0] [8, 64] [1, 1] : tensor<8x128xf16> to tensor<8x64xf16>
    %part0 = linalg.generic ... ins(%first : tensor<8x64xf16>) outs(%row0 : tensor<8x64xf16>)
    %0 = tensor.insert_slice %part0 into %row[0, 0] [8, 64] [1, 1] : tensor<8x64xf16> into tensor<8x128xf16>
    %row1 = tensor.extract_slice %0[0, 64] [8, 64] [1, 1] : tensor<8x128xf16> to tensor<8x64xf16>
    %part1 = linalg.generic ... ins(%second : tensor<8x64xf16>) outs(%row1 : tensor<8x64xf16>)
    %1 = tensor.insert_slice %part1 into %0[0, 64] [8, 64] [1, 1] : tensor<8x64xf16> into tensor<8x128xf16>
    ```

    Numerics: exact
  }];
  let statistics = [Statistic<"numSplit", "split", "operations that were split">];
  let dependentDialects = ["mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
}

def RollLoops : Pass<"gqa-roll-loops"> {
  let summary = "the steps of an unrolled loop over parts of a tensor become a loop";
  let description = [{
    A loop of Python over the rows of a matrix, each of which is computed from those in front of it, is exported step by step:
    the gated delta rule of Qwen3-Next inverts a triangular matrix so, by 63 steps a layer. Bufferization compares each read
    of the matrix with each write, for each operand, so its time grows by the cube of the steps, and each step's kernels are
    code of their own. Steps that are the same but for offsets and sizes which grow evenly are rolled up, if there are 16 or
    more of them and each reads what those in front have written. Others are independent of each other, and better apart.

    ```mlir
    // before
    %row1 = tensor.extract_slice %0[1, 0] [1, 1] [1, 1] : tensor<64x64xf32> to tensor<1xf32>
    %new1 = ... %row1 ... : tensor<1xf32>
    %1 = tensor.insert_slice %new1 into %0[1, 0] [1, 1] [1, 1] : tensor<1xf32> into tensor<64x64xf32>
    %row2 = tensor.extract_slice %1[2, 0] [1, 2] [1, 1] : tensor<64x64xf32> to tensor<2xf32>
    ...
    // after
    %63 = scf.for %i = %c0 to %c63 step %c1 iter_args(%all = %0) -> (tensor<64x64xf32>) {
      %size = arith.addi %i, %c1 : index
      %row = tensor.extract_slice %all[%size, 0] [1, %size] [1, 1] : tensor<64x64xf32> to tensor<?xf32>
      ...
    ```

    Numerics: exact
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::scf::SCFDialect", "mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numRolled", "rolled", "loops made of steps">];
}

def SeparateDestinations : Pass<"gqa-separate-destinations"> {
  let summary = "what is written to a new or filled tensor has one of its own";
  let description = [{
    Common subexpressions leave one empty tensor and one fill for all operations of a shape. Each operation would get a copy of the
    fill when tensors become memory. All results of a shape would be aliases of the one empty tensor, and bufferization compares each
    read of an alias with each write to one, for each operand: the time grew by the cube of a model's layers.
    An elementwise result is written over an operand that nobody else reads.

    ```mlir
    // before
    %zero = linalg.fill ins(%c0 : f32) outs(%empty : tensor<8x8xf32>) -> tensor<8x8xf32>
    %0 = linalg.matmul ins(%a, %b : ...) outs(%zero : tensor<8x8xf32>) -> tensor<8x8xf32>
    %1 = linalg.matmul ins(%a, %c : ...) outs(%zero : tensor<8x8xf32>) -> tensor<8x8xf32>
    // after
    %empty0 = tensor.empty() : tensor<8x8xf32>
    %zero0 = linalg.fill ins(%c0 : f32) outs(%empty0 : tensor<8x8xf32>) -> tensor<8x8xf32>
    %0 = linalg.matmul ins(%a, %b : ...) outs(%zero0 : tensor<8x8xf32>) -> tensor<8x8xf32>
    ...
    ```

    Numerics: exact
  }];
  let statistics = [Statistic<"numSeparated", "separated", "tensors made for one operation">,
                    Statistic<"numInPlace", "in-place", "operations that write over an operand">];
}

def SliceInPlace : Pass<"gqa-slice-in-place"> {
  let summary = "a part of a tensor is taken, and put back, without its dimensions of one element";
  let description = [{
    Caches of all layers, or of keys and values, may be one tensor. A step takes a layer's part, drops the dimension of one
    element, writes a token, and puts the part back. Bufferization knows a part that is put back where it was taken, and then
    writes the token in place, only if nothing stands between but what writes to it. What reads a part after another one was
    written beside it reads it out of both. Parts of a part are taken from the whole, and put
    there at once, where the part is nothing but a way to them.

    ```mlir
    // before
    %0 = tensor.extract_slice %all[2, 0, 0, 0] [1, 8, 64, 16] [1, 1, 1, 1] : tensor<4x8x64x16xf32> to tensor<1x8x64x16xf32>
    %1 = tensor.collapse_shape %0 [[0, 1], [2], [3]] : tensor<1x8x64x16xf32> into tensor<8x64x16xf32>
    // after
    %1 = tensor.extract_slice %all[2, 0, 0, 0] [1, 8, 64, 16] [1, 1, 1, 1] : tensor<4x8x64x16xf32> to tensor<8x64x16xf32>
    ```

    Numerics: exact
  }];
  let dependentDialects = ["mlir::affine::AffineDialect", "mlir::tensor::TensorDialect"];
}

def CarryInPlace : Pass<"gqa-carry-in-place"> {
  let summary = "what a loop carries, or a branch yields, is in one buffer";
  let description = [{
    A tensor of static sizes that is one of two after a branch is written to memory in front of it. A tensor that an iteration hands to the next one is written over the one that it got, where both are known to have the
    same sizes. Else bufferization would make a new buffer in each iteration, whose owner is known only at run time.
    Elementwise operations work in place then; others are computed elsewhere, and copied.

    ```mlir
    // before
    %y = scf.for %i = %c0 to %n step %c1 iter_args(%x = %init) -> tensor<8xf32> {
      %0 = linalg.matvec ins(%m, %x : tensor<8x8xf32>, tensor<8xf32>) outs(%zeros : tensor<8xf32>) -> tensor<8xf32>
      scf.yield %0 : tensor<8xf32>
    // after
      %1 = bufferization.materialize_in_destination %0 in %x : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
      scf.yield %1 : tensor<8xf32>
    ```

    Numerics: exact
  }];
  let statistics = [Statistic<"numKept", "kept", "tensors that stay where they are">];
  let dependentDialects = ["mlir::bufferization::BufferizationDialect"];
}

def RelaxReductions : Pass<"gqa-relax-reductions"> {
  let summary = "lets sums be added in any order, so that they become vectors";
  let description = [{
    Marks the additions and multiplications that combine a value with the accumulator of a reducing `linalg.generic`
    with `fastmath<reassoc>`. Without it a sum is one chain of dependent additions.

    Numerics: reassociates
  }];
  let dependentDialects = ["mlir::arith::ArithDialect"];
}

def GuardAccesses : Pass<"gqa-guard-accesses"> {
  let summary = "asserts that dynamic indices, slices and shapes are within bounds, and that loops end";
  let description = [{
    Asks every operation that can verify itself at run time to do so, as upstream's `generate-runtime-verification` does,
    but leaves score regions alone: they are pure and run inside a kernel, and `gqa-tile` clamps their indices. The step of a
    loop is positive: else it would never end.

    Numerics: exact
  }];
  let dependentDialects = ["mlir::affine::AffineDialect", "mlir::arith::ArithDialect", "mlir::cf::ControlFlowDialect",
                           "mlir::tensor::TensorDialect"];
}

def DefineDivision : Pass<"gqa-define-division"> {
  let summary = "every division of integers has a result";
  let description = [{
    MLIR leaves a division by 0 undefined, and that of the least integer by -1: a processor ends the process for it, and code
    may not compute it where nobody reads the result, as for keys that are hidden or do not exist. Graphs of JAX rely on
    what XLA makes of it, and so does this: divided by 0 a number is -1, all bits, with the number itself as remainder, and
    the least integer divided by -1 is itself. Divisors that are constants other than these stay as they are. Score regions
    and the bodies of named operations are included; an operation whose body changes is written as `linalg.generic`. The
    divisions of the index dialect become arith's.

    ```mlir
    %q = arith.divui %a, %b : i32
    // becomes
    %zero = arith.cmpi eq, %b, %c0 : i32
    %safe = arith.select %zero, %c1, %b : i32
    %0 = arith.divui %a, %safe : i32
    %q = arith.select %zero, %c-1, %0 : i32
    ```

    Numerics: exact
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect"];
}

def GuardSizes : Pass<"gqa-guard-sizes"> {
  let summary = "asserts that the size of each dynamic allocation is sane";
  let description = [{
    In front of every `memref.alloc` with dynamic sizes: each is at least 0, and all together need less than 2^46 bytes.
    The lowering of the allocation multiplies in 64 bits and would wrap around.

    Numerics: exact
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::cf::ControlFlowDialect"];
}

def LowerCopy : Pass<"gqa-lower-copy", "mlir::ModuleOp"> {
  let summary = "large copies on all threads, copies between strided buffers as loops";
  let description = [{
    A `memref.copy` of contiguous rows becomes a call of the runtime's `gqa_rt_copy` if it has 64 KiB or its size is not
    known: a KV cache that is returned longer than it came in is larger than everything else that a decode step writes.
    Of the others, one from or to a buffer with strides becomes an elementwise `linalg.generic`, which vectorises, where
    upstream's lowering calls a library function that copies element by element, and small dense ones stay, as `memcpy`.

    Numerics: exact
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::LLVM::LLVMDialect", "mlir::linalg::LinalgDialect",
                           "mlir::memref::MemRefDialect"];
}

def LowerAssert : Pass<"gqa-lower-assert", "mlir::ModuleOp"> {
  let summary = "a failing assertion ends the call, not the process";
  let description = [{
    `cf.assert` becomes a call of the runtime's `gqa_rt_fail(message, length)`, which does not return: the host's call
    ends with an error that carries the message. Messages of upstream's runtime checks are shortened to one line.

    Numerics: exact
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::scf::SCFDialect", "mlir::LLVM::LLVMDialect"];
}

def ExpandMath : Pass<"gqa-expand-math"> {
  let summary = "mathematical functions as arithmetic that vectorises";
  let description = [{
    `exp`, `tanh`, `erf` and their like of f32 become polynomials, `rsqrt` a division by a root, small constant powers
    multiplications, and all constant powers of integers. NaN and infinities stay exact. Everything else stays for the C library:
    `log`, `sin`, larger powers, all of f64, and `atan`, whose polynomial is off by 40 ulp. `arith.extf` of a float of 8 bits (f8E4M3FN, f8E5M2) becomes arithmetic
    on its bits, which is exact.

    Numerics: approximates (5 ulp of f32)
  }];
  let options = [Option<"polynomials", "polynomials", "bool", /*default=*/"true",
                        "approximate by polynomials; off, the C library is called">];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::math::MathDialect", "mlir::vector::VectorDialect"];
}

#endif
