// Matrix products on the device, by cuBLASLt.
#include "Call.h"
#include "Plan.h"

#include "../LastError.h"
#include "../Trace.h"

#include <optional>

namespace gqa::rt::cuda {
namespace {

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
