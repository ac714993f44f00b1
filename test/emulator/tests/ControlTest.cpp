// Divergence: each thread must see what it would see alone.
#include "Device.h"

namespace gqa::emulator::test {
namespace {

std::vector<uint32_t> indices(size_t count = 128) {
  std::vector<uint32_t> v(count);
  for (size_t n = 0; n < count; ++n)
    v[n] = n * 2654435761u >> 20;
  return v;
}

TEST(Control, IfElse) {
  auto a = indices();
  auto d = apply<uint32_t>(
      "and.b32 %x, %a, 1;\nsetp.eq.u32 %q, %x, 0;\n@%q bra EVEN;\nmad.lo.u32 %d, %a, 3, 1;\nbra.uni JOIN;\n"
      "EVEN: shr.u32 %d, %a, 1;\nJOIN: add.u32 %d, %d, 5;",
      a);
  expectEach(d, [&](size_t n) { return (a[n] % 2 ? a[n] * 3 + 1 : a[n] / 2) + 5; }, "if");
}

/// Collatz: loops that end at a different time in each lane, with a branch inside.
TEST(Control, LoopsOfDifferentLengths) {
  auto a = indices();
  auto d = apply<uint32_t>(
      "add.u32 %y, %a, 1;\nmov.u32 %d, 0;\nLOOP: setp.eq.u32 %q, %y, 1;\n@%q bra DONE;\nadd.u32 %d, %d, 1;\n"
      "and.b32 %x, %y, 1;\nsetp.eq.u32 %r, %x, 0;\n@!%r bra ODD;\nshr.u32 %y, %y, 1;\nbra LOOP;\n"
      "ODD: mad.lo.u32 %y, %y, 3, 1;\nbra LOOP;\nDONE:",
      a);
  expectEach(
      d,
      [&](size_t n) {
        uint32_t steps = 0;
        for (uint64_t x = a[n] + 1; x != 1; ++steps)
          x = x % 2 ? 3 * x + 1 : x / 2;
        return steps;
      },
      "collatz");
}

TEST(Control, NestedLoopsWithBreak) {
  auto a = indices(32);
  auto d = apply<uint32_t>(".reg .b32 %i2, %j, %n;\nand.b32 %n, %a, 15;\nmov.u32 %d, 0;\nmov.u32 %i2, 0;\n"
                           "OUTER: setp.ge.u32 %q, %i2, %n;\n@%q bra END;\nmov.u32 %j, 0;\n"
                           "INNER: setp.gt.u32 %q, %j, %i2;\n@%q bra NEXT;\nadd.u32 %d, %d, %j;\nsetp.gt.u32 "
                           "%r, %d, 60;\n@%r bra END;\n"
                           "add.u32 %j, %j, 1;\nbra INNER;\nNEXT: add.u32 %i2, %i2, 1;\nbra OUTER;\nEND:",
                           a);
  expectEach(
      d,
      [&](size_t n) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < (a[n] & 15); ++i)
          for (uint32_t j = 0; j <= i; ++j)
            if ((sum += j) > 60)
              return sum;
        return sum;
      },
      "nested");
}

/// After divergent code the warp is whole again: an exchange that names all lanes is allowed.
TEST(Control, BranchesJoin) {
  auto a = indices(32);
  auto d =
      apply<uint32_t>("setp.lt.u32 %q, %a, 2000;\n@%q bra A;\nmov.u32 %x, 1;\nbra B;\nA: mov.u32 %x, 2;\n"
                      "B: shfl.sync.bfly.b32 %d, %x, 1, 31, -1;",
                      a);
  expectEach(d, [&](size_t n) { return a[n ^ 1] < 2000 ? 2u : 1u; }, "join");
}

TEST(Control, SomeThreadsLeaveEarly) {
  std::string body =
      ".reg .b32 %i, %x;\n.reg .b64 %t;\n.reg .pred %q;\nmov.u32 %i, %tid.x;\nmad.wide.u32 %t, %i, 4, %p0;\n"
      "setp.ge.u32 %q, %i, 40;\n@%q bra OUT;\nbar.sync 0;\nst.global.u32 [%t], %i;\nOUT:";
  Device device;
  uint64_t out = device.upload(std::vector<uint32_t>(64, 7));
  Outcome outcome = device.run(kernel(1, body), {1}, {64}, {out});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  expectEach(device.download<uint32_t>(out, 64), [](size_t n) { return n < 40 ? uint32_t(n) : 7u; }, "exit");
}

