#include "GlobalOrder.h"

#include "Fault.h"

#include <algorithm>

namespace gqa::emulator {
namespace {

std::string threads(unsigned warp, unsigned lane) {
  return lane < 32 ? "thread " + std::to_string(warp * 32 + lane) : "threads of warp " + std::to_string(warp);
}

[[noreturn]] void race(const GlobalOrder::Access &access, uint64_t address, unsigned size, const char *now,
                       const char *before, unsigned warp, unsigned lane) {
  char place[32];
  std::snprintf(place, sizeof place, "0x%llx", static_cast<unsigned long long>(address));
  throw Fault(FaultKind::Race, std::string(now) + " of " + std::to_string(size) + " bytes at address " +
                                   place + " by " + threads(access.warp, access.lane) + " races with the " +
                                   before + " by " + threads(warp, lane) +
                                   " of its block; expected a barrier between them");
}

} // namespace

bool GlobalOrder::knows(const Access &access, const Stamp &earlier) {
  uint32_t known = access.clock->at[earlier.warp];
  return earlier.warp != access.warp ? earlier.clock <= known
                                     : earlier.clock < known || earlier.lane == access.lane;
}

template <class Visit> void GlobalOrder::forWords(uint64_t address, unsigned size, Visit visit) {
  unsigned bytes = size >= 4 ? 15 : ((1u << size) - 1) << (address & 3);
  for (uint64_t word = address / 4; word * 4 < address + size; ++word)
    visit(words[word], bytes);
}

void GlobalOrder::read(const Access &access, uint64_t address, unsigned size) {
  uint32_t now = access.clock->at[access.warp];
  forWords(address, size, [&](Word &word, unsigned bytes) {
    if ((word.write.bytes & bytes) && !knows(access, word.write))
      race(access, address, size, "load", "store", word.write.warp, word.write.lane);
    auto own = std::find_if(word.reads.begin(), word.reads.end(),
                            [&](const Stamp &read) { return read.warp == access.warp; });
    if (own == word.reads.end())
      own = word.reads.insert(own, Stamp{now, static_cast<uint8_t>(access.warp), access.lane, 0});
    bool isLater = own->clock != now;
    own->lane = isLater || own->lane == access.lane ? access.lane : uint8_t(kSeveralLanes);
    own->bytes = static_cast<uint8_t>(isLater ? bytes : own->bytes | bytes);
    own->clock = now;
  });
}

void GlobalOrder::write(const Access &access, uint64_t address, unsigned size, bool same) {
  forWords(address, size, [&](Word &word, unsigned bytes) {
    if ((word.write.bytes & bytes) && !same && !knows(access, word.write))
      race(access, address, size, "store", "store", word.write.warp, word.write.lane);
    for (const Stamp &read : word.reads)
      if ((read.bytes & bytes) && !knows(access, read))
        race(access, address, size, "store", "load", read.warp, read.lane);
    if (bytes == 15)
      word.reads.clear();
    word.write = {access.clock->at[access.warp], static_cast<uint8_t>(access.warp), access.lane,
                  static_cast<uint8_t>(bytes)};
  });
}

} // namespace gqa::emulator
