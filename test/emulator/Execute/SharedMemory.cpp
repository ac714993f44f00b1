#include "SharedMemory.h"

#include "Fault.h"

#include <algorithm>
#include <cstring>

namespace gqa::emulator {
namespace {

std::string lanes(unsigned warp, unsigned lane) {
  if (lane == kAgent)
    return "the asynchronous proxy";
  if (lane == kPeer)
    return "another CTA of the cluster";
  if (lane < 32)
    return "thread " + std::to_string(warp * 32 + lane);
  return (lane == kWholeWarp ? "warp " : "threads of warp ") + std::to_string(warp);
}

bool sameThread(unsigned a, unsigned b) {
  return (a == b && a < 32) || a == kDisjointLanes || b == kDisjointLanes;
}

/// The bytes of each word that an aligned access touches, as a mask of four bits.
unsigned bytesOf(uint32_t address, unsigned size) {
  return size >= 4 ? 15 : ((1u << size) - 1) << (address & 3);
}

} // namespace

SharedMemory::SharedMemory(uint32_t base, uint32_t end, unsigned warps, bool checks, bool asyncProxy,
                           bool hasPeers)
    : base(base), end(end), words((end + 3) / 4 + 4), warps(warps),
      peers(asyncProxy ? warps + (warps + 3) / 4 + 1 : warps), readingAgents(peers + hasPeers),
      checks(checks), data(new std::byte[words * 4 + 16]) {
  std::memset(data.get(), 0xFF, words * 4 + 16); // a NaN in every floating-point type
  if (checks) {
    writes.reset(new Word[words]);
    reads.reset(new Read[size_t(words) * readingAgents]());
    if (asyncProxy) {
      readers.reset(new uint16_t[words / 4 + 1]());
      recent.reset(new uint32_t[warps]());
    }
  }
}

void SharedMemory::race(const Access &access, uint32_t address, unsigned size, const char *now,
                        const char *before, unsigned warp, unsigned lane) const {
  throw Fault(FaultKind::Race, std::string(now) + " of " + std::to_string(size) +
                                   " bytes at shared address " + std::to_string(address) + " by " +
                                   lanes(access.warp, access.lane) + " races with the " + before + " by " +
                                   lanes(warp, lane) + "; expected a barrier between them");
}

void SharedMemory::checkRead(const Access &access, uint32_t word, unsigned bytes, uint32_t address,
                             unsigned size) {
  const Word &w = writes[word];
  if (w.inFlight & bytes)
    busy(address, size, "read");
  if ((w.defined & bytes) != bytes)
    throw Fault(FaultKind::UninitialisedMemory, "read of " + std::to_string(size) +
                                                    " bytes at shared address " + std::to_string(address) +
                                                    ", where nothing was written");
  if (!(w.bytes & bytes) || (access.atomic && (w.bytes >> 4 & bytes) == bytes))
    return;
  if (w.warp != access.warp ? w.clock > access.clock->at[w.warp]
                            : w.clock >= access.clock->at[w.warp] && !sameThread(w.lane, access.lane))
    race(access, address, size, "read", "write", w.warp, w.lane);
}

void SharedMemory::noteRead(const Access &access, uint32_t word, unsigned bytes) {
  Read &r = reads[size_t(access.warp) * words + word];
  uint32_t clock = access.clock->at[access.warp];
  unsigned lane = access.lane;
  if (r >> 10 == clock && (r >> 4 & 63) != lane) {
    lane = (r & bytes & 15) || (r >> 4 & 63) == kSeveralLanes ? kSeveralLanes : kDisjointLanes;
    bytes |= r & 15;
  }
  r = clock << 10 | lane << 4 | bytes;
}

/// The common case of a row of 16 bytes: one earlier access wrote all of it, and that is known. \returns
/// whether so.
bool SharedMemory::readRow(const Access &access, uint32_t address) {
  const uint32_t *clock = access.clock->at;
  uint64_t row[4];
  std::memcpy(row, &writes[address / 4], sizeof row);
  Word w;
  std::memcpy(&w, row, sizeof w);
  bool same = row[0] == row[1] && row[0] == row[2] && row[0] == row[3];
  bool ordered = w.warp != access.warp ? w.clock <= clock[w.warp] : w.clock < clock[access.warp];
  if (!same || !ordered || w.defined != 15 || w.inFlight || access.atomic)
    return false;
  Read *noted = &reads[size_t(access.warp) * words + address / 4];
  Read now = clock[access.warp] << 10 | access.lane << 4 | 15;
  bool fresh = true;
  for (unsigned n = 0; n < 4; ++n)
    fresh &= noted[n] >> 10 != now >> 10;
  if (!fresh && access.lane != kWholeWarp)
    return false;
  for (unsigned n = 0; n < 4; ++n)
    noted[n] = now;
  return true;
}

void SharedMemory::read(const Access &access, uint32_t address, unsigned size) {
  note(access);
  if (!checks || (size == 16 && readRow(access, address)))
    return;
  const uint32_t *clock = access.clock->at;
  uint32_t now = clock[access.warp];
  unsigned bytes = bytesOf(address, size);
  for (uint32_t word = address / 4; word * 4 < address + size; ++word) {
    const Word &w = writes[word];
    bool ordered = w.warp != access.warp ? w.clock <= clock[w.warp] : w.clock < now;
    if (!ordered || (w.defined & bytes) != bytes || w.inFlight)
      checkRead(access, word, bytes, address, size);
    if (!access.atomic)
      noteRead(access, word, bytes);
  }
}

void SharedMemory::checkWrite(const Access &access, uint32_t word, unsigned bytes, uint32_t address,
                              unsigned size, bool sameValue) {
  const Word &w = writes[word];
  if (w.inFlight & bytes)
    busy(address, size, "write");
  if (readers && readers[word / 4])
    throw Fault(FaultKind::InFlight, "write of " + std::to_string(size) + " bytes at shared address " +
                                         std::to_string(address) +
                                         " while wgmma or a bulk copy from it is in flight; expected a wait "
                                         "for its group before");
  if ((w.bytes & bytes) && !(access.atomic && (w.bytes >> 4 & bytes) == bytes)) {
    if (w.warp != access.warp
            ? w.clock > access.clock->at[w.warp]
            : w.clock >= access.clock->at[w.warp] && !sameThread(w.lane, access.lane) && !sameValue)
      race(access, address, size, "write", "write", w.warp, w.lane);
  }
  for (unsigned other = 0; other < readingAgents; ++other) {
    Read r = reads[size_t(other) * words + word];
    if (!(r & bytes)) // the low four bits
      continue;
    bool known = other != access.warp
                     ? r >> 10 <= access.clock->at[other]
                     : r >> 10 < access.clock->at[other] || sameThread(r >> 4 & 63, access.lane);
    if (!known)
      race(access, address, size, "write", "read", other, r >> 4 & 63);
  }
}

/// Whether all that was done to a row of 16 bytes is known to the warp, so that a write needs no closer look.
bool SharedMemory::isRowFree(const Access &access, uint32_t address) const {
  const uint32_t *clock = access.clock->at;
  bool free = true;
  for (unsigned n = 0; n < 4; ++n) {
    const Word &w = writes[address / 4 + n];
    free &= w.clock <= clock[w.warp] - (w.warp == access.warp) && !w.inFlight;
  }
  if (readers)
    free &= !readers[address / 16];
  for (unsigned other = 0; other < readingAgents; ++other) {
    const Read *row = &reads[size_t(other) * words + address / 4];
    Read last = std::max(std::max(row[0], row[1]), std::max(row[2], row[3]));
    free &= last >> 10 <= clock[other] - (other == access.warp);
  }
  return free;
}

void SharedMemory::write(const Access &access, uint32_t address, unsigned size, const void *value) {
  if (checks) {
    note(access);
    bool same = std::memcmp(at(address), value, size) == 0, free = size == 16 && isRowFree(access, address);
    uint32_t now = access.clock->at[access.warp];
    for (uint32_t word = address / 4; word * 4 < address + size; ++word) {
      unsigned bytes = bytesOf(address, size);
      if (!free)
        checkWrite(access, word, bytes, address, size, same);
      Word &w = writes[word];
      unsigned lane = access.lane, written = bytes;
      if (w.clock == now && w.warp == access.warp && w.lane != lane && (w.bytes & 15 & ~bytes)) {
        lane = kDisjointLanes;
        written |= w.bytes & 15;
      }
      w.clock = now;
      w.warp = access.warp;
      w.lane = lane;
      w.bytes = written | (access.atomic ? written << 4 : 0);
      w.defined |= bytes;
    }
  }
  std::memcpy(at(address), value, size);
}

void SharedMemory::launch(const Access &access, uint32_t address, unsigned size) {
  if (!checks)
    return;
  bool free = size == 16 && isRowFree(access, address);
  for (uint32_t word = address / 4; word * 4 < address + size; ++word) {
    if (!free)
      checkWrite(access, word, 15, address, size, false);
    writes[word].inFlight = 15;
  }
}

void SharedMemory::land(const Access &access, uint32_t address, unsigned size) {
  if (!checks)
    return;
  note(access);
  Word done;
  done.clock = access.clock->at[access.warp];
  done.warp = access.warp;
  done.lane = access.lane;
  done.bytes = done.defined = 15;
  for (uint32_t word = address / 4; word * 4 < address + size; ++word)
    writes[word] = done;
}

void SharedMemory::poison(uint32_t address, unsigned size) { std::memset(at(address), 0xFF, size); }

} // namespace gqa::emulator
