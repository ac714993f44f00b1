// Conversions with integers only, so that they are right on every x86-64; where F16C is there at run time,
// with that.
#include "Widen.h"

#include "gqa/Runtime/Function.h"

#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#define GQA_F16C __attribute__((target("avx,f16c")))
#endif

namespace gqa::rt {
namespace {

float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

uint32_t toBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

#if defined(__x86_64__)
/// Not the compiler's __builtin_cpu_supports: its tables are in a static library, which artifacts are not
/// linked against.
bool hasF16C() {
  static const bool has = gqa_rt_missing_feature("avx,f16c") == nullptr;
  return has;
}

/// How many elements were converted; the rest is the caller's.
GQA_F16C int64_t widenVectors(const uint16_t *from, float *to, int64_t count) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from + i))));
  return i;
}

GQA_F16C int64_t narrowVectors(const float *from, uint16_t *to, int64_t count) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i *>(to + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
  return i;
}
#endif

} // namespace

float widenF16(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16, magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00)
    return fromBits(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  if (magnitude < 0x400) // denormals are whole multiples of 2^-24
    return fromBits(sign | toBits(float(magnitude) * 0x1p-24f));
  return fromBits(sign | ((magnitude << 13) + 0x38000000));
}

uint16_t narrowF16(float value) {
  uint32_t bits = toBits(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return uint16_t(sign | 0x7e00);
  if (magnitude >= 0x477ff000) // 65520 and more round to infinity
    return uint16_t(sign | 0x7c00);
  if (magnitude < 0x38800000) // below 2^-14: adding 0.5 makes the hardware round at the last denormal bit
    return uint16_t(sign | (toBits(fromBits(magnitude) + 0.5f) - 0x3f000000));
  return uint16_t(sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

uint16_t narrowBF16(float value) {
  uint32_t bits = toBits(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return uint16_t(bits >> 16 | 0x40); // a NaN stays one
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void widenF16(const uint16_t *from, float *to, int64_t count) {
  int64_t i = 0;
#if defined(__x86_64__)
  if (hasF16C())
    i = widenVectors(from, to, count);
#endif
  for (; i < count; ++i)
    to[i] = widenF16(from[i]);
}

void narrowF16(const float *from, uint16_t *to, int64_t count) {
  int64_t i = 0;
#if defined(__x86_64__)
  if (hasF16C())
    i = narrowVectors(from, to, count);
#endif
  for (; i < count; ++i)
    to[i] = narrowF16(from[i]);
}

void widenBF16(const uint16_t *from, float *to, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = fromBits(uint32_t(from[i]) << 16);
}

void narrowBF16(const float *from, uint16_t *to, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = narrowBF16(from[i]);
}

} // namespace gqa::rt
