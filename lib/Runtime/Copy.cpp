// Copies between buffers with strides, such as a cache into a longer one: all threads, and past the caches
// where what is copied would not stay in them anyway.
#include "Threads.h"

#include "gqa/Runtime/Runtime.h"

#include <algorithm>
#include <cstring>
#include <vector>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace {

constexpr int64_t kTaskBytes = int64_t(256) << 10; // some microseconds: more than it takes to hand out a task
constexpr int64_t kStreamedBytes = int64_t(4) << 20; // more than a core's own caches
constexpr int64_t kLine = 64;

/// memcpy for memory that is not read again soon. A plain store of a part of a line reads the line first:
/// half as much again to move.
void stream(char *target, const char *source, int64_t bytes) {
#if defined(__SSE2__)
  int64_t head = std::min<int64_t>(-reinterpret_cast<uintptr_t>(target) & (kLine - 1), bytes);
  std::memcpy(target, source, size_t(head));
  int64_t at = head;
  for (; at + kLine <= bytes; at += kLine) {
    auto *from = reinterpret_cast<const __m128i *>(source + at);
    auto *to = reinterpret_cast<__m128i *>(target + at);
    __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);
    __m128i c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);
    _mm_stream_si128(to, a);
    _mm_stream_si128(to + 1, b);
    _mm_stream_si128(to + 2, c);
    _mm_stream_si128(to + 3, d);
  }
  std::memcpy(target + at, source + at, size_t(bytes - at));
  _mm_sfence(); // before anyone is told that the copy is there
#else
  std::memcpy(target, source, size_t(bytes));
#endif
}

struct Dimension {
  int64_t size, target, source; // strides in bytes
};

/// A copy of runs of consecutive bytes, seen as one range of bytes that tasks cut as they like.
class Copy {
public:
  Copy(int64_t rank, int64_t element, const int64_t *shape, char *target, const char *source)
      : target(target), source(source), run(element) {
    for (int64_t dim = 0; dim < rank; ++dim)
      if (shape[dim] != 1)
        outer.push_back({shape[dim], shape[rank + dim] * element, shape[2 * rank + dim] * element});
    while (!outer.empty() && outer.back().target == run && outer.back().source == run) {
      run *= outer.back().size;
      outer.pop_back();
    }
    bytes = run;
    for (const Dimension &dimension : outer)
      bytes *= dimension.size;
  }

  void execute() {
    gqa::rt::parallelFor((bytes + kTaskBytes - 1) / kTaskBytes, [this](int64_t task) {
      int64_t begin = task * kTaskBytes;
      copyRange(begin, std::min(begin + kTaskBytes, bytes));
    });
  }

private:
  void copyRange(int64_t begin, int64_t end) const {
    while (begin < end) {
      int64_t inRun = begin % run, length = std::min(run - inRun, end - begin), to = inRun, from = inRun;
      int64_t rest = begin / run;
      for (size_t dim = outer.size(); dim-- > 0; rest /= outer[dim].size) {
        int64_t index = rest % outer[dim].size;
        to += index * outer[dim].target;
        from += index * outer[dim].source;
      }
      (bytes >= kStreamedBytes && length >= kLine * 16 ? stream : plain)(target + to, source + from, length);
      begin += length;
    }
  }

  static void plain(char *target, const char *source, int64_t bytes) {
    std::memcpy(target, source, size_t(bytes));
  }

  char *target;
  const char *source;
  std::vector<Dimension> outer; // around the runs
  int64_t run, bytes;           // of one run, of all
};

} // namespace

void gqa_rt_copy(int64_t rank, int64_t element_bytes, const int64_t *shape, void *target,
                 const void *source) {
  if (std::find(shape, shape + rank, 0) == shape + rank)
    Copy(rank, element_bytes, shape, static_cast<char *>(target), static_cast<const char *>(source))
        .execute();
}
