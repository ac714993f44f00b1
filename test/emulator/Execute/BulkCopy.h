// Bulk copies of the asynchronous proxy (cp.async.bulk, with and without tensor maps): when their bytes move,
// and what waits for them.
#pragma once
#include "TensorMap.h"

#include <cstdint>
#include <deque>
#include <vector>

namespace gqa::emulator {

class Cta;
class Warp;

/// A piece of a copy that is contiguous in global memory and, but for swizzling, in shared memory.
struct Piece {
  uint32_t shared; ///< before swizzling
  uint32_t bytes;
  uint64_t global; ///< 0: outside of the tensor, filled on a load and left out on a store
};

struct BulkCopy {
  bool load = true;
  uint32_t shared = 0, bytes = 0; ///< the region in shared memory
  unsigned swizzle = 0;
  uint32_t line = 0;
  uint32_t fill = 0; ///< pattern of 4 bytes for what lies outside
  std::vector<Piece> pieces;
  bool copied = false;   ///< load: bytes are in place; store: bytes have left shared memory
  uint32_t mbarrier = 0; ///< load
  // Store: the thread that may wait for it, its bulk group, the bytes on their way.
  unsigned warp = 0, lane = 0;
  uint64_t group = 0;
  bool released = false; ///< its thread knows that shared memory has been read
  bool arrived = false;  ///< bytes are in global memory
  std::vector<std::byte> data;
};

class BulkCopies {
public:
  explicit BulkCopies(Cta &cta) : cta(cta) {}

  /// Checks both sides, then starts. \throws Fault
  void start(Warp &w, unsigned lane, BulkCopy copy);
  void commit(Warp &w, unsigned lane);
  /// \param reads wait only until the sources have been read
  void wait(Warp &w, unsigned lane, uint32_t pending, bool reads);

  /// The oldest load arrives. \returns false if there is none.
  bool completeOne();
  /// Under Completion::Random: some copies go on.
  void moveSome();
  void exitLanes(Warp &w, uint32_t lanes);
  /// At the end of the CTA: stores reach memory; loads that nobody waited for are faults.
  void finish();

private:
  void checkGlobal(Warp &w, const BulkCopy &copy) const;
  void bring(BulkCopy &copy);
  void arrive(std::deque<BulkCopy>::iterator copy);
  void take(BulkCopy &copy);
  void put(BulkCopy &copy);
  std::vector<uint32_t> rowsOf(const BulkCopy &copy) const;

  Cta &cta;
  std::deque<BulkCopy> loads, stores;
  std::vector<std::vector<uint64_t>> groups; ///< committed, by warp and lane
};

} // namespace gqa::emulator
