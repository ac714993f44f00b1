// Which image a device loads, and what is said when none does.
#include "Runtime/Cuda/Module.h"
#include "Support.h"

using namespace gqa::test;
using namespace gqa::rt::cuda;

namespace {

struct Choice {
  int64_t format;
  const char *chip;
};

/// The chosen image as "ptx sm_80", or the error.
std::string choose(const char *device, std::vector<Choice> choices, bool cubins = true) {
  setenv("FAKE_CUDA_CHIP", device, 1);
  std::vector<gqa_rt_cuda_image> images;
  for (const Choice &choice : choices)
    images.push_back({choice.chip, "", 0, choice.format});
  gqa_rt_cuda_module module{images.data(), int64_t(images.size()), nullptr};
  Error error;
  Device *found = Device::get(0, error);
  const gqa_rt_cuda_image *image = found ? chooseImage(module, *found, cubins, error) : nullptr;
  return image ? std::string(image->format == GQA_RT_CUDA_PTX ? "ptx " : "cubin ") + image->chip : error;
}

constexpr int64_t ptx = GQA_RT_CUDA_PTX, cubin = GQA_RT_CUDA_CUBIN;

TEST(CudaImages, TheCubinOfTheChip) {
  IN_CHILD(GQA_FAKE_DRIVER,
           EXPECT_EQ(choose("86", {{ptx, "sm_80"}, {cubin, "sm_80"}, {cubin, "sm_86"}, {cubin, "sm_90"}}),
                     "cubin sm_86"));
}

TEST(CudaImages, ACubinOfTheSameGeneration) {
  IN_CHILD(GQA_FAKE_DRIVER, EXPECT_EQ(choose("89", {{ptx, "sm_80"}, {cubin, "sm_80"}}), "cubin sm_80"));
}

TEST(CudaImages, PTXWhereNoCubinRuns) {
  IN_CHILD(GQA_FAKE_DRIVER,
           EXPECT_EQ(choose("120", {{ptx, "sm_80"}, {cubin, "sm_90"}, {ptx, "sm_90a"}}), "ptx sm_80"));
}

TEST(CudaImages, PTXWhereCubinsAreNotWanted) {
  IN_CHILD(GQA_FAKE_DRIVER, EXPECT_EQ(choose("90", {{cubin, "sm_90"}, {ptx, "sm_80"}}, false), "ptx sm_80"));
}

TEST(CudaImages, TheChipsOwn) {
  IN_CHILD(GQA_FAKE_DRIVER,
           EXPECT_EQ(choose("90", {{cubin, "sm_90"}, {ptx, "sm_90a"}, {ptx, "sm_80"}}), "ptx sm_90a"));
}

TEST(CudaImages, NoneRuns) {
  IN_CHILD(
      GQA_FAKE_DRIVER,
      EXPECT_EQ(choose("75", {{ptx, "sm_80"}, {cubin, "sm_90a"}, {cubin, nullptr}}),
                "no kernels for CUDA device 0 (Fake GPU, sm_75): the module holds PTX for sm_80, a cubin for "
                "sm_90a, a cubin for no chip"));
}

TEST(CudaImages, Nothing) {
  IN_CHILD(GQA_FAKE_DRIVER,
           EXPECT_EQ(choose("80", {}),
                     "no kernels for CUDA device 0 (Fake GPU, sm_80): the module holds nothing"));
}

std::string scaleError(Module &module) {
  float from = 1, to = 0;
  return Scale{&module.module, &to, &from, 1, 1}.call(defaultSite()) ? gqa_rt_last_error() : "";
}

TEST(CudaModule, LogOfTheCompiler) {
  NEEDS_FAKE_DRIVER();
  Module module(".version 7.0\n.target sm_80\nnonsense\n");
  EXPECT_EQ(
      scaleError(module),
      "CUDA device 0: cuModuleLoadDataEx: a PTX JIT compilation failed (CUDA_ERROR_INVALID_PTX) in PTX for "
      "sm_80\nptxas application ptx input, line 3; fatal   : Parsing error near 'nonsense': syntax error");
}

/// A module with machine code beside its PTX; the first load fails with `result`.
struct Refused {
  explicit Refused(CUresult result) {
    control<void(const char *, int, int)>("fake_fail")("cuModuleLoadDataEx", 0, result);
    float from = 1, to = 0;
    failed = Scale{&module, &to, &from, 1, 1}.call(defaultSite());
  }
  ~Refused() { gqa_rt_cuda_unload(&module); }

