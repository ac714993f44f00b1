// Finds cuBLASLt. One that the process has loaded already comes first: torch brings its own, from the wheels
// beside it, and a second copy of some 500 MB would only be another version.
#include "CublasLt.h"

#include "gqa/Runtime/Cuda.h"

#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>

namespace gqa::rt::cuda {
namespace {

std::string join(const std::vector<std::string> &names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text;
}

/// The library and its path, or null and the error is set.
void *open(std::string &path, std::string &error) {
  const char *wanted = std::getenv("GQA_CUBLASLT");
  if (wanted && *wanted) {
    path = wanted;
    if (void *library = dlopen(wanted, RTLD_NOW | RTLD_LOCAL))
      return library;
    error = std::string("matrix products on a GPU need cuBLASLt, and GQA_CUBLASLT=") + wanted +
            " cannot be loaded (" + dlerror() + ")";
    return nullptr;
  }
  std::vector<std::string> names = CublasLt::names(Driver::get().version);
  for (int already : {RTLD_NOLOAD, 0})
    for (const std::string &name : names)
      if (void *library = dlopen((path = name).c_str(), RTLD_NOW | RTLD_LOCAL | already))
        return library;
  error =
      "matrix products on a GPU need cuBLASLt, and the system finds none of " + join(names) +
      ", the ones for this driver; install one (pip install nvidia-cublas-cu12, or CUDA's toolkit) and set "
      "GQA_CUBLASLT to its path, or import torch first, which brings one";
  return nullptr;
}

CublasLt load() {
  CublasLt blas;
  if (const char *reason = unusable()) {
    blas.error = reason;
    return blas;
  }
  std::string path;
  void *library = open(path, blas.error);
  auto find = [&](auto &function, const char *symbol) {
    if (!library)
      return;
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, symbol));
    if (!function && blas.error.empty())
      blas.error = "matrix products on a GPU need cuBLASLt, and " + path + " lacks the function " + symbol;
  };
#define GQA_CUBLASLT_FUNCTION(member, symbol, ...) find(blas.member, #symbol);
#include "CublasLt.def"
  return blas;
}

const char *nameOf(cublasStatus status) {
  switch (status) {
  case CUBLAS_STATUS_SUCCESS:
    return "CUBLAS_STATUS_SUCCESS";
  case CUBLAS_STATUS_NOT_INITIALIZED:
    return "CUBLAS_STATUS_NOT_INITIALIZED";
  case CUBLAS_STATUS_ALLOC_FAILED:
    return "CUBLAS_STATUS_ALLOC_FAILED";
  case CUBLAS_STATUS_INVALID_VALUE:
    return "CUBLAS_STATUS_INVALID_VALUE";
  case CUBLAS_STATUS_ARCH_MISMATCH:
    return "CUBLAS_STATUS_ARCH_MISMATCH";
  case CUBLAS_STATUS_MAPPING_ERROR:
    return "CUBLAS_STATUS_MAPPING_ERROR";
  case CUBLAS_STATUS_EXECUTION_FAILED:
    return "CUBLAS_STATUS_EXECUTION_FAILED";
  case CUBLAS_STATUS_INTERNAL_ERROR:
    return "CUBLAS_STATUS_INTERNAL_ERROR";
  case CUBLAS_STATUS_NOT_SUPPORTED:
    return "CUBLAS_STATUS_NOT_SUPPORTED";
  case CUBLAS_STATUS_LICENSE_ERROR:
    return "CUBLAS_STATUS_LICENSE_ERROR";
  }
  return nullptr;
}

} // namespace

std::vector<std::string> CublasLt::names(int driverVersion) {
  constexpr int kNewest = 13, kOldest = 11;
  std::vector<std::string> names;
  for (int major = std::clamp(driverVersion / 1000, kOldest, kNewest); major >= kOldest; --major)
    names.push_back("libcublasLt.so." + std::to_string(major));
  return names;
}

const CublasLt &CublasLt::get() {
  static const CublasLt &blas =
      *new CublasLt(load()); // never destroyed: other threads may still use it at exit
  return blas;
}

std::string check(const char *function, cublasStatus status) {
  if (status == CUBLAS_STATUS_SUCCESS)
    return "";
  const char *name = nameOf(status);
  return std::string(function) + ": " + (name ? name : "status " + std::to_string(int(status)));
}

} // namespace gqa::rt::cuda

const char *gqa_rt_cuda_blas_error(void) {
  const std::string &error = gqa::rt::cuda::CublasLt::get().error;
  return error.empty() ? nullptr : error.c_str();
}
