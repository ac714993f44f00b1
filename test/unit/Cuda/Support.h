// What the CUDA tests share: kernels, children with an environment of their own, the fake driver's controls.
#ifndef GQA_TEST_UNIT_CUDA_SUPPORT_H
#define GQA_TEST_UNIT_CUDA_SUPPORT_H

#include "gqa/Runtime/Cuda.h"
#include "gqa/Runtime/Runtime.h"

#include <cstdlib>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace gqa::test {

/// Two kernels: scale(to, from, factor, count) of f32, and fault(), which ends the context.
extern const char *const kPTX;

/// A module of one image of PTX, unloaded at the end.
struct Module {
  explicit Module(const char *text = kPTX, const char *chip = "sm_80")
      : image{chip, text, int64_t(std::char_traits<char>::length(text)), GQA_RT_CUDA_PTX} {}
  ~Module() { gqa_rt_cuda_unload(&module); }
  gqa_rt_cuda_image image;
  gqa_rt_cuda_module module{&image, 1, nullptr};
};

/// A function of the fake driver; null where the driver is another one.
template <typename F> F *control(const char *name) {
  const char *path = std::getenv("GQA_CUDA_DRIVER");
  void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  return library ? reinterpret_cast<F *>(dlsym(library, name)) : nullptr;
}

/// scale through buffers of the host, as compiled code does it: to[i] = factor * from[i].
struct Scale {
  gqa_rt_cuda_module *module;
  float *to;
  const float *from;
  float factor;
  int count;

  static void enter(void **arguments);
  /// 0, or 1 and gqa_rt_last_error() says why.
  int call(const gqa_rt_cuda_site &site) const;
};

/// y = factor * x by a kernel and z = y y, an 8 x 8 matrix each, one behind the other on the device: nothing
/// of the host.
struct Step {
  gqa_rt_cuda_module *module;
  float *memory;
  float factor;

  static constexpr int64_t kSize = 8;
  static void enter(void **arguments);
  int call(gqa_rt_cuda_site site) const;
  /// z for an x full of `value`.
  static std::vector<float> want(float value, float factor) {
    return std::vector<float>(size_t(kSize * kSize), value * factor * value * factor * kSize);
  }
  int setX(void *stream, float value) const;
  int getZ(void *stream, std::vector<float> &z) const;
};

/// The site of device 0's default stream.
gqa_rt_cuda_site defaultSite();

/// The driver of this process, before it is loaded; a fake one has a cuBLASLt inside.
void use(const char *driver);

/// Ends a child of a death test, with what it expected in vain on stderr.
[[noreturn]] void endChild();

/// Everything that the runtime can do, once; empty, or the first error.
std::string exercise();

} // namespace gqa::test

/// Runs `body` in a process of its own that starts with `driver`; what it expects must hold.
#define IN_CHILD(driver, body)                                                                               \
  EXPECT_EXIT(                                                                                               \
      {                                                                                                      \
        gqa::test::use(driver);                                                                              \
        body;                                                                                                \
        gqa::test::endChild();                                                                               \
      },                                                                                                     \
      ::testing::ExitedWithCode(0), "")

#define NEEDS_FAKE_DRIVER()                                                                                  \
  if (!gqa::test::control<int()>("fake_live"))                                                               \
  GTEST_SKIP() << "this driver does not fail on request"

#endif // GQA_TEST_UNIT_CUDA_SUPPORT_H
