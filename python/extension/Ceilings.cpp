// What a machine allows, for the benchmark: how fast it reads memory, how many multiply-adds it does, and how
// fast the BLAS of the runtime multiplies. On the runtime's own threads, so that a ceiling and a kernel have
// the same ones.
#include "Errors.h"
#include "gqa/Runtime/Runtime.h"
#include "gqa/Tile/Target.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <tvm/ffi/tvm_ffi.h>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ffi = tvm::ffi;

#if defined(__x86_64__)
#define GQA_FOR(features) __attribute__((target(features)))
#define GQA_HAS(feature) __builtin_cpu_supports(feature)
#else
#define GQA_FOR(features)
#define GQA_HAS(feature) false
#endif
#define GQA_INLINE inline __attribute__((always_inline))

namespace {

/// For gqa_rt_parallel_for: however little it is, it is not the caller's alone.
constexpr int64_t worthThreads = INT64_MAX;

template <typename T, int bytes> using Vector __attribute__((vector_size(bytes))) = T;

//===--------------------------------------------------------------------===//
// Reading
//===--------------------------------------------------------------------===//

/// Whole cache lines of one tensor.
struct Span {
  const char *data;
  int64_t bytes;
};

constexpr int64_t lineBytes = 64;
/// A task: long beside the cost of starting it, short enough that no thread waits for a disturbed one.
constexpr int64_t pieceBytes = 256 << 10;

/// The sum of 64-bit words, modulo 2^64. Four streams, each with accumulators of its own: one stream leaves a
/// core with too few misses in flight where its prefetcher stops at the end of each page.
template <int width> GQA_INLINE uint64_t sumWords(const char *data, int64_t bytes) {
  using Words = Vector<uint64_t, width>;
  constexpr int streams = 4, perLine = lineBytes / width;
  int64_t stride = bytes / streams / lineBytes * lineBytes;
  Words sums[streams][perLine] = {};
  auto add = [&](int stream, const char *line) __attribute__((always_inline)) {
    for (int i = 0; i < perLine; ++i) {
      Words words;
      std::memcpy(&words, line + i * width, width);
      sums[stream][i] += words;
    }
  };
  for (int64_t at = 0; at < stride; at += lineBytes)
    for (int stream = 0; stream < streams; ++stream)
      add(stream, data + stream * stride + at);
  for (int64_t at = streams * stride; at < bytes; at += lineBytes)
    add(0, data + at);
  uint64_t sum = 0;
  for (auto &stream : sums)
    for (Words words : stream)
      for (int i = 0; i < width / 8; ++i)
        sum += words[i];
  return sum;
}

using SumWords = uint64_t (*)(const char *, int64_t);
GQA_FOR("avx512f") uint64_t sumWords512(const char *data, int64_t bytes) { return sumWords<64>(data, bytes); }
GQA_FOR("avx2") uint64_t sumWords256(const char *data, int64_t bytes) { return sumWords<32>(data, bytes); }
uint64_t sumWords128(const char *data, int64_t bytes) { return sumWords<16>(data, bytes); }

SumWords bestSumWords() {
  return GQA_HAS("avx512f") ? sumWords512 : GQA_HAS("avx2") ? sumWords256 : sumWords128;
}

/// The contiguous tensors in pieces; bytes beyond the last whole cache line are left out.
std::vector<Span> pieces(const ffi::Array<ffi::Tensor> &tensors) {
  std::vector<Span> result;
  for (const ffi::Tensor &tensor : tensors) {
    auto *data = static_cast<const char *>(tensor.data_ptr());
    int64_t bytes = tensor.numel() * ((tensor.dtype().bits * tensor.dtype().lanes + 7) / 8);
    bytes = bytes / lineBytes * lineBytes;
    for (int64_t at = 0; at < bytes; at += pieceBytes)
      result.push_back({data + at, std::min(pieceBytes, bytes - at)});
  }
  return result;
}

/// Reads every tensor once and returns the sum of its 64-bit words, modulo 2^64.
int64_t readTensors(const ffi::Array<ffi::Tensor> &tensors) {
  struct Job {
    std::vector<Span> spans;
    SumWords sumWords;
    std::atomic<uint64_t> sum{0};
  } job{pieces(tensors), bestSumWords()};
  gqa_rt_parallel_for(
      int64_t(job.spans.size()), worthThreads,
      [](int64_t i, void *context) {
        auto *job = static_cast<Job *>(context);
        job->sum += job->sumWords(job->spans[i].data, job->spans[i].bytes);
      },
      &job);
  return int64_t(job.sum.load());
}

//===--------------------------------------------------------------------===//
// Multiply-adds
//===--------------------------------------------------------------------===//

/// `chains` independent chains of multiply-adds on vectors, `rounds` long: more chains than latency times
/// issue width, no more than there are registers.
template <int width, int chains> GQA_INLINE float multiplyAdd(int64_t rounds, float factor, float term) {
  using Floats = Vector<float, width>;
  Floats values[chains];
  for (int i = 0; i < chains; ++i)
    values[i] = Floats{} + float(i);
  for (int64_t round = 0; round < rounds; ++round)
    for (int i = 0; i < chains; ++i)
      values[i] = values[i] * factor + term; // contracted, see CMakeLists.txt
  Floats sum{};
  for (Floats value : values)
    sum += value;
  float result = 0;
  for (int i = 0; i < width / 4; ++i)
    result += sum[i];
  return result;
}

GQA_FOR("avx512f") float multiplyAdd512(int64_t rounds, float x, float y) {
  return multiplyAdd<64, 24>(rounds, x, y);
}
GQA_FOR("avx2,fma") float multiplyAdd256(int64_t rounds, float x, float y) {
  return multiplyAdd<32, 12>(rounds, x, y);
}
float multiplyAdd128(int64_t rounds, float x, float y) { return multiplyAdd<16, 12>(rounds, x, y); }

#if defined(__x86_64__)
/// The same of pairs of bf16 numbers.
GQA_FOR("avx512f,avx512bf16") float addPairs512(int64_t rounds, float x, float y) {
  constexpr int chains = 24;
  __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(x), _mm512_set1_ps(x)),
           b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(y), _mm512_set1_ps(y));
  __m512 values[chains];
  for (int i = 0; i < chains; ++i)
    values[i] = _mm512_set1_ps(float(i));
  for (int64_t round = 0; round < rounds; ++round)
    for (int i = 0; i < chains; ++i)
      values[i] = _mm512_dpbf16_ps(values[i], a, b);
  __m512 sum = _mm512_setzero_ps();
  for (__m512 value : values)
    sum = _mm512_add_ps(sum, value);
  return _mm512_reduce_add_ps(sum);
}
#endif

