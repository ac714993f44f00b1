// What a CTA has in flight beside its threads.
#pragma once
#include "BulkCopy.h"
#include "MBarrier.h"
#include "Machine.h"
#include "RegisterPool.h"
#include "Warpgroup.h"

namespace gqa::emulator {

struct Async {
  explicit Async(Cta &cta);

  MBarriers barriers;
  BulkCopies bulk;
  RegisterPool registers;
  uint32_t stamp = 0; ///< the clock of the asynchronous proxy

  Warpgroup &group(unsigned n) { return groups[n]; }

  /// Under Completion::Random: something goes on.
  void moveSome();
  /// Throws Fault if something is left in flight.
  void exitLanes(Warp &w, uint32_t lanes);
  void finish();

private:
  std::deque<Warpgroup> groups;
};

} // namespace gqa::emulator
