// NVIDIA's library of matrix products: its binary interface as far as the runtime uses it, and the one loaded
// copy.
#ifndef GQA_LIB_RUNTIME_CUDA_CUBLASLT_H
#define GQA_LIB_RUNTIME_CUDA_CUBLASLT_H

#include "Driver.h"

#include <vector>

namespace gqa::rt::cuda {

using cublasLtHandle = struct cublasLtContext *;

enum cublasStatus : int {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_ALLOC_FAILED = 3,
  CUBLAS_STATUS_INVALID_VALUE = 7,
  CUBLAS_STATUS_ARCH_MISMATCH = 8,
  CUBLAS_STATUS_MAPPING_ERROR = 11,
  CUBLAS_STATUS_EXECUTION_FAILED = 13,
  CUBLAS_STATUS_INTERNAL_ERROR = 14,
  CUBLAS_STATUS_NOT_SUPPORTED = 15,
  CUBLAS_STATUS_LICENSE_ERROR = 16,
};

enum cudaDataType : int { CUDA_R_32F = 0, CUDA_R_64F = 1, CUDA_R_16F = 2, CUDA_R_16BF = 14 };
/// 32F takes f32 as it is: that f32 may be rounded to TF32 has a type of its own, which is not asked for.
enum cublasComputeType : int { CUBLAS_COMPUTE_32F = 68, CUBLAS_COMPUTE_64F = 70 };
enum cublasOperation : int { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 };

enum cublasLtMatrixLayoutAttribute : int {
  CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT = 5,          // int32_t
  CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET = 6, // int64_t, elements
};
enum cublasLtMatmulDescAttribute : int {
  CUBLASLT_MATMUL_DESC_TRANSA = 3, // cublasOperation
  CUBLASLT_MATMUL_DESC_TRANSB = 4,
};
enum cublasLtMatmulPreferenceAttribute : int {
  CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1,   // uint64_t
  CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3, // uint32_t, of cublasLtReductionScheme
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5, // uint32_t, as the next three
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES = 6,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES = 7,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES = 8,
};

/// How parts of a sum meet: other schemes round each of them to the type of the result, or add them in any
/// order.
enum cublasLtReductionScheme : uint32_t { CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE = 2 };

using cublasLtMatrixLayout = struct cublasLtMatrixLayoutOpaque *;
using cublasLtMatmulDesc = struct cublasLtMatmulDescOpaque *;
using cublasLtMatmulPreference = struct cublasLtMatmulPreferenceOpaque *;

struct cublasLtMatmulAlgo {
  uint64_t opaque[8];
};

struct cublasLtMatmulHeuristicResult {
  cublasLtMatmulAlgo algo;
  size_t workspaceBytes;
  cublasStatus state;
  float waves;
  int reserved[4];
};
static_assert(sizeof(cublasLtMatmulHeuristicResult) == 96);

/// The functions of one library.
struct CublasLt {
#define GQA_CUBLASLT_FUNCTION(member, symbol, ...) cublasStatus (*member)(__VA_ARGS__) = nullptr;
#include "CublasLt.def"

  std::string error; ///< empty, or the line that says what is missing and what to do

  /// The names of the libraries that a driver for this version of CUDA can serve, newest first.
  static std::vector<std::string> names(int driverVersion);

  /// This process's library: the one that GQA_CUBLASLT names, or that is loaded already, or that the system
  /// finds.
  static const CublasLt &get();
};

/// Empty, or "cublasLtMatmul: CUBLAS_STATUS_NOT_SUPPORTED".
std::string check(const char *function, cublasStatus status);

#define GQA_CUBLASLT_CHECK(symbol, call) check(#symbol, CublasLt::get().call)

} // namespace gqa::rt::cuda

#endif // GQA_LIB_RUNTIME_CUDA_CUBLASLT_H