/// Does `rounds` rounds of a loop on every thread, each of `multiplyAdds` multiply-adds, and returns how many
/// floating-point operations those were, all together.
double runEverywhere(float (*run)(int64_t, float, float), int64_t rounds, double multiplyAdds) {
  struct Job {
    float (*run)(int64_t, float, float);
    int64_t rounds;
    std::atomic<float> sink{0};
  } job{run, std::max<int64_t>(rounds / 16, 1)};
  int64_t tasks = 16 * gqa_rt_num_threads(); // again so that no thread waits for a disturbed one
  gqa_rt_parallel_for(
      tasks, worthThreads,
      [](int64_t, void *context) {
        auto *job = static_cast<Job *>(context);
        job->sink = job->run(job->rounds, 0.5f, 1.0f);
      },
      &job);
  return 2.0 * multiplyAdds * double(job.rounds) * double(tasks);
}

gqa::CPUTarget describe(const ffi::String &target) {
  llvm::Expected<gqa::CPUTarget> description = gqa::describeCPU({target.data(), target.size()});
  if (!description)
    gqa::raise("ValueError", llvm::toString(description.takeError()));
  return *description;
}

/// With the vectors that code for `target` has.
double multiplyAdds(const ffi::String &target, int64_t rounds) {
  unsigned bits = describe(target).vectorBits;
  if (bits >= 512 && GQA_HAS("avx512f"))
    return runEverywhere(multiplyAdd512, rounds, 16 * 24);
  if (bits >= 256 && GQA_HAS("avx2") && GQA_HAS("fma"))
    return runEverywhere(multiplyAdd256, rounds, 8 * 12);
  return runEverywhere(multiplyAdd128, rounds, 4 * 12);
}

/// 0 where code for `target` does not multiply pairs.
double multiplyPairs(const ffi::String &target, int64_t rounds) {
  bool pairs = describe(target).pairs;
#if defined(__x86_64__)
  if (pairs && GQA_HAS("avx512bf16"))
    return runEverywhere(addPairs512, rounds, 2 * 16 * 24);
#endif
  return 0;
}

//===--------------------------------------------------------------------===//
// Products
//===--------------------------------------------------------------------===//

/// c = a b, f32, contiguous and of two dimensions, by the BLAS that the runtime loads.
void multiply(const ffi::Tensor &a, const ffi::Tensor &b, const ffi::Tensor &c) {
  if (const char *error = gqa_rt_blas_error())
    gqa::raise("RuntimeError", error);
  int64_t m = c.size(0), n = c.size(1), k = a.size(1);
  if (a.size(0) != m || b.size(0) != k || b.size(1) != n)
    gqa::raise("ValueError", "multiply: the sizes of a, b and c do not make a product");
  gqa_rt_matmul(GQA_RT_TYPES(GQA_RT_F32, GQA_RT_F32, GQA_RT_F32), 1, m, n, k, a.data_ptr(), k, m * k,
                b.data_ptr(), n, k * n, c.data_ptr(), n, m * n);
}

int64_t numThreads() { return gqa_rt_num_threads(); }

} // namespace

TVM_FFI_DLL_EXPORT_TYPED_FUNC(ceiling_read, readTensors);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(ceiling_multiply_adds, multiplyAdds);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(ceiling_multiply_pairs, multiplyPairs);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(ceiling_matmul, multiply);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(num_threads, numThreads);
