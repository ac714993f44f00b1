// Clusters against the PTX ISA: their barrier, ranks, addresses of another CTA's shared memory, and what is
// wrong to do with them.
#include "Device.h"

namespace gqa::emulator::test {
namespace {

/// Two clusters of four CTAs of two warps. %i is the thread, %r the CTA's rank, %q the rank of its neighbour,
/// %s the address of the thread's word of shared memory and %f that of another thread's in the other half of
/// the CTA; %d goes to a word of the thread's own.
std::string clusterKernel(const std::string &code) {
  return kernel(
      1,
      ".shared .align 256 .b8 s[256];\n.reg .b32 %i, %r, %q, %s, %f, %a, %b, %d, %c, %n;\n.reg .b64 %t, %g;\n"
      ".reg .pred %x;\n"
      "mov.u32 %i, %tid.x;\nmov.u32 %r, %cluster_ctarank;\nadd.u32 %q, %r, 1;\nand.b32 %q, %q, 3;\n"
      "mov.u32 %s, s;\nmad.lo.u32 %s, %i, 4, %s;\nxor.b32 %f, %s, 128;\nmov.b32 %d, 0;\n"
      "mov.u32 %c, %ctaid.x;\nmad.lo.u32 %n, %c, 64, %i;\nmad.wide.u32 %t, %n, 4, %p0;\n" +
          code + "st.global.u32 [%t], %d;\n");
}

struct Result {
  Outcome outcome;
  std::vector<uint32_t> d;
};
Result run(const std::string &code, Completion completion = Completion::Late, uint64_t seed = 0) {
  Device device(quiet(completion, seed));
  uint64_t out = device.upload(std::vector<uint32_t>(8 * 64, 0));
  Outcome o = device.run(clusterKernel(code), {8}, {64}, {out}, 0, /*dependent=*/false, /*cluster=*/{4});
  return {o, device.download<uint32_t>(out, 8 * 64)};
}
template <class Want> void expect(const std::string &code, Want want) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    Result r = run(code, seed ? Completion::Random : Completion::Late, seed);
    ASSERT_FALSE(r.outcome.fault) << code << r.outcome.message;
    expectEach(r.d, [&](size_t n) { return uint32_t(want(n / 64, n % 64)); }, code.c_str());
  }
}
void expectFault(const std::string &code, FaultKind kind, const std::string &words) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    Outcome o = run(code, seed ? Completion::Random : Completion::Late, seed).outcome;
    ASSERT_TRUE(o.fault) << code;
    EXPECT_EQ(nameOf(*o.fault), std::string(nameOf(kind))) << o.message;
    EXPECT_NE(o.message.find(words), std::string::npos) << o.message;
  }
}

const std::string kArrive = "barrier.cluster.arrive.aligned;\n", kWait = "barrier.cluster.wait.aligned;\n",
                  kBarrier = kArrive + kWait,
                  kStore = "mad.lo.u32 %a, %c, 64, %i;\nst.shared.u32 [%s], %a;\n", // the thread's number
    kLoad = "mapa.shared::cluster.u32 %b, %f, %q;\nld.shared::cluster.u32 %d, [%b];\n";

/// The number of the thread that %f belongs to, in the next CTA.
uint32_t neighbour(size_t cta, size_t thread) { return (cta / 4 * 4 + (cta + 1) % 4) * 64 + (thread ^ 32); }

TEST(Cluster, RanksAndSizes) {
  auto special = [](const char *name) { return std::string("mov.u32 %d, ") + name + ";\n"; };
  expect(special("%cluster_ctarank"), [](size_t cta, size_t) { return cta % 4; });
  expect(special("%cluster_nctarank"), [](size_t, size_t) { return 4; });
  expect(special("%clusterid.x"), [](size_t cta, size_t) { return cta / 4; });
  expect(special("%nclusterid.x"), [](size_t, size_t) { return 2; });
  expect(special("%cluster_ctaid.x"), [](size_t cta, size_t) { return cta % 4; });
  expect(special("%cluster_nctaid.x"), [](size_t, size_t) { return 4; });
  expect(special("%cluster_ctaid.y"), [](size_t, size_t) { return 0; });
  expect(special("%ctaid.x"), [](size_t cta, size_t) { return cta; });
}

