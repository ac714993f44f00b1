// wgmma against the layouts and fragments of the PTX ISA. Values are small whole numbers, so that every sum
// is exact.
#include "Cuda.h"
#include "Device.h"
#include "Execute/Numbers.h"

#include <functional>

namespace gqa::emulator::test {
namespace {

/// An operand with `size` rows (A) or columns (B) and 32 bytes of K in shared memory: where an element lies.
struct Layout {
  unsigned size, elementBytes, span; ///< span of the swizzling pattern, 0 for none
  bool transposed;                   ///< the elements of M or N side by side, not those of K
  uint32_t leading = 0, stride = 0;

  Layout(unsigned size, unsigned elementBytes, unsigned span, bool transposed)
      : size(size), elementBytes(elementBytes), span(span), transposed(transposed) {
    if (!span) { // core matrices of 8 x 16 bytes, those along K first
      leading = 128;
      stride = 256;
    } else {
      stride = 8 * span;
      leading = transposed ? 16 * span : 0;
    }
  }
  uint32_t offset(unsigned row, unsigned k) const {
    unsigned inner = (transposed ? row : k) * elementBytes, outer = transposed ? k : row, at;
    if (!span)
      at = row / (transposed ? 16 / elementBytes : 8) * stride +
           (transposed ? k / 8 * leading : inner / 16 * leading) + outer % 8 * 16 + inner % 16;
    else
      at = inner / span * leading + outer / 8 * stride + outer % 8 * span + inner % span;
    unsigned flips =
        span ? span / 16 - 1 : 0; // chunks of 16 bytes change places by the number of their 128-byte line
    return at ^ (at / 128 & flips) << 4;
  }
  uint32_t bytes() const { return 16384; }
  uint64_t descriptor() const {
    uint64_t mode = span == 128 ? 1 : span == 64 ? 2 : span == 32 ? 3 : 0;
    return mode << 62 | uint64_t(stride / 16) << 32 | uint64_t(leading / 16) << 16;
  }
};

uint16_t code16(const std::string &type, float x) { return type == "f16" ? toF16(x).bits : toBF16(x).bits; }
/// Whole numbers from -4 to 4 in a format with `exponent` bits of 8.
uint8_t code8(const std::string &type, int x) {
  if (!x)
    return 0;
  unsigned exponent = type == "e4m3" ? 4 : 5, mantissa = 7 - exponent, m = std::abs(x),
           log = std::bit_width(m) - 1;
  unsigned bias = (1u << (exponent - 1)) - 1;
  return (x < 0 ? 0x80 : 0) | (log + bias) << mantissa | (m << mantissa >> log & ((1u << mantissa) - 1));
}

constexpr uint32_t kOfB = 16384, kShared = 49152;

/// One warpgroup. Its shared memory %s (32-bit: %a) holds the image at %p1 when `code` begins; %i is the
/// thread, %d0.. its accumulators, which go to %p0 at the end.
std::string wgmmaKernel(unsigned registers, const std::string &code,
                        const std::string &ready = "fence.proxy.async;\nbar.sync 0;\n") {
  std::string text =
      ".version 8.6\n.target sm_90a\n.address_size 64\n.extern .shared .align 1024 .b8 s[];\n"
      ".visible .entry k(.param .u64 q0, .param .u64 q1)\n{\n.reg .b64 %p<2>, %t, %s, %descA, %descB;\n"
      ".reg .b32 %i, %w, %a, %n, %v<4>, %f<8>, %d<" +
      std::to_string(registers) +
      ">;\n.reg .pred %q, %on, %off;\n"
      "ld.param.u64 %p0, [q0];\nld.param.u64 %p1, [q1];\nmov.u32 %i, %tid.x;\nshr.u32 %w, %i, 5;\nmov.u32 "
      "%a, s;\n"
      "setp.eq.u32 %on, 0, 0;\nsetp.ne.u32 %off, 0, 0;\nshl.b32 %n, %i, 4;\n"
      "C: cvt.u64.u32 %t, %n;\nadd.u64 %t, %t, %p1;\nld.global.v4.b32 {%v0,%v1,%v2,%v3}, [%t];\nadd.u32 %v0, "
      "%v0, 0;\n"
      "{\n.reg .b32 to;\nadd.u32 to, %a, %n;\nst.shared.v4.b32 [to], {%v0,%v1,%v2,%v3};\n}\nadd.u32 %n, %n, "
      "2048;\n"
      "setp.lt.u32 %q, %n, " +
      std::to_string(kShared) + ";\n@%q bra C;\nshr.u32 %n, %a, 4;\ncvt.u64.u32 %s, %n;\n";
  text += ready + code;
  for (unsigned n = 0; n < registers; ++n)
    text += "mad.lo.u32 %n, %i, " + std::to_string(registers) + ", " + std::to_string(n) +
            ";\nmad.wide.u32 %t, %n, 4, %p0;\nst.global.b32 [%t], %d" + std::to_string(n) + ";\n";
  return text + "ret;\n}\n";
}

std::string registerList(const std::string &name, unsigned count, unsigned first = 0) {
  std::string text = "{";
  for (unsigned n = 0; n < count; ++n)
    text += (n ? ", %" : "%") + name + std::to_string(first + n);
  return text + "}";
}
std::string descriptors(uint64_t a, uint64_t b) {
  return "add.u64 %descA, %s, " + std::to_string(a) + ";\nadd.u64 %descB, %s, " +
         std::to_string(b + kOfB / 16) + ";\n";
}

struct Case {
  unsigned n;
  std::string d = "f32", a = "bf16", b = "bf16";
  unsigned spanA = 128, spanB = 128;
  bool transposedA = false, transposedB = false, fromRegisters = false;
  int scaleA = 1, scaleB = 1;
};

class WgmmaTest : public HopperTest {
protected:
  void check(const Case &c) {
    bool narrow = c.a[0] == 'e';
    unsigned bytes = narrow ? 1 : 2, k = 32 / bytes, registers = c.d == "f16" ? c.n / 4 : c.n / 2;
    Layout a(64, bytes, c.spanA, c.transposedA), b(c.n, bytes, c.spanB, c.transposedB);
    std::mt19937 random(c.n);
    std::vector<int> left(64 * k), right(c.n * k);
    std::vector<uint8_t> image(kShared);
    auto put = [&](std::vector<int> &values, const Layout &l, const std::string &type, uint32_t base) {
      for (unsigned row = 0; row < l.size; ++row)
        for (unsigned at = 0; at < k; ++at) {
          int x = values[row * k + at] = int(random() % 9) - 4;
          uint16_t code = narrow ? code8(type, x) : code16(type, float(x));
          std::memcpy(&image[base + l.offset(row, at)], &code, bytes);
        }
    };
    put(left, a, c.a, 0);
    put(right, b, c.b, kOfB);
    std::string d = registerList("d", registers),
                shape = "m64n" + std::to_string(c.n) + (narrow ? "k32." : "k16.");
    std::string code = descriptors(a.descriptor(), b.descriptor());
    if (c.fromRegisters) // a0: rows g, the first 16 bytes of K; a1: rows g + 8; a2, a3: the next 16 bytes
      for (unsigned n = 0; n < 4; ++n)
        code += "mad.lo.u32 %n, %w, 16, " + std::to_string(n % 2 * 8) +
                ";\n{\n.reg .b32 g, t;\nand.b32 g, %i, 31;\n"
                "and.b32 t, g, 3;\nshr.u32 g, g, 2;\nadd.u32 %n, %n, g;\nshl.b32 g, t, 2;\n"
                "mad.lo.u32 %n, %n, 32, g;\nadd.u32 %n, %n, " +
                std::to_string(n / 2 * 16 + 32768) + ";\nadd.u32 %n, %n, %a;\nld.shared.b32 %f" +
                std::to_string(n) + ", [%n];\n}\n";
    if (c.fromRegisters) // the same values row by row at 32768
      for (unsigned row = 0; row < 64; ++row)
        for (unsigned at = 0; at < k; ++at)
          std::memcpy(&image[32768 + row * 32 + at * bytes], &image[a.offset(row, at)], bytes);
    std::string operandA = c.fromRegisters ? registerList("f", 4) : "%descA",
                scales = std::to_string(c.scaleA) + ", " + std::to_string(c.scaleB);
    std::string tail =
        narrow            ? ""
        : c.fromRegisters ? std::string(", ") + (c.transposedB ? "1" : "0")
                          : std::string(", ") + (c.transposedA ? "1, " : "0, ") + (c.transposedB ? "1" : "0");
    auto product = [&](const char *accumulate) {
      return "wgmma.mma_async.sync.aligned." + shape + c.d + "." + c.a + "." + c.b + " " + d + ", " +
             operandA + ", %descB, " + accumulate + ", " + scales + tail + ";\n";
    };
    code += "wgmma.fence.sync.aligned;\n" + product("%off") + product("%on") +
            "wgmma.commit_group.sync.aligned;\n"
            "wgmma.wait_group.sync.aligned 0;\n";
    CUdeviceptr out = 0;
    ASSERT_CUDA(cuMemAlloc_v2(&out, 128 * registers * 4));
    ASSERT_CUDA(launch(function(wgmmaKernel(registers, code), "k"), 1, 1, 128, kShared, out, upload(image)))
        << shape << c.a << ' ' << c.b;
    auto got = download<uint32_t>(out, 128 * registers);
    for (unsigned thread = 0; thread < 128; ++thread)
      for (unsigned n = 0; n < registers; ++n)
        for (unsigned half = 0; half < (c.d == "f16" ? 2 : 1); ++half) {
          unsigned element = c.d == "f16" ? 2 * n + half : n;
          unsigned row = thread / 32 * 16 + element / 2 % 2 * 8 + thread % 32 / 4;
          unsigned column = element / 4 * 8 + thread % 4 * 2 + element % 2;
          float want = 0;
          for (unsigned at = 0; at < k; ++at)
            want += 2.0f * c.scaleA * c.scaleB * left[row * k + at] * right[column * k + at];
          uint32_t bits = got[thread * registers + n];
          float value = c.d == "f16" ? toFloat(F16{uint16_t(bits >> 16 * half)}) : asFloat(bits);
          ASSERT_EQ(value, want) << shape << c.a << " row " << row << " column " << column;
        }
  }
};

TEST_P(WgmmaTest, EveryWidth) {
  for (unsigned n = 8; n <= 256; n += GetParam() == std::string("late") ? 8 : 56)
    check({n});
}

TEST_P(WgmmaTest, LayoutsOfBothOperands) {
  for (unsigned span : {0u, 32u, 64u, 128u})
    for (bool transposed : {false, true}) {
      check({64, "f32", "bf16", "bf16", span, 128, transposed, false});
      check({64, "f32", "f16", "f16", 128, span, false, transposed});
      check({64, "f32", "bf16", "bf16", span, span, transposed, transposed});
    }
}

TEST_P(WgmmaTest, FragmentsInRegisters) {
  check({128, "f32", "bf16", "bf16", 128, 128, false, true, true});
  check({48, "f32", "f16", "f16", 128, 32, false, false, true});
}

TEST_P(WgmmaTest, TypesAndScales) {
  check({64, "f16", "f16", "f16"});
  check({64, "f16", "f16", "f16", 128, 128, false, true, true});
  check({32, "f32", "bf16", "bf16", 128, 128, false, false, false, -1, 1});
  check({32, "f32", "bf16", "bf16", 128, 128, false, false, true, -1, -1});
  for (std::string a : {"e4m3", "e5m2"})
    for (std::string b : {"e4m3", "e5m2"}) {
      check({40, "f32", a, b});
      check({64, "f16", a, b, 128, 64, false, false, true});
    }
}

EMULATOR_EVERY_COMPLETION(WgmmaTest);

/// Ones times ones of 64 x 16 and 8 x 16 without swizzling, in pieces that each test spoils.
struct Pieces {
  std::string ready = "fence.proxy.async;\nbar.sync 0;\n";
  std::string before = "mov.b32 %d0, 0;\nmov.b32 %d1, 0;\nmov.b32 %d2, 0;\nmov.b32 %d3, 0;\nmov.b32 %f0, 0;\n"
                       "mov.b32 %f1, 0;\nmov.b32 %f2, 0;\nmov.b32 %f3, 0;\n";
  std::string fence = "wgmma.fence.sync.aligned;\n";
  std::string product =
      "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%d0,%d1,%d2,%d3}, {%f0,%f1,%f2,%f3}, %descB, "
      "%on, 1, 1, 0;\n";
  std::string commit = "wgmma.commit_group.sync.aligned;\n", meanwhile,
              wait = "wgmma.wait_group.sync.aligned 0;\n", after;
  uint64_t bits = 0; ///< more of B's descriptor

