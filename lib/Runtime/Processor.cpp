// What the processor can do, for code that was made for another one.
#include "gqa/Runtime/Function.h"
#include "gqa/Runtime/Runtime.h"

#include <cstring>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace {

/// Bits of XCR0, in which the system says which registers it saves.
enum State : uint64_t { None = 0, Vectors = 0x6, WideVectors = 0xe6, Tiles = 0x60000, Extended = 0x80000 };

#if defined(__x86_64__)
struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers registers;
  // A subleaf that is not there can repeat another one's bits; leaf 7 says how many it has.
  if (leaf == 7 && subleaf && cpuid(7, 0).eax < subleaf)
    return registers;
  __get_cpuid_count(leaf, subleaf, &registers.eax, &registers.ebx, &registers.ecx, &registers.edx);
  return registers;
}

uint64_t savedState() {
  constexpr unsigned kOSXSave = 1u << 27;
  if (!(cpuid(1, 0).ecx & kOSXSave))
    return 0;
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

struct Feature {
  std::string_view name;
  unsigned leaf, subleaf;
  unsigned Registers::*part;
  unsigned bit;
  uint64_t state;
};

constexpr Feature kFeatures[] = {
#define FEATURE(name, leaf, subleaf, part, bit, state) {name, leaf, subleaf, &Registers::part, bit, state},
#include "Processor.def"
};

const Feature *find(std::string_view name) {
  for (const Feature &feature : kFeatures)
    if (feature.name == name)
      return &feature;
  return nullptr;
}

bool has(const Feature &feature) {
  static const uint64_t saved = savedState();
  if ((saved & feature.state) != feature.state)
    return false;
  if (!(cpuid(feature.leaf, feature.subleaf).*feature.part >> feature.bit & 1))
    return false;
  return feature.state != Tiles || gqa_rt_request_amx();
}
#else
struct Feature {};
const Feature *find(std::string_view) { return nullptr; }
bool has(const Feature &) { return false; }
#endif

} // namespace

int gqa_rt_knows_feature(const char *feature) { return find(feature) != nullptr; }

const char *gqa_rt_missing_feature(const char *features) {
  for (const char *name = features; *name;) {
    size_t length = std::strcspn(name, ",");
    const Feature *feature = find({name, length});
    if (!feature || !has(*feature))
      return name;
    name += length;
    name += *name == ',';
  }
  return nullptr;
}
