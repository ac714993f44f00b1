// Bulk copies with and without tensor maps, under the three policies of completion, against the definition of
// a box: element (i0, .., i4) of the box lies behind those before it in the order of dimensions, 0 innermost.
#include "Cuda.h"
#include "Device.h"
#include "Execute/TensorMap.h"

namespace gqa::emulator::test {
namespace {

constexpr uint32_t kBarrier = 16384; ///< offset of the mbarrier in shared memory

/// One warp; parameters: a tensor map and two pointers %p0, %p1. %a is shared memory, %m an mbarrier for one
/// arrival that the asynchronous proxy knows, %f whether this is thread 0.
std::string tensorKernel(const std::string &code,
                         const std::string &fence = "fence.mbarrier_init.release.cluster;\n") {
  return ".version 8.6\n.target sm_90a\n.address_size 64\n.extern .shared .align 1024 .b8 s[];\n"
         ".visible .entry k(.param .align 128 .b8 map[128], .param .u64 q0, .param .u64 q1)\n{\n"
         ".reg .b64 %p<2>, %map, %t, %pol;\n.reg .b32 %i, %a, %m, %n, %v<4>;\n.reg .pred %f, %q;\n.reg .b16 "
         "%h;\n"
         "ld.param.u64 %p0, [q0];\nld.param.u64 %p1, [q1];\nmov.b64 %map, map;\ncvta.param.u64 %map, %map;\n"
         "mov.u32 %i, %tid.x;\nmov.u32 %a, s;\nadd.u32 %m, %a, " +
         std::to_string(kBarrier) + ";\nsetp.eq.u32 %f, %i, 0;\n@%f mbarrier.init.shared.b64 [%m], 1;\n" +
         fence + "bar.sync 0;\n" + code + "ret;\n}\n";
}
const std::string kWait = "W: mbarrier.try_wait.parity.shared.b64 %q, [%m], 0;\n@!%q bra W;\n";
std::string expectBytes(uint32_t bytes) {
  return "@%f mbarrier.arrive.expect_tx.shared.b64 _, [%m], " + std::to_string(bytes) + ";\n";
}
/// Copies `bytes` of shared memory to %p0.
std::string dump(uint32_t bytes) {
  return "mov.b32 %n, 0;\nD: mad.lo.u32 %v0, %i, 4, %n;\nadd.u32 %v1, %a, %v0;\nld.shared.u32 %v2, [%v1];\n"
         "cvt.u64.u32 %t, %v0;\nadd.u64 %t, %t, %p0;\nst.global.u32 [%t], %v2;\nadd.u32 %n, %n, 128;\n"
         "setp.lt.u32 %q, %n, " +
         std::to_string(bytes) + ";\n@%q bra D;\n";
}

/// A tensor of 16-bit elements whose values are their places in memory.
struct Tensor {
  std::vector<uint32_t> sizes, box, steps;
  unsigned swizzle = 0;
  bool nan = false;