TEST(Cluster, RanksGoAlongX) {
  Device device;
  uint64_t out = device.upload(std::vector<uint32_t>(16, 0));
  std::string code =
      ".reg .b32 %x, %y, %r, %n;\n.reg .b64 %t;\nmov.u32 %x, %ctaid.x;\nmov.u32 %y, %ctaid.y;\n"
      "mov.u32 %r, %cluster_ctarank;\nmad.lo.u32 %n, %y, 4, %x;\nmad.wide.u32 %t, %n, 4, %p0;\n"
      "st.global.u32 [%t], %r;\n";
  Outcome o = device.run(kernel(1, code), {4, 4}, {1}, {out}, 0, false, {2, 2});
  ASSERT_FALSE(o.fault) << o.message;
  expectEach(
      device.download<uint32_t>(out, 16), [](size_t n) { return uint32_t(n / 4 % 2 * 2 + n % 2); }, "rank");
}

TEST(Cluster, MemoryOfAnother) {
  expect(kStore + kBarrier + kLoad + kBarrier, neighbour);
  expect(kStore + "barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;\n" + kLoad + kBarrier,
         neighbour);
  // The same by generic addresses, and by those of 64 bits.
  std::string wide = "cvt.u64.u32 %g, %f;\n";
  expect(kStore + kBarrier + wide + "cvta.shared.u64 %g, %g;\nmapa.u64 %g, %g, %q;\nld.u32 %d, [%g];\n" +
             kBarrier,
         neighbour);
  expect(kStore + kBarrier + wide +
             "mapa.shared::cluster.u64 %g, %g, %q;\nld.shared::cluster.u32 %d, [%g];\n" + kBarrier,
         neighbour);
  expect(kStore + kBarrier + wide +
             "mapa.shared::cluster.u64 %g, %g, %q;\ncvta.shared::cluster.u64 %g, %g;\nld.u32 %d, [%g];\n" +
             kBarrier,
         neighbour);
}

TEST(Cluster, OnesOwnMemoryIsPartOfIt) {
  auto own = [](size_t cta, size_t thread) { return cta * 64 + thread; };
  expect(kStore + "ld.shared::cluster.u32 %d, [%s];\n", own);
  expect(kStore + "mapa.shared::cluster.u32 %b, %s, %r;\nld.shared::cluster.u32 %d, [%b];\n", own);
}

TEST(Cluster, BarriersComeOneAfterAnother) {
  // Round n passes a word on n CTAs.
  std::string round = "mapa.shared::cluster.u32 %b, %s, %q;\nld.shared::cluster.u32 %a, [%b];\n" + kBarrier +
                      "st.shared.u32 [%s], %a;\n" + kBarrier;
  expect(kStore + kBarrier + round + round + round + "ld.shared.u32 %d, [%s];\n",
         [](size_t cta, size_t thread) { return (cta / 4 * 4 + (cta + 3) % 4) * 64 + thread; });
}

TEST(Cluster, ThreadsThatExitAreNotAwaited) {
  expect(kStore + "bar.sync 0;\nsetp.eq.u32 %x, %r, 3;\n@%x st.global.u32 [%t], %r;\n@%x ret;\n" + kBarrier +
             "mov.u32 %d, 5;\n",
         [](size_t cta, size_t) { return cta % 4 == 3 ? 3 : 5; });
}

