// Global memory. A device address is no host address: the range of device addresses is reserved without
// access, and the bytes live elsewhere, at a fixed distance. A third range holds one byte of state for each
// byte of memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <shared_mutex>

namespace gqa::emulator {

struct Allocation {
  uint64_t begin = 0, end = 0;
  bool freed = false;
  bool reserved = false; ///< of a graph, whether or not there is memory at the moment
  bool contains(uint64_t address, uint64_t bytes) const {
    return address >= begin && address <= end && bytes <= end - address;
  }
};

class DeviceMemory {
public:
  /// Between two allocations: bytes that belong to nobody.
  static constexpr uint64_t kRedZone = 4096;
  /// Generic addresses of the other spaces lie below the arena.
  static constexpr uint64_t kWindow = uint64_t(1) << 32;
  enum State : uint8_t { kUnwritten = 0, kWritten = 1 };

  explicit DeviceMemory(uint64_t capacity);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;

  /// \returns 0 if the capacity is used up.
  uint64_t allocate(uint64_t bytes);
  /// An address for memory that comes with revive(), with nothing in it, and goes with release(). \returns 0
  /// if there is none.
  uint64_t reserve(uint64_t bytes);
  /// \returns false if the capacity is used up.
  bool revive(uint64_t address);
  /// The address is nobody's any more; memory that is there stays until it is released.
  void forget(uint64_t address);
  /// \returns false unless `address` is the begin of a live allocation.
  bool release(uint64_t address);
  /// The live allocation that holds the address, else the freed one, else nothing.
  std::optional<Allocation> find(uint64_t address) const;
  uint64_t used() const { return usedBytes; }
  uint64_t capacity() const { return capacityBytes; }

  bool inArena(uint64_t address) const { return address - arena() < arenaBytes - 64; }
  std::byte *host(uint64_t address) const { return data + (address - arena()); }
  uint8_t *state(uint64_t address) const { return states + (address - arena()); }

  uint64_t sharedWindow() const { return base; }
  uint64_t localWindow() const { return base + kWindow; }
  uint64_t paramWindow() const { return base + 2 * kWindow; }
  uint64_t arena() const { return base + 4 * kWindow; }

private:
  uint64_t place(uint64_t bytes);

  uint64_t capacityBytes, arenaBytes, usedBytes = 0;
  uint64_t base;
  std::byte *data;
  uint8_t *states;
  uint64_t next; ///< used once while there are any, so that freed ones stay recognisable
  std::map<uint64_t, Allocation> allocations;
  mutable std::shared_mutex mutex;
};

} // namespace gqa::emulator
