// Shared memory as the asynchronous proxy sees it: whole rows of 16 bytes, written between a launch and the
// wait that learns of it, read between a launch and its completion.
#include "Fault.h"
#include "SharedMemory.h"

#include <algorithm>
#include <cstring>

namespace gqa::emulator {

void SharedMemory::busy(uint32_t address, unsigned size, const char *what) const {
  std::string text = std::string(what) + " of " + std::to_string(size) + " bytes at shared address " +
                     std::to_string(address);
  for (uint32_t object : objects)
    if (address < object + 8 && object < address + size)
      throw Fault(FaultKind::MBarrier, text + ", where an mbarrier lives; expected mbarrier.inval before");
  throw Fault(FaultKind::InFlight, text +
                                       " while an asynchronous copy to it is in flight; expected a wait for "
                                       "the copy's group or mbarrier");
}

void SharedMemory::reserve(uint32_t address) {
  objects.push_back(address);
  for (uint32_t word = address / 4; checks && word < address / 4 + 2; ++word)
    writes[word].inFlight = 15;
}

void SharedMemory::release(uint32_t address) {
  std::erase(objects, address);
  for (uint32_t word = address / 4; checks && word < address / 4 + 2; ++word)
    writes[word].inFlight = writes[word].defined = 0;
}

void SharedMemory::checkFenced(const Clock &fenced, uint32_t word, const char *what) const {
  const Word &w = writes[word];
  if (w.warp < warps && w.clock > fenced.at[w.warp])
    throw Fault(FaultKind::Proxy, std::string("the asynchronous proxy ") + what + " shared address " +
                                      std::to_string(word * 4) + ", written by warp " +
                                      std::to_string(w.warp) +
                                      " without a fence.proxy.async behind; expected one before the barrier");
}

/// The common case for a whole region, in loops that vectorise: all that was done to it is known and fenced.
bool SharedMemory::isRegionFree(const Access &access, const Clock &fenced, uint32_t address,
                                uint32_t bytes) const {
  uint32_t first = address / 4, last = (address + bytes) / 4;
  const Word *one = &writes[first];
  for (uint32_t word = first; word < last; ++word) {
    const Word &w = writes[word];
    if (w.clock == one->clock && w.warp == one->warp && !w.inFlight && word != first)
      continue;
    uint32_t known = access.clock->at[w.warp] - (w.warp == access.warp);
    if (w.inFlight || w.clock > known || (w.warp < warps && w.clock > fenced.at[w.warp]))
      return false;
  }
  for (uint32_t row = address / 16; row < (address + bytes) / 16; ++row)
    if (readers[row])
      return false;
  for (unsigned other = 0; other < readingAgents; ++other) {
    const Read *of = &reads[size_t(other) * words];
    Read newest = 0;
    for (uint32_t word = first; word < last; ++word)
      newest = std::max(newest, of[word]);
    if (newest >> 10 > access.clock->at[other] - (other == access.warp))
      return false;
  }
  return true;
}

void SharedMemory::launchBulk(const Access &access, const Clock &fenced, uint32_t address, uint32_t bytes) {
  if (!checks)
    return;
  if (!isRegionFree(access, fenced, address, bytes))
    for (uint32_t word = address / 4; word < (address + bytes) / 4; ++word) {
      checkWrite(access, word, 15, word * 4, 4, false);
      checkFenced(fenced, word, "writes to");
    }
  for (uint32_t word = address / 4; word < (address + bytes) / 4; ++word)
    writes[word].inFlight = 15;
}

void SharedMemory::landBulk(unsigned agent, uint32_t address, uint32_t bytes, uint32_t stamp) {
  if (!checks)
    return;
  Word done;
  done.clock = stamp;
  done.warp = agent;
  done.lane = kAgent;
  done.bytes = done.defined = 15;
  std::fill(&writes[address / 4], &writes[(address + bytes) / 4], done);
}

void SharedMemory::checkAsyncRead(const Access &access, const Clock &fenced, uint32_t row) {
  for (uint32_t word = row / 4; checks && word < row / 4 + 4; ++word) {
    checkRead(access, word, 15, word * 4, 4);
    checkFenced(fenced, word, "reads");
  }
}

void SharedMemory::beginRead(const Access &access, const Clock &fenced, const uint32_t *rows,
                             unsigned count) {
  if (!checks)
    return;
  auto sound = [&](const Word &w) {
    bool ordered =
        w.warp != access.warp ? w.clock <= access.clock->at[w.warp] : w.clock < access.clock->at[access.warp];
    return ordered && w.defined == 15 && !w.inFlight && (w.warp >= warps || w.clock <= fenced.at[w.warp]);
  };
  Word good[4]; // rows that look like the last one that was looked at closely are as good
  bool any = false;
  for (unsigned n = 0; n < count; ++n) {
    ++readers[rows[n] / 16];
    const Word *row = &writes[rows[n] / 4];
    if (any && std::memcmp(row, good, sizeof good) == 0)
      continue;
    if (!sound(row[0]) || !sound(row[1]) || !sound(row[2]) || !sound(row[3]))
      checkAsyncRead(access, fenced, rows[n]);
    std::memcpy(good, row, sizeof good);
    any = true;
  }
}

void SharedMemory::endRead(unsigned agent, const uint32_t *rows, unsigned count, uint32_t stamp) {
  if (!checks)
    return;
  Read note = stamp << 10 | kAgent << 4 | 15;
  for (unsigned n = 0; n < count; ++n) {
    --readers[rows[n] / 16];
    std::fill_n(&reads[size_t(agent) * words + rows[n] / 4], 4, note);
  }
}

} // namespace gqa::emulator
