#ifndef GQA_FUSE_PASSES_TD
#define GQA_FUSE_PASSES_TD

include "mlir/Pass/PassBase.td"

def GQAFuseProjections : Pass<"gqa-fuse-projections", "mlir::func::FuncOp"> {
  let summary = "products of one input with several constant weights become one";
  let description = [{
    The projections to q, k and v, or to a gate and its partner, read one input. With their weights side by side, the input
    is read once, there is one start of the threads instead of several, and K and V, narrow where heads are shared, are no
    narrow products any more. Each former result is a slice of the common one, that its readers read where it is.

    ```mlir
    %q = linalg.matmul ins(%x, %wq : tensor<1x512xf32>, tensor<512x512xf32>) outs(%zq : tensor<1x512xf32>) -> tensor<1x512xf32>
    %k = linalg.matmul ins(%x, %wk : tensor<1x512xf32>, tensor<512x128xf32>) outs(%zk : tensor<1x128xf32>) -> tensor<1x128xf32>
    ```

    becomes a `linalg.matmul` with a constant of 512 x 640, and two `tensor.extract_slice`.

    Products stay apart where that is not cheaper, and a remark says why: weights that are arguments would be copied in each
    call; weights that something else reads as well would be there twice; results of which a whole tensor is asked (by a
    return, or by a reshape across rows) would be copied; and rows shorter than `least-bytes`, a line of the cache, would
    share lines with what their readers do not want.

    Numerics: reassociates (a product of another shape may sum in another order).
  }];
  let options = [Option<"leastBytes", "least-bytes", "int64_t", "64", "of a row of a result: shorter ones stay apart">];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"fused", "fused", "products that became a part of another">];
}

def GQAReport : Pass<"gqa-report", "mlir::ModuleOp"> {
  let summary = "writes what was raised and what was declined as JSON";
  let description = [{
    Writes the findings that `gqa-raise` left in the module as a JSON array, an object for each attention and each softmax
    that is none, in program order, and takes them out of the module. The number of key/value heads is the one now: run
    it behind `gqa-share-kv`.

    Numerics: exact.
  }];
  let options = [Option<"report", "report", "std::string", "\"\"", "the file; none: the findings are only removed">];
}

#endif