/// A loop whose end is the kernel's: lanes that part inside of it are together again behind.
TEST(Control, BranchesJoinInALoopThatEndsTheKernel) {
  std::string body =
      ".reg .b32 %i, %n, %s;\n.reg .b64 %t;\n.reg .pred %q;\nmov.u32 %i, %tid.x;\nmov.u32 %s, %i;\nmov.u32 "
      "%n, 0;\n"
      "mad.wide.u32 %t, %i, 4, %p0;\nAGAIN: setp.ne.u32 %q, %i, 0;\n@%q bra TOGETHER;\nadd.u32 %s, %s, 100;\n"
      "TOGETHER: shfl.sync.idx.b32 %s, %s, 0, 31, -1;\nst.global.u32 [%t], %s;\nadd.u32 %n, %n, 1;\n"
      "setp.eq.u32 %q, %n, 3;\n@%q bra OUT;\nbra AGAIN;\nOUT:";
  Device device;
  uint64_t out = device.upload(std::vector<uint32_t>(32, 7));
  Outcome outcome = device.run(kernel(1, body), {1}, {32}, {out});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  EXPECT_EQ(device.download<uint32_t>(out, 32), std::vector<uint32_t>(32, 300));
}

TEST(Control, GuardedReturnAndBlockShapes) {
  std::string body =
      ".reg .b32 %i, %x, %y, %z;\n.reg .b64 %t;\n.reg .pred %q;\nmov.u32 %x, %tid.x;\nmov.u32 %y, "
      "%tid.y;\nmov.u32 %z, %tid.z;\n"
      "mov.u32 %i, %ntid.y;\nmad.lo.u32 %i, %z, %i, %y;\nmov.u32 %y, %ntid.x;\nmad.lo.u32 %i, %i, %y, %x;\n"
      "setp.eq.u32 %q, %i, 3;\n@%q ret;\nmad.wide.u32 %t, %i, 4, %p0;\nst.global.u32 [%t], %i;\n";
  Device device;
  uint64_t out = device.upload(std::vector<uint32_t>(30, 99));
  Outcome outcome = device.run(kernel(1, body), {1}, {5, 3, 2}, {out});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  expectEach(
      device.download<uint32_t>(out, 30), [](size_t n) { return n == 3 ? 99u : uint32_t(n); }, "shape");
}

TEST(Control, TrapAndEndlessLoops) {
  Device device;
  device.settings.steps = 1 << 20;
  Outcome trap = device.run(kernel(0, "trap;"), {1}, {32}, {});
  ASSERT_TRUE(trap.fault);
  EXPECT_EQ(*trap.fault, FaultKind::Trap);
  Outcome loop = device.run(kernel(0, "L: bra L;"), {1}, {32}, {});
  ASSERT_TRUE(loop.fault);
  EXPECT_EQ(*loop.fault, FaultKind::Steps);
}

/// A CTA that waits for a later one gets there, even on one host thread.
TEST(Control, BlocksMayWaitForEachOther) {
  std::string body =
      ".reg .b32 %c, %v;\n.reg .pred %q;\nmov.u32 %c, %ctaid.x;\nsetp.ne.u32 %q, %c, 0;\n@%q bra LATER;\n"
      "WAIT: ld.acquire.gpu.global.u32 %v, [%p0];\nsetp.lt.u32 %q, %v, 3;\n@%q bra WAIT;\nst.global.u32 "
      "[%p0+4], 1;\nbra OUT;\n"
      "LATER: red.release.gpu.global.add.u32 [%p0], 1;\nOUT:";
  Device device;
  uint64_t flags = device.upload(std::vector<uint32_t>{0, 0});
  Outcome outcome = device.run(kernel(1, body), {4}, {1}, {flags});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  EXPECT_EQ(device.download<uint32_t>(flags, 2), (std::vector<uint32_t>{3, 1}));
}

} // namespace
} // namespace gqa::emulator::test