  uint64_t count() const {
    uint64_t n = 1;
    for (uint32_t s : sizes)
      n *= s;
    return n;
  }
  unsigned step(unsigned d) const { return d && d < steps.size() ? steps[d] : 1; }
  unsigned taken(unsigned d) const { return (box[d] + step(d) - 1) / step(d); }
  uint32_t boxElements() const {
    uint32_t n = 1;
    for (unsigned d = 0; d < box.size(); ++d)
      n *= taken(d);
    return n;
  }
  TensorMap map(uint64_t base) const {
    TensorMap m;
    m.base = base;
    m.rank = sizes.size();
    m.elementBytes = 2;
    m.isFloat = nan ? 2 : 0;
    m.fillNaN = nan;
    m.swizzle = swizzle;
    uint64_t stride = 2;
    for (unsigned d = 0; d < m.rank; ++d) {
      m.sizes[d] = sizes[d] - 1;
      m.box[d] = box[d];
      m.steps[d] = step(d);
      stride *= sizes[d];
      if (d + 1 < m.rank)
        m.strides[d] = stride;
    }
    return m;
  }
  /// Place in the tensor of the n-th element of the box at these coordinates, or nothing.
  std::optional<uint64_t> place(uint32_t n, const std::vector<int> &at) const {
    uint64_t place = 0, stride = 1;
    bool inside = true;
    for (unsigned d = 0; d < sizes.size(); ++d) {
      int index = at[d] + int(n % taken(d) * step(d));
      n /= taken(d);
      inside &= index >= 0 && index < int(sizes[d]);
      place += index * stride;
      stride *= sizes[d];
    }
    return inside ? std::optional(place) : std::nullopt;
  }
  /// Bytes of shared memory where it lies: the ISA's patterns repeat every 8 rows of 32, 64 or 128 bytes.
  uint32_t offset(uint32_t n) const {
    uint32_t byte = 2 * n, chunk = byte / 16 % 8, line = byte / 128 % 8;
    uint32_t flipped = swizzle == 128  ? chunk ^ line
                       : swizzle == 64 ? chunk ^ (line & 3)
                       : swizzle == 32 ? chunk ^ (line & 1)
                                       : chunk;
    return byte / 128 * 128 + flipped * 16 + byte % 16;
  }
};

std::string coordinates(const std::vector<int> &at) {
  std::string text;
  for (int c : at)
    text += (text.empty() ? "" : ", ") + std::to_string(c);
  return "{" + text + "}";
}
std::vector<uint64_t> parameters(const TensorMap &map, uint64_t p0, uint64_t p1 = 0) {
  std::vector<uint64_t> words(18);
  std::memcpy(words.data(), &map, sizeof map);
  words[16] = p0;
  words[17] = p1;
  return words;
}

bool isNaN16(uint16_t bf16) { return (bf16 & 0x7F80) == 0x7F80 && (bf16 & 0x7F); }

class TensorCopyTest : public HopperTest {
protected:
  /// The map that the driver makes of it.
  CUtensorMap encode(const Tensor &t, CUdeviceptr base) {
    CUtensorMap map;
    std::vector<uint64_t> sizes(t.sizes.begin(), t.sizes.end()), strides;
    std::vector<uint32_t> steps;
    uint64_t stride = 2;
    for (unsigned d = 0; d < sizes.size(); ++d) {
      steps.push_back(t.step(d));
      strides.push_back(stride *= sizes[d]);
    }
    int swizzle = t.swizzle == 128 ? 3 : t.swizzle == 64 ? 2 : t.swizzle == 32;
    EXPECT_CUDA(cuTensorMapEncodeTiled(&map, 9, sizes.size(), reinterpret_cast<void *>(base), sizes.data(),
                                       strides.data(), t.box.data(), steps.data(), 0, swizzle, 0, t.nan));
    return map;
  }
  CUresult run(const std::string &code, const CUtensorMap &map, CUdeviceptr p0, CUdeviceptr p1 = 0) {
    return launch(function(tensorKernel(code), "k"), 1, 1, 32, kBarrier + 64, map, p0, p1);
  }
  void load(const Tensor &t, const std::vector<int> &at) {
    std::vector<uint16_t> values(t.count());
    for (size_t n = 0; n < values.size(); ++n)
      values[n] = uint16_t(n % 0x7000 + 1);
    uint32_t bytes = (2 * t.boxElements() + 127) / 128 * 128;
    CUdeviceptr base = upload(values), out = upload(std::vector<uint16_t>(bytes / 2, 0xAAAA));
    std::string rank = std::to_string(t.sizes.size()) + "d";
    ASSERT_CUDA(
        run(expectBytes(2 * t.boxElements()) +
                "createpolicy.fractional.L2::evict_last.b64 %pol, 1.0;\n@%f cp.async.bulk.tensor." + rank +
                ".shared::cluster.global.tile.mbarrier::complete_tx::bytes.L2::cache_hint [%a], [%map, " +
                coordinates(at) + "], [%m], %pol;\n" + kWait + dump(2 * t.boxElements()),
            encode(t, base), out));
    auto got = download<uint16_t>(out, bytes / 2);
    for (uint32_t n = 0; n < t.boxElements(); ++n) {
      auto place = t.place(n, at);
      uint16_t found = got[t.offset(n) / 2];
      if (!place && t.nan)
        ASSERT_TRUE(isNaN16(found)) << rank << " swizzle " << t.swizzle << " element " << n << ": " << found;
      else
        ASSERT_EQ(found, place ? values[*place] : 0) << rank << " swizzle " << t.swizzle << " element " << n;
    }
  }
};

TEST_P(TensorCopyTest, LoadsBoxesOfEveryRank) {
  load({{512}, {256}, {}}, {128});
  load({{64, 40}, {32, 16}, {}}, {16, 8});
  load({{64, 10, 5}, {16, 4, 2}, {}}, {32, 3, 1});
  load({{16, 8, 6, 4}, {16, 2, 3, 2}, {}}, {0, 1, 2, 1});
  load({{8, 4, 4, 3, 3}, {8, 2, 2, 2, 2}, {}}, {0, 1, 2, 1, 0});
}

TEST_P(TensorCopyTest, SwizzlesByTheAddress) {
  load({{64, 64}, {64, 40}, {}, 128}, {0, 8});
  load({{64, 64}, {32, 40}, {}, 64}, {32, 8});
  load({{64, 64}, {16, 40}, {}, 32}, {16, 8});
}

TEST_P(TensorCopyTest, OutsideOfTheTensorThereAreZerosOrNaN) {
  for (bool nan : {false, true}) {
    load({{64, 20}, {64, 16}, {}, 128, nan}, {0, 12});
    load({{64, 20}, {64, 16}, {}, 128, nan}, {-8, -3});
    load({{40, 20}, {32, 16}, {}, 0, nan}, {24, 100});
    load({{64, 4, 3}, {16, 4, 2}, {}, 32, nan}, {56, -1, 2});
  }
}

TEST_P(TensorCopyTest, ElementStridesLeaveElementsOut) {
  load({{32, 40, 4}, {32, 9, 2}, {1, 2, 1}}, {0, 3, 1});
}

/// The inverse: shared memory holds numbers in the order of the box, and only the inside is written.
TEST_P(TensorCopyTest, StoresBoxes) {
  const std::string fill =
      "mov.b32 %n, 0;\nF: mad.lo.u32 %v0, %i, 4, %n;\nadd.u32 %v1, %a, %v0;\nst.shared.u32 [%v1], %v0;\n"
      "add.u32 %n, %n, 128;\nsetp.lt.u32 %q, %n, 2048;\n@%q bra F;\nfence.proxy.async.shared::cta;\nbar.sync "
      "0;\n"
      "@%f cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%map, {0, 12}], [%a];\n"
      "@%f cp.async.bulk.commit_group;\n";
  for (unsigned swizzle : {0u, 64u, 128u})
    for (std::string wait : {"@%f cp.async.bulk.wait_group 0;\n", "@%f cp.async.bulk.wait_group.read 0;\n"}) {
      Tensor t{{64, 20}, {swizzle == 64 ? 32u : 64u, 16}, {}, swizzle};
      CUdeviceptr base = upload(std::vector<uint16_t>(t.count(), 0x5555));
      ASSERT_CUDA(run(fill + wait, encode(t, base), 0));
      std::vector<uint16_t> want(t.count(), 0x5555);
      for (uint32_t n = 0; n < t.boxElements(); ++n)
        if (auto place = t.place(n, {0, 12})) {
          uint32_t offset = t.offset(n);
          want[*place] = offset % 4 ? 0 : uint16_t(offset); // halves of the word that holds its own offset
        }
      EXPECT_EQ(download<uint16_t>(base, t.count()), want) << swizzle;
    }
}

/// Columns, rows and planes beyond the tensor's end are left out.
TEST_P(TensorCopyTest, StoresWhatIsInside) {
  const std::string fill =
      "mov.b32 %n, 0;\nF: mad.lo.u32 %v0, %i, 4, %n;\nadd.u32 %v1, %a, %v0;\nst.shared.u32 [%v1], %v0;\n"
      "add.u32 %n, %n, 128;\nsetp.lt.u32 %q, %n, 2048;\n@%q bra F;\nfence.proxy.async.shared::cta;\n";
  for (std::vector<int> at :
       {std::vector{0, 2, 0, 0}, {8, 4, 1, 0}, {24, 3, 2, 1}, {0, 0, 3, 0}, {32, 0, 0, 0}}) {
    Tensor t{{32, 5, 3, 2}, {32, 4, 2, 1}, {}, 64};
    CUdeviceptr base = upload(std::vector<uint16_t>(t.count(), 0x5555));
    ASSERT_CUDA(
        run(fill + "bar.sync 0;\n@%f cp.async.bulk.tensor.4d.global.shared::cta.tile.bulk_group [%map, " +
                coordinates(at) + "], [%a];\n@%f cp.async.bulk.commit_group;\n" +
                "@%f cp.async.bulk.wait_group.read 0;\n",
            encode(t, base), 0));
    std::vector<uint16_t> want(t.count(), 0x5555);
    for (uint32_t n = 0; n < t.boxElements(); ++n)
      if (auto place = t.place(n, at))
        want[*place] = t.offset(n) % 4 ? 0 : uint16_t(t.offset(n));
    EXPECT_EQ(download<uint16_t>(base, t.count()), want) << coordinates(at);
  }
}

TEST_P(TensorCopyTest, CopiesBytesBothWays) {
  std::vector<uint32_t> values(256);
  for (unsigned n = 0; n < values.size(); ++n)
    values[n] = n * 3 + 1;
  CUdeviceptr from = upload(values), to = upload(std::vector<uint32_t>(256, 0));
  std::string store = "@%f cp.async.bulk.global.shared::cta.bulk_group ",
              commit = "@%f cp.async.bulk.commit_group;\n";
  ASSERT_CUDA(run(
      expectBytes(1024) +
          "@%f cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%a], [%p1], 1024, [%m];\n" +
          kWait + "bar.sync 0;\n" + store + "[%p0], [%a], 512;\n" + commit + "add.u64 %p0, %p0, 512;\n" +
          "add.u32 %n, %a, 512;\n" + store + "[%p0], [%n], 512;\n" + commit +
          "@%f cp.async.bulk.wait_group.read 1;\n@%f cp.async.bulk.wait_group 0;\n",
      CUtensorMap{}, to, from));
  EXPECT_EQ(download<uint32_t>(to, 256), values);
}

EMULATOR_EVERY_COMPLETION(TensorCopyTest);

/// A tensor of 64 x 64 elements, loaded as a box of 64 x 16 with the 128-byte pattern; `code` does it.
Outcome runFault(const std::string &code, Completion policy, const std::string &fence) {
  Device device(quiet(policy, 3));
  uint64_t base = device.upload(std::vector<uint16_t>(64 * 64, 3));
  uint64_t out = device.upload(std::vector<uint16_t>(1024, 0));
  Tensor t{{64, 64}, {64, 16}, {}, 128};
  return device.run(tensorKernel(code, fence), {1}, {64}, parameters(t.map(base), out, base), kBarrier + 64);
}
void expectFault(const std::string &code, FaultKind kind, const std::string &words,
                 const std::string &fence = "fence.mbarrier_init.release.cluster;\n") {
  for (Completion policy : {Completion::Eager, Completion::Late, Completion::Random}) {
    Outcome o = runFault(code, policy, fence);
    ASSERT_TRUE(o.fault) << code;
    EXPECT_EQ(nameOf(*o.fault), std::string(nameOf(kind))) << o.message;
    EXPECT_NE(o.message.find(words), std::string::npos) << o.message;
  }
}
const std::string kLoad =
    "@%f cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%a], [%map, "
    "{0, 16}], [%m];\n";
const std::string kStore =
    "@%f cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%map, {0, 0}], [%a];\n";
const std::string kFill =
    "mad.lo.u32 %v1, %i, 32, %a;\nmov.b32 %n, 0;\nF: add.u32 %v2, %v1, %n;\nst.shared.u32 [%v2], %n;\n"
    "add.u32 %n, %n, 4;\nsetp.lt.u32 %q, %n, 32;\n@%q bra F;\n";

TEST(TensorCopyFaults, TheDataIsNotThereBeforeTheWait) {
  std::string right = expectBytes(2048) + kLoad + kWait + "ld.shared.u32 %v0, [%a];\n";
  for (Completion policy : {Completion::Eager, Completion::Late, Completion::Random}) {
    Outcome o = runFault(right, policy, "fence.mbarrier_init.release.cluster;\n");
    EXPECT_FALSE(o.fault) << o.message;
    EXPECT_FALSE(runFault(right, policy, "fence.proxy.async;\n").fault);
  }
  std::string later = "nanosleep.u32 10;\n"; // the other warp runs first
  expectFault(expectBytes(2048) + kLoad + later + "ld.shared.u32 %v0, [%a];\n" + kWait, FaultKind::InFlight,
              "expected a wait for the copy's group or mbarrier");
  expectFault(expectBytes(2048) + kLoad + "@%f st.shared.u32 [%a], 5;\n" + kWait, FaultKind::InFlight,
              "write of 4 bytes");
  // One warp has waited; the other knows nothing of it without a barrier.
  std::string one =
      expectBytes(2048) + kLoad + "setp.lt.u32 %q, %i, 32;\n@!%q bra SYNC;\n" + kWait + "SYNC: ";
  for (std::string barrier : {"bar.sync 0;\n", "nanosleep.u32 10;\n"}) {
    Outcome o = runFault(one + barrier + "ld.shared.u32 %v0, [%a];\n", Completion::Eager,
                         "fence.mbarrier_init.release.cluster;\n");
    EXPECT_EQ(o.fault.has_value(), barrier != "bar.sync 0;\n") << o.message;
  }
  expectFault(expectBytes(2048) + kLoad, FaultKind::LeakedCopy, "the CTA ends");
  expectFault(kLoad + "nanosleep.u32 1;\n" + expectBytes(4096) + kWait, FaultKind::Deadlock,
              "2048 bytes are pending");
}

/// Warp 0 waits for one copy and then for another; who waits for the second alone knows nothing of the first.
TEST(TensorCopyFaults, AWaitTellsOfItsOwnCopiesAlone) {
  std::string second = kLoad, wait = kWait, expect = expectBytes(2048);
  for (std::string *text : {&second, &wait, &expect})
    for (size_t at; (at = text->find("[%m]")) != std::string::npos;)
      text->replace(at, 4, "[%m+8]");
  second.replace(second.find("[%a]"), 4, "[%v3]");
  wait.replace(wait.find("W:"), 2, "X:").replace(wait.find("bra W"), 5, "bra X");
  auto code = [&](const std::string &known) {
    return "@%f mbarrier.init.shared.b64 [%m+8], 1;\nfence.mbarrier_init.release.cluster;\nbar.sync 0;\n"
           "add.u32 %v3, %a, 2048;\nsetp.ge.u32 %q, %i, 32;\n@%q bra SECOND;\n" +
           expect + expectBytes(2048) + kLoad + kWait + second + "SECOND:\n" + wait + known +
           "ld.shared.u32 %v0, [%v3];\nsetp.lt.u32 %q, %i, 32;\n@!%q ld.shared.u32 %v0, [%a];\n";
  };
  Outcome o = runFault(code("bar.sync 0;\n"), Completion::Late, "fence.proxy.async;\n");
  EXPECT_FALSE(o.fault) << o.message;
  expectFault(code(""), FaultKind::Race, "races with the write by the asynchronous proxy");
}

TEST(TensorCopyFaults, TheProxiesNeedFences) {
  expectFault(expectBytes(2048) + kLoad + kWait, FaultKind::Proxy,
              "expected fence.mbarrier_init or fence.proxy.async", "");
  std::string leave = "@%f cp.async.bulk.commit_group;\n@%f cp.async.bulk.wait_group.read 0;\n";
  for (std::string order :
       {"fence.proxy.async;\nbar.sync 0;\n", "bar.sync 0;\nfence.proxy.async.shared::cta;\n"}) {
    Outcome o = runFault(kFill + order + kStore + leave, Completion::Late, "");
    EXPECT_FALSE(o.fault) << o.message;
  }
  expectFault(kFill + "bar.sync 0;\n" + kStore + leave, FaultKind::Proxy, "without a fence.proxy.async");
  expectFault(kFill + "fence.proxy.async;\n" + kStore + leave + "bar.sync 0;\n", FaultKind::Race, "");
  expectFault(kFill + "bar.sync 0;\n" + expectBytes(2048) + kLoad + kWait, FaultKind::Proxy,
              "writes to shared address");
}

/// A copy is one lane's work: what the other lanes of its warp have read and written before is ordered by a
/// barrier or bar.warp.sync, not by what that lane does at an mbarrier.
TEST(TensorCopyFaults, LanesOfAWarpAreOrderedBeforeACopy) {
  std::string fill = kFill + "fence.proxy.async;\nbar.sync 0;\n";
  std::string read = fill + "setp.lt.u32 %q, %i, 32;\n@%q ld.shared.u32 %v0, [%v1];\n",
              write = fill + "setp.lt.u32 %q, %i, 32;\n@%q st.shared.u32 [%v1], %i;\nfence.proxy.async;\n",
              copy = expectBytes(2048) + kLoad + kWait,
              store = expectBytes(0) + kStore +
                      "@%f cp.async.bulk.commit_group;\n@%f cp.async.bulk.wait_group.read 0;\n";
  for (const auto &[before, transfer] : {std::pair{read, copy}, {write, copy}, {write, store}}) {
    Outcome o = runFault(before + "bar.warp.sync -1;\n" + transfer, Completion::Late, "fence.proxy.async;\n");
    EXPECT_FALSE(o.fault) << o.message;
    expectFault(before + transfer, FaultKind::Race, "races with the");
  }
  Outcome own =
      runFault(fill + "@%f ld.shared.u32 %v0, [%v1];\n" + copy, Completion::Late, "fence.proxy.async;\n");
  EXPECT_FALSE(own.fault) << own.message;
}

TEST(TensorCopyFaults, SourcesOfStoresAreReadUntilTheWait) {
  std::string ready = kFill + "fence.proxy.async;\nbar.sync 0;\n",
              commit = "@%f cp.async.bulk.commit_group;\n";
  expectFault(ready + kStore + commit, FaultKind::LeakedCopy, "may still read shared memory");
  expectFault(ready + kStore + commit +
                  "@%f st.shared.u32 [%a+2044], 1;\n@%f cp.async.bulk.wait_group.read 0;\n",
              FaultKind::InFlight, "bulk copy from it is in flight");
  expectFault(ready + kStore + "@%f cp.async.bulk.wait_group.read 0;\n", FaultKind::LeakedCopy,
              "expected cp.async.bulk.commit_group");
  Outcome o =
      runFault(ready + kStore + commit + "@%f cp.async.bulk.wait_group.read 0;\n@%f st.shared.u32 [%a], 1;\n",
               Completion::Late, "fence.proxy.async;\n");
  EXPECT_FALSE(o.fault) << o.message;
}

/// Error 715 on an H100 and an H200, whichever coordinate is negative; loads from there are zeros.
TEST(TensorCopyFaults, StoresBeforeTheStart) {
  const std::string store = kFill + "fence.proxy.async;\nbar.sync 0;\n@%f cp.async.bulk.tensor.2d.global."
                                    "shared::cta.tile.bulk_group [%map, ",
                    leave =
                        "], [%a];\n@%f cp.async.bulk.commit_group;\n@%f cp.async.bulk.wait_group.read 0;\n";
  expectFault(store + "{-8, 0}" + leave, FaultKind::OutOfBounds, "begins at -8 along dimension 0");
  expectFault(store + "{0, -1}" + leave, FaultKind::OutOfBounds, "begins at -1 along dimension 1");
}

TEST(TensorCopyFaults, AddressesAndMaps) {
  std::string shift = "add.u32 %a, %a, 64;\n";
  expectFault(shift + kLoad, FaultKind::Misaligned, "expected a multiple of 128");
  expectFault("add.u32 %a, %a, 15360;\n" + kLoad, FaultKind::OutOfBounds, "the CTA has addresses");
  expectFault("add.u64 %map, %map, 64;\n" + kLoad, FaultKind::OutOfBounds, "bytes of parameters");
  expectFault("mov.b64 %map, %p1;\n" + kLoad, FaultKind::TensorMap, "no tensor map lies");
  expectFault("@%f cp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes [%a], [%map, "
              "{0}], [%m];\n",
              FaultKind::TensorMap, "1 coordinates for a tensor map of rank 2");
  expectFault(
      "@%f cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%a], [%p1], 24, [%m];\n",
      FaultKind::Misaligned, "multiple of 16");
  expectFault(
      "@%f cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%a], [%p1+8192], 16, [%m];\n",
      FaultKind::OutOfBounds, "past the end");
  expectFault(
      "mov.b16 %h, 2;\n@%f "
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
      "[%a], [%map, {0, 0}], [%m], %h;\n",
      FaultKind::OutOfBounds, "expected the mask 1");
}

} // namespace
} // namespace gqa::emulator::test
