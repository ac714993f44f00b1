#include "Types.h"

#include <algorithm>

namespace gqa::emulator {

bool isClock(std::string_view name) {
  return name == "%clock" || name == "%clock64" || name == "%globaltimer" || name == "%globaltimer_lo";
}

bool isSpecial(std::string_view name) {
  static constexpr std::string_view kNames[] = {"%tid.x",
                                                "%tid.y",
                                                "%tid.z",
                                                "%ntid.x",
                                                "%ntid.y",
                                                "%ntid.z",
                                                "%ctaid.x",
                                                "%ctaid.y",
                                                "%ctaid.z",
                                                "%nctaid.x",
                                                "%nctaid.y",
                                                "%nctaid.z",
                                                "%laneid",
                                                "%warpid",
                                                "%nwarpid",
                                                "%smid",
                                                "%nsmid",
                                                "%lanemask_eq",
                                                "%lanemask_lt",
                                                "%lanemask_le",
                                                "%lanemask_gt",
                                                "%lanemask_ge",
                                                "%dynamic_smem_size",
                                                "%total_smem_size",
                                                "%clusterid.x",
                                                "%clusterid.y",
                                                "%clusterid.z",
                                                "%nclusterid.x",
                                                "%nclusterid.y",
                                                "%nclusterid.z",
                                                "%cluster_ctaid.x",
                                                "%cluster_ctaid.y",
                                                "%cluster_ctaid.z",
                                                "%cluster_nctaid.x",
                                                "%cluster_nctaid.y",
                                                "%cluster_nctaid.z",
                                                "%cluster_ctarank",
                                                "%cluster_nctarank"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) || isClock(name);
}

bool isBits(Type type) {
  return type == Type::B8 || type == Type::B16 || type == Type::B32 || type == Type::B64;
}
bool isFloat(Type type) {
  switch (type) {
  case Type::F16:
  case Type::BF16:
  case Type::F32:
  case Type::F16X2:
  case Type::BF16X2:
  case Type::TF32:
  case Type::F64:
    return true;
  default:
    return false;
  }
}

bool mayBe(Type have, Type wanted) {
  bool either = wanted == Type::None || isBits(have) || isBits(wanted);
  return either || (isFloat(have) || isFloat(wanted) ? have == wanted : true);
}

} // namespace gqa::emulator
