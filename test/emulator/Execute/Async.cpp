#include "Async.h"

namespace gqa::emulator {

Async::Async(Cta &cta) : barriers(cta), bulk(cta), registers(cta) {
  for (unsigned warp = 0; warp < cta.grid.warps(); warp += 4)
    groups.emplace_back(cta);
}

void Async::moveSome() {
  bulk.moveSome();
  for (Warpgroup &g : groups)
    g.moveSome();
}

void Async::exitLanes(Warp &w, uint32_t lanes) {
  bulk.exitLanes(w, lanes);
  groups[w.index / 4].exit(w);
}

void Async::finish() {
  bulk.finish();
  registers.finish();
}

} // namespace gqa::emulator
