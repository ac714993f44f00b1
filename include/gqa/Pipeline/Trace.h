// A Chrome trace of the compiler: LLVM's time profiler, with MLIR's passes and with threads that come and go.
#ifndef GQA_PIPELINE_TRACE_H
#define GQA_PIPELINE_TRACE_H

#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"

namespace gqa {

/// From now on, what threads do is noted: phases and passes, LLVM's passes, and whatever else opens a
/// llvm::TimeTraceScope. A thread is part of it from its first call of joinTrace on.
void startTrace();

/// Makes this thread part of the trace; false, and next to nothing else, where there is none.
bool joinTrace();

/// Notes the passes that `manager` runs, if there is a trace.
void tracePasses(mlir::PassManager &manager);

/// Ends the trace and writes it to `path`, whole or not at all: JSON for chrome://tracing and Perfetto, times
/// in microseconds. Other threads must not be in the middle of a compilation.
llvm::Error writeTrace(llvm::StringRef path);

} // namespace gqa

#endif // GQA_PIPELINE_TRACE_H
