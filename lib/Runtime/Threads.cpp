// The threads of loops: those that the program lends, else oneTBB's, in one arena of GQA_NUM_THREADS slots.
#include "Threads.h"
#include "HappensBefore.h"
#include "LastError.h"
#include "Memory.h"
#include "Trace.h"

#include "gqa/Runtime/Runtime.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task_arena.h>
#include <pthread.h>
#include <string>
#include <vector>

namespace {

/// GQA_NUM_THREADS; 0 if it is not there, or no such number.
int wantedThreads() {
  static const int count = [] {
    const char *text = std::getenv("GQA_NUM_THREADS");
    char *end = nullptr;
    long wanted = text ? std::strtol(text, &end, 10) : 0;
    if (text && *text && *end == '\0' && wanted >= 1 && wanted <= 1024)
      return int(wanted);
    if (text && *text)
      std::fprintf(stderr,
                   "gqa: GQA_NUM_THREADS is '%s', expected a number from 1 to 1024; using %d threads\n", text,
                   oneapi::tbb::info::default_concurrency());
    return 0;
  }();
  return count;
}

int numThreads() {
  static const int all = oneapi::tbb::info::default_concurrency();
  int wanted = wantedThreads();
  return wanted ? wanted : all;
}

std::atomic<gqa_rt_parallel> lent{nullptr};

/// In a child made by fork the threads that were lent are gone, and who lent them may wait for them forever.
void forgetLent() { lent.store(nullptr); }

/// A loop of compiled code, which ends early if a task fails.
struct Kernel {
  gqa::rt::Task task;
  void *context;
  std::atomic<bool> failed{false};
  std::string message{}; // of the first that failed

  static void runTask(int64_t i, void *context) {
    auto *kernel = static_cast<Kernel *>(context);
    if (kernel->failed.load(std::memory_order_relaxed) || gqa::rt::runTask(kernel->task, i, kernel->context))
      return;
    if (!kernel->failed.exchange(true))
      kernel->message = gqa::rt::lastError();
  }
};

/// False if a task failed: why is this thread's last error.
bool runKernel(int64_t n, int64_t work, gqa::rt::Task task, void *context) {
  gqa::rt::Span span("kernel", n);
  Kernel kernel{task, context};
  if (work < GQA_RT_SMALL_WORK)
    for (int64_t i = 0; i < n; ++i)
      Kernel::runTask(i, &kernel);
  else
    gqa::rt::parallelFor(n, Kernel::runTask, &kernel);
  if (kernel.failed)
    gqa::rt::lastError() = kernel.message;
  return !kernel.failed;
}

/// A loop on several threads. Each begins with tasks of its own, one behind the other, and helps the next one
/// when these are done: threads that take turns read memory side by side, a tenth slower (two threads, a
/// decode step of 8192 keys of bf16).
struct Loop {
  gqa::rt::Task task;
  void *context;
  int64_t n;
  int64_t begun = 0, done = 0; // their addresses stand for the two moments

  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };
  std::vector<Share> shares = std::vector<Share>(size_t(numThreads()));
  std::atomic<size_t> joined{0};

  Loop(gqa::rt::Task task, void *context, int64_t n) : task(task), context(context), n(n) {
    int64_t count = int64_t(shares.size()), each = n / count, more = n % count, begin = 0;
    for (int64_t i = 0; i < count; ++i) {
      shares[size_t(i)].next = begin;
      shares[size_t(i)].end = begin += each + (i < more);
    }
  }

  void runTask(int64_t i) {
    gqa::rt::happensAfter(&begun);
    task(i, context);
    gqa::rt::happensBefore(&done);
  }

  /// One of the threads that share it.
  static void share(void *data) {
    auto *loop = static_cast<Loop *>(data);
    size_t count = loop->shares.size(), own = loop->joined.fetch_add(1, std::memory_order_relaxed);
    for (size_t k = 0; k < count; ++k) {
      Share &share = loop->shares[(own + k) % count];
      for (int64_t i; (i = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;)
        loop->runTask(i);
    }
  }

  void runInArena() {
    static oneapi::tbb::task_arena arena(numThreads());
    // Isolated: a thread that waits here must not pick up work of an outer loop, whose memory it would hold
    // on to.
    arena.execute([&] {
      oneapi::tbb::this_task_arena::isolate([&] {
        oneapi::tbb::parallel_for(
            int64_t(0), n, [&](int64_t i) { runTask(i); }, oneapi::tbb::simple_partitioner());
      });
    });
  }
};

} // namespace

void gqa::rt::parallelFor(int64_t n, Task task, void *context) {
  if (n <= 1 || numThreads() == 1) {
    for (int64_t i = 0; i < n; ++i)
      task(i, context);
    return;
  }
  Loop loop(task, context, n);
  happensBefore(&loop.begun);
  if (gqa_rt_parallel parallel = lent.load(std::memory_order_acquire))
    parallel(Loop::share, &loop, unsigned(wantedThreads()), 0);
  else
    loop.runInArena();
  happensAfter(&loop.done);
}

void gqa_rt_set_parallel(gqa_rt_parallel parallel) {
  [[maybe_unused]] static const int once = pthread_atfork(nullptr, nullptr, forgetLent);
  lent.store(parallel, std::memory_order_release);
}

int64_t gqa_rt_num_threads(void) { return numThreads(); }

void gqa_rt_parallel_for(int64_t n, int64_t work, void (*task)(int64_t i, void *context), void *context) {
  if (!runKernel(n, work, task, context))
    gqa::rt::failWithLastError(); // no object of a frame above is skipped
}
