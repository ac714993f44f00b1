// A device for tests: runs kernels given as PTX text without the driver around it.
#pragma once
#include "Decode/Decoder.h"
#include "Execute/Launch.h"

#include <gtest/gtest.h>

#include <cstring>

namespace gqa::emulator::test {

/// Settings of a test: one thread, so that a run is reproducible.
inline Settings quiet(Completion completion = Completion::Late, uint64_t seed = 0) {
  Settings s;
  s.completion = completion;
  s.seed = seed;
  s.threads = 1;
  s.memory = uint64_t(1) << 30;
  s.steps = 1 << 24;
  return s;
}

class Device {
public:
  explicit Device(Settings settings = quiet())
      : settings(std::move(settings)), memory(this->settings.memory) {}

  template <class T> uint64_t upload(const std::vector<T> &values) {
    uint64_t at = memory.allocate(values.size() * sizeof(T));
    std::memcpy(memory.host(at), values.data(), values.size() * sizeof(T));
    std::memset(memory.state(at), DeviceMemory::kWritten, values.size() * sizeof(T));
    return at;
  }
  template <class T> std::vector<T> download(uint64_t at, size_t count) const {
    std::vector<T> values(count);
    std::memcpy(values.data(), memory.host(at), count * sizeof(T));
    return values;
  }

  /// Runs the first kernel of the module. Parameters are 64-bit.
  Outcome run(const std::string &ptx, Dim3 grid, Dim3 block, const std::vector<uint64_t> &params,
              uint32_t shared = 0, bool dependent = false, Dim3 cluster = {}) {
    Module module = parseModule(ptx);
    Kernel kernel = decode(module, module.functions.at(0), {});
    Grid g{kernel, memory, settings, grid, block, shared, {}, 1, {}, dependent, cluster};
    g.params.resize(kernel.paramBytes);
    std::memcpy(g.params.data(), params.data(), std::min<size_t>(kernel.paramBytes, params.size() * 8));
    return runGrid(g);
  }

  Settings settings;
  DeviceMemory memory;
};

/// A module with one kernel whose parameters p0, p1, .. are 64-bit and already in %p0, %p1, ...
inline std::string kernel(unsigned params, const std::string &body, const std::string &before = {}) {
  std::string text = ".version 8.7\n.target sm_90a\n.address_size 64\n" + before + "\n.visible .entry k(";
  for (unsigned n = 0; n < params; ++n)
    text += (n ? ", .param .u64 q" : ".param .u64 q") + std::to_string(n);
  text += ")\n{\n.reg .b64 %p<8>;\n";
  for (unsigned n = 0; n < params; ++n)
    text += "ld.param.u64 %p" + std::to_string(n) + ", [q" + std::to_string(n) + "];\n";
  return text + body + "\nret;\n}\n";
}

template <class T> std::string bits() { return std::to_string(8 * sizeof(T)); }

/// Executes an instruction on many operands: `%d` is its result, `%a`, `%b`, `%c` its sources; there may be
/// more instructions and a predicate %q. One thread for each element.
template <class D, class A, class B = A, class C = B>
std::vector<D> apply(const std::string &code, const std::vector<A> &a, const std::vector<B> &b = {},
                     const std::vector<C> &c = {}) {
  Device device;
  auto loads = [](const char *name, const std::string &width, unsigned bytes, unsigned param, bool present) {
    std::string n = std::to_string(param);
    std::string text = std::string(".reg .b") + width + " " + name + ";\n";
    if (present)
      text += "mad.wide.u32 %t, %i, " + std::to_string(bytes) + ", %p" + n + ";\nld.global.b" + width + " " +
              name + ", [%t];\n";
    return text;
  };
  std::string body = ".reg .b32 %i, %x, %y;\n.reg .b64 %t;\n.reg .pred %q, %r;\n.reg .b" + bits<D>() +
                     " %d;\n"
                     "mov.u32 %x, %ctaid.x;\nmov.u32 %y, %tid.x;\nmad.lo.u32 %i, %x, 128, %y;\n";
  body += loads("%a", bits<A>(), sizeof(A), 1, true) + loads("%b", bits<B>(), sizeof(B), 2, !b.empty()) +
          loads("%c", bits<C>(), sizeof(C), 3, !c.empty());
  body += code + "\nmad.wide.u32 %t, %i, " + std::to_string(sizeof(D)) + ", %p0;\nst.global.b" + bits<D>() +
          " [%t], %d;\n";
  size_t count = (a.size() + 127) / 128 * 128;
  auto padded = [&](auto values) {
    values.resize(values.empty() ? 0 : count,
                  values.empty() ? typename decltype(values)::value_type{} : values.back());
    return device.upload(values);
  };
  uint64_t d = device.memory.allocate(count * sizeof(D));
  std::vector<uint64_t> params{d, padded(a), padded(b), padded(c)};
  Outcome outcome = device.run(kernel(4, body), {static_cast<uint32_t>(count / 128)}, {128}, params);
  EXPECT_FALSE(outcome.fault) << outcome.message;
  return device.download<D>(d, a.size());
}

/// Corners and pseudo-random values.
template <class T> std::vector<T> samples(size_t count, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::vector<T> values{
      T(0),  T(1),  T(-1), std::numeric_limits<T>::max(), std::numeric_limits<T>::min(), T(31),
      T(32), T(63), T(64)};
  while (values.size() < count)
    values.push_back(static_cast<T>(random() >> (random() % 48)));
  values.resize(count);
  return values;
}

/// f32 bit patterns: zeros, subnormals, infinities, NaN, halves of an ulp of shorter formats, and random
/// ones.
inline std::vector<uint32_t> floatSamples(size_t count, uint64_t seed = 1) {
  std::vector<uint32_t> values{0,          0x80000000, 1,          0x80000001, 0x007FFFFF, 0x00800000,
                               0x3F800000, 0xBF800000, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7FFFFFFF,
                               0x7F7FFFFF, 0xFF7FFFFF, 0x3F808000, 0x3F818000, 0x3F801000, 0x3F803000,
                               0x477FE000, 0x477FF000, 0x33000000, 0x33000001, 0x33800000, 0x387FC000,
                               0x38800000, 0x3EAAAAAB, 0x4B000001, 0xCF000000, 0x4F000000, 0x4F800000};
  std::mt19937 random(seed);
  while (values.size() < count) {
    uint32_t r = random();
    values.push_back(random() % 2 ? r : (r & 0x807FFFFF) | (100 + random() % 56) << 23);
  }
  return values;
}
inline float asFloat(uint32_t bits) { return std::bit_cast<float>(bits); }

/// Equal as numbers of f32: any NaN is as good as another.
inline bool sameFloat(uint32_t a, uint32_t b) {
  return a == b || (asFloat(a) != asFloat(a) && asFloat(b) != asFloat(b));
}

/// Compares element by element and shows the first that differs.
template <class T, class Want> void expectEach(const std::vector<T> &got, Want want, const char *what) {
  for (size_t n = 0; n < got.size(); ++n)
    ASSERT_EQ(got[n], want(n)) << what << ", element " << n;
}

} // namespace gqa::emulator::test
