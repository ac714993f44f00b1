// The kernels and the scenario.
#include "Support.h"

#include <cstdio>

namespace gqa::test {

const char *const kPTX = R"(.version 7.0
.target sm_80
.address_size 64

.visible .entry scale(.param .u64 scale_to, .param .u64 scale_from, .param .f32 scale_factor, .param .u32 scale_count)
{
  .reg .pred %p;
  .reg .b32 %r<6>;
  .reg .b64 %a<6>;
  .reg .f32 %f<4>;
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %ntid.x;
  mov.u32 %r3, %tid.x;
  mad.lo.s32 %r4, %r1, %r2, %r3;
  ld.param.u32 %r5, [scale_count];
  setp.ge.s32 %p, %r4, %r5;
  @%p bra DONE;
  ld.param.u64 %a1, [scale_to];
  ld.param.u64 %a2, [scale_from];
  cvta.to.global.u64 %a1, %a1;
  cvta.to.global.u64 %a2, %a2;
  mul.wide.s32 %a3, %r4, 4;
  add.s64 %a1, %a1, %a3;
  add.s64 %a2, %a2, %a3;
  ld.global.f32 %f1, [%a2];
  ld.param.f32 %f2, [scale_factor];
  mul.rn.f32 %f3, %f1, %f2;
  st.global.f32 [%a1], %f3;
DONE:
  ret;
}

.visible .entry fault()
{
  trap;
}
)";

void Scale::enter(void **arguments) {
  auto &self = *static_cast<const Scale *>(arguments[0]);
  int64_t bytes = 4 * int64_t(self.count);
  void *to = gqa_rt_cuda_map(self.to, bytes, GQA_RT_CUDA_WRITE);
  void *from = gqa_rt_cuda_map(const_cast<float *>(self.from), bytes, GQA_RT_CUDA_READ);
  void *between = gqa_rt_cuda_alloc(bytes);
  float one = 1;
  void *first[] = {&between, &from, const_cast<float *>(&self.factor), const_cast<int *>(&self.count)};
  void *second[] = {&to, &between, &one, const_cast<int *>(&self.count)};
  int64_t blocks = (self.count + 127) / 128;
  gqa_rt_cuda_launch(self.module, "scale", blocks, 1, 1, /*cluster=*/1, 128, 0, 0, first);
  gqa_rt_cuda_launch(self.module, "scale", blocks, 1, 1, /*cluster=*/1, 128, 64 << 10, GQA_RT_CUDA_DEPENDENT,
                     second);
  gqa_rt_cuda_free(between);
  gqa_rt_cuda_unmap();
}

void Step::enter(void **arguments) {
  auto &self = *static_cast<const Step *>(arguments[0]);
  int count = int(kSize * kSize);
  auto *x = static_cast<float *>(
      gqa_rt_cuda_map(self.memory, 12 * int64_t(count), GQA_RT_CUDA_READ | GQA_RT_CUDA_WRITE));
  float *y = x + count, *z = y + count;
  void *parameters[] = {&y, &x, const_cast<float *>(&self.factor), &count};
  gqa_rt_cuda_launch(self.module, "scale", 1, 1, 1, /*cluster=*/1, 128, 0, 0, parameters);
  gqa_rt_cuda_matmul(GQA_RT_TYPES(GQA_RT_F32, GQA_RT_F32, GQA_RT_F32), 1, kSize, kSize, kSize, y, kSize, 0, y,
                     kSize, 0, z, kSize, 0);
  gqa_rt_cuda_unmap();
}

int Step::call(gqa_rt_cuda_site site) const {
  gqa_rt_cuda_span span{memory, 12 * kSize * kSize};
  site.spans = &span;
  site.num_spans = 1;
  void *arguments[] = {const_cast<Step *>(this)};
  return gqa_rt_cuda_call(&site, enter, arguments);
}

int Step::setX(void *stream, float value) const {
  std::vector<float> x(size_t(kSize * kSize), value);
  return gqa_rt_cuda_copy_in(0, stream, memory, x.data(), int64_t(4 * x.size()));
}

int Step::getZ(void *stream, std::vector<float> &z) const {
  z.resize(size_t(kSize * kSize));
  return gqa_rt_cuda_copy_out(0, stream, z.data(), memory + 2 * z.size(), int64_t(4 * z.size()));
}

int Scale::call(const gqa_rt_cuda_site &site) const {
  void *arguments[] = {const_cast<Scale *>(this)};
  return gqa_rt_cuda_call(&site, enter, arguments);
}

void use(const char *driver) {
  setenv("GQA_CUDA_DRIVER", driver, 1);
  if (control<int()>("fake_live"))
    setenv("GQA_CUBLASLT", driver, 1);
}

void endChild() {
  const testing::TestResult &result = *testing::UnitTest::GetInstance()->current_test_info()->result();
  for (int i = 0; i < result.total_part_count(); ++i)
    std::fprintf(stderr, "%s\n", result.GetTestPartResult(i).message());
  std::exit(result.Failed() ? 1 : 0);
}

gqa_rt_cuda_site defaultSite() { return gqa_rt_cuda_site{0, nullptr, nullptr, 0, 0, nullptr, 0}; }

