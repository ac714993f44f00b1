// cuBLASLt for the fake driver, in the same library and the same books: products of f32 alone.
#include "FakeBooks.h"

#include "Runtime/Cuda/CublasLt.h"

#include <cstring>

namespace gqa::rt::cuda {
struct cublasLtContext {};
struct cublasLtMatrixLayoutOpaque {
  uint64_t rows, columns;
  int64_t leading, stride = 0;
  int32_t batch = 1;

  const float *at(const void *base, int64_t i, int64_t row, int64_t column) const {
    return static_cast<const float *>(base) + i * stride + column * leading + row;
  }
};
struct cublasLtMatmulDescOpaque {
  cublasOperation a = CUBLAS_OP_N, b = CUBLAS_OP_N;
};
struct cublasLtMatmulPreferenceOpaque {
  uint64_t workspace = 0;
};
} // namespace gqa::rt::cuda

using namespace gqa::rt::cuda;
using namespace gqa::test::fake;

namespace {

std::set<const void *> objects;

template <typename T> T *makeObject() {
  T *object = new T{};
  objects.insert(object);
  return object;
}

template <typename T> cublasStatus destroyObject(T *object) {
  if (!objects.erase(object))
    return CUBLAS_STATUS_INVALID_VALUE;
  delete object;
  return CUBLAS_STATUS_SUCCESS;
}

template <typename T> cublasStatus set(T &to, const void *value, size_t bytes) {
  if (bytes != sizeof to)
    return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

/// D = alpha op(A) op(B) + beta D.
void multiply(const cublasLtMatmulDescOpaque &desc, float alpha, const void *a,
              const cublasLtMatrixLayoutOpaque &aLayout, const void *b,
              const cublasLtMatrixLayoutOpaque &bLayout, float beta, void *d,
              const cublasLtMatrixLayoutOpaque &dLayout) {
  int64_t sums = int64_t(desc.a == CUBLAS_OP_N ? aLayout.columns : aLayout.rows);
  for (int64_t i = 0; i < dLayout.batch; ++i)
    for (int64_t row = 0; row < int64_t(dLayout.rows); ++row)
      for (int64_t column = 0; column < int64_t(dLayout.columns); ++column) {
        double sum = 0;
        for (int64_t l = 0; l < sums; ++l)
          sum += double(desc.a == CUBLAS_OP_N ? *aLayout.at(a, i, row, l) : *aLayout.at(a, i, l, row)) *
                 (desc.b == CUBLAS_OP_N ? *bLayout.at(b, i, l, column) : *bLayout.at(b, i, column, l));
        auto *to = const_cast<float *>(dLayout.at(d, i, row, column));
        *to = float(alpha * sum + (beta == 0 ? 0 : beta * double(*to)));
      }
}

/// The driver's error as this library tells it.
cublasStatus begin(const char *symbol) {
  switch (enter(symbol, true)) {
  case CUDA_SUCCESS:
    return CUBLAS_STATUS_SUCCESS;
  case CUDA_ERROR_OUT_OF_MEMORY:
    return CUBLAS_STATUS_ALLOC_FAILED;
  default:
    return CUBLAS_STATUS_EXECUTION_FAILED;
  }
}

/// Half of what it might be given, so that a workspace is asked for at all.
uint64_t workspaceOf(const cublasLtMatmulPreferenceOpaque &preference) { return preference.workspace / 2; }

} // namespace

#define BEGIN(symbol)                                                                                        \
  std::lock_guard<std::recursive_mutex> lock(gqa::test::fake::mutex);                                        \
  if (cublasStatus early = begin(#symbol); early != CUBLAS_STATUS_SUCCESS)                                   \
  return early
#define BLAS extern "C" __attribute__((visibility("default"))) cublasStatus

int fake_products(void) {
  std::lock_guard<std::recursive_mutex> lock(gqa::test::fake::mutex);
  return int(objects.size());
}

BLAS cublasLtCreate(cublasLtHandle *handle) {
  BEGIN(cublasLtCreate);
  if (mayWait() != CUDA_SUCCESS)
    return CUBLAS_STATUS_ALLOC_FAILED;
  *handle = makeObject<cublasLtContext>();
  return CUBLAS_STATUS_SUCCESS;
}

BLAS cublasLtMatrixLayoutCreate(cublasLtMatrixLayout *layout, cudaDataType type, uint64_t rows,
                                uint64_t columns, int64_t leading) {
  BEGIN(cublasLtMatrixLayoutCreate);
  if (type != CUDA_R_32F)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  *layout = makeObject<cublasLtMatrixLayoutOpaque>();
  (*layout)->rows = rows;
  (*layout)->columns = columns;
  (*layout)->leading = leading;
  return CUBLAS_STATUS_SUCCESS;
}

BLAS cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout layout, cublasLtMatrixLayoutAttribute attribute,
                                      const void *value, size_t bytes) {
  BEGIN(cublasLtMatrixLayoutSetAttribute);
  return attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT ? set(layout->batch, value, bytes)
                                                         : set(layout->stride, value, bytes);
}

BLAS cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout layout) {
  BEGIN(cublasLtMatrixLayoutDestroy);
  return destroyObject(layout);
}

BLAS cublasLtMatmulDescCreate(cublasLtMatmulDesc *desc, cublasComputeType, cudaDataType) {
  BEGIN(cublasLtMatmulDescCreate);
  *desc = makeObject<cublasLtMatmulDescOpaque>();
  return CUBLAS_STATUS_SUCCESS;
}

BLAS cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc desc, cublasLtMatmulDescAttribute attribute,
                                    const void *value, size_t bytes) {
  BEGIN(cublasLtMatmulDescSetAttribute);
  return set(attribute == CUBLASLT_MATMUL_DESC_TRANSA ? desc->a : desc->b, value, bytes);
}

