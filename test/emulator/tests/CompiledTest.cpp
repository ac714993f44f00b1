// Kernels that nvcc and LLVM have compiled, through the driver, under every policy of completion.
// tests/kernels has the sources and the command that made the text.
#include "Cuda.h"

#include <cmath>
#include <cstring>
#include <random>

namespace gqa::emulator::test {
namespace {

std::string ptx(const std::string &name) {
  return readFile(std::string(EMULATOR_KERNELS) + "/" + name + ".ptx");
}

float bf16Value(uint16_t b) {
  uint32_t bits = uint32_t(b) << 16;
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}
std::vector<uint16_t> randomBf16(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<uint16_t> v(count);
  for (uint16_t &x : v) {
    float f = normal(random);
    uint32_t bits;
    std::memcpy(&bits, &f, 4);
    x = bits >> 16;
  }
  return v;
}

class CompiledTest : public CudaTest, public testing::WithParamInterface<const char *> {};

TEST_P(CompiledTest, Matmul) {
  start(GetParam());
  constexpr int m = 128, n = 192, k = 256;
  auto a = randomBf16(m * k, 1), b = randomBf16(k * n, 2);
  CUfunction f = function(ptx("matmul"), "matmul");
  CUdeviceptr c = 0;
  ASSERT_CUDA(cuMemAlloc_v2(&c, m * n * 4));
  ASSERT_CUDA(launch(f, n / 64, m / 64, 128, 4 * 64 * 128, upload(a), upload(b), c, n, k));
  auto got = download<float>(c, m * n);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      double want = 0;
      for (int l = 0; l < k; ++l)
        want += double(bf16Value(a[i * k + l])) * bf16Value(b[l * n + j]);
      ASSERT_NEAR(got[i * n + j], want, 1e-4) << i << ' ' << j;
    }
}

/// A row-major matrix, in boxes of 64 x 64: bf16 with the 128-byte pattern, or f32 without.
CUtensorMap mapOf(CUdeviceptr p, bool isFloat, uint64_t rows, uint64_t columns) {
  CUtensorMap map;
  uint64_t sizes[] = {columns, rows}, strides[] = {columns * (isFloat ? 4 : 2)};
  uint32_t box[] = {64, 64}, steps[] = {1, 1};
  EXPECT_CUDA(cuTensorMapEncodeTiled(&map, isFloat ? 7 : 9, 2, reinterpret_cast<void *>(p), sizes, strides,
                                     box, steps, 0, isFloat ? 0 : 3, 2, 0));
  return map;
}

TEST_P(CompiledTest, HopperMatmul) {
  start(GetParam() + std::string(",sm=90"));
  constexpr int m = 100, n = 160, k = 512; // the last tiles are partly empty
  auto a = randomBf16(m * k, 1), b = randomBf16(k * n, 2);
  CUfunction f = function(ptx("hopper"), "hopper");
  constexpr int kShared = 66560;
  ASSERT_CUDA(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, kShared));
  CUdeviceptr c = 0;
  ASSERT_CUDA(cuMemAlloc_v2(&c, m * n * 4));
  ASSERT_CUDA(launch(f, (n + 63) / 64, (m + 63) / 64, 256, kShared, mapOf(upload(a), false, m, k),
                     mapOf(upload(b), false, k, n), mapOf(c, true, m, n), k / 64));
  auto got = download<float>(c, m * n);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      double want = 0;
      for (int l = 0; l < k; ++l)
        want += double(bf16Value(a[i * k + l])) * bf16Value(b[l * n + j]);
      ASSERT_NEAR(got[i * n + j], want, 2e-4) << i << ' ' << j;
    }
}

TEST_P(CompiledTest, Reduction) {
  start(GetParam());
  constexpr int n = 10000, blocks = 12;
  std::vector<float> x(n);
  double want = 0;
  for (int i = 0; i < n; ++i)
    want += x[i] = static_cast<float>(i % 17) - 8.25f;
  CUfunction f = function(ptx("reduce"), "reduce");
  CUdeviceptr partial = 0, result = 0, count = upload(std::vector<unsigned>{0});
  ASSERT_CUDA(cuMemAlloc_v2(&partial, blocks * 4));
  ASSERT_CUDA(cuMemAlloc_v2(&result, 4));
  for (int repeat = 0; repeat < 2; ++repeat) { // the counter is back at zero
    ASSERT_CUDA(launch(f, blocks, 1, 256, 0, upload(x), partial, count, result, n));
    EXPECT_NEAR(download<float>(result, 1)[0], want, 1e-1);
  }
}

TEST_P(CompiledTest, Attention) {
  start(GetParam());
  constexpr int length = 150, dim = 64; // the last tile is partly empty
  auto q = randomBf16(length * dim, 1), k = randomBf16(length * dim, 2), v = randomBf16(length * dim, 3);
  CUfunction f = function(ptx("attention"), "attention");
  CUdeviceptr o = 0;
  ASSERT_CUDA(cuMemAlloc_v2(&o, length * dim * 2));
  float scale = 1.44269504f / 8;
  ASSERT_CUDA(launch(f, 3, 1, 128, 0, upload(q), upload(k), upload(v), o, int(length), scale));
  auto got = download<uint16_t>(o, length * dim);
  for (int i = 0; i < length; ++i) {
    std::vector<double> p(i + 1), want(dim);
    double sum = 0;
    for (int j = 0; j <= i; ++j) {
      double s = 0;
      for (int d = 0; d < dim; ++d)
        s += double(bf16Value(q[i * dim + d])) * bf16Value(k[j * dim + d]);
      sum += p[j] = std::exp(s / 8);
    }
    for (int d = 0; d < dim; ++d) {
      for (int j = 0; j <= i; ++j)
        want[d] += p[j] / sum * bf16Value(v[j * dim + d]);
      ASSERT_NEAR(bf16Value(got[i * dim + d]), want[d], 0.02) << i << ' ' << d;
    }
  }
}

