#include "gqa/Pipeline/Trace.h"
#include "gqa/Pipeline/WriteFile.h"

#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/TimeProfiler.h"

#include <atomic>

using namespace mlir;

namespace gqa {
namespace {

std::atomic<bool> isTracing{false};

/// The profiler has an instance for each thread, whose events are kept when the thread ends.
struct Membership {
  bool joined = false;
  void join() {
    llvm::timeTraceProfilerInitialize(/*TimeTraceGranularity=*/0, "gqa");
    joined = true;
  }
  ~Membership() {
    if (joined && llvm::timeTraceProfilerEnabled())
      llvm::timeTraceProfilerFinishThread();
  }
};
thread_local Membership membership;

/// The profiler's JSON, in which time begins when this thread joined: moved so that it begins with the first
/// span.
std::string traceText() {
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::timeTraceProfilerWrite(stream);
  llvm::json::Value trace = llvm::cantFail(llvm::json::parse(text));
  llvm::json::Array &events = *trace.getAsObject()->getArray("traceEvents");
  int64_t first = 0;
  for (llvm::json::Value &event : events)
    first = std::min(first, event.getAsObject()->getInteger("ts").value_or(0));
  for (llvm::json::Value &event : events)
    if (std::optional<int64_t> begin = event.getAsObject()->getInteger("ts"))
      (*event.getAsObject())["ts"] = *begin - first;
  std::string moved;
  llvm::raw_string_ostream(moved) << trace;
  return moved;
}

/// Where passes begin and end. Adaptors, which run passes on the functions of a module, are left out: what
/// they run is there.
struct PassTracer : PassInstrumentation {
  static bool isAdaptor(Pass *pass) { return pass->getName().contains("Adaptor"); }

  void runBeforePass(Pass *pass, Operation *op) override {
    if (isAdaptor(pass) || !joinTrace()) // passes may run on threads of the context's
      return;
    llvm::StringRef name = pass->getArgument().empty() ? pass->getName() : pass->getArgument();
    llvm::timeTraceProfilerBegin(name, [op] { return op->getName().getStringRef().str(); });
  }
  void runAfterPass(Pass *pass, Operation *) override { end(pass); }
  void runAfterPassFailed(Pass *pass, Operation *) override { end(pass); }

  static void end(Pass *pass) {
    if (!isAdaptor(pass) && llvm::timeTraceProfilerEnabled())
      llvm::timeTraceProfilerEnd();
  }
};

} // namespace

void startTrace() {
  // The profiler's list of threads comes to be here, and so is still there for whoever writes the trace at
  // exit.
  if (!llvm::timeTraceProfilerEnabled())
    llvm::timeTraceProfilerCleanup();
  isTracing = true;
  joinTrace();
}

bool joinTrace() {
  if (!isTracing.load(std::memory_order_relaxed))
    return false;
  if (!llvm::timeTraceProfilerEnabled())
    membership.join();
  return true;
}

void tracePasses(PassManager &manager) {
  if (joinTrace())
    manager.addInstrumentation(std::make_unique<PassTracer>());
}

llvm::Error writeTrace(llvm::StringRef path) {
  isTracing = false;
  if (!llvm::timeTraceProfilerEnabled()) // at the end of the process this thread's may be gone already
    llvm::timeTraceProfilerInitialize(0, "gqa");
  membership.joined = false;
  llvm::scope_exit cleanUp([] { llvm::timeTraceProfilerCleanup(); });
  if (std::error_code error = writeFile(path, traceText()))
    return llvm::createStringError(error,
                                   "the trace cannot be written to '" + path + "': " + error.message());
  return llvm::Error::success();
}

} // namespace gqa
