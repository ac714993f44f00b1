#include "gqa/JIT/Trace.h"

#include "gqa/Pipeline/Trace.h"
#include "gqa/Runtime/Runtime.h"

#include "llvm/Support/TimeProfiler.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

namespace gqa {
namespace {

/// The runtime knows nothing of LLVM: it calls these around calls, loops on the threads and launches.
const gqa_rt_tracer kTracer = {[](const char *name, int64_t count) -> int {
                                 if (!joinTrace())
                                   return 0;
                                 llvm::timeTraceProfilerBegin(name, [count] {
                                   return count < 0 ? "" : std::to_string(count) + " tasks";
                                 });
                                 return 1;
                               },
                               [] {
                                 if (llvm::timeTraceProfilerEnabled())
                                   llvm::timeTraceProfilerEnd();
                               }};

void start() {
  startTrace();
  gqa_rt_set_tracer(&kTracer);
}

llvm::Error finish(llvm::StringRef path) {
  gqa_rt_set_tracer(nullptr);
  return writeTrace(path);
}

} // namespace

llvm::Expected<bool> traced(llvm::StringRef path, llvm::function_ref<llvm::Expected<bool>()> body) {
  if (path.empty())
    return body();
  start();
  llvm::Expected<bool> result = body();
  llvm::Error error = finish(path);
  if (!result) { // the body's is what people need to know
    llvm::consumeError(std::move(error));
    return result;
  }
  if (error)
    return std::move(error);
  return result;
}

void traceFromEnvironment() {
  static const char *path = [] {
    const char *found = std::getenv("GQA_TRACE");
    if (!found || !*found)
      return static_cast<const char *>(nullptr);
    start();
    std::atexit([] {
      if (llvm::Error error = finish(path))
        llvm::errs() << "gqa: " << llvm::toString(std::move(error)) << "\n";
    });
    return found;
  }();
  (void)path;
}

} // namespace gqa
