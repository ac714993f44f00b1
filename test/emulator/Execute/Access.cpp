#include "Access.h"
#include "Cluster.h"

#include <bit>

namespace gqa::emulator {
namespace {

std::string at(uint64_t address, unsigned bytes) {
  char text[64];
  std::snprintf(text, sizeof text, "%u bytes at address 0x%llx", bytes,
                static_cast<unsigned long long>(address));
  return text;
}

/// The allocation that the access must lie in.
void checkGlobal(Warp &w, uint64_t address, unsigned bytes, const char *what) {
  const DeviceMemory &memory = w.cta.grid.memory;
  Allocation &last = w.worker->lastAllocation;
  if (last.contains(address, bytes))
    return;
  if (!memory.inArena(address))
    throw Fault(FaultKind::OutOfBounds,
                std::string(what) + " of " + at(address, bytes) + ", which is no device address");
  auto found = memory.find(address);
  if (found && found->freed)
    throw Fault(FaultKind::UseAfterFree,
                std::string(what) + " of " + at(address, bytes) + ", in memory that was freed");
  if (!found || !found->contains(address, bytes)) {
    std::string text = std::string(what) + " of " + at(address, bytes) + ", outside of every allocation";
    for (uint64_t back = 1; !found && back <= DeviceMemory::kRedZone; back *= 2)
      found = memory.find(address - back);
    if (found)
      text += "; " + std::to_string(address - found->end) + " bytes past the end of one of " +
              std::to_string(found->end - found->begin) + " bytes";
    throw Fault(FaultKind::OutOfBounds, text);
  }
  last = *found;
}

void checkLocal(Warp &w, uint64_t address, unsigned bytes, const char *what) {
  uint64_t size = w.cta.grid.kernel.localBytes;
  if (address > size || bytes > size - address)
    throw Fault(FaultKind::OutOfBounds, std::string(what) + " of " + std::to_string(bytes) +
                                            " bytes at local address " + std::to_string(address) +
                                            "; the thread has " + std::to_string(size) + " bytes");
}

/// Grids run one after the other here, so nothing else would show that a kernel does not wait.
void checkDependence(const Warp &w, uint64_t address, unsigned bytes, const char *what) {
  if (!w.cta.behindOthers && w.cta.grid.settings.checks)
    throw Fault(FaultKind::Race,
                std::string(what) + " of " + at(address, bytes) +
                    " while the kernel in front may be running; expected griddepcontrol.wait "
                    "before the first access of a dependent launch");
}

} // namespace

Place resolve(const Warp &w, Space space, uint64_t address) {
  if (space == Space::Const)
    return {Space::Global, address};
  if (space == Space::SharedCluster)
    return {Space::Shared, address};
  if (space != Space::Generic)
    return {space, address};
  const DeviceMemory &memory = w.cta.grid.memory;
  if (address - memory.sharedWindow() < DeviceMemory::kWindow)
    return {Space::Shared, address - memory.sharedWindow()};
  if (address - memory.localWindow() < DeviceMemory::kWindow)
    return {Space::Local, address - memory.localWindow()};
  if (address - memory.paramWindow() < DeviceMemory::kWindow)
    return {Space::Param, address - memory.paramWindow()};
  return {Space::Global, address};
}

const std::byte *readableSlowly(Warp &w, Place place, unsigned lane, unsigned bytes) {
  const Grid &grid = w.cta.grid;
  if (place.space == Space::Param) {
    if (place.address > grid.params.size() || bytes > grid.params.size() - place.address)
      throw Fault(FaultKind::OutOfBounds, "load of " + std::to_string(bytes) + " bytes at parameter offset " +
                                              std::to_string(place.address) + "; the kernel has " +
                                              std::to_string(grid.params.size()) + " bytes of parameters");
    return grid.params.data() + place.address;
  }
  if (place.space == Space::Local) {
    checkLocal(w, place.address, bytes, "load");
    if (grid.settings.checks && !allWritten(w.localState(lane) + place.address, bytes))
      throw Fault(FaultKind::UninitialisedMemory,
                  "load of " + std::to_string(bytes) + " bytes at local address " +
                      std::to_string(place.address) + ", where nothing was written");
    return w.local(lane) + place.address;
  }
  checkDependence(w, place.address, bytes, "load");
  checkGlobal(w, place.address, bytes, "load");
  if (grid.settings.checks && !allWritten(grid.memory.state(place.address), bytes))
    throw Fault(FaultKind::UninitialisedMemory,
                "load of " + at(place.address, bytes) + ", where nothing was written");
  return grid.memory.host(place.address);
}

std::byte *writableSlowly(Warp &w, Place place, unsigned lane, unsigned bytes) {
  const Grid &grid = w.cta.grid;
  if (place.space == Space::Param)
    throw Fault(FaultKind::OutOfBounds, "store to the kernel's parameters");
  if (place.space == Space::Local) {
    checkLocal(w, place.address, bytes, "store");
    std::memset(w.localState(lane) + place.address, DeviceMemory::kWritten, bytes);
    return w.local(lane) + place.address;
  }
  checkDependence(w, place.address, bytes, "store");
  checkGlobal(w, place.address, bytes, "store");
  std::memset(grid.memory.state(place.address), DeviceMemory::kWritten, bytes);
  return grid.memory.host(place.address);
}

void readPeer(Warp &w, Space space, unsigned lane, uint64_t address, unsigned bytes, void *to) {
  uint64_t rank = address >> kRankBit, own = address & ((1u << kRankBit) - 1);
  if (!rank || space == Space::Shared) // shared::cta
    outOfShared(w, lane, address, bytes, "load");
  if (rank - 1 != w.cta.rank)
    return w.cta.cluster.read(w, rank - 1, own, bytes, to);
  readBytes(w, Space::Shared, lane, own, bytes, to);
}

void outOfShared(Warp &w, unsigned, uint64_t address, unsigned bytes, const char *what) {
  throw Fault(FaultKind::OutOfBounds, std::string(what) + " of " + std::to_string(bytes) +
                                          " bytes at shared address " + std::to_string(address) +
                                          "; the CTA has addresses " +
                                          std::to_string(w.cta.grid.kernel.sharedBase) + " to " +
                                          std::to_string(w.cta.grid.sharedEnd()));
}

void misaligned(Warp &, unsigned, uint64_t address, unsigned bytes, const char *what) {
  throw Fault(FaultKind::Misaligned, std::string(what) + " of " + at(address, bytes) +
                                         "; expected a multiple of " + std::to_string(bytes));
}

namespace {

/// Passes that one phase of a shared request takes: the most distinct words that any of the 32 banks must
/// give.
unsigned wavefronts(const uint32_t *words, unsigned count) {
  uint32_t seen = 0;
  for (unsigned n = 0; n < count; ++n)
    seen |= 1u << (words[n] & 31);
  if (static_cast<unsigned>(std::popcount(seen)) == count)
    return 1;
  uint32_t held[32][kLanes];
  unsigned size[32] = {}, most = 0;
  for (unsigned n = 0; n < count; ++n) {
    unsigned bank = words[n] & 31, k = 0;
    while (k < size[bank] && held[bank][k] != words[n])
      ++k;
    if (k == size[bank])
      held[bank][size[bank]++] = words[n];
    most = std::max(most, size[bank]);
  }
  return most;
}

void countShared(Warp &w, uint32_t mask, const uint64_t (&address)[kLanes], unsigned bytes) {
  // Wide accesses are served in phases of 32 words: half or quarter warps.
  unsigned lanesPerPhase = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
  for (unsigned first = 0; first < kLanes; first += lanesPerPhase) {
    uint32_t words[kLanes];
    unsigned count = 0;
    for (unsigned l = first; l < first + lanesPerPhase; ++l)
      if (mask >> l & 1)
        for (unsigned word = 0; word < std::max(1u, bytes / 4); ++word)
          words[count++] = static_cast<uint32_t>(address[l] / 4) + word;
    if (count) {
      w.counters->sharedWavefronts += wavefronts(words, count);
      ++w.counters->sharedIdeal;
    }
  }
  ++w.counters->sharedRequests;
  w.counters->sharedBytes += std::popcount(mask) * bytes;
}

void countGlobal(Warp &w, uint32_t mask, const uint64_t (&address)[kLanes], unsigned bytes, bool isStore) {
  uint64_t sectors[kLanes];
  unsigned count = 0;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    uint64_t sector = address[std::countr_zero(rest)] / 32;
    bool known = count && sectors[count - 1] == sector;
    for (unsigned n = 0; !known && n < count && sectors[count - 1] > sector; ++n)
      known = sectors[n] == sector;
    if (!known)
      sectors[count++] = sector;
  }
  Counters &c = *w.counters;
  ++c.globalRequests;
  c.globalSectors += count;
  (isStore ? c.globalStoreBytes : c.globalLoadBytes) += std::popcount(mask) * bytes;
}

} // namespace

unsigned wavefrontsOfRows(const uint64_t *rows, unsigned count) {
  uint32_t seen = 0;
  for (unsigned n = 0; n < count; ++n)
    seen |= 1u << (rows[n] / 16 & 7);
  if (static_cast<unsigned>(std::popcount(seen)) == count)
    return 1;
  uint32_t words[kLanes];
  for (unsigned n = 0; n < 4 * count; ++n)
    words[n] = static_cast<uint32_t>(rows[n / 4] / 4) + n % 4;
  return wavefronts(words, 4 * count);
}

void countAccess(Warp &w, Space space, uint32_t mask, const uint64_t (&address)[kLanes], unsigned bytes,
                 bool isStore) {
  if (space == Space::Generic) { // a request goes where its first lane goes
    unsigned lane = std::countr_zero(mask);
    space = resolve(w, space, address[lane]).space;
  }
  if (space == Space::Shared || space == Space::SharedCluster)
    countShared(w, mask, address, bytes);
  else if (space == Space::Global)
    countGlobal(w, mask, address, bytes, isStore);
}

} // namespace gqa::emulator
