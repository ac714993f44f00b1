#include "Async.h"

namespace gqa::emulator {

Async::Async(Cta &cta) : barriers(cta), bulk(cta), registers(cta) {}

void Async::moveSome() { bulk.moveSome(); }

void Async::exitLanes(Warp &w, uint32_t lanes) { bulk.exitLanes(w, lanes); }

void Async::finish() {
  bulk.finish();
  registers.finish();
}

} // namespace gqa::emulator
