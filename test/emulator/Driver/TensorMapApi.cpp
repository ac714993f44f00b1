// cuTensorMapEncodeTiled, with the conditions that its documentation gives.
#include "Driver.h"
#include "Execute/TensorMap.h"

#include <cstring>

using namespace gqa::emulator;

namespace {

/// By CUtensorMapDataType: bytes of an element, and whether it is a floating-point type.
struct Element {
  uint8_t bytes;
  bool isFloat;
};
constexpr Element kElements[] = {{1, false}, {2, false}, {4, false}, {4, false}, {8, false},
                                 {8, false}, {2, true},  {4, true},  {8, true},  {2, true},
                                 {4, true},  {4, true},  {4, true}};
constexpr int kPackedTypes = 3; ///< behind them: formats of 4 and 6 bits, which sm_90 does not have

struct Request {
  int type;
  unsigned rank;
  uint64_t address;
  const uint64_t *sizes, *strides;
  const uint32_t *box, *steps;
  int interleave, swizzle, promotion, fill;
};

/// Sizes, strides and the box of each dimension.
bool dimensionsFit(const Request &r, unsigned bytes) {
  for (unsigned d = 0; d < r.rank; ++d) {
    if (!r.sizes[d] || r.sizes[d] > uint64_t(1) << 32 || !r.box[d] || r.box[d] > 256)
      return false;
    if (d && (r.strides[d - 1] % 16 || r.strides[d - 1] >= uint64_t(1) << 40))
      return false;
    if (!r.steps[d] || r.steps[d] > 8)
      return false;
  }
  return r.box[0] * bytes % 16 == 0;
}

CUresult encode(CUtensorMap *out, const Request &r) {
  if (!out || reinterpret_cast<uintptr_t>(out) % 64 || r.type < 0 || r.rank < 1 || r.rank > 5 || !r.address ||
      r.address % 16 || !r.sizes || (r.rank > 1 && !r.strides) || !r.box || !r.steps)
    return CUDA_ERROR_INVALID_VALUE;
  constexpr int kTypes = sizeof kElements / sizeof *kElements;
  if (r.type >= kTypes)
    return r.type < kTypes + kPackedTypes ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
  if (r.interleave < 0 || r.interleave > 2 || r.swizzle < 0 || r.swizzle > 6 || r.promotion < 0 ||
      r.promotion > 3 || r.fill < 0 || r.fill > 1)
    return CUDA_ERROR_INVALID_VALUE;
  if (r.interleave || r.swizzle > 3)
    return CUDA_ERROR_NOT_SUPPORTED; // not modelled
  Element element = kElements[r.type];
  constexpr unsigned kSpans[] = {0, 32, 64, 128};
  unsigned span = kSpans[r.swizzle];
  if (!dimensionsFit(r, element.bytes) || (span && r.box[0] * element.bytes > span) ||
      (r.fill && !element.isFloat))
    return CUDA_ERROR_INVALID_VALUE;
  TensorMap map;
  map.base = r.address;
  for (unsigned d = 0; d < r.rank; ++d) {
    map.sizes[d] = static_cast<uint32_t>(r.sizes[d] - 1);
    map.box[d] = static_cast<uint16_t>(r.box[d]);
    map.steps[d] =
        static_cast<uint8_t>(d ? r.steps[d] : 1); // of dimension 0 it is ignored without interleaving
    if (d)
      map.strides[d - 1] = r.strides[d - 1];
  }
  map.rank = static_cast<uint8_t>(r.rank);
  map.elementBytes = element.bytes;
  map.isFloat = element.isFloat ? element.bytes : 0;
  map.swizzle = static_cast<uint8_t>(span);
  map.fillNaN = static_cast<uint8_t>(r.fill);
  map.type = static_cast<uint8_t>(r.type);
  static_assert(sizeof(CUtensorMap) == sizeof map);
  std::memcpy(out, &map, sizeof map);
  return CUDA_SUCCESS;
}

} // namespace

EMULATOR_API CUresult cuTensorMapEncodeTiled(CUtensorMap *map, int type, unsigned rank, void *address,
                                             const uint64_t *sizes, const uint64_t *strides,
                                             const uint32_t *box, const uint32_t *steps, int interleave,
                                             int swizzle, int promotion, int fill) {
  return Driver::get().call("cuTensorMapEncodeTiled", Needs::Init, [&] {
    if (Driver::get().settings.sm < 90)
      return CUDA_ERROR_NOT_SUPPORTED;
    return encode(map, {type, rank, reinterpret_cast<uint64_t>(address), sizes, strides, box, steps,
                        interleave, swizzle, promotion, fill});
  });
}
