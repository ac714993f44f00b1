// Matrix products on the device by cuBLASLt. How a product of one form is done is asked of the library once,
// and then remembered: a plan.
#include "Call.h"
#include "CublasLt.h"

#include "../LastError.h"
#include "../Trace.h"
#include "gqa/Runtime/Runtime.h"

#include <climits>
#include <map>
#include <memory>
#include <optional>

namespace gqa::rt::cuda {
namespace {

/// An operand as it lies in memory: row-major, `rows` x `columns`.
struct Matrix {
  const char *name;
  void *data;
  int64_t rows, columns, row, batch;
  int32_t type;

  int64_t elementBytes() const { return type == GQA_RT_F64 ? 8 : type == GQA_RT_F32 ? 4 : 2; }

  cudaDataType dataType() const {
    constexpr cudaDataType types[] = {CUDA_R_32F, CUDA_R_64F, CUDA_R_16F, CUDA_R_16BF};
    return types[type];
  }

  /// "64x128xf16"
  std::string text() const {
    constexpr const char *types[] = {"f32", "f64", "f16", "bf16"};
    return std::to_string(rows) + "x" + std::to_string(columns) + "x" + types[type];
  }

  /// What an algorithm may rely on: the largest power of two, at most 256, that divides the address.
  uint32_t alignment() const {
    uint64_t bits = reinterpret_cast<uintptr_t>(data) | 256;
    return uint32_t(bits & -bits);
  }
};

struct Product {
  int64_t batch, m, n, k;
  bool transposeA, transposeB, accumulate;
  Matrix a, b, c;

  std::string text() const {
    return "a product of " + (batch == 1 ? "" : std::to_string(batch) + " times ") + a.text() +
           (transposeA ? " transposed" : "") + " and " + b.text() + (transposeB ? " transposed" : "") +
           " to " + c.text();
  }
};

Product describe(int32_t flags, int64_t batch, int64_t m, int64_t n, int64_t k) {
  Product p{batch,
            m,
            n,
            k,
            (flags & GQA_RT_TRANSPOSE_A) != 0,
            (flags & GQA_RT_TRANSPOSE_B) != 0,
            (flags & GQA_RT_ACCUMULATE) != 0,
            {"A", nullptr, m, k, 0, 0, flags >> 4 & 3},
            {"B", nullptr, k, n, 0, 0, flags >> 6 & 3},
            {"C", nullptr, m, n, 0, 0, flags >> 8 & 3}};
  if (p.transposeA)
    std::swap(p.a.rows, p.a.columns);
  if (p.transposeB)
    std::swap(p.b.rows, p.b.columns);
  return p;
}

//===--------------------------------------------------------------------===//
// What cuBLASLt can do
//===--------------------------------------------------------------------===//

Error checkTypes(const Product &p) {
  bool narrow = p.a.type == GQA_RT_F16 || p.a.type == GQA_RT_BF16;
  if (p.a.type == p.b.type && (p.c.type == p.a.type || (narrow && p.c.type == GQA_RT_F32)))
    return "";
  return p.text() +
         ": cuBLASLt multiplies operands of one type, to a result of that type or, from f16 and bf16, "
         "of f32; convert an operand first";
}

Error checkRows(const Product &p, const Matrix &x) {
  if (x.rows > INT_MAX || x.columns > INT_MAX || p.batch > INT_MAX)
    return p.text() + ": a size is beyond 2^31 - 1, which cuBLASLt cannot take";
  if (x.rows > 1 && x.row < x.columns)
    return p.text() + ": rows of " + x.name + " overlap (" + std::to_string(x.row) +
           " elements from one to the next), which cuBLASLt cannot take; copy it first";
  return "";
}

Error checkProduct(const Product &p) {
  Error error = checkTypes(p);
  for (const Matrix *x : {&p.a, &p.b, &p.c})
    if (error.empty())
      error = checkRows(p, *x);
  if (error.empty() && p.batch > 1 && p.c.batch == 0)
    error = p.text() + ": all results of the batch have one place";
  return error;
}

//===--------------------------------------------------------------------===//
// Plans
//===--------------------------------------------------------------------===//

/// An object of the library.
template <typename Handle, cublasStatus (*CublasLt::*destroy)(Handle)> struct Owned {
  Handle handle = nullptr;
  Owned() = default;
  Owned(const Owned &) = delete;
  ~Owned() {
    if (handle)
      (CublasLt::get().*destroy)(handle);
  }
};

using Layout = Owned<cublasLtMatrixLayout, &CublasLt::layoutDestroy>;
using Desc = Owned<cublasLtMatmulDesc, &CublasLt::descDestroy>;
using Preference = Owned<cublasLtMatmulPreference, &CublasLt::preferenceDestroy>;

/// The library thinks in columns: a row-major matrix is the transpose of a column-major one of the same
/// memory, and C^T = B^T A^T. So its first operand is our B, and its rows are our columns.
struct Plan {
  Desc desc;
  Layout a, b, c;
  cublasLtMatmulAlgo algo;
  size_t workspaceBytes = 0;

