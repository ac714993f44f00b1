// What becomes of the operations around attentions: products of the library, kernels, or a part of the host.
#ifndef GQA_LIB_NVPTX_OFFLOAD_H
#define GQA_LIB_NVPTX_OFFLOAD_H

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace gqa {

/// Whether kernels compute with numbers of this type.
bool isForKernel(mlir::Type type);

/// Why no kernel can do what `op` does, or "".
std::string whyOnHost(mlir::linalg::LinalgOp op);

/// Why each point of `op` is a thread's alone though it reduces many elements, or "".
std::string whyReducedAlone(mlir::linalg::LinalgOp op);

/// Says of each loop that the host runs, around kernels or instead of one, what that costs.
void explainHostLoops(mlir::func::FuncOp function);

/// Whether operations in front may be run behind `op` instead: of a call that an assertion ends nobody uses
/// the results.
bool letsPass(mlir::Operation &op);

/// Makes calls of cuBLASLt of the products that it takes; returns how many.
int64_t offloadProducts(mlir::func::FuncOp function);

/// Makes kernels of products of rows by the matrices of their groups; returns how many.
int64_t offloadGroupedProducts(mlir::func::FuncOp function);

/// Whether `op` multiplies matrices: each operand has loops of its own, and a sum is over others.
bool isMatrixProduct(mlir::linalg::LinalgOp op);

/// Why gqa_rt_cuda_matmul does not take a product of matrices.
std::string whyNotByLibrary(mlir::linalg::LinalgOp op);

/// A kernel of one thread that ends the call where the condition, of which the host cannot know, does not
/// hold.
void buildAssertionKernel(mlir::cf::AssertOp assertion);

/// A kernel of one thread that stores a number of the host, a parameter; erases `store`.
void buildStoreKernel(mlir::memref::StoreOp store);

} // namespace gqa

#endif // GQA_LIB_NVPTX_OFFLOAD_H
