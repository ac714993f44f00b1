// cp.async under the three policies of completion.
#include "Device.h"

namespace gqa::emulator::test {
namespace {

/// Each of 32 threads copies 16 bytes, `code` in between, then reads its own bytes back.
std::string copyKernel(const std::string &code) {
  return ".shared .align 16 .b8 s[1024];\n.reg .b32 %i, %a, %r<4>, %n;\n.reg .b64 %t, %u;\n.reg .pred "
         "%q;\nmov.u32 %i, %tid.x;\n"
         "mov.u32 %a, s;\nmad.lo.u32 %a, %i, 16, %a;\nmad.wide.u32 %t, %i, 16, %p1;\nmad.wide.u32 %u, %i, "
         "16, %p0;\n" +
         code + "ld.shared.v4.b32 {%r0,%r1,%r2,%r3}, [%a];\nst.global.v4.b32 [%u], {%r0,%r1,%r2,%r3};\n";
}

std::vector<uint32_t> input() {
  std::vector<uint32_t> v(256);
  for (unsigned n = 0; n < v.size(); ++n)
    v[n] = n + 1;
  return v;
}

struct Result {
  Outcome outcome;
  std::vector<uint32_t> out;
};
Result run(const std::string &code, Settings settings) {
  Device device(settings);
  uint64_t out = device.upload(std::vector<uint32_t>(128, 0));
  Outcome outcome = device.run(kernel(2, copyKernel(code)), {1}, {32}, {out, device.upload(input())});
  return {outcome, device.download<uint32_t>(out, 128)};
}

class AsyncCopyTest : public testing::TestWithParam<Completion> {
protected:
  Settings settings() const { return quiet(GetParam(), 11); }
};

TEST_P(AsyncCopyTest, WaitsForEverything) {
  for (const char *wait : {"cp.async.wait_all;\n", "cp.async.commit_group;\ncp.async.wait_group 0;\n"}) {
    Result r = run("cp.async.cg.shared.global [%a], [%t], 16;\n" + std::string(wait), settings());
    ASSERT_FALSE(r.outcome.fault) << r.outcome.message;
    expectEach(r.out, [](size_t n) { return uint32_t(n + 1); }, wait);
  }
}

TEST_P(AsyncCopyTest, SmallSizesAndPrefetchHints) {
  Result r =
      run("cp.async.ca.shared.global [%a], [%t], 4;\ncp.async.ca.shared.global.L2::128B [%a+4], [%t+4], 4;\n"
          "cp.async.ca.shared::cta.global [%a+8], [%t+8], 8;\ncp.async.wait_all;\n",
          settings());
  ASSERT_FALSE(r.outcome.fault) << r.outcome.message;
  expectEach(r.out, [](size_t n) { return uint32_t(n + 1); }, "4, 4, 8");
}

/// Beyond the size of the source there are zeros; with size 0 nothing is read, not even from a bad address.
TEST_P(AsyncCopyTest, SourceSizesFillWithZeros) {
  Result r = run("and.b32 %n, %i, 3;\nshl.b32 %n, %n, 2;\nsetp.eq.u32 %q, %n, 0;\n@%q mov.b64 %t, "
                 "16;\ncp.async.cg.shared.global [%a], [%t], 16, %n;\ncp.async.wait_all;\n",
                 settings());
  ASSERT_FALSE(r.outcome.fault) << r.outcome.message;
  expectEach(r.out, [](size_t n) { return n % 4 < n / 4 % 4 ? uint32_t(n + 1) : 0; }, "source size");
  Result ignored = run("setp.lt.u32 %q, %i, 8;\n@%q mov.b64 %t, 16;\ncp.async.cg.shared.global [%a], [%t], "
                       "16, %q;\ncp.async.wait_all;\n",
                       settings());
  ASSERT_FALSE(ignored.outcome.fault) << ignored.outcome.message;
  expectEach(ignored.out, [](size_t n) { return n < 32 ? 0 : uint32_t(n + 1); }, "ignore-src");
}

/// wait_group 1 completes the older of two groups and leaves the younger in flight.
TEST_P(AsyncCopyTest, GroupsCompleteInOrder) {
  std::string two =
      "cp.async.cg.shared.global [%a], [%t], 16;\ncp.async.commit_group;\ncp.async.cg.shared.global "
      "[%a+512], [%t+512], 16;\ncp.async.commit_group;\n";
  Result older =
      run(two + "cp.async.wait_group 1;\nld.shared.b32 %n, [%a];\ncp.async.wait_group 0;\n", settings());
  ASSERT_FALSE(older.outcome.fault) << older.outcome.message;
  Result younger =
      run(two + "cp.async.wait_group 1;\nld.shared.b32 %n, [%a+512];\ncp.async.wait_group 0;\n", settings());
  ASSERT_TRUE(younger.outcome.fault);
  EXPECT_EQ(*younger.outcome.fault, FaultKind::InFlight);
  Result emptyGroups = run(two + "cp.async.commit_group;\ncp.async.commit_group;\ncp.async.wait_group "
                                 "2;\nld.shared.b32 %n, [%a+512];\n",
                           settings());
  EXPECT_FALSE(emptyGroups.outcome.fault) << emptyGroups.outcome.message;
}

TEST_P(AsyncCopyTest, ForgottenWaitsAreFound) {
  Result read = run("cp.async.cg.shared.global [%a], [%t], 16;\ncp.async.commit_group;\n", settings());
  ASSERT_TRUE(read.outcome.fault);
  EXPECT_EQ(*read.outcome.fault, FaultKind::InFlight) << read.outcome.message;
  Result uncommitted = run("cp.async.cg.shared.global [%a], [%t], 16;\ncp.async.wait_group 0;\n", settings());
  ASSERT_TRUE(uncommitted.outcome.fault) << "a wait for groups does not wait for what was not committed";
  Result leaked = run("st.shared.v4.b32 [%a], {%i,%i,%i,%i};\ncp.async.cg.shared.global [%a+512], [%t], "
                      "16;\ncp.async.commit_group;\n",
                      settings());
  ASSERT_TRUE(leaked.outcome.fault);
  EXPECT_EQ(*leaked.outcome.fault, FaultKind::LeakedCopy) << leaked.outcome.message;
  Result overwritten = run(
      "cp.async.cg.shared.global [%a], [%t], 16;\nst.shared.b32 [%a], %i;\ncp.async.wait_all;\n", settings());
  ASSERT_TRUE(overwritten.outcome.fault);
  EXPECT_EQ(*overwritten.outcome.fault, FaultKind::InFlight) << overwritten.outcome.message;
}

INSTANTIATE_TEST_SUITE_P(Policies, AsyncCopyTest,
                         testing::Values(Completion::Eager, Completion::Late, Completion::Random),
                         [](const auto &info) {
                           return std::string(info.param == Completion::Eager  ? "Eager"
                                              : info.param == Completion::Late ? "Late"
                                                                               : "Random");
                         });

/// Without checks the policies show in the values: what is read too early is there under Eager only.
TEST(AsyncCopyValues, PoliciesDiffer) {
  auto early = [](Completion policy, uint64_t seed = 0) {
    Settings s = quiet(policy, seed);
    s.checks = false;
    return run("cp.async.cg.shared.global [%a], [%t], 16;\n", s).out;
  };
  expectEach(early(Completion::Eager), [](size_t n) { return uint32_t(n + 1); }, "eager");
  expectEach(early(Completion::Late), [](size_t) { return ~0u; }, "late");
  auto one = early(Completion::Random, 1);
  EXPECT_NE(one, early(Completion::Eager));
  EXPECT_NE(one, early(Completion::Late));
  EXPECT_EQ(one, early(Completion::Random, 1)) << "a seed gives one order";
  EXPECT_NE(one, early(Completion::Random, 2));
}

/// Late also reads the source late: one that changes in between shows.
TEST(AsyncCopyValues, LateReadsTheSourceLate) {
  auto changed = [](Completion policy) {
    return run("cp.async.cg.shared.global [%a], [%t], 16;\nst.global.b32 [%t], 77;\ncp.async.wait_all;\n",
               quiet(policy))
        .out[0];
  };
  EXPECT_EQ(changed(Completion::Eager), 1u);
  EXPECT_EQ(changed(Completion::Late), 77u);
}

} // namespace
} // namespace gqa::emulator::test
