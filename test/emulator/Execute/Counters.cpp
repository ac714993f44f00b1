#include "Counters.h"

namespace gqa::emulator {

Counters &Counters::operator+=(const Counters &other) {
  // Plain numbers throughout.
  static_assert(sizeof(Counters) % sizeof(uint64_t) == 0);
  auto *to = reinterpret_cast<uint64_t *>(this);
  auto *from = reinterpret_cast<const uint64_t *>(&other);
  for (size_t i = 0; i < sizeof(Counters) / sizeof(uint64_t); ++i)
    to[i] += from[i];
  return *this;
}

std::string Counters::json() const {
  static constexpr const char *kNames[] = {"integer", "float",   "special", "convert", "move",   "compare",
                                           "control", "shuffle", "memory",  "async",   "matrix", "barrier"};
  static_assert(std::size(kNames) == static_cast<size_t>(Class::kCount));
  std::string text = "{\"instructions\": {";
  for (size_t i = 0; i < std::size(kNames); ++i)
    text += std::string(i ? ", \"" : "\"") + kNames[i] + "\": " + std::to_string(issued[i]);
  text += "}";
  auto field = [&](const char *name, uint64_t value) {
    text += std::string(", \"") + name + "\": " + std::to_string(value);
  };
  field("tensor_flop", tensorFlop);
  field("global_requests", globalRequests);
  field("global_sectors", globalSectors);
  field("global_load_bytes", globalLoadBytes);
  field("global_store_bytes", globalStoreBytes);
  field("shared_requests", sharedRequests);
  field("shared_wavefronts", sharedWavefronts);
  field("shared_bank_conflicts", sharedWavefronts - sharedIdeal);
  field("shared_bytes", sharedBytes);
  field("barriers", barriers);
  return text + "}";
}

} // namespace gqa::emulator
