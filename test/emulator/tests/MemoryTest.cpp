// Loads, stores and atomics in every space.
#include "Device.h"

#include <set>

namespace gqa::emulator::test {
namespace {

TEST(Memory, VectorsAndWidths) {
  std::vector<uint32_t> in(128);
  for (unsigned n = 0; n < in.size(); ++n)
    in[n] = n * 0x01030507u;
  std::string body =
      ".reg .b32 %i, %r<4>;\n.reg .b64 %t, %s, %d<2>;\n.reg .b16 %h<4>;\nmov.u32 %i, %tid.x;\nmad.wide.u32 "
      "%t, %i, 16, %p1;\nmad.wide.u32 %s, %i, 16, %p0;\n"
      "ld.global.nc.L1::no_allocate.L2::128B.v2.b64 {%d0,%d1}, [%t];\nst.global.v2.b64 [%s], {%d1,%d0};\n"
      "ld.global.v4.u16 {%h0,%h1,%h2,%h3}, [%t+8];\nst.global.v4.u16 [%s+512], {%h3,%h2,%h1,%h0};\n"
      "ld.global.s8 %r0, [%t+3];\nst.global.b32 [%s+520], %r0;\nld.volatile.global.u8 %r1, "
      "[%t+3];\nst.global.cg.u32 [%s+524], %r1;\n";
  Device device;
  uint64_t out = device.memory.allocate(1024);
  Outcome outcome = device.run(kernel(2, body), {1}, {32}, {out, device.upload(in)});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  auto d = device.download<uint32_t>(out, 256);
  for (unsigned n = 0; n < 32; ++n) {
    const uint32_t *w = &in[4 * n];
    EXPECT_EQ(d[4 * n], w[2]);
    EXPECT_EQ(d[4 * n + 3], w[1]);
    EXPECT_EQ(d[128 + 4 * n], w[3] >> 16 | w[3] << 16);
    EXPECT_EQ(d[128 + 4 * n + 1], w[2] >> 16 | w[2] << 16);
    EXPECT_EQ(int32_t(d[128 + 4 * n + 2]), int8_t(w[0] >> 24));
    EXPECT_EQ(d[128 + 4 * n + 3], w[0] >> 24);
  }
}

/// Constants of 64 bits are the same for every lane, also where no register says how wide they are.
TEST(Memory, ConstantsOfTwoWords) {
  std::string body = ".reg .b32 %i;\n.reg .b64 %s;\n.reg .pred %late;\nmov.u32 %i, %tid.x;\n"
                     "mad.wide.u32 %s, %i, 16, %p0;\nsetp.gt.u32 %late, %i, 15;\n"
                     "st.global.v2.b64 [%s], {4294967299, 1};\n@%late st.global.b64 [%s], 7;\n";
  Device device;
  uint64_t out = device.memory.allocate(512);
  Outcome outcome = device.run(kernel(1, body), {1}, {32}, {out});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  auto d = device.download<uint64_t>(out, 64);
  for (unsigned n = 0; n < 32; ++n) {
    EXPECT_EQ(d[2 * n], n > 15 ? 7u : 4294967299u) << n;
    EXPECT_EQ(d[2 * n + 1], 1u) << n;
  }
}

/// Addresses are used once as long as there are any, then those of freed memory again: a process may run for
/// ever.
TEST(Memory, AddressesDoNotRunOut) {
  DeviceMemory memory(1 << 20);
  uint64_t first = memory.allocate(1 << 19), second = memory.allocate(1 << 18);
  EXPECT_EQ(memory.allocate(1 << 19), 0u) << "more than there is";
  ASSERT_TRUE(memory.release(first));
  std::set<uint64_t> seen{first, second};
  for (unsigned n = 0; n < 200; ++n) {
    uint64_t p = memory.allocate(1 << 19);
    ASSERT_NE(p, 0u) << n;
    EXPECT_TRUE(seen.insert(p).second || n > 20) << "a fresh address while there are some, allocation " << n;
    std::memset(memory.host(p), 1, 1 << 19);
    EXPECT_EQ(*memory.state(p), DeviceMemory::kUnwritten);
    std::memset(memory.state(p), DeviceMemory::kWritten, 1 << 19);
    ASSERT_TRUE(memory.release(p));
  }
  EXPECT_EQ(memory.used(), uint64_t(1 << 18));
}

TEST(Memory, CacheHintsChangeNothing) {
  std::string body = ".shared .align 16 .b8 s[16];\n.reg .b64 %h;\n.reg .b32 %v, "
                     "%w;\ncreatepolicy.fractional.L2::evict_last.b64 %h, 1.0;\n"
                     "ld.global.nc.L2::cache_hint.u32 %v, [%p0], %h;\n"
                     "cp.async.cg.shared.global.L2::cache_hint [s], [%p0], 16, "
                     "%h;\ncp.async.wait_all;\nld.shared.u32 %w, [s+4];\n"
                     "add.u32 %v, %v, %w;\nst.global.L2::cache_hint.u32 [%p0+8], %v, %h;\n";
  Device device;
  uint64_t at = device.upload(std::vector<uint32_t>{3, 4, 0, 0});
  Outcome outcome = device.run(kernel(1, body), {1}, {1}, {at});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  EXPECT_EQ(device.download<uint32_t>(at, 3)[2], 7u);
}

TEST(Memory, GenericAddressesReachEverySpace) {
  std::string body = ".local .align 8 .b8 depot[16];\n.shared .align 4 .b8 s[128];\n.reg .b32 %i, %v, "
                     "%a;\n.reg .b64 %g, %l, %t, %u;\n.reg .pred %q;\n"
                     "mov.u32 %i, %tid.x;\nmov.u64 %l, depot;\ncvta.local.u64 %g, %l;\nst.u32 [%g+4], "
                     "%i;\nld.local.u32 %v, [depot+4];\n"
                     "mov.u64 %t, s;\ncvta.shared.u64 %u, %t;\nmad.wide.u32 %u, %i, 4, %u;\nadd.u32 %v, %v, "
                     "100;\nst.u32 [%u], %v;\n"
                     "cvta.to.shared.u64 %t, %u;\ncvt.u32.u64 %a, %t;\nld.shared.u32 %v, [%a];\n"
                     "isspacep.shared %q, %u;\n@%q add.u32 %v, %v, 1000;\nisspacep.global %q, %u;\n@%q "
                     "add.u32 %v, %v, 5000;\n"
                     "cvta.to.global.u64 %t, %p0;\nmad.wide.u32 %t, %i, 4, %t;\nst.global.u32 [%t], %v;\n";
  Device device;
  uint64_t out = device.memory.allocate(128);
  Outcome outcome = device.run(kernel(1, body), {1}, {32}, {out});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  expectEach(device.download<uint32_t>(out, 32), [](size_t n) { return uint32_t(n + 1100); }, "generic");
}

/// All threads of several blocks hit one word; blocks run on several host threads.
TEST(Memory, AtomicsAddUp) {
  std::string body = ".reg .b32 %d;\n.reg .f32 %f;\n.reg .b64 %w;\nred.global.add.u32 [%p0], "
                     "3;\nred.relaxed.gpu.global.add.f32 [%p0+4], 0f3F800000;\n"
                     "atom.global.add.u64 %w, [%p0+8], 1;\natom.acq_rel.gpu.global.max.u32 %d, [%p0+16], "
                     "77;\natom.global.inc.u32 %d, [%p0+20], 99;\n"
                     "red.global.or.b32 [%p0+24], 6;\nred.global.add.noftz.bf16x2 [%p0+28], %d1;\n";
  Settings settings = quiet();
  settings.threads = 4;
  Device device(settings);
  uint64_t at = device.upload(std::vector<uint32_t>(8, 0));
  Outcome outcome =
      device.run(kernel(1, ".reg .b32 %d1;\nmov.b32 %d1, 0x00003F80;\n" + body), {16}, {64}, {at});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  auto d = device.download<uint32_t>(at, 8);
  EXPECT_EQ(d[0], 3072u);
  EXPECT_EQ(asFloat(d[1]), 1024.0f);
  EXPECT_EQ(d[2], 1024u);
  EXPECT_EQ(d[4], 77u);
  EXPECT_EQ(d[5], 1024u % 100);
  EXPECT_EQ(d[6], 6u);
  EXPECT_EQ(d[7], 0x4380u); // 256: above it bf16 cannot count by ones
}

/// "atom.add.f32 on global memory flushes subnormal inputs and results to sign-preserving zero; whereas
/// atom.add.f32 on shared memory supports subnormal inputs and results", whichever way the address is
/// written.
TEST(Memory, AtomicsInGlobalMemoryFlushSubnormals) {
  Device device;
  uint64_t at = device.upload(std::vector<uint32_t>{7, 7, 0x80000007, 0x00800003, 7});
  std::string body = ".reg .f32 %f<3>;\n.reg .b64 %s;\n.shared .align 4 .b32 s;\nmov.f32 %f0, 0f00000005;\n"
                     "red.global.add.f32 [%p0], %f0;\nred.add.f32 [%p0+4], %f0;\n"
                     "red.global.add.f32 [%p0+8], 0f80000001;\nred.global.add.f32 [%p0+12], 0f80800002;\n"
                     "st.shared.f32 [s], %f0;\nred.shared.add.f32 [s], %f0;\ncvta.shared.u64 %s, s;\n"
                     "red.add.f32 [%s], %f0;\nld.shared.f32 %f1, [s];\nst.global.f32 [%p0+16], %f1;\n";
  Outcome outcome = device.run(kernel(1, body), {1}, {1}, {at});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  EXPECT_EQ(device.download<uint32_t>(at, 5), (std::vector<uint32_t>{0, 0, 0x80000000, 0, 15}));
}

TEST(Memory, CompareAndSwapAndExchange) {
  std::string body = ".reg .b32 %d<3>;\nld.global.u32 %d0, [%p0];\natom.global.cas.b32 %d1, [%p0], %d0, "
                     "9;\natom.global.cas.b32 %d2, [%p0], 1, 2;\n"
                     "st.global.v2.u32 [%p0+8], {%d1,%d2};\natom.global.exch.b32 %d0, [%p0+4], "
                     "5;\nst.global.u32 [%p0+16], %d0;\n";
  Device device;
  uint64_t at = device.upload(std::vector<uint32_t>{4, 6, 0, 0, 0, 0});
  Outcome outcome = device.run(kernel(1, body), {1}, {1}, {at});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  EXPECT_EQ(device.download<uint32_t>(at, 5), (std::vector<uint32_t>{9, 5, 4, 9, 6}));
}

TEST(Memory, AtomicsOnSharedMemoryAreNoRace) {
  std::string body = ".shared .align 4 .b8 s[4];\n.reg .b32 %i, %v;\n.reg .pred %q;\nmov.u32 %i, "
                     "%tid.x;\nsetp.ne.u32 %q, %i, 0;\n@%q bra W;\nst.shared.u32 [s], 0;\n"
                     "W: bar.sync 0;\nred.shared.add.u32 [s], %i;\nbar.sync 0;\nld.shared.u32 %v, [s];\n@!%q "
                     "st.global.u32 [%p0], %v;\n";
  Device device;
  uint64_t at = device.upload(std::vector<uint32_t>{0});
  Outcome outcome = device.run(kernel(1, body), {1}, {128}, {at});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  EXPECT_EQ(device.download<uint32_t>(at, 1)[0], 127u * 128 / 2);
}

TEST(Memory, BarriersReduce) {
  std::string body = ".reg .b32 %i, %n, %v;\n.reg .pred %q, %a, %o;\n.reg .b64 %t;\nmov.u32 %i, "
                     "%tid.x;\nsetp.lt.u32 %q, %i, 50;\n"
                     "bar.red.popc.u32 %n, 0, %q;\nbar.red.and.pred %a, 1, 128, "
                     "%q;\nbarrier.cta.red.aligned.or.pred %o, 0, %q;\n"
                     "selp.b32 %v, 1000, 0, %a;\nadd.u32 %n, %n, %v;\nselp.b32 %v, 2000, 0, %o;\nadd.u32 %n, "
                     "%n, %v;\nmad.wide.u32 %t, %i, 4, %p0;\nst.global.u32 [%t], %n;\n";
  Device device;
  uint64_t at = device.memory.allocate(512);
  Outcome outcome = device.run(kernel(1, body), {1}, {128}, {at});
  ASSERT_FALSE(outcome.fault) << outcome.message;
  expectEach(device.download<uint32_t>(at, 128), [](size_t) { return 2050u; }, "bar.red");
}

} // namespace
} // namespace gqa::emulator::test
