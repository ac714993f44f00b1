#include "Plan.h"

#include <algorithm>

namespace gqa::rt::cuda {

Error Plan::lay(const Product &product, const Matrix &matrix, Layout &layout) {
  const CublasLt &blas = CublasLt::get();
  int64_t leading = std::max<int64_t>(matrix.rows > 1 ? matrix.row : matrix.columns, 1);
  Error error = GQA_CUBLASLT_CHECK(cublasLtMatrixLayoutCreate,
                                   layoutCreate(&layout.handle, matrix.dataType(), uint64_t(matrix.columns),
                                                uint64_t(matrix.rows), leading));
  auto set = [&](cublasLtMatrixLayoutAttribute attribute, auto value) {
    if (error.empty())
      error = check("cublasLtMatrixLayoutSetAttribute",
                    blas.layoutSetAttribute(layout.handle, attribute, &value, sizeof value));
  };
  if (product.batch > 1) {
    set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, int32_t(product.batch));
    set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, matrix.batch);
  }
  return error;
}

Error Plan::make(const Product &product, cublasLtHandle handle, uint64_t mostWorkspace) {
  const CublasLt &blas = CublasLt::get();
  bool doubles = product.c.type == GQA_RT_F64;
  Error error = GQA_CUBLASLT_CHECK(cublasLtMatmulDescCreate,
                                   descCreate(&desc.handle, doubles ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F,
                                              doubles ? CUDA_R_64F : CUDA_R_32F));
  auto transpose = [&](cublasLtMatmulDescAttribute which, bool transposed) {
    cublasOperation operation = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    if (error.empty())
      error = check("cublasLtMatmulDescSetAttribute",
                    blas.descSetAttribute(desc.handle, which, &operation, sizeof operation));
  };
  transpose(CUBLASLT_MATMUL_DESC_TRANSA, product.transposeB);
  transpose(CUBLASLT_MATMUL_DESC_TRANSB, product.transposeA);
  for (auto [matrix, layout] : {std::pair{&product.a, &a}, {&product.b, &b}, {&product.c, &c}})
    if (error.empty())
      error = lay(product, *matrix, *layout);
  return error.empty() ? choose(product, handle, mostWorkspace) : error;
}

Error Plan::choose(const Product &product, cublasLtHandle handle, uint64_t mostWorkspace) {
  const CublasLt &blas = CublasLt::get();
  Preference preference;
  Error error = GQA_CUBLASLT_CHECK(cublasLtMatmulPreferenceCreate, preferenceCreate(&preference.handle));
  auto set = [&](cublasLtMatmulPreferenceAttribute attribute, auto value) {
    if (error.empty())
      error = check("cublasLtMatmulPreferenceSetAttribute",
                    blas.preferenceSetAttribute(preference.handle, attribute, &value, sizeof value));
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, mostWorkspace);
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32_t(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, product.b.alignment());
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, product.a.alignment());
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, product.c.alignment());
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, product.c.alignment());
  cublasLtMatmulHeuristicResult best{};
  int found = 0;
  if (error.empty())
    error = GQA_CUBLASLT_CHECK(cublasLtMatmulAlgoGetHeuristic,
                               algoGetHeuristic(handle, desc.handle, b.handle, a.handle, c.handle, c.handle,
                                                preference.handle, 1, &best, &found));
  if (error.empty() && found < 1)
    error = check("cublasLtMatmulAlgoGetHeuristic", CUBLAS_STATUS_NOT_SUPPORTED);
  if (error.empty())
    error = check("cublasLtMatmulAlgoGetHeuristic", best.state);
  algo = best.algo;
  workspaceBytes = best.workspaceBytes;
  return error;
}

Library &Library::of(const Device &device) {
  static std::mutex &mutex = *new std::mutex; // never destroyed, as the devices are not
  static auto &libraries = *new std::map<const Device *, Library>;
  std::lock_guard<std::mutex> lock(mutex);
  return libraries[&device];
}

Library::Form Library::formOf(const Product &p) {
  int64_t flags = p.transposeA | p.transposeB << 1 | p.accumulate << 2;
  return {flags,
          p.batch,
          p.m,
          p.n,
          p.k,
          p.a.row,
          p.a.batch,
          p.b.row,
          p.b.batch,
          p.c.row,
          p.c.batch,
          p.a.type | p.b.type << 2 | p.c.type << 4,
          p.a.alignment(),
          p.b.alignment(),
          p.c.alignment()};
}

Error Library::plan(Device &device, const Product &p, uint64_t mostWorkspace,
                    std::shared_ptr<const Plan> &plan, cublasLtHandle &opened) {
  std::lock_guard<std::mutex> lock(mutex);
  Form form = formOf(p);
  auto known = plans.find(form);
  Error error;
  if (known != plans.end()) {
    plan = known->second;
  } else if (error = make(device, p, mostWorkspace, plan); error.empty()) {
    if (plans.size() >= kMost)
      plans.clear();
    plans.emplace(form, plan);
  }
  opened = handle;
  return error;
}

Error Library::make(Device &device, const Product &p, uint64_t mostWorkspace,
                    std::shared_ptr<const Plan> &plan) {
  Relaxed relaxed(device); // the library may allocate, and load kernels
  Error error = relaxed.error;
  if (error.empty() && !handle)
    error = GQA_CUBLASLT_CHECK(cublasLtCreate, create(&handle));
  auto fresh = std::make_shared<Plan>();
  if (error.empty())
    error = fresh->make(p, handle, mostWorkspace);
  plan = std::move(fresh);
  return error;
}

} // namespace gqa::rt::cuda