  Error make(const Product &product, cublasLtHandle handle, uint64_t mostWorkspace);

private:
  Error lay(const Product &product, const Matrix &matrix, Layout &layout);
  Error choose(const Product &product, cublasLtHandle handle, uint64_t mostWorkspace);
};

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

/// What a device has of the library: a handle and the plans that have been made.
class Library {
public:
  static Library &of(const Device &device) {
    static std::mutex &mutex = *new std::mutex; // never destroyed, as the devices are not
    static auto &libraries = *new std::map<const Device *, Library>;
    std::lock_guard<std::mutex> lock(mutex);
    return libraries[&device];
  }

  /// The plan for products of this form; the device's context is current.
  Error plan(Device &device, const Product &p, uint64_t mostWorkspace, std::shared_ptr<const Plan> &plan,
             cublasLtHandle &opened);

private:
  Error make(Device &device, const Product &p, uint64_t mostWorkspace, std::shared_ptr<const Plan> &plan);
  using Form = std::array<int64_t, 15>; // all that a plan depends on
  static Form formOf(const Product &p);
  static constexpr size_t kMost = 4096; // plans; then all are forgotten

  std::mutex mutex; // guards the rest
  cublasLtHandle handle = nullptr;
  std::map<Form, std::shared_ptr<const Plan>> plans;
};

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

//===--------------------------------------------------------------------===//
// Products
//===--------------------------------------------------------------------===//

/// With nothing to sum C is zero.
Error clear(Call &call, const Product &p) {
  size_t width = size_t(p.n * p.c.elementBytes());
  size_t pitch = p.m > 1 ? size_t(p.c.row * p.c.elementBytes()) : width;
  Error error;
  for (int64_t i = 0; error.empty() && i < p.batch; ++i)
    error = GQA_CUDA_CHECK(call.device, cuMemsetD2D8Async,
                           memsetD2D8Async(address(p.c.data) + uint64_t(i * p.c.batch * p.c.elementBytes()),
                                           pitch, 0, width, size_t(p.m), call.stream()));
  return error;
}

Error multiply(Call &call, const Product &p) {
  const CublasLt &blas = CublasLt::get();
  if (!blas.error.empty())
    return blas.error;
  std::shared_ptr<const Plan> plan;
  cublasLtHandle handle = nullptr;
  void *workspace = nullptr;
  Error error = Library::of(call.device).plan(call.device, p, call.mostWorkspace(), plan, handle);
  if (error.empty() && plan->workspaceBytes)
    error = call.workspace(int64_t(plan->workspaceBytes), workspace);
  if (!error.empty())
    return error + ", in " + p.text();
  std::optional<Relaxed> relaxed; // the library loads kernels when they are first used
  if (call.isCapturing())
    relaxed.emplace(call.device);
  const float ones[] = {0, 1};
  const double doubles[] = {0, 1};
  auto factor = [&](bool one) -> const void * {
    return p.c.type == GQA_RT_F64 ? static_cast<const void *>(&doubles[one]) : &ones[one];
  };
  error = GQA_CUBLASLT_CHECK(
      cublasLtMatmul, matmul(handle, plan->desc.handle, factor(true), p.b.data, plan->b.handle, p.a.data,
                             plan->a.handle, factor(p.accumulate), p.c.data, plan->c.handle, p.c.data,
                             plan->c.handle, &plan->algo, workspace, plan->workspaceBytes, call.stream()));
  return error.empty() ? error : error + ", in " + p.text();
}

bool run(const Product &p) {
  Span span("matmul", p.batch);
  Call *call = current();
  if (!call)
    return false;
  if (p.batch <= 0 || p.m <= 0 || p.n <= 0 || (p.k <= 0 && p.accumulate))
    return true;
  Error error = checkProduct(p);
  if (error.empty())
    error = p.k <= 0 ? clear(*call, p) : multiply(*call, p);
  return !report(error);
}

} // namespace
} // namespace gqa::rt::cuda

using namespace gqa::rt;
using namespace gqa::rt::cuda;

void gqa_rt_cuda_matmul(int32_t flags, int64_t batch, int64_t m, int64_t n, int64_t k, const void *a,
                        int64_t a_row, int64_t a_batch, const void *b, int64_t b_row, int64_t b_batch,
                        void *c, int64_t c_row, int64_t c_batch) {
  Product p = describe(flags, batch, m, n, k);
  auto place = [](Matrix &x, const void *data, int64_t row, int64_t batch) {
    x.data = const_cast<void *>(data);
    x.row = row;
    x.batch = batch;
  };
  place(p.a, a, a_row, a_batch);
  place(p.b, b, b_row, b_batch);
  place(p.c, c, c_row, c_batch);
  if (!run(p))
    failWithLastError();
}