  Outcome run(Completion policy) const {
    Layout b(8, 2, 0, false);
    Device device(quiet(policy, 4));
    std::vector<uint16_t> ones(kShared / 2, 0x3F80);
    uint64_t out = device.memory.allocate(128 * 4 * 4);
    std::string code =
        descriptors(0, b.descriptor() ^ bits) + before + fence + product + commit + meanwhile + wait + after;
    return device.run(wgmmaKernel(4, code, ready), {1}, {128}, {out, device.upload(ones)}, kShared);
  }
};
void expectFault(const std::function<void(Pieces &)> &spoil, FaultKind kind, const std::string &words) {
  Pieces p;
  spoil(p);
  for (Completion policy : {Completion::Eager, Completion::Late, Completion::Random}) {
    Outcome o = p.run(policy);
    ASSERT_TRUE(o.fault) << words;
    EXPECT_EQ(nameOf(*o.fault), std::string(nameOf(kind))) << o.message;
    EXPECT_NE(o.message.find(words), std::string::npos) << o.message;
  }
}
void expectSilence(const std::function<void(Pieces &)> &change) {
  Pieces p;
  change(p);
  Outcome o = p.run(Completion::Late);
  EXPECT_FALSE(o.fault) << o.message;
}

TEST(WgmmaFaults, RegistersAreTheProductsOwn) {
  expectSilence([](Pieces &) {});
  expectFault([](Pieces &p) { p.fence.clear(); }, FaultKind::Wgmma,
              "the first wgmma of a warp without a wgmma.fence");
  expectFault([](Pieces &p) { std::swap(p.before, p.fence); }, FaultKind::Wgmma,
              "register %d0 was used by another instruction");
  expectFault([](Pieces &p) { p.after = "add.f32 %d0, %d0, %d0;\n" + p.product + p.commit + p.wait; },
              FaultKind::Wgmma, "since the last wgmma.fence");
  expectSilence(
      [](Pieces &p) { p.after = "add.f32 %d0, %d0, %d0;\n" + p.fence + p.product + p.commit + p.wait; });
  expectSilence([](Pieces &p) { p.after = p.product + p.product + p.commit + p.wait; });
  expectFault([](Pieces &p) { p.meanwhile = "add.f32 %f4, %d0, %d0;\n"; }, FaultKind::InFlight,
              "register %d0 is used while a wgmma that adds to");
  expectFault([](Pieces &p) { p.meanwhile = "mov.b32 %d3, 0;\n"; }, FaultKind::InFlight, "register %d3");
  expectFault([](Pieces &p) { p.meanwhile = "mov.b32 %f2, 0;\n"; }, FaultKind::InFlight,
              "%f2 is used while a wgmma that reads");
  expectFault([](Pieces &p) { p.wait.clear(); }, FaultKind::InFlight, "expected wgmma.wait_group before");
  expectFault([](Pieces &p) { p.commit.clear(); }, FaultKind::InFlight, "expected wgmma.wait_group before");
  expectFault([](Pieces &p) { p.wait = "wgmma.wait_group.sync.aligned 1;\n"; }, FaultKind::InFlight,
              "expected wgmma.wait_group");
  // The older of two groups is complete, but the same registers belong to the younger one.
  expectFault(
      [](Pieces &p) { p.meanwhile = p.product + p.commit, p.wait = "wgmma.wait_group.sync.aligned 1;\n"; },
      FaultKind::InFlight, "expected wgmma.wait_group");
  expectFault(
      [](Pieces &p) {
        p.meanwhile =
            "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%d1,%d0,%d2,%d3}, {%f0,%f1,%f2,%f3}, "
            "%descB, 1, 1, 1, 0;\n";
      },
      FaultKind::Wgmma, "of another shape or role in flight");
  expectFault([](Pieces &p) { p.before.replace(0, 16, ""); }, FaultKind::UninitialisedRegister,
              "register %d0");
  expectSilence(
      [](Pieces &p) { p.before.replace(0, 16, ""), p.product.replace(p.product.find("%on"), 3, "%off"); });
  expectSilence(
      [](Pieces &p) { p.before.replace(0, 16, ""), p.product.replace(p.product.find("%on"), 3, "0"); });
}

/// A fence orders all that was done to registers before it, for every product behind it: the second of two
/// products on other accumulators needs one of its own only if its registers were used in between.
TEST(WgmmaFaults, OneFenceServesProductsOnOtherRegisters) {
  const std::string other = "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%v0,%v1,%v2,%v3}, "
                            "{%f4,%f5,%f6,%f7}, %descB, %on, 1, 1, 0;\n";
  auto second = [&](const std::string &between) {
    return [=](Pieces &p) {
      for (int n = 4; n < 8; ++n)
        p.before += "mov.b32 %f" + std::to_string(n) + ", 0;\n";
      p.meanwhile = between + other + p.commit;
    };
  };
  expectSilence(second("add.u32 %n, %a, 1;\n"));
  expectSilence(second("add.u32 %v0, %a, 1;\nwgmma.fence.sync.aligned;\n"));
  expectFault(second("mov.b32 %v3, 0;\n"), FaultKind::Wgmma, "register %v3 was used by another instruction");
  expectFault(second("mov.b32 %f6, 0;\n"), FaultKind::Wgmma, "register %f6 was used by another instruction");
  expectFault(second("add.u32 %n, %f6, 0;\n"), FaultKind::Wgmma, "register %f6 was used"); // reading is use
}

/// In a loop, what reads the sums of one pass is in front of the product of the next.
TEST(WgmmaFaults, SumsThatWereReadNeedAFence) {
  for (const char *scale : {"%on", "%off"}) {
    auto next = [=](const char *fence) {
      return [=](Pieces &p) {
        p.product.replace(p.product.find("%on"), 3, scale);
        p.after = "add.f32 %f4, %d2, %d2;\n" + (fence + p.product) + p.commit + p.wait;
      };
    };
    expectSilence(next("wgmma.fence.sync.aligned;\n"));
    expectFault(next(""), FaultKind::Wgmma, "register %d2 was used by another instruction");
  }
}

TEST(WgmmaFaults, LeftInFlight) {
  Pieces p;
  p.wait = "setp.lt.u32 %q, %i, 128;\n@%q exit;\n";
  Outcome o = p.run(Completion::Late);
  ASSERT_TRUE(o.fault);
  EXPECT_EQ(*o.fault, FaultKind::LeakedCopy) << o.message;
}

TEST(WgmmaFaults, SharedMemoryIsReadUntilTheWait) {
  expectFault([](Pieces &p) { p.meanwhile = "st.shared.b32 [%a+16384], %i;\n"; }, FaultKind::InFlight,
              "while wgmma or a bulk copy from it is in flight");
  expectSilence(
      [](Pieces &p) { p.meanwhile = "setp.eq.u32 %q, %i, 0;\n@%q st.shared.b32 [%a+32768], 5;\n"; });
  expectSilence([](Pieces &p) { p.after = "setp.eq.u32 %q, %i, 0;\n@%q st.shared.b32 [%a+16384], 5;\n"; });
  expectFault([](Pieces &p) { p.ready = "bar.sync 0;\n"; }, FaultKind::Proxy, "without a fence.proxy.async");
  expectFault([](Pieces &p) { p.ready = "fence.proxy.async;\n"; }, FaultKind::Race, "races with the write");
  expectFault([](Pieces &p) { p.before += "add.u64 %descB, %descB, 4096;\n"; }, FaultKind::OutOfBounds,
              "wgmma of 16 bytes");
}

TEST(WgmmaFaults, WarpsActTogether) {
  expectFault([](Pieces &p) { p.before += "cvt.u64.u32 %t, %w;\nadd.u64 %descB, %descB, %t;\n"; },
              FaultKind::Wgmma, "the warps of a warpgroup issue different wgmma");
  expectFault(
      [](Pieces &p) {
        p.fence += "setp.lt.u32 %q, %i, 96;\n", p.product = "@!%q bra S;\n" + p.product, p.wait += "S:\n";
      },
      FaultKind::Deadlock, "waits for the other warps of its warpgroup");
  expectFault([](Pieces &p) { p.fence += "setp.lt.u32 %q, %i, 100;\n", p.product = "@%q " + p.product; },
              FaultKind::WarpSync, "by a part of the warp");
}

TEST(WgmmaFaults, DescriptorsAndLiterals) {
  expectFault([](Pieces &p) { p.before += "cvt.u64.u32 %t, %i;\nadd.u64 %descB, %descB, %t;\n"; },
              FaultKind::Wgmma, "a matrix descriptor differs within the warp");
  expectFault([](Pieces &p) { p.before += "setp.lt.u32 %on, %i, 7;\n"; }, FaultKind::Wgmma,
              "scale-d differs within the warp");
  expectFault([](Pieces &p) { p.bits = uint64_t(1) << 49; }, FaultKind::Wgmma,
              "a base offset, which is not modelled");
  expectFault([](Pieces &p) { p.bits = uint64_t(1) << 14; }, FaultKind::Wgmma, "bits outside of its fields");
  expectFault([](Pieces &p) { p.product.replace(p.product.find("1, 1, 0"), 7, "2, 1, 0"); }, FaultKind::Wgmma,
              "expected 1 or -1");
  expectFault([](Pieces &p) { p.product.replace(p.product.find("1, 1, 0"), 7, "1, 1, 3"); }, FaultKind::Wgmma,
              "expected 0 or 1");
}

} // namespace
} // namespace gqa::emulator::test
