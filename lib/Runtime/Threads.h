// The loop behind gqa_rt_parallel_for, for the runtime's own use.
#ifndef GQA_LIB_RUNTIME_THREADS_H
#define GQA_LIB_RUNTIME_THREADS_H

#include <cstdint>
#include <type_traits>

namespace gqa::rt {

using Task = void (*)(int64_t i, void *context);

void parallelFor(int64_t n, Task task, void *context);

/// The same for a callable.
template <typename F> void parallelFor(int64_t n, F &&body) {
  using Body = std::remove_reference_t<F>;
  parallelFor(n, [](int64_t i, void *context) { (*static_cast<Body *>(context))(i); }, &body);
}

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_THREADS_H
