// Loads and stores of one lane in any space, with their checks. All of them throw Fault.
#pragma once
#include "Machine.h"

#include <cstring>

namespace gqa::emulator {

/// A generic address and the space that it lies in; others are left as they are.
struct Place {
  Space space;
  uint64_t address;
};
Place resolve(const Warp &warp, Space space, uint64_t address);
/// Copies bytes at an address of shared memory that is not the CTA's own: it may be another's of the cluster.
void readPeer(Warp &warp, Space space, unsigned lane, uint64_t address, unsigned bytes, void *to);

/// Bytes to read from global, parameter or local memory. Constant memory is global memory here.
const std::byte *readableSlowly(Warp &warp, Place place, unsigned lane, unsigned bytes);
std::byte *writableSlowly(Warp &warp, Place place, unsigned lane, unsigned bytes);
[[noreturn]] void outOfShared(Warp &warp, unsigned lane, uint64_t address, unsigned bytes, const char *what);
[[noreturn]] void misaligned(Warp &warp, unsigned lane, uint64_t address, unsigned bytes, const char *what);

inline bool allWritten(const uint8_t *state, unsigned bytes) {
  uint64_t have[2] = {0x0101010101010101u, 0x0101010101010101u};
  std::memcpy(have, state, bytes);
  return have[0] == 0x0101010101010101u && have[1] == 0x0101010101010101u;
}

/// Copies `bytes` (at most 16) at the address into `to`.
inline void readBytes(Warp &w, Space space, unsigned lane, uint64_t address, unsigned bytes, void *to) {
  w.faultLane = lane;
  if (address & (bytes - 1))
    misaligned(w, lane, address, bytes, "load");
  Place place = resolve(w, space, address);
  if (place.space == Space::Shared) {
    SharedMemory &shared = w.cta.shared;
    if (!shared.contains(place.address, bytes))
      return readPeer(w, space, lane, place.address, bytes, to);
    shared.read(w.access(lane), place.address, bytes);
    std::memcpy(to, shared.at(place.address), bytes);
    return;
  }
  DeviceMemory &memory = w.cta.grid.memory;
  bool quick = place.space == Space::Global && w.cta.behindOthers &&
               w.worker->lastAllocation.contains(place.address, bytes) &&
               allWritten(memory.state(place.address), bytes);
  std::memcpy(to, quick ? memory.host(place.address) : readableSlowly(w, place, lane, bytes), bytes);
  if (w.cta.globalOrder && place.space == Space::Global)
    w.cta.globalOrder->read(w.access(lane), place.address, bytes);
}

inline void writeBytes(Warp &w, Space space, unsigned lane, uint64_t address, unsigned bytes,
                       const void *from) {
  w.faultLane = lane;
  if (address & (bytes - 1))
    misaligned(w, lane, address, bytes, "store");
  Place place = resolve(w, space, address);
  if (place.space == Space::Shared) {
    SharedMemory &shared = w.cta.shared;
    if (!shared.contains(place.address, bytes))
      outOfShared(w, lane, place.address, bytes, "store");
    shared.write(w.access(lane), place.address, bytes, from);
    return;
  }
  std::byte *to = writableSlowly(w, place, lane, bytes);
  if (w.cta.globalOrder && place.space == Space::Global)
    w.cta.globalOrder->write(w.access(lane), place.address, bytes, std::memcmp(to, from, bytes) == 0);
  std::memcpy(to, from, bytes);
}

/// Addresses of memory operand `which`, whose base is operand `at`.
inline void addresses(const Warp &w, const Insn &i, unsigned at, unsigned which, uint64_t (&out)[kLanes]) {
  uint64_t offset = i.offset[which];
  if (i.wideAddress >> which & 1) {
    auto *base = w.source<uint64_t>(i.op[at]);
    for (unsigned l = 0; l < kLanes; ++l)
      out[l] = base[l] + offset;
  } else {
    auto *base = w.source<uint32_t>(i.op[at]);
    for (unsigned l = 0; l < kLanes; ++l)
      out[l] = static_cast<uint32_t>(base[l] + offset);
  }
}

/// Adds one request to the counters.
void countAccess(Warp &warp, Space space, uint32_t mask, const uint64_t (&address)[kLanes], unsigned bytes,
                 bool isStore);
/// Wavefronts that eight rows of 16 bytes take.
unsigned wavefrontsOfRows(const uint64_t *rows, unsigned count);

} // namespace gqa::emulator
