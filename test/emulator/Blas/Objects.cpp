// Handles, layouts, descriptors and preferences: made, given attributes, destroyed.
#include "Objects.h"

#include "Driver/Extension.h"

#include <cstdio>
#include <cstring>
#include <mutex>
#include <set>

using namespace gqa::emulator::blas;

extern "C" CUresult cuCtxGetCurrent(CUcontext *context);

namespace gqa::emulator::blas {
namespace {

std::mutex mutex;
std::set<const void *> &alive() {
  static auto &objects =
      *new std::set<const void *>; // calls may come from destructors at the end of the process
  return objects;
}

template <typename T> T *make(T value) {
  T *object = new T(value);
  std::lock_guard lock(mutex);
  alive().insert(object);
  return object;
}

template <typename T> cublasStatus_t destroy(const char *function, T *object) {
  std::unique_lock lock(mutex);
  bool known = alive().erase(object);
  lock.unlock();
  if (!known)
    return refuse(function, CUBLAS_STATUS_INVALID_VALUE, "the object is not alive");
  delete object;
  return CUBLAS_STATUS_SUCCESS;
}

/// Copies an attribute's value, which must be of the size that it has.
template <typename T> cublasStatus_t set(const char *function, T &to, const void *value, size_t bytes) {
  if (!value || bytes != sizeof(T))
    return refuse(function, CUBLAS_STATUS_INVALID_VALUE,
                  "the attribute has " + std::to_string(sizeof(T)) + " bytes, found " +
                      (value ? std::to_string(bytes) : "a null pointer"));
  std::memcpy(&to, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

template <typename T> cublasStatus_t checkAlive(const char *function, const T *object) {
  return isAlive(object) ? CUBLAS_STATUS_SUCCESS
                         : refuse(function, CUBLAS_STATUS_INVALID_VALUE, "the object is not alive");
}

cublasStatus_t unknown(const char *function, int attribute) {
  return refuse(function, CUBLAS_STATUS_NOT_SUPPORTED,
                "attribute " + std::to_string(attribute) + " is not modelled");
}

} // namespace

size_t bytesOf(cudaDataType_t type) {
  switch (type) {
  case CUDA_R_64F:
    return 8;
  case CUDA_R_32F:
    return 4;
  case CUDA_R_16F:
  case CUDA_R_16BF:
    return 2;
  }
  return 0;
}

const char *nameOf(cudaDataType_t type) {
  return type == CUDA_R_64F ? "f64" : type == CUDA_R_32F ? "f32" : type == CUDA_R_16F ? "f16" : "bf16";
}

cublasStatus_t refuse(const char *function, cublasStatus_t status, const std::string &why) {
  std::fprintf(stderr, "GQA emulator: %s: %s\n", function, why.c_str());
  return status;
}

bool isAlive(const void *object) {
  std::lock_guard lock(mutex);
  return alive().count(object);
}

cublasStatus_t checkHandle(const char *function, cublasLtHandle_t handle) {
  CUcontext current = nullptr;
  if (!isAlive(handle))
    return refuse(function, CUBLAS_STATUS_NOT_INITIALIZED, "the handle is not alive");
  if (cuCtxGetCurrent(&current) != CUDA_SUCCESS || current != handle->context)
    return refuse(function, CUBLAS_STATUS_NOT_INITIALIZED,
                  current ? "the handle belongs to another context" : "no context is current");
  return CUBLAS_STATUS_SUCCESS;
}

} // namespace gqa::emulator::blas

EMULATOR_API size_t cublasLtGetVersion() { return 120901; }

EMULATOR_API cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle) {
  CUcontext current = nullptr;
  if (!handle)
    return refuse("cublasLtCreate", CUBLAS_STATUS_INVALID_VALUE, "no place for the handle");
  if (cuCtxGetCurrent(&current) != CUDA_SUCCESS || !current)
    return refuse("cublasLtCreate", CUBLAS_STATUS_NOT_INITIALIZED, "no context is current");
  if (cuEmulatorMayWait() != CUDA_SUCCESS)
    return refuse("cublasLtCreate", CUBLAS_STATUS_ALLOC_FAILED,
                  "a stream is being captured, and this thread's capture mode is not relaxed");
  *handle = make(cublasLtContext{current});
  return CUBLAS_STATUS_SUCCESS;
}
EMULATOR_API cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  if (!isAlive(handle))
    return refuse("cublasLtDestroy", CUBLAS_STATUS_NOT_INITIALIZED, "the handle is not alive");
  return destroy("cublasLtDestroy", handle);
}