TEST_P(CompiledTest, LlvmSwitchStackAndConstants) {
  start(GetParam());
  constexpr int n = 61;
  std::vector<float> x(n);
  for (int i = 0; i < n; ++i)
    x[i] = i + 1;
  CUfunction f = function(ptx("scale"), "scale");
  CUdeviceptr y = 0;
  ASSERT_CUDA(cuMemAlloc_v2(&y, n * 4));
  ASSERT_CUDA(launch(f, 1, 1, 64, 256, upload(x), y, int(n)));
  auto got = download<float>(y, n);
  const float factor[] = {1, 4, 2, -1};
  for (int i = 0; i < n; ++i)
    EXPECT_EQ(got[i], factor[i % 4] * ((i ^ 1) < n ? x[i ^ 1] : 0)) << i;
}

std::string policyName(const testing::TestParamInfo<const char *> &info) {
  static constexpr const char *kNames[] = {"Eager", "Late", "Random", "Unchecked"};
  return kNames[info.index];
}
INSTANTIATE_TEST_SUITE_P(Policies, CompiledTest,
                         testing::Values("completion=eager", "completion=late", "completion=random:7",
                                         "completion=late,checks=off"),
                         policyName);

/// The text with one instruction taken out.
std::string without(std::string text, const std::string &instruction, unsigned nth) {
  size_t at = 0;
  for (unsigned n = 0; n <= nth; ++n)
    at = text.find(instruction, n ? at + 1 : 0);
  EXPECT_NE(at, std::string::npos);
  return at == std::string::npos ? text : text.replace(at, text.find(';', at) - at, "");
}

using MutationTest = CudaTest;

/// Every wait and every barrier of the attention kernel is needed, and each one that is missing is found.
TEST_F(MutationTest, MissingSynchronisationIsFound) {
  std::string good = ptx("attention");
  auto q = randomBf16(192 * 64, 1);
  for (const char *instruction : {"bar.sync", "cp.async.wait_group"})
    for (unsigned nth = 0; nth < 3; ++nth) {
      start("completion=late,threads=1");
      CUfunction f = function(without(good, instruction, nth), "attention");
      CUdeviceptr o = 0;
      ASSERT_CUDA(cuMemAlloc_v2(&o, 192 * 64 * 2));
      testing::internal::CaptureStderr();
      CUresult result = launch(f, 3, 1, 128, 0, upload(q), upload(q), upload(q), o, 192, 0.18f);
      std::string text = testing::internal::GetCapturedStderr();
      EXPECT_EQ(result, CUDA_ERROR_LAUNCH_FAILED) << instruction << ' ' << nth;
      EXPECT_NE(text.find("kernel attention, line "), std::string::npos)
          << instruction << ' ' << nth << ": " << text;
      TearDown();
      context = nullptr;
    }
}

/// The same for sm_90a: each instruction without which the kernel is wrong, and what is found instead.
TEST_F(MutationTest, MissingSynchronisationOfHopperIsFound) {
  constexpr int size = 256, kShared = 66560;
  auto a = randomBf16(size * size, 1);
  const std::pair<const char *, const char *> kNeeded[] = {
      {"fence.mbarrier_init", "proxy"},        {"bar.sync \t0", "race"},
      {"mbarrier.arrive.expect_tx", ""},       {"wgmma.fence", "wgmma"},
      {"wgmma.commit_group", "in-flight"},     {"wgmma.wait_group", "in-flight"},
      {"fence.proxy.async", "proxy"},          {"bar.sync 1", "race"},
      {"cp.async.bulk.commit", "leaked-copy"}, {"cp.async.bulk.wait_group", "leaked-copy"},
      {"mbarrier.arrive.release", "deadlock"}, {"setmaxnreg.dec", "deadlock"}};
  std::string good = ptx("hopper");
  for (auto [instruction, kind] : kNeeded)
    for (const char *policy : {"eager", "late", "random:9"}) {
      ASSERT_NE(good.find(instruction), std::string::npos) << instruction;
      start("threads=1,sm=90,completion=" + std::string(policy));
      CUfunction f = function(without(good, instruction, 0), "hopper");
      ASSERT_CUDA(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, kShared));
      CUdeviceptr c = 0;
      ASSERT_CUDA(cuMemAlloc_v2(&c, size * size * 4));
      CUtensorMap map = mapOf(upload(a), false, size, size);
      testing::internal::CaptureStderr();
      CUresult result = launch(f, 4, 4, 256, kShared, map, map, mapOf(c, true, size, size), size / 64);
      std::string text = testing::internal::GetCapturedStderr();
      EXPECT_NE(result, CUDA_SUCCESS) << instruction << ' ' << policy;
      EXPECT_NE(text.find(kind), std::string::npos) << instruction << ' ' << policy << ": " << text;
      TearDown();
      context = nullptr;
    }
}

} // namespace
} // namespace gqa::emulator::test
