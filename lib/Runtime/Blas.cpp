// Loads OpenBLAS. It runs on the calling thread only: our own threads cut the work, so that at most
// GQA_NUM_THREADS are ever busy and a result does not depend on their number.
#include "Blas.h"

#include "gqa/Runtime/Runtime.h"

#include <cstdlib>
#include <dlfcn.h>

namespace gqa::rt {
namespace {

template <typename F> void find(void *library, const char *name, F &function, std::string &error) {
  function = reinterpret_cast<F>(dlsym(library, name));
  if (!function && error.empty())
    error = std::string("matrix products need a BLAS with the symbol ") + name + "; the loaded one lacks it";
}

Blas load() {
  Blas blas;
  const char *wanted = std::getenv("GQA_BLAS");
  const char *name = wanted && *wanted ? wanted : "libopenblas.so.0";
  void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    blas.error = std::string("matrix products need OpenBLAS, and ") + name +
                 " cannot be loaded; install libopenblas0-pthread or set GQA_BLAS to a library (" +
                 dlerror() + ")";
    return blas;
  }
  find(library, "cblas_sgemm", blas.sgemm, blas.error);
  find(library, "cblas_dgemm", blas.dgemm, blas.error);
  find(library, "cblas_sgemv", blas.sgemv, blas.error);
  find(library, "cblas_dgemv", blas.dgemv, blas.error);
  if (auto setThreads = reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads")))
    setThreads(1);
  return blas;
}

} // namespace

const Blas &Blas::get() {
  static const Blas blas = load();
  return blas;
}

} // namespace gqa::rt

const char *gqa_rt_blas_error(void) {
  const std::string &error = gqa::rt::Blas::get().error;
  return error.empty() ? nullptr : error.c_str();
}