EMULATOR_API cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType_t type,
                                                       uint64_t rows, uint64_t columns, int64_t leading) {
  const char *function = "cublasLtMatrixLayoutCreate";
  if (!layout)
    return refuse(function, CUBLAS_STATUS_INVALID_VALUE, "no place for the layout");
  if (!bytesOf(type))
    return refuse(function, CUBLAS_STATUS_NOT_SUPPORTED, "type " + std::to_string(type) + " is not modelled");
  *layout = make(cublasLtMatrixLayoutOpaque_t{type, rows, columns, leading});
  return CUBLAS_STATUS_SUCCESS;
}
EMULATOR_API cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return destroy("cublasLtMatrixLayoutDestroy", layout);
}
EMULATOR_API cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout, int attribute,
                                                             const void *value, size_t bytes) {
  const char *function = "cublasLtMatrixLayoutSetAttribute";
  if (cublasStatus_t wrong = checkAlive(function, layout))
    return wrong;
  switch (attribute) {
  case CUBLASLT_MATRIX_LAYOUT_ROWS:
    return set(function, layout->rows, value, bytes);
  case CUBLASLT_MATRIX_LAYOUT_COLS:
    return set(function, layout->columns, value, bytes);
  case CUBLASLT_MATRIX_LAYOUT_LD:
    return set(function, layout->leading, value, bytes);
  case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
    return set(function, layout->batch, value, bytes);
  case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
    return set(function, layout->stride, value, bytes);
  default:
    return unknown(function, attribute);
  }
}

EMULATOR_API cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *desc, cublasComputeType_t compute,
                                                     cudaDataType_t scale) {
  const char *function = "cublasLtMatmulDescCreate";
  if (!desc)
    return refuse(function, CUBLAS_STATUS_INVALID_VALUE, "no place for the descriptor");
  bool floats = compute == CUBLAS_COMPUTE_32F && scale == CUDA_R_32F,
       doubles = compute == CUBLAS_COMPUTE_64F && scale == CUDA_R_64F;
  if (!floats && !doubles)
    return refuse(function, CUBLAS_STATUS_NOT_SUPPORTED,
                  "sums of type " + std::to_string(compute) + " scaled in type " + std::to_string(scale) +
                      " are not modelled");
  *desc = make(cublasLtMatmulDescOpaque_t{compute, scale});
  return CUBLAS_STATUS_SUCCESS;
}
EMULATOR_API cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  return destroy("cublasLtMatmulDescDestroy", desc);
}
EMULATOR_API cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc, int attribute,
                                                           const void *value, size_t bytes) {
  const char *function = "cublasLtMatmulDescSetAttribute";
  if (cublasStatus_t wrong = checkAlive(function, desc))
    return wrong;
  if (attribute != CUBLASLT_MATMUL_DESC_TRANSA && attribute != CUBLASLT_MATMUL_DESC_TRANSB)
    return unknown(function, attribute);
  cublasOperation_t operation = CUBLAS_OP_N;
  if (cublasStatus_t wrong = set(function, operation, value, bytes))
    return wrong;
  if (operation != CUBLAS_OP_N && operation != CUBLAS_OP_T && operation != CUBLAS_OP_C)
    return refuse(function, CUBLAS_STATUS_INVALID_VALUE,
                  "there is no operation " + std::to_string(operation));
  (attribute == CUBLASLT_MATMUL_DESC_TRANSA ? desc->transposeA : desc->transposeB) = operation;
  return CUBLAS_STATUS_SUCCESS;
}

EMULATOR_API cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference) {
  if (!preference)
    return refuse("cublasLtMatmulPreferenceCreate", CUBLAS_STATUS_INVALID_VALUE, "no place for the object");
  *preference = make(cublasLtMatmulPreferenceOpaque_t{});
  return CUBLAS_STATUS_SUCCESS;
}
EMULATOR_API cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return destroy("cublasLtMatmulPreferenceDestroy", preference);
}
EMULATOR_API cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                                 int attribute, const void *value,
                                                                 size_t bytes) {
  const char *function = "cublasLtMatmulPreferenceSetAttribute";
  if (cublasStatus_t wrong = checkAlive(function, preference))
    return wrong;
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
    return set(function, preference->workspace, value, bytes);
  if (attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK)
    return set(function, preference->reductions, value, bytes);
  int first = CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, last = CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES;
  if (attribute < first || attribute > last)
    return unknown(function, attribute);
  uint32_t alignment = 0;
  if (cublasStatus_t wrong = set(function, alignment, value, bytes))
    return wrong;
  if (!alignment || alignment & (alignment - 1))
    return refuse(function, CUBLAS_STATUS_INVALID_VALUE,
                  "an alignment of " + std::to_string(alignment) + " is no power of two");
  preference->alignment[static_cast<size_t>(attribute - first)] = alignment;
  return CUBLAS_STATUS_SUCCESS;
}
