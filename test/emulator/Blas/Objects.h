// What stands behind the handles: objects that are alive, with the values of their attributes.
#pragma once
#include "CublasLt.h"

#include <array>
#include <string>

struct cublasLtContext {
  CUcontext context; ///< that was current when it was made
};
struct cublasLtMatrixLayoutOpaque_t {
  cudaDataType_t type;
  uint64_t rows, columns;
  int64_t leading;
  int32_t batch = 1;
  int64_t stride = 0; ///< elements from one matrix to the next
};
struct cublasLtMatmulDescOpaque_t {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  cublasOperation_t transposeA = CUBLAS_OP_N, transposeB = CUBLAS_OP_N;
};
struct cublasLtMatmulPreferenceOpaque_t {
  uint64_t workspace = 0;
  uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;  ///< how parts of a sum may meet
  std::array<uint32_t, 4> alignment{256, 256, 256, 256}; ///< of A, B, C, D
};

namespace gqa::emulator::blas {

size_t bytesOf(cudaDataType_t type);
const char *nameOf(cudaDataType_t type);

/// Says on stderr what was wrong with a call, and returns the status.
cublasStatus_t refuse(const char *function, cublasStatus_t status, const std::string &why);

/// Whether the object has been made and not been destroyed.
bool isAlive(const void *object);

/// Success, or what is wrong with a handle that a function was given: not made here, destroyed, another
/// context.
cublasStatus_t checkHandle(const char *function, cublasLtHandle_t handle);

} // namespace gqa::emulator::blas
