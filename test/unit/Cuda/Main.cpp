// The main of the suite without LLVM.
#include "Support.h"

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  GTEST_FLAG_SET(death_test_style,
                 "threadsafe"); // a child starts afresh: no fork of a process that uses CUDA
  if (!getenv("GQA_CUDA_DRIVER"))
    gqa::test::use(GQA_FAKE_DRIVER);
  return RUN_ALL_TESTS();
}
