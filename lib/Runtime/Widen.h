// Rows of f16 and bf16 to f32 and back, rounding to nearest even.
#ifndef GQA_LIB_RUNTIME_WIDEN_H
#define GQA_LIB_RUNTIME_WIDEN_H

#include <cstdint>

namespace gqa::rt {

void widenF16(const uint16_t *from, float *to, int64_t count);
void widenBF16(const uint16_t *from, float *to, int64_t count);
void narrowF16(const float *from, uint16_t *to, int64_t count);
void narrowBF16(const float *from, uint16_t *to, int64_t count);

/// One value each, for compiled code where the processor has no instruction.
float widenF16(uint16_t bits);
uint16_t narrowF16(float value);
uint16_t narrowBF16(float value);

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_WIDEN_H