BLAS cublasLtMatmulDescDestroy(cublasLtMatmulDesc desc) {
  BEGIN(cublasLtMatmulDescDestroy);
  return destroyObject(desc);
}

BLAS cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference *preference) {
  BEGIN(cublasLtMatmulPreferenceCreate);
  *preference = makeObject<cublasLtMatmulPreferenceOpaque>();
  return CUBLAS_STATUS_SUCCESS;
}

BLAS cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference preference,
                                          cublasLtMatmulPreferenceAttribute attribute, const void *value,
                                          size_t bytes) {
  BEGIN(cublasLtMatmulPreferenceSetAttribute);
  uint32_t alignment;
  return attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES ? set(preference->workspace, value, bytes)
                                                               : set(alignment, value, bytes);
}

BLAS cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference preference) {
  BEGIN(cublasLtMatmulPreferenceDestroy);
  return destroyObject(preference);
}

BLAS cublasLtMatmulAlgoGetHeuristic(cublasLtHandle, cublasLtMatmulDesc, cublasLtMatrixLayout,
                                    cublasLtMatrixLayout, cublasLtMatrixLayout, cublasLtMatrixLayout,
                                    cublasLtMatmulPreference preference, int,
                                    cublasLtMatmulHeuristicResult *result, int *found) {
  BEGIN(cublasLtMatmulAlgoGetHeuristic);
  *result = {};
  result->workspaceBytes = workspaceOf(*preference);
  return *found = 1, CUBLAS_STATUS_SUCCESS;
}

BLAS cublasLtMatmul(cublasLtHandle, cublasLtMatmulDesc desc, const void *alpha, const void *a,
                    cublasLtMatrixLayout aLayout, const void *b, cublasLtMatrixLayout bLayout,
                    const void *beta, const void *, cublasLtMatrixLayout, void *d,
                    cublasLtMatrixLayout dLayout, const cublasLtMatmulAlgo *, void *workspace,
                    size_t workspaceBytes, CUstream stream) {
  BEGIN(cublasLtMatmul);
  if (!isStream(stream) ||
      (workspaceBytes && !inBlock(reinterpret_cast<uintptr_t>(workspace), workspaceBytes)))
    return CUBLAS_STATUS_INVALID_VALUE;
  float one = *static_cast<const float *>(alpha), old = *static_cast<const float *>(beta);
  auto work = [=, desc = *desc, aLayout = *aLayout, bLayout = *bLayout, dLayout = *dLayout] {
    multiply(desc, one, a, aLayout, b, bLayout, old, d, dLayout);
  };
  return queue(stream, work) == CUDA_SUCCESS ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
