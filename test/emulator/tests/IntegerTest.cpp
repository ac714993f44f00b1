// Integer instructions against their definition in the PTX ISA, computed in wider arithmetic.
#include "Device.h"

namespace gqa::emulator::test {
namespace {

constexpr size_t kCount = 512;
using I = __int128;

template <class T> T wrap(I x) { return static_cast<T>(static_cast<unsigned __int128>(x)); }

template <class T, class F> void checkBinary(const std::string &opcode, F f) {
  auto a = samples<T>(kCount, 1), b = samples<T>(kCount, 2);
  auto d = apply<T>(opcode + " %d, %a, %b;", a, b);
  expectEach(d, [&](size_t n) { return wrap<T>(f(I(a[n]), I(b[n]))); }, opcode.c_str());
}

template <class T> std::string suffix() {
  return (std::is_signed_v<T> ? ".s" : ".u") + std::to_string(8 * sizeof(T));
}

template <class T> class IntegerTest : public testing::Test {};
using Integers = testing::Types<uint16_t, int16_t, uint32_t, int32_t, uint64_t, int64_t>;
TYPED_TEST_SUITE(IntegerTest, Integers);

TYPED_TEST(IntegerTest, Arithmetic) {
  std::string s = suffix<TypeParam>();
  checkBinary<TypeParam>("add" + s, [](I a, I b) { return a + b; });
  checkBinary<TypeParam>("sub" + s, [](I a, I b) { return a - b; });
  checkBinary<TypeParam>("mul.lo" + s, [](I a, I b) {
    return static_cast<I>(static_cast<unsigned __int128>(a) * static_cast<unsigned __int128>(b));
  });
  checkBinary<TypeParam>("min" + s, [](I a, I b) { return a < b ? a : b; });
  checkBinary<TypeParam>("max" + s, [](I a, I b) { return a > b ? a : b; });
  checkBinary<TypeParam>("div" + s, [](I a, I b) { return b ? a / b : -1; });
  checkBinary<TypeParam>("rem" + s, [](I a, I b) { return b ? a % b : a; });
}

TYPED_TEST(IntegerTest, HighHalfOfProduct) {
  using T = TypeParam;
  constexpr unsigned kBits = 8 * sizeof(T);
  if constexpr (kBits < 64)
    checkBinary<T>("mul.hi" + suffix<T>(), [](I a, I b) { return a * b >> kBits; });
  else if constexpr (std::is_signed_v<T>)
    checkBinary<T>("mul.hi.s64", [](I a, I b) { return a * b >> 64; });
  else
    checkBinary<T>("mul.hi.u64",
                   [](I a, I b) { return static_cast<I>(static_cast<unsigned __int128>(a) * b >> 64); });
}

TYPED_TEST(IntegerTest, MultiplyAndAdd) {
  using T = TypeParam;
  auto a = samples<T>(kCount, 1), b = samples<T>(kCount, 2), c = samples<T>(kCount, 3);
  auto d = apply<T>("mad.lo" + suffix<T>() + " %d, %a, %b, %c;", a, b, c);
  expectEach(
      d,
      [&](size_t n) {
        return wrap<T>(
            static_cast<I>(static_cast<unsigned __int128>(a[n]) * static_cast<unsigned __int128>(b[n])) +
            c[n]);
      },
      "mad.lo");
}

template <class T, class W> void checkWide() {
  auto a = samples<T>(kCount, 1), b = samples<T>(kCount, 2);
  auto c = samples<W>(kCount, 3);
  auto product = apply<W>("mul.wide" + suffix<T>() + " %d, %a, %b;", a, b);
  expectEach(product, [&](size_t n) { return wrap<W>(I(a[n]) * I(b[n])); }, "mul.wide");
  auto sum = apply<W>("mad.wide" + suffix<T>() + " %d, %a, %b, %c;", a, b, c);
  expectEach(sum, [&](size_t n) { return wrap<W>(I(a[n]) * I(b[n]) + I(c[n])); }, "mad.wide");
}

TEST(Integers, WideProducts) {
  checkWide<uint16_t, uint32_t>();
  checkWide<int16_t, int32_t>();
  checkWide<uint32_t, uint64_t>();
  checkWide<int32_t, int64_t>();
}

TEST(Integers, SaturatesOnRequest) {
  checkBinary<int32_t>("add.sat.s32", [](I a, I b) { return std::clamp<I>(a + b, INT32_MIN, INT32_MAX); });
  checkBinary<int32_t>("sub.sat.s32", [](I a, I b) { return std::clamp<I>(a - b, INT32_MIN, INT32_MAX); });
}

TEST(Integers, AbsNegSad) {
  auto a = samples<int32_t>(kCount, 1), b = samples<int32_t>(kCount, 2), c = samples<int32_t>(kCount, 3);
  expectEach(
      apply<int32_t>("abs.s32 %d, %a;", a),
      [&](size_t n) { return wrap<int32_t>(a[n] < 0 ? -I(a[n]) : I(a[n])); }, "abs");
  expectEach(apply<int32_t>("neg.s32 %d, %a;", a), [&](size_t n) { return wrap<int32_t>(-I(a[n])); }, "neg");
  expectEach(
      apply<int32_t>("sad.s32 %d, %a, %b, %c;", a, b, c),
      [&](size_t n) { return wrap<int32_t>(I(c[n]) + (a[n] < b[n] ? I(b[n]) - a[n] : I(a[n]) - b[n])); },
      "sad");
}

TEST(Integers, DotProductOfBytes) {
  auto a = samples<uint32_t>(kCount, 1), b = samples<uint32_t>(kCount, 2), c = samples<uint32_t>(kCount, 3);
  auto d = apply<uint32_t>("dp4a.s32.u32 %d, %a, %b, %c;", a, b, c);
  expectEach(
      d,
      [&](size_t n) {
        int64_t sum = c[n];
        for (unsigned k = 0; k < 4; ++k)
          sum += int64_t(int8_t(a[n] >> (8 * k))) * uint8_t(b[n] >> (8 * k));
        return static_cast<uint32_t>(sum);
      },
      "dp4a");
}

} // namespace
} // namespace gqa::emulator::test
