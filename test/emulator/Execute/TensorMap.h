// What cuTensorMapEncodeTiled writes into the 128 bytes of a tensor map, whose form is the driver's own.
// Dimension 0 is the innermost one.
#pragma once
#include <cstddef>
#include <cstdint>

namespace gqa::emulator {

struct TensorMap {
  static constexpr uint64_t kMagic = 0x70614D726F736E54; // "TnsorMap"
  uint64_t magic = kMagic;
  uint64_t base = 0;
  uint64_t strides[4] = {}; ///< bytes from one element to the next of dimensions 1 to 4
  uint32_t sizes[5] = {};   ///< less 1, since a dimension may have 2^32 elements
  uint16_t box[5] = {};
  uint8_t steps[5] = {}; ///< element strides
  uint8_t rank = 0;
  uint8_t elementBytes = 0;
  uint8_t isFloat = 0; ///< 0, or the bytes of a floating-point element
  uint8_t swizzle = 0; ///< the span of the pattern: 0, 32, 64 or 128 bytes
  uint8_t fillNaN = 0;
  uint8_t type = 0; ///< CUtensorMapDataType
  uint8_t rest[39] = {};
};
static_assert(sizeof(TensorMap) == 128);

/// Where the asynchronous proxy finds the 16 bytes that would lie at an address without swizzling: three, two
/// or one of the address bits from 4 on are XORed with those from 7 on.
inline uint32_t swizzled(uint32_t address, unsigned span) {
  return span ? address ^ ((address >> 7 & (span / 16 - 1)) << 4) : address;
}

} // namespace gqa::emulator
