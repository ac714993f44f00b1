// Spans of work for whoever traces; see gqa_rt_set_tracer.
#ifndef GQA_LIB_RUNTIME_TRACE_H
#define GQA_LIB_RUNTIME_TRACE_H

#include "gqa/Runtime/Runtime.h"

#include <atomic>

namespace gqa::rt {

inline std::atomic<const gqa_rt_tracer *> &currentTracer() {
  static std::atomic<const gqa_rt_tracer *> tracer{nullptr};
  return tracer;
}

/// Work from here to the end of the scope, which nothing may leave by gqa_rt_fail. Costs a load where nobody
/// traces.
class Span {
public:
  explicit Span(const char *name, int64_t count = -1)
      : tracer(currentTracer().load(std::memory_order_acquire)) {
    if (tracer && !tracer->begin(name, count))
      tracer = nullptr;
  }
  ~Span() {
    if (tracer)
      tracer->end();
  }
  Span(const Span &) = delete;

private:
  const gqa_rt_tracer *tracer;
};

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_TRACE_H
