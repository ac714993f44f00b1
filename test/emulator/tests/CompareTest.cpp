// setp, set, selp, slct.
#include "Device.h"

#include <functional>

namespace gqa::emulator::test {
namespace {

TEST(Compare, EveryOperatorOnFloats) {
  std::vector<uint32_t> some{0, 0x80000000, 0x3F800000, 0xBF800000, 0x7F800000, 0x7FC00000, 1, 0x40000000}, a,
      b;
  for (uint32_t x : some)
    for (uint32_t y : some) {
      a.push_back(x);
      b.push_back(y);
    }
  using F = std::function<bool(float, float)>;
  const std::vector<std::pair<std::string, F>> kOperators{
      {"eq", [](float x, float y) { return x == y; }},
      {"ne", [](float x, float y) { return x < y || x > y; }},
      {"lt", [](float x, float y) { return x < y; }},
      {"le", [](float x, float y) { return x <= y; }},
      {"gt", [](float x, float y) { return x > y; }},
      {"ge", [](float x, float y) { return x >= y; }},
      {"num", [](float x, float y) { return x == x && y == y; }},
      {"nan", [](float x, float y) { return x != x || y != y; }}};
  auto nan = [](float x, float y) { return x != x || y != y; };
  auto check = [&](const std::string &name, const F &f) {
    auto d = apply<uint32_t>("setp." + name + ".f32 %q, %a, %b;\nselp.b32 %d, 7, 3, %q;", a, b);
    expectEach(d, [&](size_t n) { return f(asFloat(a[n]), asFloat(b[n])) ? 7u : 3u; }, name.c_str());
    auto value = apply<uint32_t>("set." + name + ".f32.f32 %d, %a, %b;", a, b);
    expectEach(
        value, [&](size_t n) { return f(asFloat(a[n]), asFloat(b[n])) ? 0x3F800000u : 0u; }, name.c_str());
  };
  for (const auto &[name, f] : kOperators) {
    check(name, f);
    if (name.size() == 2) // the unordered twin holds for NaN too
      check(name + "u", [&](float x, float y) { return nan(x, y) || f(x, y); });
  }
}

TEST(Compare, SignednessMatters) {
  std::vector<uint32_t> a{1, 0xFFFFFFFF, 5, 0x80000000}, b{0xFFFFFFFF, 1, 5, 0x7FFFFFFF};
  auto flag = [&](const char *setp) {
    return apply<uint32_t>(std::string(setp) + " %q, %a, %b;\nselp.u32 %d, 1, 0, %q;", a, b);
  };
  EXPECT_EQ(flag("setp.lt.s32"), (std::vector<uint32_t>{0, 1, 0, 1}));
  EXPECT_EQ(flag("setp.lt.u32"), (std::vector<uint32_t>{1, 0, 0, 0}));
  EXPECT_EQ(flag("setp.lo.u32"), (std::vector<uint32_t>{1, 0, 0, 0}));
  EXPECT_EQ(flag("setp.hs.u32"), (std::vector<uint32_t>{0, 1, 1, 1}));
  EXPECT_EQ(flag("setp.ge.s32"), (std::vector<uint32_t>{1, 0, 1, 0}));
  EXPECT_EQ(flag("setp.ne.b32"), (std::vector<uint32_t>{1, 1, 0, 1}));
}

TEST(Compare, SecondPredicateIsTheJoinedComplement) {
  std::vector<uint32_t> a{1, 5, 1, 5}, b{3, 3, 3, 3}, c{1, 1, 0, 0};
  auto run = [&](const char *op, const char *result) {
    return apply<uint32_t>(".reg .pred %s;\nsetp.ne.u32 %s, %c, 0;\nsetp.lt." + std::string(op) +
                               ".u32 %q|%r, %a, %b, %s;\nselp.u32 %d, 1, 0, " + result + ";",
                           a, b, c);
  };
  EXPECT_EQ(run("and", "%q"), (std::vector<uint32_t>{1, 0, 0, 0}));
  EXPECT_EQ(run("and", "%r"), (std::vector<uint32_t>{0, 1, 0, 0}));
  EXPECT_EQ(run("or", "%q"), (std::vector<uint32_t>{1, 1, 1, 0}));
  EXPECT_EQ(run("xor", "%r"), (std::vector<uint32_t>{1, 0, 0, 1}));
}

TEST(Compare, SelectBySign) {
  std::vector<uint32_t> a{1, 1, 1, 1}, b{2, 2, 2, 2}, c{0, 0x80000000, 0xBF800000, 0x7FC00000};
  EXPECT_EQ(apply<uint32_t>("slct.b32.s32 %d, %a, %b, %c;", a, b, c), (std::vector<uint32_t>{1, 2, 2, 1}));
  EXPECT_EQ(apply<uint32_t>("slct.b32.f32 %d, %a, %b, %c;", a, b, c), (std::vector<uint32_t>{1, 1, 2, 2}));
}

TEST(Compare, PredicateLogic) {
  std::vector<uint32_t> a{0, 0, 1, 1}, b{0, 1, 0, 1};
  auto run = [&](const char *code) {
    return apply<uint32_t>(std::string("setp.ne.u32 %q, %a, 0;\nsetp.ne.u32 %r, %b, 0;\n") + code +
                               "\nselp.u32 %d, 1, 0, %q;",
                           a, b);
  };
  EXPECT_EQ(run("and.pred %q, %q, %r;"), (std::vector<uint32_t>{0, 0, 0, 1}));
  EXPECT_EQ(run("or.pred %q, %q, %r;"), (std::vector<uint32_t>{0, 1, 1, 1}));
  EXPECT_EQ(run("xor.pred %q, %q, !%r;"), (std::vector<uint32_t>{1, 0, 0, 1}));
  EXPECT_EQ(run("not.pred %q, %r;"), (std::vector<uint32_t>{1, 0, 1, 0}));
  EXPECT_EQ(run("mov.pred %q, -1;"), (std::vector<uint32_t>{1, 1, 1, 1}));
  EXPECT_EQ(run("mov.pred %q, 0;"), (std::vector<uint32_t>{0, 0, 0, 0}));
}

} // namespace
} // namespace gqa::emulator::test
