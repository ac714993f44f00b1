// Which version of an artifact's code runs, and what the runtime knows about the processor.
#include "Runtime/Widen.h"

#include "gqa/Artifact/Artifact.h"
#include "gqa/Runtime/Artifact.h"
#include "gqa/Runtime/Runtime.h"

#include "llvm/TargetParser/Host.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>

extern "C" _Float16 __truncdfhf2(double);

namespace gqa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

int ran;
template <int which> void entry(void **) { ran = which; }

/// An artifact of a function without tensors that has two versions, for processors with these features.
struct TwoVersions {
  gqa_rt_code versions[2];
  gqa_rt_artifact artifact{};

  TwoVersions(const char *first, const char *second)
      : versions{{"cpu:first", first, entry<1>, nullptr, nullptr},
                 {"cpu:second", second, entry<2>, nullptr, nullptr}} {
    artifact.shown.name = "f";
    artifact.num_versions = 2;
    artifact.versions = versions;
  }

  int run() {
    ran = 0;
    gqa_rt_artifact_call(&artifact.shown, nullptr, 0, nullptr, 0, nullptr);
    return ran;
  }
};

TEST(Artifact, TheVersionThatAsksForMostRuns) {
  EXPECT_EQ(TwoVersions("", "sse3").run(), 2);
  EXPECT_EQ(TwoVersions("sse3,cx16", "sse3").run(), 1);
  EXPECT_EQ(TwoVersions("sse3", "sse3,cx16").run(), 2);
  EXPECT_EQ(TwoVersions("", "").run(), 1);
}

TEST(Artifact, AVersionThatTheProcessorLacksDoesNotRun) {
  EXPECT_EQ(TwoVersions("sse3", "sse3,cx16,no-such-feature").run(), 1);
  TwoVersions none("sse3,no-such-feature", "another");
  EXPECT_EQ(none.run(), 0);
  EXPECT_STREQ(gqa_rt_last_error(),
               "no version of f runs on this machine: cpu:first needs the processor feature "
               "no-such-feature, which is not there; cpu:second needs the processor feature "
               "another, which is not there");
  EXPECT_EQ(gqa_rt_artifact_target(&none.artifact.shown), nullptr);
}

TEST(Artifact, TheProcessorIsWhatLLVMSaysItIs) {
  bool tiles = gqa_rt_request_amx();
  unsigned known = 0;
  for (const auto &feature : llvm::sys::getHostCPUFeatures()) {
    std::string name = feature.first().str();
    if (!gqa_rt_knows_feature(name.c_str()))
      continue;
    ++known;
    bool expected = feature.second && (tiles || name.rfind("amx-", 0) != 0);
    EXPECT_EQ(gqa_rt_missing_feature(name.c_str()) == nullptr, expected) << name;
  }
  EXPECT_GT(known, 50u); // none of the runtime's names is misspelt
}

TEST(Artifact, TargetsOfAList) {
  auto split = [](llvm::StringRef list) {
    auto targets = splitTargets(list);
    return targets ? *targets : std::vector<std::string>{llvm::toString(targets.takeError())};
  };
  EXPECT_THAT(split("cpu"), ElementsAre("cpu"));
  EXPECT_THAT(split("cpu:x86-64-v3,cpu,cuda:sm_80,sm_90,cpu:x86-64"),
              ElementsAre("cpu:x86-64-v3", "cpu", "cuda:sm_80,sm_90,cpu:x86-64"));
  EXPECT_THAT(split("cuda,cuda:sm_90"), ElementsAre(HasSubstr("target 'cuda:sm_90' is there twice")));
}

TEST(Artifact, ConversionsRoundOnce) {
  for (unsigned bits = 0; bits < 0x7bff; ++bits) {
    double low = rt::widenF16(uint16_t(bits)), high = rt::widenF16(uint16_t(bits + 1)),
           middle = (low + high) / 2;
    auto narrow = [](double value) {
      _Float16 half = __truncdfhf2(value);
      uint16_t result;
      memcpy(&result, &half, 2);
      return result;
    };
    ASSERT_EQ(narrow(low), bits);
    ASSERT_EQ(narrow(middle), bits + (bits & 1)); // to even
    // So near to the middle that a float in between would be it.
    ASSERT_EQ(narrow(std::nextafter(middle, 0.0)), bits);
    ASSERT_EQ(narrow(std::nextafter(middle, 1e9)), bits + 1);
  }
}

} // namespace
} // namespace gqa