namespace {

/// Objects of the driver that go back whatever happens.
struct Owned {
  void *stream = nullptr, *begin = nullptr, *end = nullptr, *memory = nullptr, *graph = nullptr;
  ~Owned() {
    gqa_rt_cuda_graph_destroy(0, graph);
    gqa_rt_cuda_release(0, stream, memory);
    for (void *event : {begin, end})
      if (event)
        gqa_rt_cuda_event_destroy(0, event);
    if (stream)
      gqa_rt_cuda_stream_destroy(0, stream);
  }
};

/// A copy to the device, there, and back, timed.
int copyAround(Owned &owned, const std::vector<float> &from, std::vector<float> &to) {
  int64_t half = int64_t(4 * from.size());
  auto *memory = static_cast<char *>(owned.memory);
  return gqa_rt_cuda_event_record(0, owned.begin, owned.stream) ||
         gqa_rt_cuda_copy_in(0, owned.stream, memory, from.data(), half) ||
         gqa_rt_cuda_copy(0, owned.stream, memory + half, memory, half) ||
         gqa_rt_cuda_copy_out(0, owned.stream, to.data(), memory + half, half) ||
         gqa_rt_cuda_event_record(0, owned.end, owned.stream) ||
         gqa_rt_cuda_event_wait(0, owned.stream, owned.begin) || gqa_rt_cuda_synchronize(0, owned.stream) ||
         gqa_rt_cuda_event_elapsed(0, owned.begin, owned.end) < 0;
}

/// Two products of f32, of which the second one is done as the first one was.
struct Squares {
  void *memory;

  static void enter(void **arguments) {
    auto *at = static_cast<float *>(static_cast<const Squares *>(arguments[0])->memory);
    for (int64_t i = 0; i < 2; ++i)
      gqa_rt_cuda_matmul(GQA_RT_TYPES(GQA_RT_F32, GQA_RT_F32, GQA_RT_F32), 1, kSize, kSize, kSize, at, kSize,
                         0, at, kSize, 0, at + (i + 1) * kSize * kSize, kSize, 0);
    gqa_rt_cuda_matmul(GQA_RT_TYPES(GQA_RT_F32, GQA_RT_F32, GQA_RT_F32), 1, kSize, kSize, 0, at, kSize, 0, at,
                       kSize, 0, at + kSize * kSize, kSize, 0); // zeroes the first one
  }

  static constexpr int64_t kSize = 8;
};

/// Whether the squares of a matrix of ones are right.
int multiply(Owned &owned, gqa_rt_cuda_site &site) {
  constexpr size_t size = size_t(Squares::kSize * Squares::kSize);
  std::vector<float> ones(size, 1), results(2 * size), want(size, 0);
  want.resize(2 * size, float(Squares::kSize));
  auto *memory = static_cast<float *>(owned.memory);
  Squares squares{memory};
  void *arguments[] = {&squares};
  int failed = gqa_rt_cuda_copy_in(0, owned.stream, memory, ones.data(), int64_t(4 * size)) ||
               gqa_rt_cuda_call(&site, Squares::enter, arguments) ||
               gqa_rt_cuda_copy_out(0, owned.stream, results.data(), memory + size, int64_t(8 * size));
  if (!failed)
    EXPECT_EQ(results, want);
  return failed;
}

/// A graph that is captured, launched, changed, and launched again: empty, or the first error.
std::string replay(Owned &owned, gqa_rt_cuda_module &module, const gqa_rt_cuda_site &site) {
  Step step{&module, static_cast<float *>(owned.memory), 2};
  std::vector<float> first, second;
  std::string error; // of a call, before that of the capture's end
  auto record = [&](auto end) {
    if (gqa_rt_cuda_graph_begin(0, owned.stream))
      return false;
    if (step.call(site))
      error = gqa_rt_last_error();
    return end() && error.empty();
  };
  bool good = !step.setX(owned.stream, 1) &&
              record([&] { return (owned.graph = gqa_rt_cuda_graph_end(0, owned.stream)) != nullptr; }) &&
              !gqa_rt_cuda_graph_launch(0, owned.graph, owned.stream) && !step.getZ(owned.stream, first);
  step.factor = 3;
  good = good && record([&] { return !gqa_rt_cuda_graph_update(0, owned.stream, &owned.graph); }) &&
         !gqa_rt_cuda_graph_launch(0, owned.graph, owned.stream) && !step.getZ(owned.stream, second);
  if (!good)
    return error.empty() ? gqa_rt_last_error() : error;
  EXPECT_EQ(first, Step::want(1, 2));
  EXPECT_EQ(second, Step::want(1, 3));
  return "";
}

/// The driver is for CUDA 11.4 or later.
bool hasGraphs() {
  const char *path = std::getenv("GQA_CUDA_DRIVER");
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  return library && dlsym(library, "cuGraphLaunch");
}

} // namespace

std::string exercise() {
  if (const char *error = gqa_rt_cuda_error())
    return error;
  std::vector<float> from(1000, 3), to(1000), copied(1000);
  Module module;
  gqa_rt_cuda_site site = defaultSite();
  Owned owned;
  auto create = [](void *&slot, void *created) { return (slot = created) != nullptr; };
  if (!create(owned.stream, gqa_rt_cuda_stream_create(0)) ||
      !create(owned.begin, gqa_rt_cuda_event_create(0)) || !create(owned.end, gqa_rt_cuda_event_create(0)) ||
      !create(owned.memory, gqa_rt_cuda_reserve(0, owned.stream, int64_t(8 * from.size()))))
    return gqa_rt_last_error();
  site.stream = owned.stream;
  if (copyAround(owned, from, copied) || Scale{&module.module, to.data(), from.data(), 2, 1000}.call(site) ||
      multiply(owned, site))
    return gqa_rt_last_error();
  EXPECT_EQ(copied, from);
  EXPECT_EQ(to, std::vector<float>(1000, 6));
  return hasGraphs() ? replay(owned, module.module, site) : "";
}

} // namespace gqa::test
