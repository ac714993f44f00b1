// Exchanges within a warp, against the pseudo-code of the PTX ISA.
#include "Device.h"

namespace gqa::emulator::test {
namespace {

std::vector<uint32_t> numbers(size_t count = 128) {
  std::vector<uint32_t> v(count);
  for (size_t n = 0; n < count; ++n)
    v[n] = 1000 + n * 7;
  return v;
}

/// The ISA's description of shfl.sync: the lane that is read, and whether it is in range.
std::pair<unsigned, bool> shuffled(const std::string &mode, int lane, unsigned b, unsigned c) {
  int segmask = c >> 8 & 31, bval = b & 31, cval = c & 31;
  int maxLane = (lane & segmask) | (cval & ~segmask), minLane = lane & segmask, j = 0;
  bool in = false;
  if (mode == "up") {
    j = lane - bval;
    in = j >= maxLane;
  }
  if (mode == "down") {
    j = lane + bval;
    in = j <= maxLane;
  }
  if (mode == "bfly") {
    j = lane ^ bval;
    in = j <= maxLane;
  }
  if (mode == "idx") {
    j = minLane | (bval & ~segmask);
    in = j <= maxLane;
  }
  return {in ? j : lane, in};
}

TEST(WarpSync, ShufflesInEveryModeAndWidth) {
  auto a = numbers();
  for (std::string mode : {"up", "down", "bfly", "idx"})
    for (unsigned width : {32u, 16u, 8u, 4u, 1u})
      for (unsigned b : {0u, 1u, 2u, 5u, 16u, 31u}) {
        unsigned c = (32 - width) << 8 | (mode == "up" ? 0 : 31);
        std::string form = "shfl.sync." + mode + ".b32 ",
                    rest = ", %a, " + std::to_string(b) + ", " + std::to_string(c) + ", -1;\n";
        auto d = apply<uint32_t>(form + "%d|%q" + rest, a);
        auto p = apply<uint32_t>(form + "%d|%q" + rest + "selp.b32 %d, 1, 0, %q;", a);
        for (unsigned n = 0; n < a.size(); ++n) {
          auto [from, in] = shuffled(mode, n % 32, b, c);
          ASSERT_EQ(d[n], a[n / 32 * 32 + from]) << mode << ' ' << width << ' ' << b << ' ' << n;
          ASSERT_EQ(p[n], in) << mode << ' ' << width << ' ' << b << ' ' << n;
        }
      }
}

TEST(WarpSync, Votes) {
  std::vector<uint32_t> a(128, 1);
  a[40] = 0;                                     // warp 1: not all
  std::fill(a.begin() + 64, a.begin() + 96, 0u); // warp 2: none
  auto vote = [&](const char *mode) {
    auto d = apply<uint32_t>(std::string("setp.ne.u32 %q, %a, 0;\nvote.sync.") + mode +
                                 ".pred %r, %q, -1;\nselp.b32 %d, 1, 0, %r;",
                             a);
    return std::vector<uint32_t>{d[0], d[32], d[64], d[96]};
  };
  EXPECT_EQ(vote("all"), (std::vector<uint32_t>{1, 0, 0, 1}));
  EXPECT_EQ(vote("any"), (std::vector<uint32_t>{1, 1, 0, 1}));
  EXPECT_EQ(vote("uni"), (std::vector<uint32_t>{1, 0, 1, 1}));
  auto ballot = apply<uint32_t>("setp.ne.u32 %q, %a, 0;\nvote.sync.ballot.b32 %d, !%q, -1;", a);
  EXPECT_EQ(ballot[33], 1u << 8);
}

TEST(WarpSync, Reductions) {
  auto a = samples<int32_t>(32, 3);
  auto check = [&](const std::string &op, auto f, int32_t start) {
    int32_t want = start;
    for (int32_t x : a)
      want = f(want, x);
    expectEach(
        apply<int32_t>("redux.sync." + op + " %d, %a, -1;", a), [&](size_t) { return want; }, op.c_str());
  };
  check("add.s32", [](int32_t x, int32_t y) { return static_cast<int32_t>(uint32_t(x) + uint32_t(y)); }, 0);
  check("min.s32", [](int32_t x, int32_t y) { return std::min(x, y); }, INT32_MAX);
  check(
      "max.u32",
      [](int32_t x, int32_t y) { return static_cast<int32_t>(std::max(uint32_t(x), uint32_t(y))); }, 0);
  check("xor.b32", [](int32_t x, int32_t y) { return x ^ y; }, 0);
  check("and.b32", [](int32_t x, int32_t y) { return x & y; }, -1);
}

TEST(WarpSync, Matches) {
  std::vector<uint32_t> a(32);
  for (unsigned n = 0; n < 32; ++n)
    a[n] = n % 3;
  auto any = apply<uint32_t>("match.any.sync.b32 %d, %a, -1;", a);
  for (unsigned n = 0; n < 32; ++n)
    for (unsigned m = 0; m < 32; ++m)
      ASSERT_EQ(any[n] >> m & 1, n % 3 == m % 3);
  auto all = apply<uint32_t>("match.all.sync.b32 %d|%q, %a, -1;", a);
  EXPECT_EQ(all[0], 0u);
  EXPECT_EQ(apply<uint32_t>("match.all.sync.b32 %d|%q, 5, -1;", a)[7], ~0u);
}

TEST(WarpSync, PartOfAWarpMayExchange) {
  auto a = numbers(32);
  auto d = apply<uint32_t>("mov.b32 %d, 0;\nmov.u32 %x, %laneid;\nsetp.lt.u32 %q, %x, 8;\n@%q "
                           "shfl.sync.bfly.b32 %d, %a, 1, 31, 255;",
                           a);
  for (unsigned n = 0; n < 32; ++n)
    ASSERT_EQ(d[n], n < 8 ? a[n ^ 1] : 0u);
}

TEST(WarpSync, ElectsOneLane) {
  auto d =
      apply<uint32_t>("elect.sync %d|%q, -1;\nselp.b32 %x, 100, 0, %q;\nadd.u32 %d, %d, %x;", numbers(32));
  expectEach(d, [](size_t n) { return n == 0 ? 100u : 0u; }, "elect");
}

TEST(WarpSync, MasksOfLanes) {
  auto a = numbers(32);
  expectEach(apply<uint32_t>("mov.u32 %d, %lanemask_lt;", a), [](size_t n) { return (1u << n) - 1; }, "lt");
  expectEach(apply<uint32_t>("mov.u32 %d, %lanemask_ge;", a), [](size_t n) { return ~0u << n; }, "ge");
  expectEach(apply<uint32_t>("mov.u32 %d, %lanemask_eq;", a), [](size_t n) { return 1u << n; }, "eq");
  expectEach(apply<uint32_t>("activemask.b32 %d;", a), [](size_t) { return ~0u; }, "activemask");
}

Outcome fault(const std::string &code) {
  Device device;
  return device.run(kernel(0, ".reg .b32 %a, %d, %l;\n.reg .pred %q;\nmov.u32 %l, %laneid;\nmov.u32 %a, "
                              "1;\nsetp.lt.u32 %q, %l, 8;\n" +
                                  code),
                    {1}, {32}, {});
}

TEST(WarpSync, MasksAreChecked) {
  Outcome missing = fault("@%q shfl.sync.bfly.b32 %d, %a, 1, 31, -1;");
  ASSERT_TRUE(missing.fault);
  EXPECT_EQ(*missing.fault, FaultKind::WarpSync);
  EXPECT_NE(missing.message.find("0xffffff00 are named but not executing"), std::string::npos)
      << missing.message;
  Outcome unnamed = fault("shfl.sync.bfly.b32 %d, %a, 1, 31, 255;");
  ASSERT_TRUE(unnamed.fault);
  EXPECT_NE(unnamed.message.find("does not name"), std::string::npos) << unnamed.message;
  Outcome outside = fault("@%q shfl.sync.idx.b32 %d, %a, 20, 31, 255;");
  ASSERT_TRUE(outside.fault);
  EXPECT_NE(outside.message.find("lane 20, which does not take part"), std::string::npos) << outside.message;
  EXPECT_FALSE(fault("shfl.sync.bfly.b32 %d, %a, 1, 31, -1;").fault);
}

} // namespace
} // namespace gqa::emulator::test