TEST(Cluster, AWriteIsKnownBehindABarrierOnly) {
  // A second write, so that none reads what nobody has written.
  const std::string first = kStore + kBarrier, words = "races with the";
  expectFault(first + kStore + kLoad + kBarrier, FaultKind::Race, words);
  expectFault(first + kArrive + kStore + kWait + kLoad + kBarrier, FaultKind::Race, words);
  expectFault(first + kStore + "barrier.cluster.arrive.relaxed;\n" + kWait + kLoad + kBarrier,
              FaultKind::Race, words);
  // Between arrival and wait nothing is known yet.
  expectFault(first + kStore + kArrive + kLoad + kWait, FaultKind::Race, words);
  expectFault(kBarrier + kLoad + kBarrier, FaultKind::UninitialisedMemory, "where nothing was written");
}

TEST(Cluster, AWriteWaitsForReads) {
  expectFault(kStore + kBarrier + kLoad + kStore + kBarrier, FaultKind::Race, "another CTA of the cluster");
  expectFault(kStore + kBarrier + kArrive + kLoad + kWait + kStore + kBarrier, FaultKind::Race,
              "another CTA of the cluster");
  expect(kStore + kBarrier + kLoad + kBarrier + kStore, neighbour);
}

TEST(Cluster, MemoryLivesAsLongAsItsCta) {
  expectFault(kStore + kLoad, FaultKind::Race, "may not have begun; expected barrier.cluster before");
  for (const char *end : {"", "barrier.cluster.arrive.relaxed;\nbarrier.cluster.wait;\n"}) {
    Outcome o = run(kStore + kBarrier + kLoad + end).outcome;
    ASSERT_EQ(o.fault, FaultKind::Race) << end << o.message;
    EXPECT_NE(o.message.find("exit"), std::string::npos) << o.message;
  }
  expectFault(kStore + kBarrier + kArrive + kLoad + kWait, FaultKind::Race, "exit");
}

TEST(Cluster, WrongAddresses) {
  std::string map = "mapa.shared::cluster.u32 %b, %f, %q;\n";
  expectFault(kStore + kBarrier + map + "ld.shared.u32 %d, [%b];\n" + kBarrier, FaultKind::OutOfBounds,
              "load of 4 bytes at shared address");
  expectFault(kStore + kBarrier + map + "ld.shared::cluster.u32 %d, [%b+256];\n" + kBarrier,
              FaultKind::OutOfBounds, "of the shared memory of CTA");
  expectFault(kStore + kBarrier + "mapa.shared::cluster.u32 %b, %f, 4;\n" + kBarrier, FaultKind::OutOfBounds,
              "mapa for CTA 4 of a cluster that has 4");
  expectFault(kStore + kBarrier + map + "ld.shared::cluster.u32 %d, [%b+2];\n" + kBarrier,
              FaultKind::Misaligned, "expected a multiple of 4");
  expectFault(kBarrier + map + "ld.shared::cluster.u32 %d, [%b];\n" + kBarrier,
              FaultKind::UninitialisedMemory, "nothing was written");
}

TEST(Cluster, MisusedBarriers) {
  expectFault(kWait, FaultKind::Barrier, "without barrier.cluster.arrive");
  expectFault(kArrive + kArrive, FaultKind::Barrier, "twice without barrier.cluster.wait");
  expectFault("setp.eq.u32 %x, %i, 3;\n@%x " + kArrive + kWait, FaultKind::Barrier,
              "1 of the warp's 32 threads");
}

TEST(Cluster, ADeadlockSaysWhereEachWaits) {
  // One CTA waits at a barrier of its own for warps that are at the cluster's.
  expectFault("setp.lt.u32 %x, %i, 32;\n@%x bar.sync 0;\n@!%x bra E;\n" + kBarrier + "E:\n" + kBarrier,
              FaultKind::Deadlock, "waits for the other CTAs of the cluster at barrier.cluster");
}

TEST(Cluster, NeedsItsChip) {
  std::string ptx = clusterKernel(kBarrier);
  ptx.replace(ptx.find("sm_90a"), 6, "sm_80 ");
  EXPECT_THROW(
      {
        Module module = parseModule(ptx);
        decode(module, module.functions.at(0), {});
      },
      PtxError);
}

} // namespace
} // namespace gqa::emulator::test
