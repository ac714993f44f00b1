#include "DeviceMemory.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <sys/mman.h>

namespace gqa::emulator {
namespace {

constexpr uint64_t kAlign = 512; // of every allocation, as cuMemAlloc promises at least 256
constexpr uint64_t kPage = 4096;
constexpr uint64_t kLives = 16; // times the capacity that can be allocated before addresses run out
constexpr uint64_t kMost = uint64_t(1) << 42;

/// Addresses without memory: nothing counts against the limits of the system before it is opened.
uint64_t reserveRange(uint64_t bytes) {
  void *p = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED)
    throw std::bad_alloc();
  return reinterpret_cast<uint64_t>(p);
}

bool open(const void *from, uint64_t bytes) {
  uint64_t first = reinterpret_cast<uint64_t>(from) / kPage * kPage;
  uint64_t last = (reinterpret_cast<uint64_t>(from) + bytes + kPage) / kPage * kPage;
  return mprotect(reinterpret_cast<void *>(first), last - first, PROT_READ | PROT_WRITE) == 0;
}

} // namespace

DeviceMemory::DeviceMemory(uint64_t capacity)
    : capacityBytes(capacity), arenaBytes(std::min(capacity * kLives, kMost)),
      base(reserveRange(arenaBytes + 4 * kWindow)), data(reinterpret_cast<std::byte *>(reserveRange(arenaBytes))),
      states(reinterpret_cast<uint8_t *>(reserveRange(arenaBytes))), next(arena() + kRedZone) {}

DeviceMemory::~DeviceMemory() {
  munmap(reinterpret_cast<void *>(base), arenaBytes + 4 * kWindow);
  munmap(data, arenaBytes);
  munmap(states, arenaBytes);
}

/// An address that is free; the caller holds the lock.
uint64_t DeviceMemory::place(uint64_t bytes) {
  // Behind all others; when those addresses are used up, in the place of a freed allocation.
  uint64_t address = (next + kAlign - 1) / kAlign * kAlign, end = arena() + arenaBytes;
  if (address < end && bytes + kRedZone + kAlign <= end - address) {
    next = address + bytes + kRedZone;
  } else {
    auto freed = std::find_if(allocations.begin(), allocations.end(), [&](const auto &entry) {
      return entry.second.freed && !entry.second.reserved && bytes <= entry.second.end - entry.second.begin;
    });
    if (freed == allocations.end())
      return 0;
    address = freed->first;
  }
  return open(host(address), bytes) && open(state(address), bytes) ? address : 0;
}

uint64_t DeviceMemory::allocate(uint64_t bytes) {
  std::unique_lock lock(mutex);
  uint64_t address = bytes > capacityBytes - usedBytes ? 0 : place(bytes);
  if (!address)
    return 0;
  usedBytes += bytes;
  allocations[address] = {address, address + bytes, false, false};
  return address;
}

uint64_t DeviceMemory::reserve(uint64_t bytes) {
  std::unique_lock lock(mutex);
  uint64_t address = bytes > capacityBytes ? 0 : place(bytes);
  if (address)
    allocations[address] = {address, address + bytes, true, true};
  return address;
}

bool DeviceMemory::revive(uint64_t address) {
  std::unique_lock lock(mutex);
  Allocation &a = allocations.at(address);
  if (!a.freed || a.end - a.begin > capacityBytes - usedBytes)
    return false;
  a.freed = false;
  usedBytes += a.end - a.begin;
  return true;
}

void DeviceMemory::forget(uint64_t address) {
  std::unique_lock lock(mutex);
  allocations.at(address).reserved = false;
}

bool DeviceMemory::release(uint64_t address) {
  std::unique_lock lock(mutex);
  auto found = allocations.find(address);
  if (found == allocations.end() || found->second.freed)
    return false;
  Allocation &a = found->second;
  a.freed = true;
  usedBytes -= a.end - a.begin;
  // Whole pages go back to the system; the rest of the range is forgotten byte by byte.
  uint64_t first = std::min(a.end, (a.begin + kPage - 1) / kPage * kPage),
           last = std::max(first, a.end / kPage * kPage);
  for (auto *range : {reinterpret_cast<uint8_t *>(data), states}) {
    auto clear = [&](uint64_t from, uint64_t to) {
      std::fill(range + (from - arena()), range + (to - arena()), 0);
    };
    if (first < last)
      madvise(range + (first - arena()), last - first, MADV_DONTNEED);
    clear(a.begin, first);
    clear(last, a.end);
  }
  return true;
}

std::optional<Allocation> DeviceMemory::find(uint64_t address) const {
  std::shared_lock lock(mutex);
  auto after = allocations.upper_bound(address);
  if (after == allocations.begin())
    return std::nullopt;
  const Allocation &a = std::prev(after)->second;
  if (address >= a.end && !(a.begin == a.end && address == a.begin))
    return std::nullopt;
  return a;
}

} // namespace gqa::emulator
