// The boundary between the host and compiled code. Compiled code has no exceptions and no error results; a
// failing assertion jumps back to the call that entered it. Nothing on the way has a destructor: it is all
// compiled code.
#include "LastError.h"
#include "Memory.h"
#include "Trace.h"

#include "gqa/Runtime/Runtime.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace gqa::rt {
struct Call {
  jmp_buf back;
  BlockList blocks;
  Call *outer;
};
} // namespace gqa::rt

using gqa::rt::Call;

namespace {

thread_local Call *running = nullptr;

void enter(Call *call) {
  running = call;
  gqa::rt::currentBlocks() = call ? &call->blocks : nullptr;
}

void leave(Call &call) {
  call.blocks.freeAll();
  enter(call.outer);
}

} // namespace

std::string &gqa::rt::lastError() {
  static thread_local std::string text;
  return text;
}

void gqa::rt::failWithLastError() {
  if (!running) {
    std::fprintf(stderr, "gqa: %s\n", lastError().c_str());
    std::abort();
  }
  _longjmp(running->back, 1);
}

// Threads have calls of their own, as the frames between a task and the loop's call are not compiled code.
bool gqa::rt::runTask(void (*task)(int64_t i, void *context), int64_t i, void *context) {
  Call call;
  call.outer = running;
  enter(&call);
  if (_setjmp(call.back)) {
    leave(*running);
    return false;
  }
  task(i, context);
  leave(call);
  return true;
}

void gqa_rt_set_tracer(const gqa_rt_tracer *tracer) { gqa::rt::currentTracer() = tracer; }

int gqa_rt_call(void (*entry)(void **), void **arguments) {
  gqa::rt::Span span("call");
  Call call;
  call.outer = running;
  enter(&call);
  if (_setjmp(call.back)) {
    leave(*running);
    return 1;
  }
  entry(arguments);
  leave(call);
  return 0;
}

const char *gqa_rt_last_error(void) { return gqa::rt::lastError().c_str(); }

void gqa_rt_fail(const char *message, int64_t length) {
  gqa::rt::lastError().assign(message, size_t(length));
  gqa::rt::failWithLastError();
}
