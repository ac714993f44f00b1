// mbarriers against the PTX ISA: phases, arrivals, transactions, and what is wrong to do with them. Also
// setmaxnreg.
#include "Device.h"

namespace gqa::emulator::test {
namespace {

/// `threads` threads, an mbarrier %m for `count` arrivals that all of them know, a second address %n; %i is
/// the thread, %l its lane and %w its warp; %d goes to the word of the thread.
std::string barrierKernel(unsigned count, const std::string &code, bool synchronised = true) {
  std::string init = "@%first mbarrier.init.shared.b64 [%m], " + std::to_string(count) + ";\n";
  return kernel(
      2, ".shared .align 8 .b8 s[160];\n.reg .b32 %i, %l, %w, %m, %n, %d, %c, %v;\n.reg .b64 %s, %s2, %t;\n"
         ".reg .pred %first, %q, %r;\nmov.u32 %i, %tid.x;\nand.b32 %l, %i, 31;\nshr.u32 %w, %i, 5;\n"
         "mov.u32 %m, s;\nadd.u32 %n, %m, 8;\nmov.b32 %d, 0;\nmad.wide.u32 %t, %i, 4, %p0;\n"
         "setp.eq.u32 %first, %i, 0;\n" +
             init + (synchronised ? "bar.sync 0;\n" : "") + code + "st.global.u32 [%t], %d;\n");
}

struct Result {
  Outcome outcome;
  std::vector<uint32_t> d;
};
Result run(unsigned count, const std::string &code, unsigned threads = 64, bool synchronised = true) {
  Settings settings = quiet();
  settings.steps = uint64_t(1) << 32;
  Device device(settings);
  uint64_t out = device.upload(std::vector<uint32_t>(threads, 0));
  Outcome o = device.run(barrierKernel(count, code, synchronised), {1}, {threads}, {out, 0});
  return {o, device.download<uint32_t>(out, threads)};
}
void expectAll(unsigned count, const std::string &code, uint32_t want, unsigned threads = 64) {
  Result r = run(count, code, threads);
  ASSERT_FALSE(r.outcome.fault) << code << r.outcome.message;
  expectEach(r.d, [=](size_t) { return want; }, code.c_str());
}
void expectFault(unsigned count, const std::string &code, FaultKind kind, const std::string &words,
                 unsigned threads = 64, bool synchronised = true) {
  Outcome o = run(count, code, threads, synchronised).outcome;
  ASSERT_TRUE(o.fault) << code;
  EXPECT_EQ(nameOf(*o.fault), std::string(nameOf(kind))) << o.message;
  EXPECT_NE(o.message.find(words), std::string::npos) << o.message;
}

const std::string kWait = "W: mbarrier.try_wait.parity.shared.b64 %q, [%m], 0, 1000;\n@!%q bra W;\n";

TEST(MBarrier, APhaseEndsWithItsLastArrival) {
  // All threads arrive and wait; the phase before the first counts as complete.
  expectAll(64, "mbarrier.arrive.shared.b64 %s, [%m];\n" + kWait + "mov.b32 %d, 7;\n", 7);
  expectAll(64, "mbarrier.test_wait.parity.shared.b64 %q, [%m], 1;\nselp.b32 %d, 1, 0, %q;\n", 1);
  expectAll(64, "mbarrier.test_wait.parity.shared.b64 %q, [%m], 0;\nselp.b32 %d, 1, 0, %q;\n", 0);
  expectAll(
      1,
      "@%first mbarrier.arrive.shared.b64 _, [%m];\n@%first mbarrier.arrive.shared::cta.b64 _, [%m];\n"
      "bar.sync 0;\nmbarrier.test_wait.parity.shared.b64 %q, [%m], 1;\nselp.b32 %d, 1, 0, %q;\n"
      "mbarrier.test_wait.parity.shared.b64 %q, [%m], 0;\nselp.b32 %c, 2, 0, %q;\nadd.u32 %d, %d, %c;\n",
      1); // two phases are over: the third is of parity 0
}

TEST(MBarrier, StatesNameThePhase) {
  expectAll(
      64,
      "mbarrier.arrive.shared.b64 %s, [%m];\nW: mbarrier.try_wait.shared.b64 %q, [%m], %s;\n@!%q bra W;\n"
      "mov.b32 %d, 3;\n",
      3);
  // The state holds what was pending before the arrival.
  Result r = run(64, "mbarrier.arrive.shared.b64 %s, [%m];\nmbarrier.pending_count.b64 %d, %s;\n", 64);
  ASSERT_FALSE(r.outcome.fault) << r.outcome.message;
  std::sort(r.d.begin(), r.d.end());
  expectEach(r.d, [](size_t n) { return uint32_t(n + 1); }, "pending");
  expectAll(6,
            "setp.eq.u32 %q, %i, 0;\n@%q mbarrier.arrive.shared.b64 %s, [%m], 5;\n@%q "
            "mbarrier.arrive.release.cta.shared::cta.b64 %s2, [%m], 1;\n" +
                kWait + "mov.b32 %d, 1;\n",
            1);
}

TEST(MBarrier, TransactionsArePendingToo) {
  // Not complete with all arrivals and bytes outstanding, complete when they are accounted for.
  std::string test = "mbarrier.test_wait.parity.shared.b64 %q, [%m], 0;\nselp.b32 %c, 1, 0, %q;\n"
                     "shl.b32 %d, %d, 1;\nadd.u32 %d, %d, %c;\nbar.sync 0;\n";
  expectAll(1,
            "@%first mbarrier.arrive.expect_tx.shared.b64 _, [%m], 96;\nbar.sync 0;\n" + test +
                "@%first mbarrier.complete_tx.relaxed.cta.shared.b64 [%m], 32;\nbar.sync 0;\n" + test +
                "@%first mbarrier.complete_tx.shared.b64 [%m], 64;\nbar.sync 0;\n" + test,
            1);
  // Bytes may come before they are expected.
  expectAll(1,
            "@%first mbarrier.complete_tx.shared.b64 [%m], 32;\nbar.sync 0;\n" + test +
                "@%first mbarrier.expect_tx.relaxed.cta.shared.b64 [%m], 32;\nbar.sync 0;\n" + test +
                "@%first mbarrier.arrive.shared.b64 _, [%m];\nbar.sync 0;\n" + test,
            1);
  expectFault(1, "@%first mbarrier.arrive.expect_tx.shared.b64 _, [%m], 96;\n" + kWait, FaultKind::Deadlock,
              "0 of 1 arrivals and 96 bytes are pending)");
  expectFault(2,
              "@%first mbarrier.expect_tx.shared.b64 [%m], 1048575;\n@%first mbarrier.expect_tx.shared.b64 "
              "[%m], 1;\n",
              FaultKind::MBarrier, "leaves its range");
}

TEST(MBarrier, DropsLowerTheCount) {
  expectAll(
      2,
      "@%first mbarrier.arrive_drop.shared.b64 _, [%m];\n@%first mbarrier.arrive.shared.b64 _, [%m];\n" +
          kWait +
          "bar.sync 0;\n@%first mbarrier.arrive.shared.b64 _, [%m];\n"
          "V: mbarrier.try_wait.parity.shared.b64 %q, [%m], 1;\n@!%q bra V;\nmov.b32 %d, 9;\n",
      9);
  expectFault(2, "@%first mbarrier.arrive.noComplete.shared.b64 %s, [%m], 2;\n", FaultKind::MBarrier,
              "noComplete completes");
}

/// An arrival orders what was before it with what follows the wait; without the wait there is a race.
TEST(MBarrier, OrdersMemory) {
  std::string write = "@%first st.shared.u32 [%m+16], 5;\n@%first mbarrier.arrive",
              read = "ld.shared.u32 %d, [%m+16];\n";
  expectAll(1, write + ".shared.b64 _, [%m];\n" + kWait + read, 5);
  expectAll(1, write + ".release.cluster.shared::cluster.b64 _, [%m];\n" + kWait + read, 5);
  std::string later = "nanosleep.u32 10;\n"; // the other warp runs first
  expectFault(1, write + ".shared.b64 _, [%m];\n" + later + read, FaultKind::Race, "races with the write");
  expectFault(1, write + ".relaxed.cta.shared.b64 _, [%m];\n" + kWait + read, FaultKind::Race,
              "races with the write");
}

/// A lane that arrives for its warp speaks for the others only once they have synchronised.
TEST(MBarrier, OneLaneArrivesForItsWarp) {
  std::string write = "setp.lt.u32 %q, %i, 32;\n@!%q bra READ;\nmad.lo.u32 %n, %l, 4, %m;\n"
                      "st.shared.u32 [%n+16], %l;\n",
              arrive = "@%first mbarrier.arrive.shared.b64 _, [%m];\nbra END;\nREAD:\n" + kWait +
                       "ld.shared.u32 %d, [%m+44];\nmov.b32 %d, 0;\nEND:\n";
  expectAll(1, write + "bar.warp.sync -1;\n" + arrive, 0);
  expectFault(1, write + arrive, FaultKind::Race, "races with the write");
  expectFault(1, write + "bar.warp.sync 15;\n" + arrive, FaultKind::WarpSync, "");
}

TEST(MBarrier, MisuseIsFound) {
  expectFault(1, "mbarrier.arrive.shared.b64 %s, [%n];\n", FaultKind::MBarrier,
              "no mbarrier was initialised");
  expectFault(1, "@%first mbarrier.init.shared.b64 [%m], 1;\n", FaultKind::MBarrier, "which is in use");
  expectFault(1, "@%first mbarrier.init.shared.b64 [%n], 0;\n", FaultKind::MBarrier, "expected 1 to 1048575");
  expectFault(1, "@%first mbarrier.inval.shared.b64 [%m];\nbar.sync 0;\n" + kWait, FaultKind::MBarrier,
              "no mbarrier was initialised");
  expectFault(2, "@%first mbarrier.arrive.shared.b64 _, [%m], 3;\n", FaultKind::MBarrier,
              "(phase 0, 2 of 2 arrivals and 0 bytes are pending); expected no more");
  expectFault(2, "@%first mbarrier.expect_tx.shared.b64 [%m], 16;\n@%first mbarrier.inval.shared.b64 [%m];\n",
              FaultKind::MBarrier, "that nobody has waited for");
  expectFault(1, "ld.shared.u32 %d, [%m+4];\n", FaultKind::MBarrier, "where an mbarrier lives");
  expectFault(1, "st.shared.u32 [%m], 1;\n", FaultKind::MBarrier, "where an mbarrier lives");
  expectFault(1, "mbarrier.arrive.shared.b64 %s, [%m+4];\n", FaultKind::Misaligned, "multiple of 8");
  expectFault(1, "mbarrier.test_wait.parity.shared.b64 %q, [%m], 2;\n", FaultKind::MBarrier,
              "expected 0 or 1");
  expectFault(1, "mov.b64 %s, 0x500000000;\nmbarrier.test_wait.shared.b64 %q, [%m], %s;\n",
              FaultKind::MBarrier, "expected the current phase or the one before");
  expectFault(64, "mbarrier.arrive.shared.b64 %s, [%m];\n", FaultKind::Race, "races with its mbarrier.init",
              64, false);
  expectAll(
      1,
      "@%first mbarrier.inval.shared.b64 [%m];\nst.shared.u32 [%m+16], 4;\n@%first st.shared.u32 [%m], 4;\n"
      "@%first ld.shared.u32 %d, [%m];\nbar.sync 0;\nmov.b32 %d, 4;\n",
      4, 1);
  expectFault(3, "@%first mbarrier.arrive.shared.b64 _, [%m];\n" + kWait, FaultKind::Deadlock,
              "Warp 1 waits at the mbarrier at shared address ");
}

TEST(MBarrier, PollingForeverIsADeadlock) {
  expectFault(2,
              "@%first mbarrier.arrive.shared.b64 _, [%m];\nP: mbarrier.test_wait.parity.shared.b64 %q, "
              "[%m], 0;\n@!%q bra P;\n",
              FaultKind::Deadlock, "goes on (line");
}

TEST(MBarrier, NeedsAPTXTargetThatHasIt) {
  Device device;
  std::string text = barrierKernel(1, "mbarrier.try_wait.parity.shared.b64 %q, [%m], 0;\n");
  text.replace(text.find("sm_90a"), 6, "sm_80");
  try {
    device.run(text, {1}, {32}, {0, 0});
    FAIL();
  } catch (const PtxError &error) {
    EXPECT_NE(std::string(error.what()).find("needs .target sm_90, found sm_80"), std::string::npos)
        << error.what();
  }
}

/// Named barriers between roles, with numbers from registers: the producer arrives, the consumer waits.
TEST(Roles, NamedBarriers) {
  Result r = run(
      1, "add.u32 %n, %m, 16;\nmov.b32 %c, 5;\nsetp.lt.u32 %q, %i, 32;\n@%q bra PRODUCE;\nbar.sync %c, 64;\n"
         "ld.shared.u32 %d, [%n];\nbra END;\nPRODUCE: @%first st.shared.u32 [%n], 77;\nmov.b32 %d, 77;\n"
         "bar.arrive %c, 64;\nEND:\n");
  ASSERT_FALSE(r.outcome.fault) << r.outcome.message;
  expectEach(r.d, [](size_t) { return 77u; }, "through barrier 5");
}

std::string registerKernel(const std::string &bounds, const std::string &code) {
  return ".version 8.6\n.target sm_90a\n.address_size 64\n.visible .entry k()\n" + bounds +
         "\n{\n.reg .b32 %i, %w;\n.reg .pred %q;\nmov.u32 %i, %tid.x;\nshr.u32 %w, %i, 7;\nsetp.eq.u32 %q, "
         "%w, 0;\n" +
         code + "ret;\n}\n";
}
Outcome runRegisters(const std::string &bounds, const std::string &code) {
  Device device;
  return device.run(registerKernel(bounds, code), {1}, {384}, {});
}

TEST(Roles, RegistersMoveBetweenWarpgroups) {
  const std::string bounds = ".maxntid 384\n.minnctapersm 1";
  auto roles = [](int down, int up) {
    return "@%q bra P;\nsetmaxnreg.inc.sync.aligned.u32 " + std::to_string(up) +
           ";\nbra E;\nP: setmaxnreg.dec.sync.aligned.u32 " + std::to_string(down) + ";\nE:\n";
  };
  auto expect = [&](const Outcome &o, const std::string &words) {
    ASSERT_TRUE(o.fault) << words;
    EXPECT_NE(o.message.find(words), std::string::npos) << o.message;
  };
  Outcome right = runRegisters(bounds, roles(24, 240)); // 24 + 2 * 240 = 3 * 168
  EXPECT_FALSE(right.fault) << right.message;
  EXPECT_FALSE(runRegisters(".maxntid 384\n.maxnreg 168", roles(24, 240)).fault);
  Outcome tooMany = runRegisters(bounds, roles(40, 240));
  ASSERT_TRUE(tooMany.fault);
  EXPECT_EQ(*tooMany.fault, FaultKind::Deadlock);
  expect(tooMany, "waits for registers, of which");
  expect(runRegisters(bounds, roles(20, 240)), "multiple of 8 from 24 to 256");
  expect(runRegisters(bounds, roles(24, 160)), "inc to 160 registers of a warp that has 168");
  expect(runRegisters(bounds, roles(176, 240)), "dec to 176 registers of a warp that has 168");
  expect(runRegisters("", roles(24, 240)), "has no effect");
  expect(runRegisters(bounds, "setp.lt.u32 %q, %i, 32;\n@%q setmaxnreg.dec.sync.aligned.u32 24;\n"),
         "executed by a part of the warpgroup");
  expect(runRegisters(bounds, "setp.lt.u32 %q, %i, 5;\n@%q setmaxnreg.dec.sync.aligned.u32 24;\n"),
         "by a part of the warp; expected all 32 lanes");
}

} // namespace
} // namespace gqa::emulator::test
