// What the pre-scan refuses, and what only looks deep.
#include "gqa/Pipeline/Prescan.h"

#include <gtest/gtest.h>

using gqa::prescan;

namespace {

std::string repeat(const std::string &text, int times) {
  std::string result;
  while (times--)
    result += text;
  return result;
}

TEST(Prescan, RefusesNestingBombs) {
  for (const char *bracket : {"[", "{", "(", "<", "(["}) {
    llvm::Error error = prescan("\n\n" + repeat(bracket, 1000));
    ASSERT_TRUE(bool(error));
    EXPECT_EQ(llvm::toString(std::move(error)),
              "line 3 nests brackets more than 256 deep, which the parser cannot take");
  }
}

TEST(Prescan, RefusesNothing) {
  for (const char *text : {"", "  \n\t"})
    EXPECT_TRUE(llvm::errorToBool(prescan(text)));
}

TEST(Prescan, AcceptsWhatOnlyLooksDeep) {
  EXPECT_FALSE(llvm::errorToBool(prescan(repeat("[", 256) + repeat("]", 256))));
  EXPECT_FALSE(llvm::errorToBool(prescan(repeat("(a) -> (b), ", 1000))));
  EXPECT_FALSE(llvm::errorToBool(prescan("\"" + repeat("[", 1000) + "\"")));
  EXPECT_FALSE(llvm::errorToBool(prescan("\"\\\"" + repeat("[", 1000) + "\"")));
  EXPECT_FALSE(llvm::errorToBool(prescan("// " + repeat("[", 1000) + "\nx")));
  EXPECT_FALSE(llvm::errorToBool(prescan("affine_set<(d0) : (" + repeat("d0 >= 0, ", 1000) + ")>")));
}

TEST(Prescan, RefusesWhatCrashesTheParser) {
  for (const char *list : {"[0, 1", "0]", "[0 1]", "[0, 1, ]", "[99999999999999999999]", "dense<0>"}) {
    EXPECT_TRUE(llvm::errorToBool(prescan(std::string("outs(%x : tensor<2x2xf32>) permutation = ") + list)))
        << list;
    EXPECT_TRUE(llvm::errorToBool(prescan(std::string("outs(%x : tensor<2x2xf32>)\n  dimensions = ") + list)))
        << list;
  }
  EXPECT_FALSE(llvm::errorToBool(
      prescan("outs(%x : tensor<2x2xf32>) permutation = [1, 0] { dimensions = dense<0> }")));
  EXPECT_FALSE(llvm::errorToBool(prescan("outs(%x : tensor<f32>) dimensions = []")));
}

/// Closing what was never opened must not buy depth for later.
TEST(Prescan, CountsFromZero) {
  EXPECT_TRUE(llvm::errorToBool(prescan(repeat(")", 1000) + repeat("(", 257))));
  EXPECT_TRUE(llvm::errorToBool(prescan(repeat("->(", 257))));
}

} // namespace
