// Each checker finds the bug that is planted for it, says where, and is silent about the right program beside
// it.
#include "Device.h"

namespace gqa::emulator::test {
namespace {

constexpr const char *kRegisters =
    ".reg .b32 %i, %a, %b, %v, %w;\n.reg .b64 %t;\n.reg .pred %q, %r;\nmov.u32 %i, %tid.x;\n"
    "shl.b32 %b, %i, 2;\nmov.u32 %a, s;\nadd.u32 %a, %a, %b;\nmad.wide.u32 %t, %i, 4, %p0;\n";

/// 128 threads with 1 KB of shared memory and an array of 128 words at %p0.
Outcome run(const std::string &code, Settings settings = quiet(), uint32_t threads = 128) {
  Device device(settings);
  uint64_t data = device.upload(std::vector<uint32_t>(128, 5));
  uint64_t unwritten = device.memory.allocate(512);
  return device.run(kernel(2, ".shared .align 16 .b8 s[1024];\n" + std::string(kRegisters) + code), {1},
                    {threads}, {data, unwritten});
}

void expectFault(const std::string &code, FaultKind kind, const std::string &words, uint32_t threads = 128) {
  Outcome o = run(code, quiet(), threads);
  ASSERT_TRUE(o.fault) << code;
  EXPECT_EQ(nameOf(*o.fault), std::string(nameOf(kind))) << o.message;
  EXPECT_NE(o.message.find(words), std::string::npos) << o.message;
  EXPECT_NE(o.message.find("kernel k, line "), std::string::npos) << o.message;
}
void expectSilence(const std::string &code, uint32_t threads = 128) {
  Outcome o = run(code, quiet(), threads);
  EXPECT_FALSE(o.fault) << code << "\n" << o.message;
}

TEST(Checker, GlobalBounds) {
  expectSilence("ld.global.u32 %v, [%t];\nst.global.u32 [%t], %v;\n");
  expectFault("ld.global.u32 %v, [%t+4];\n", FaultKind::OutOfBounds,
              "0 bytes past the end of one of 512 bytes");
  expectFault("st.global.u32 [%p0+-4], %i;\n", FaultKind::OutOfBounds, "outside of every allocation");
  expectFault("ld.global.v4.u32 {%v,%w,%a,%b}, [%p0+512];\n", FaultKind::OutOfBounds, "thread (0,0,0)");
  expectFault("mov.b64 %t, 0;\nld.global.u32 %v, [%t];\n", FaultKind::OutOfBounds, "no device address");
  expectFault("red.global.add.u32 [%p0+600], 1;\n", FaultKind::OutOfBounds, "past the end");
}

TEST(Checker, DependentLaunch) {
  const std::string load = "ld.global.u32 %v, [%p0];\n", wait = "griddepcontrol.wait;\n";
  auto run = [](const std::string &code, bool dependent) {
    Device device;
    uint64_t data = device.upload(std::vector<uint32_t>(4, 1));
    return device.run(kernel(1, ".reg .b32 %v;\n" + code), {1}, {32}, {data}, 0, dependent);
  };
  EXPECT_FALSE(run(load, false).fault);
  EXPECT_FALSE(run(wait + load, true).fault);
  for (const std::string &code : {load, load + wait, "griddepcontrol.launch_dependents;\n" + load,
                                  std::string("st.global.u32 [%p0], 1;\n")}) {
    Outcome o = run(code, true);
    ASSERT_TRUE(o.fault) << code;
    EXPECT_EQ(*o.fault, FaultKind::Race);
    EXPECT_NE(o.message.find("expected griddepcontrol.wait"), std::string::npos) << o.message;
  }
}

/// Threads of a block that exchange numbers through global memory, if it is asked for.
TEST(Checker, GlobalOrder) {
  Settings all = quiet(), other = quiet();
  all.globalOrder = true;
  const std::string store = "st.global.u32 [%t], %i;\n", load = "ld.global.u32 %v, [%p0+4];\n",
                    one = "setp.eq.u32 %q, %i, 1;\n@%q st.global.u32 [%t], 9;\n", barrier = "bar.sync 0;\n",
                    ofWarp = "bar.warp.sync -1;\n";
  EXPECT_FALSE(run(store + load, other).fault);
  for (const std::string &code : {store + barrier + load, load + barrier + one, store + barrier + store,
                                  "st.global.u32 [%p0], %i;\n" + barrier})
    EXPECT_EQ(run(code, all).fault.has_value(), code.find("p0], %i") != code.npos) << code;
  for (const std::string &code : {store + load, load + one, store + ofWarp + load, load + ofWarp + one}) {
    Outcome o = run(code, all);
    ASSERT_TRUE(o.fault) << code;
    EXPECT_EQ(*o.fault, FaultKind::Race);
    EXPECT_NE(o.message.find("of its block; expected a barrier between them"), std::string::npos)
        << o.message;
  }
  for (const std::string &code :
       {store + ofWarp + load, load + ofWarp + one, "st.global.u32 [%p0], 7;\n" + ofWarp})
    EXPECT_FALSE(run(code, all, 32).fault) << code;
  for (const std::string &code : {store + load, load + one})
    EXPECT_TRUE(run(code, all, 32).fault) << code;
}

TEST(Checker, FreedMemory) {
  Device device;
  uint64_t data = device.upload(std::vector<uint32_t>(4, 1));
  ASSERT_TRUE(device.memory.release(data));
  EXPECT_FALSE(device.memory.release(data)) << "a second release is an error";
  Outcome o = device.run(kernel(1, ".reg .b32 %v;\nld.global.u32 %v, [%p0];"), {1}, {1}, {data});
  ASSERT_TRUE(o.fault);
  EXPECT_EQ(*o.fault, FaultKind::UseAfterFree);
}

TEST(Checker, SharedBounds) {
  expectSilence("mov.u32 %a, s;\nst.shared.u32 [%a+1020], 1;\n", 1);
  expectFault("mov.u32 %a, s;\nst.shared.u32 [%a+1024], 1;\n", FaultKind::OutOfBounds, "shared address", 1);
  expectFault("mov.b32 %a, 0;\nld.shared.u32 %v, [%a];\n", FaultKind::OutOfBounds,
              "the CTA has addresses 1024 to");
}

TEST(Checker, Alignment) {
  expectFault("ld.global.u32 %v, [%t+2];\n", FaultKind::Misaligned, "expected a multiple of 4");
  expectFault("mov.u32 %a, s;\nst.shared.v4.u32 [%a+8], {%i,%i,%i,%i};\n", FaultKind::Misaligned,
              "multiple of 16");
  // A variable has the alignment that it asks for and no more.
  Device device;
  Outcome o = device.run(kernel(0, ".shared .align 4 .b8 s[64];\n.reg .b32 %a;\n.reg .b64 %v;\nmov.u64 %v, "
                                   "1;\nmov.u32 %a, s;\nst.shared.u64 [%a], %v;"),
                         {1}, {1}, {});
  ASSERT_TRUE(o.fault);
  EXPECT_EQ(*o.fault, FaultKind::Misaligned);
}

TEST(Checker, UninitialisedMemory) {
  expectFault("ld.global.u32 %v, [%p1];\n", FaultKind::UninitialisedMemory, "where nothing was written");
  expectSilence("st.global.u32 [%p1], 1;\nld.global.u32 %v, [%p1];\n", 1);
  expectFault("ld.shared.u32 %v, [%a];\n", FaultKind::UninitialisedMemory, "where nothing was written");
  expectFault("st.shared.u16 [%a], 1;\nld.shared.u32 %v, [%a];\n", FaultKind::UninitialisedMemory,
              "where nothing was written");
  expectSilence("st.shared.u32 [%a], 1;\nld.shared.u32 %v, [%a];\n");
}

TEST(Checker, UninitialisedRegisters) {
  expectFault("setp.lt.u32 %q, %i, 4;\n@%q mov.u32 %v, 1;\nst.global.u32 [%t], %v;\n",
              FaultKind::UninitialisedRegister, "register %v is read before it is written");
  expectFault("setp.lt.u32 %q, %i, 4;\n@%q bra L;\nmov.u32 %v, 1;\nL: add.u32 %v, %v, 1;\n",
              FaultKind::UninitialisedRegister, "thread (0,0,0)");
  expectFault("@%r bra L;\nL: ret;\n", FaultKind::UninitialisedRegister, "register %r");
  expectSilence("setp.lt.u32 %q, %i, 4;\n@%q mov.u32 %v, 1;\n@!%q mov.u32 %v, 2;\nst.global.u32 [%t], %v;\n");
  // An undefined value may be moved about, and be lost again.
  expectSilence("mov.u32 %w, %v;\nmov.u32 %w, 3;\nst.global.u32 [%t], %w;\n");
  expectFault("mov.u32 %w, %v;\nst.global.u32 [%t], %w;\n", FaultKind::UninitialisedRegister, "register %w");
}

/// Neighbours exchange words through shared memory: right with the barrier, a race without it.
TEST(Checker, RacesBetweenWarps) {
  std::string write = "st.shared.u32 [%a], %i;\n",
              read = "xor.b32 %b, %b, 128;\nmov.u32 %a, s;\nadd.u32 %a, %a, %b;\nld.shared.u32 %v, [%a];\n";
  expectSilence(write + "bar.sync 0;\n" + read);
  expectSilence(write + "barrier.sync 0, 128;\n" + read);
  std::string again = "xor.b32 %b, %b, 128;\nmov.u32 %a, s;\nadd.u32 %a, %a, %b;\nst.shared.u32 [%a], 1;\n";
  expectFault(write + "bar.sync 0;\n" + read + again, FaultKind::Race, "races with the");
  expectSilence(write + "bar.sync 0;\n" + read + "bar.sync 0;\n" + again);
  // Without the barrier the second warp's read comes upon memory that nobody wrote, or upon a race.
  Outcome o = run(write + read);
  ASSERT_TRUE(o.fault);
  expectFault("mov.u32 %a, s;\nst.shared.u32 [%a], %i;\n", FaultKind::Race, "races with the write");
}

TEST(Checker, RacesWithinAWarp) {
  std::string exchange = "xor.b32 %b, %b, 4;\nmov.u32 %a, s;\nadd.u32 %a, %a, %b;\nld.shared.u32 %v, [%a];\n";
  expectFault("st.shared.u32 [%a], %i;\n" + exchange, FaultKind::Race, "read of 4 bytes", 32);
  expectSilence("st.shared.u32 [%a], %i;\nbar.warp.sync -1;\n" + exchange, 32);
  // Bytes of one word belong to different threads.
  expectSilence("mov.u32 %a, s;\nmad.lo.u32 %a, %i, 2, %a;\nst.shared.u16 [%a], %i;\nld.shared.u16 %v, "
                "[%a];\nst.shared.u16 [%a], %v;\n");
  // Several threads may store one value; not two.
  expectSilence("mov.u32 %a, s;\nst.shared.u32 [%a], 7;\n", 32);
}

/// A barrier with a count orders the warps that take part, and only those.
TEST(Checker, NamedBarriersOrderTheirMembers) {
  std::string code = "mov.u32 %a, s;\nsetp.ge.u32 %q, %i, 64;\n@%q bra REST;\nsetp.eq.u32 %r, %i, 0;\n@%r "
                     "st.shared.u32 [%a], 1;\nbar.sync 3, 64;\nld.shared.u32 %v, [%a];\n";
  expectSilence(code + "REST:");
  expectFault(code + "bra END;\nREST: add.u32 %v, %i, 0;\nW: add.u32 %v, %v, 1;\nsetp.lt.u32 %r, %v, "
                     "9000;\n@%r bra W;\nld.shared.u32 %v, [%a];\nEND:",
              FaultKind::Race, "races with the write by thread 0");
  // A producer arrives, a consumer waits.
  expectSilence(
      "mov.u32 %a, s;\nsetp.ge.u32 %q, %i, 32;\n@%q bra C;\nsetp.eq.u32 %r, %i, 0;\n@%r st.shared.u32 [%a], "
      "1;\nbar.arrive 1, 64;\nbra E;\nC: bar.sync 1, 64;\nld.shared.u32 %v, [%a];\nE:",
      64);
}

/// A copy is ordered by the wait of the thread that asked for it, then by a barrier.
TEST(Checker, CopiesNeedAWaitAndABarrier) {
  std::string copy = "mov.u32 %a, s;\nshl.b32 %b, %i, 2;\nadd.u32 %a, %a, %b;\ncp.async.ca.shared.global "
                     "[%a], [%t], 4;\ncp.async.wait_all;\n";
  std::string other = "xor.b32 %b, %b, 128;\nmov.u32 %a, s;\nadd.u32 %a, %a, %b;\nld.shared.u32 %v, [%a];\n";
  expectSilence(copy + "bar.sync 0;\n" + other);
  Outcome o = run(copy + other);
  ASSERT_TRUE(o.fault);
  // A buffer may be filled again only when everybody has read it.
  expectFault("st.shared.u32 [%a], 1;\nbar.sync 0;\n" + other +
                  "xor.b32 %b, %b, 128;\nmov.u32 %a, s;\nadd.u32 %a, %a, %b;\n"
                  "cp.async.ca.shared.global [%a], [%t], 4;\ncp.async.wait_all;\n",
              FaultKind::Race, "races with the");
}

TEST(Checker, MisusedBarriers) {
  expectFault("setp.lt.u32 %q, %i, 8;\n@%q bar.sync 0;\n", FaultKind::Barrier, "divergent");
  expectFault("bar.sync 0, 100;\n", FaultKind::Barrier, "multiple of 32");
  expectFault("bar.sync 0, 256;\n", FaultKind::Barrier, "expects 256 threads of a CTA with 128");
  expectFault("bar.sync 16;\n", FaultKind::Barrier, "expected 0 to 15");
  expectFault("setp.lt.u32 %q, %i, 32;\nselp.b32 %v, 96, 128, %q;\nbar.sync 1, %v;\n", FaultKind::Barrier,
              "while others wait");
  expectFault("bar.arrive 1, 128;\nbar.arrive 1, 128;\n", FaultKind::Barrier, "arrives twice");
  expectFault("bar.sync 1, 64;\n", FaultKind::Deadlock, "waits at barrier 1", 96);
}

TEST(Checker, DeadlocksAreDumped) {
  std::string code = "setp.ge.u32 %q, %i, 32;\n@%q bra B;\nbar.sync 1, 64;\nbra E;\nB: bar.sync 2, 64;\nE:";
  Outcome o = run(code, quiet(), 64);
  ASSERT_TRUE(o.fault);
  EXPECT_EQ(*o.fault, FaultKind::Deadlock);
  EXPECT_NE(o.message.find("Warp 0 waits at barrier 1 (line "), std::string::npos) << o.message;
  EXPECT_NE(o.message.find("Warp 1 waits at barrier 2 (line "), std::string::npos) << o.message;
  EXPECT_NE(o.message.find("32 of 64 threads have arrived"), std::string::npos) << o.message;
  // Threads that have exited do not come to a barrier with a count.
  Outcome exited = run("setp.ge.u32 %q, %i, 32;\n@%q exit;\nbar.sync 1, 64;\n", quiet(), 64);
  ASSERT_TRUE(exited.fault);
  EXPECT_NE(exited.message.find("Warp 1 has exited"), std::string::npos) << exited.message;
}

TEST(Checker, PartOfAWarpCannotMultiply) {
  expectFault("setp.lt.u32 %q, %i, 8;\n@%q ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%v}, [%a];\n",
              FaultKind::WarpSync, "expected all 32 lanes");
}

TEST(Checker, CanBeSwitchedOff) {
  Settings off = quiet();
  off.checks = false;
  EXPECT_FALSE(run("ld.shared.u32 %v, [%a];\nld.global.u32 %v, [%p1];\n", off).fault);
  EXPECT_TRUE(run("ld.global.u32 %v, [%t+4];\n", off).fault) << "bounds of global memory stay";
}

/// The counters are those of the machine: banks of shared memory, sectors of global memory.
TEST(Counters, BanksAndSectors) {
  auto counters = [](const std::string &code) { return run(code, quiet(), 32).counters; };
  auto shared = [&](const std::string &stride) {
    Counters c =
        counters("mov.u32 %a, s;\nmad.lo.u32 %a, %i, " + stride + ", %a;\nst.shared.u32 [%a], %i;\n");
    return c.sharedWavefronts;
  };
  EXPECT_EQ(shared("4"), 1u);
  EXPECT_EQ(shared("8"), 2u);
  EXPECT_EQ(shared("16"), 4u);
  EXPECT_EQ(shared("32"), 8u);
  EXPECT_EQ(counters("mov.u32 %a, s;\nst.shared.u32 [%a], 1;\n").sharedWavefronts, 1u) << "a broadcast";
  Counters vector =
      counters("mov.u32 %a, s;\nmad.lo.u32 %a, %i, 16, %a;\nst.shared.v4.u32 [%a], {%i,%i,%i,%i};\n");
  EXPECT_EQ(vector.sharedWavefronts, 4u);
  EXPECT_EQ(vector.sharedIdeal, 4u);
  EXPECT_EQ(vector.sharedBytes, 512u);
  Counters global = counters("ld.global.u32 %v, [%t];\nst.global.u32 [%p0], 1;\n");
  EXPECT_EQ(global.globalRequests, 2u);
  EXPECT_EQ(global.globalSectors, 5u); // 128 bytes are four sectors, one word is one
  EXPECT_EQ(global.globalLoadBytes, 128u);
  Counters strided = counters("mad.wide.u32 %t, %i, 16, %p0;\nld.global.u32 %v, [%t];\n");
  EXPECT_EQ(strided.globalSectors, 16u);
}

/// Eight rows of 16 bytes: 128 bytes apart they share banks, swizzled they do not.
TEST(Counters, MatrixRows) {
  auto conflicts = [](const std::string &address) {
    std::string fill = "mov.u32 %a, s;\nmad.lo.u32 %a, %i, 32, %a;\nst.shared.v4.u32 [%a], "
                       "{%i,%i,%i,%i};\nst.shared.v4.u32 [%a+16], {%i,%i,%i,%i};\nbar.warp.sync -1;\n";
    return run(fill + "mov.u32 %a, s;\nand.b32 %i, %i, 7;\n" + address +
                   "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%v}, [%a];\n",
               quiet(), 32)
               .counters.sharedWavefronts -
           16;
  };
  EXPECT_EQ(conflicts("mad.lo.u32 %a, %i, 16, %a;\n"), 1u);
  EXPECT_EQ(conflicts("mad.lo.u32 %a, %i, 128, %a;\n"), 8u);
  EXPECT_EQ(conflicts("mad.lo.u32 %a, %i, 128, %a;\nshl.b32 %b, %i, 4;\nadd.u32 %a, %a, %b;\n"), 1u);
}

} // namespace
} // namespace gqa::emulator::test
