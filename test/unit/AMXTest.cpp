// Permission to use tile registers: asked for once, and never granted by a processor that has none.
#include "gqa/Runtime/Runtime.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace {

TEST(AMX, OneAnswer) {
  int granted = gqa_rt_request_amx();
  EXPECT_TRUE(granted == 0 || granted == 1);
  EXPECT_EQ(gqa_rt_request_amx(), granted);
}

TEST(AMX, NoneWithoutTheFeature) {
  std::stringstream text;
  text << std::ifstream("/proc/cpuinfo").rdbuf();
  if (text.str().find("amx_tile") == std::string::npos)
    EXPECT_EQ(gqa_rt_request_amx(), 0);
}

} // namespace
