// How cuBLASLt does products of one form, asked once and then remembered.
#ifndef GQA_LIB_RUNTIME_CUDA_PLAN_H
#define GQA_LIB_RUNTIME_CUDA_PLAN_H

#include "Device.h"
#include "Product.h"

#include <array>
#include <map>
#include <memory>
#include <mutex>

namespace gqa::rt::cuda {

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

/// What a device has of the library: a handle and the plans that have been made.
class Library {
public:
  static Library &of(const Device &device);

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

} // namespace gqa::rt::cuda

#endif // GQA_LIB_RUNTIME_CUDA_PLAN_H