  int64_t size = int64_t(std::char_traits<char>::length(kPTX));
  gqa_rt_cuda_image images[2] = {{"sm_80", kPTX, size, cubin}, {"sm_80", kPTX, size, ptx}};
  gqa_rt_cuda_module module{images, 2, nullptr};
  int failed = 0;
};

TEST(CudaModule, PTXWhereTheDriverRefusesMachineCode) {
  NEEDS_FAKE_DRIVER();
  for (CUresult result :
       {CUDA_ERROR_NO_BINARY_FOR_GPU, CUDA_ERROR_INVALID_IMAGE, CUDA_ERROR_INVALID_SOURCE}) {
    Refused refused(result);
    EXPECT_EQ(refused.failed, 0);
    EXPECT_EQ(gqa_rt_cuda_loaded(&refused.module, 0), &refused.images[1]);
  }
}

TEST(CudaModule, OtherErrorsOfMachineCodeAreErrors) {
  NEEDS_FAKE_DRIVER();
  Refused refused(CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(refused.failed, 1);
  EXPECT_EQ(gqa_rt_cuda_loaded(&refused.module, 0), nullptr);
}

TEST(CudaModule, PTXOnRequest) {
  NEEDS_FAKE_DRIVER();
  setenv("GQA_CUDA_FORCE_PTX", "1", 1);
  Refused forced(CUDA_SUCCESS);
  unsetenv("GQA_CUDA_FORCE_PTX");
  EXPECT_EQ(gqa_rt_cuda_loaded(&forced.module, 0), &forced.images[1]);
}

TEST(CudaModule, LoadsAgainAfterAnUnload) {
  Module module;
  EXPECT_EQ(scaleError(module), "");
  gqa_rt_cuda_unload(&module.module);
  EXPECT_EQ(module.module.state, nullptr);
  EXPECT_EQ(scaleError(module), "");
}

TEST(CudaModule, LoadsOncePerProcess) {
  NEEDS_FAKE_DRIVER();
  Module module;
  auto *calls = control<int(const char *)>("fake_calls");
  int loads = calls("cuModuleLoadDataEx"), lookups = calls("cuModuleGetFunction"),
      settings = calls("cuFuncSetAttribute");
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(scaleError(module), "");
  EXPECT_EQ(calls("cuModuleLoadDataEx"), loads + 1);
  EXPECT_EQ(calls("cuModuleGetFunction"), lookups + 1);
  EXPECT_EQ(calls("cuFuncSetAttribute"), settings + 1);
}

/// How many launches of a dependent kernel, of PTX for `chip` on an sm_90, say so to the driver.
int dependentLaunches(const char *chip) {
  Module module(kPTX, chip);
  std::vector<float> host(8);
  Scale scale{&module.module, host.data(), host.data(), 2, int(host.size())};
  EXPECT_EQ(scale.call(defaultSite()), 0) << gqa_rt_last_error();
  return control<int(const char *)>("fake_calls")("cuLaunchKernelEx");
}

// Those that every chip runs do not wait for the kernel in front.
TEST(CudaModule, KernelsOfOneChipAloneMayBeginEarly) {
  IN_CHILD(GQA_FAKE_DRIVER, {
    setenv("FAKE_CUDA_CHIP", "90", 1);
    EXPECT_EQ(dependentLaunches("sm_80"), 0);
    EXPECT_EQ(dependentLaunches("sm_90"), 0);
    EXPECT_EQ(dependentLaunches("sm_90a"), 1);
  });
}

} // namespace
