// Logic, shifts and bit fields against the loops of the PTX ISA, bit by bit.
#include "Device.h"

namespace gqa::emulator::test {
namespace {

constexpr size_t kCount = 512;

TEST(Bits, Logic) {
  auto a = samples<uint64_t>(kCount, 1), b = samples<uint64_t>(kCount, 2);
  expectEach(apply<uint64_t>("and.b64 %d, %a, %b;", a, b), [&](size_t n) { return a[n] & b[n]; }, "and");
  expectEach(apply<uint64_t>("or.b64 %d, %a, %b;", a, b), [&](size_t n) { return a[n] | b[n]; }, "or");
  expectEach(apply<uint64_t>("xor.b64 %d, %a, %b;", a, b), [&](size_t n) { return a[n] ^ b[n]; }, "xor");
  expectEach(apply<uint64_t>("not.b64 %d, %a;", a), [&](size_t n) { return ~a[n]; }, "not");
}

TEST(Bits, AnyLogicOfThree) {
  auto a = samples<uint32_t>(kCount, 1), b = samples<uint32_t>(kCount, 2), c = samples<uint32_t>(kCount, 3);
  for (unsigned table : {0x00u, 0xFFu, 0x96u, 0xE8u, 0xCAu, 0x1Bu, 0x80u, 0x2Du})
    expectEach(
        apply<uint32_t>("lop3.b32 %d, %a, %b, %c, " + std::to_string(table) + ";", a, b, c),
        [&](size_t n) {
          uint32_t d = 0;
          for (unsigned bit = 0; bit < 32; ++bit)
            d |= (table >> ((a[n] >> bit & 1) << 2 | (b[n] >> bit & 1) << 1 | (c[n] >> bit & 1)) & 1) << bit;
          return d;
        },
        "lop3");
}

/// Amounts beyond the width shift everything out, by the sign for signed types.
template <class T> void checkShifts(const std::string &width) {
  auto a = samples<T>(kCount, 1);
  std::vector<uint32_t> b;
  for (size_t n = 0; n < kCount; ++n)
    b.push_back(n % 5 == 0 ? 0xFFFFFFFF : n % 80);
  constexpr unsigned kBits = 8 * sizeof(T);
  using S = std::make_signed_t<T>;
  expectEach(
      apply<T, T, uint32_t>("shl.b" + width + " %d, %a, %b;", a, b),
      [&](size_t n) { return b[n] < kBits ? T(a[n] << b[n]) : T(0); }, "shl");
  expectEach(
      apply<T, T, uint32_t>("shr.u" + width + " %d, %a, %b;", a, b),
      [&](size_t n) { return b[n] < kBits ? T(a[n] >> b[n]) : T(0); }, "shr.u");
  expectEach(
      apply<T, T, uint32_t>("shr.s" + width + " %d, %a, %b;", a, b),
      [&](size_t n) { return T(S(a[n]) >> std::min(b[n], kBits - 1)); }, "shr.s");
}

TEST(Bits, ShiftsClamp) {
  checkShifts<uint16_t>("16");
  checkShifts<uint32_t>("32");
  checkShifts<uint64_t>("64");
}

TEST(Bits, FunnelShifts) {
  auto a = samples<uint32_t>(kCount, 1), b = samples<uint32_t>(kCount, 2);
  std::vector<uint32_t> c;
  for (size_t n = 0; n < kCount; ++n)
    c.push_back(n % 40);
  auto both = [&](size_t n) { return uint64_t(b[n]) << 32 | a[n]; };
  expectEach(
      apply<uint32_t>("shf.l.wrap.b32 %d, %a, %b, %c;", a, b, c),
      [&](size_t n) { return uint32_t(both(n) << (c[n] & 31) >> 32); }, "shf.l.wrap");
  expectEach(
      apply<uint32_t>("shf.l.clamp.b32 %d, %a, %b, %c;", a, b, c),
      [&](size_t n) { return uint32_t(both(n) << std::min(c[n], 32u) >> 32); }, "shf.l.clamp");
  expectEach(
      apply<uint32_t>("shf.r.wrap.b32 %d, %a, %b, %c;", a, b, c),
      [&](size_t n) { return uint32_t(both(n) >> (c[n] & 31)); }, "shf.r.wrap");
  expectEach(
      apply<uint32_t>("shf.r.clamp.b32 %d, %a, %b, %c;", a, b, c),
      [&](size_t n) { return uint32_t(both(n) >> std::min(c[n], 32u)); }, "shf.r.clamp");
}

TEST(Bits, PermuteBytes) {
  auto a = samples<uint32_t>(kCount, 1), b = samples<uint32_t>(kCount, 2), c = samples<uint32_t>(kCount, 3);
  auto byteOf = [&](size_t n, unsigned which) {
    return uint32_t((uint64_t(b[n]) << 32 | a[n]) >> (8 * which) & 0xFF);
  };
  expectEach(
      apply<uint32_t>("prmt.b32 %d, %a, %b, %c;", a, b, c),
      [&](size_t n) {
        uint32_t d = 0;
        for (unsigned k = 0; k < 4; ++k) {
          uint32_t byte = byteOf(n, c[n] >> (4 * k) & 7);
          if (c[n] >> (4 * k + 3) & 1)
            byte = byte & 0x80 ? 0xFF : 0;
          d |= byte << (8 * k);
        }
        return d;
      },
      "prmt");
  // The modes, as bytes from the most significant one down.
  const struct {
    const char *mode;
    unsigned bytes[4][4];
  } kModes[] = {{"f4e", {{3, 2, 1, 0}, {4, 3, 2, 1}, {5, 4, 3, 2}, {6, 5, 4, 3}}},
                {"b4e", {{5, 6, 7, 0}, {6, 7, 0, 1}, {7, 0, 1, 2}, {0, 1, 2, 3}}},
                {"rc8", {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}}},
                {"ecl", {{3, 2, 1, 0}, {3, 2, 1, 1}, {3, 2, 2, 2}, {3, 3, 3, 3}}},
                {"ecr", {{0, 0, 0, 0}, {1, 1, 1, 0}, {2, 2, 1, 0}, {3, 2, 1, 0}}},
                {"rc16", {{1, 0, 1, 0}, {3, 2, 3, 2}, {1, 0, 1, 0}, {3, 2, 3, 2}}}};
  for (const auto &m : kModes)
    expectEach(
        apply<uint32_t>(std::string("prmt.b32.") + m.mode + " %d, %a, %b, %c;", a, b, c),
        [&](size_t n) {
          uint32_t d = 0;
          for (unsigned k = 0; k < 4; ++k)
            d |= byteOf(n, m.bytes[c[n] & 3][3 - k]) << (8 * k);
          return d;
        },
        m.mode);
}

/// The loop of the ISA's description.
template <class T> T extracted(T a, uint32_t b, uint32_t c) {
  const unsigned msb = 8 * sizeof(T) - 1;
  unsigned pos = b & 0xFF, len = c & 0xFF, sbit;
  if (!std::is_signed_v<T> || len == 0)
    sbit = 0;
  else
    sbit = std::make_unsigned_t<T>(a) >> std::min(pos + len - 1, msb) & 1;
  std::make_unsigned_t<T> d = 0;
  for (unsigned i = 0; i <= msb; ++i)
    d |= std::make_unsigned_t<T>(i < len && pos + i <= msb ? std::make_unsigned_t<T>(a) >> (pos + i) & 1
                                                           : sbit)
         << i;
  return static_cast<T>(d);
}

template <class T> void checkFields(const char *type) {
  auto a = samples<T>(kCount, 1);
  std::vector<uint32_t> b, c;
  for (size_t n = 0; n < kCount; ++n) {
    b.push_back(n * 7 % 75);
    c.push_back(n * 13 % 70);
  }
  expectEach(
      apply<T, T, uint32_t, uint32_t>(std::string("bfe.") + type + " %d, %a, %b, %c;", a, b, c),
      [&](size_t n) { return extracted(a[n], b[n], c[n]); }, type);
}

TEST(Bits, ExtractFields) {
  checkFields<uint32_t>("u32");
  checkFields<int32_t>("s32");
  checkFields<uint64_t>("u64");
  checkFields<int64_t>("s64");
}

TEST(Bits, InsertFields) {
  auto a = samples<uint32_t>(kCount, 1), b = samples<uint32_t>(kCount, 2);
  for (auto [pos, len] :
       {std::pair{0u, 8u}, {5u, 20u}, {28u, 10u}, {31u, 1u}, {0u, 32u}, {40u, 3u}, {4u, 0u}})
    expectEach(
        apply<uint32_t>("bfi.b32 %d, %a, %b, " + std::to_string(pos) + ", " + std::to_string(len) + ";", a,
                        b),
        [&](size_t n) {
          uint32_t d = b[n];
          for (unsigned i = 0; i < len && pos + i <= 31; ++i)
            d = (d & ~(1u << (pos + i))) | (a[n] >> i & 1) << (pos + i);
          return d;
        },
        "bfi");
}

TEST(Bits, CountAndFind) {
  auto a = samples<uint32_t>(kCount, 1);
  expectEach(
      apply<uint32_t>("popc.b32 %d, %a;", a), [&](size_t n) { return uint32_t(__builtin_popcount(a[n])); },
      "popc");
  expectEach(
      apply<uint32_t>("clz.b32 %d, %a;", a),
      [&](size_t n) { return a[n] ? uint32_t(__builtin_clz(a[n])) : 32; }, "clz");
  expectEach(
      apply<uint32_t>("brev.b32 %d, %a;", a), [&](size_t n) { return __builtin_bitreverse32(a[n]); }, "brev");
  expectEach(
      apply<uint32_t>("bfind.u32 %d, %a;", a),
      [&](size_t n) { return a[n] ? 31u - __builtin_clz(a[n]) : ~0u; }, "bfind");
  expectEach(
      apply<uint32_t>("bfind.s32 %d, %a;", a),
      [&](size_t n) {
        uint32_t x = int32_t(a[n]) < 0 ? ~a[n] : a[n];
        return x ? 31u - __builtin_clz(x) : ~0u;
      },
      "bfind.s32");
}

/// The first element of a vector is the lowest.
TEST(Bits, Vectors) {
  auto a = samples<uint32_t>(1024);
  expectEach(
      apply<uint32_t>(".reg .b16 %h<2>;\nmov.b32 {%h0, %h1}, %a;\nmov.b32 %d, {%h1, %h0};", a),
      [&](size_t n) { return a[n] >> 16 | a[n] << 16; }, "two of 16 bits");
  auto b = samples<uint64_t>(1024);
  expectEach(
      apply<uint64_t>(".reg .b32 %w<2>;\nmov.b64 {%w0, %w1}, %a;\nmov.b64 %d, {%w1, %w0};", b),
      [&](size_t n) { return b[n] >> 32 | b[n] << 32; }, "two of 32 bits");
  expectEach(
      apply<uint64_t>(
          ".reg .b16 %h<4>;\nmov.b64 {%h0, %h1, %h2, %h3}, %a;\nmov.b64 %d, {%h1, %h2, %h3, %h0};", b),
      [&](size_t n) { return b[n] >> 16 | b[n] << 48; }, "four of 16 bits");
}

} // namespace
} // namespace gqa::emulator::test
