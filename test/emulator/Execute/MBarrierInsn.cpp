// The instructions of mbarriers, and the fences of the asynchronous proxy.
#include "Access.h"
#include "Async.h"
#include "Bind.h"
#include "Lanes.h"
#include "Suffixes.h"

namespace gqa::emulator {
namespace {

/// The state that an arrival returns: the phase that was current, and what was pending in it.
uint64_t stateOf(const MBarrier &b) { return uint64_t(b.phase) << 32 | b.pending; }

/// The shared address of operand `at`, which may be generic.
uint32_t addressOf(Warp &w, const Insn &i, unsigned lane, uint64_t address, const char *what) {
  w.faultLane = lane;
  Place place = resolve(w, i.space, address);
  if (place.space != Space::Shared)
    throw Fault(FaultKind::OutOfBounds, std::string(what) + " at an address that is not in shared memory");
  return static_cast<uint32_t>(place.address);
}

/// Calls f(lane, address, mbarrier) for each lane.
template <class F>
void forBarriers(Warp &w, const Insn &i, uint32_t mask, unsigned at, const char *what, F f) {
  uint64_t address[kLanes];
  addresses(w, i, at, 0, address);
  forEachLane(mask, [&](unsigned l) {
    uint32_t where = addressOf(w, i, l, address[l], what);
    f(l, where, w.cta.async->barriers.find(w, l, where, what));
  });
}

void init(Warp &w, const Insn &i, uint32_t mask) {
  uint64_t address[kLanes];
  addresses(w, i, 0, 0, address);
  auto *count = w.source<uint32_t>(i.op[1]);
  forEachLane(mask, [&](unsigned l) {
    w.cta.async->barriers.init(w, l, addressOf(w, i, l, address[l], "mbarrier.init"), count[l]);
  });
}

void invalidate(Warp &w, const Insn &i, uint32_t mask) {
  uint64_t address[kLanes];
  addresses(w, i, 0, 0, address);
  forEachLane(mask, [&](unsigned l) {
    w.cta.async->barriers.invalidate(w, l, addressOf(w, i, l, address[l], "mbarrier.inval"));
  });
}

/// Bits of Insn::extra.
enum : uint32_t {
  kExpect = 1,
  kDrop = 2,
  kNoComplete = 4,
  kRelaxed = 8,
  kParity = 16,
  kSleeps = 32,
  kComplete = 64
};

/// Operands: state, mbarrier, and perhaps a count of arrivals or of bytes.
void arrive(Warp &w, const Insn &i, uint32_t mask) {
  auto *state = w.result<uint64_t>(i.op[0]);
  const uint32_t *count = i.count > 2 ? w.source<uint32_t>(i.op[2]) : nullptr;
  MBarriers &barriers = w.cta.async->barriers;
  const Clock released = w.released(mask);
  forBarriers(w, i, mask, 1, "mbarrier.arrive", [&](unsigned l, uint32_t address, MBarrier &b) {
    uint64_t before = stateOf(b);
    uint32_t arrivals = i.extra & kExpect || !count ? 1 : count[l];
    if (i.extra & kNoComplete && arrivals >= b.pending)
      throw Fault(FaultKind::MBarrier,
                  "mbarrier.arrive.noComplete completes a phase of " + barriers.describe(address));
    if (i.extra & kExpect)
      barriers.expect(address, b, count[l]); // completes nothing, since an arrival is pending
    barriers.arrive(w, address, b, arrivals, i.extra & kRelaxed ? nullptr : &released, i.extra & kDrop);
    state[l] = before;
  });
  w.tick(); // what follows is not ordered before the arrival
}

void expect(Warp &w, const Insn &i, uint32_t mask) {
  auto *bytes = w.source<uint32_t>(i.op[1]);
  forBarriers(w, i, mask, 0, "mbarrier.expect_tx", [&](unsigned l, uint32_t address, MBarrier &b) {
    w.cta.async->barriers.expect(address, b, i.extra & kComplete ? -int64_t(bytes[l]) : int64_t(bytes[l]));
  });
}

/// Operands: predicate, mbarrier, state or parity, and perhaps how long to sleep. A lane whose phase is
/// complete goes on; if there is none, try_wait sleeps until one is.
void wait(Warp &w, const Insn &i, uint32_t mask) {
  const char *what = i.extra & kSleeps ? "mbarrier.try_wait" : "mbarrier.test_wait";
  uint32_t done = 0, where = 0;
  forBarriers(w, i, mask, 1, what, [&](unsigned l, uint32_t address, MBarrier &b) {
    where = address;
    bool complete;
    if (i.extra & kParity) {
      uint32_t parity = w.source<uint32_t>(i.op[2])[l];
      if (parity > 1)
        throw Fault(FaultKind::MBarrier,
                    std::string(what) + " for the parity " + std::to_string(parity) + "; expected 0 or 1");
      complete = (b.phase & 1) != parity;
    } else {
      uint32_t phase = w.source<uint64_t>(i.op[2])[l] >> 32;
      if (phase != b.phase && phase + 1 != b.phase)
        throw Fault(FaultKind::MBarrier, std::string(what) + " for phase " + std::to_string(phase) + " of " +
                                             w.cta.async->barriers.describe(address) +
                                             "; expected the current phase or the one before");
      complete = phase != b.phase;
    }
    if (!complete)
      return;
    done |= 1u << l;
    if (!(i.extra & kRelaxed))
      w.cta.async->barriers.learn(w, b);
  });
  if (!done && i.extra & kSleeps)
    return w.sleep(Obstacle::MBarrier, where);
  if (!done) { // a thread that polls lets others go on, as late as that
    w.cta.async->bulk.completeOne();
    w.cta.poll();
    w.yield();
  }
  w.setPredicate(i.op[0], done, mask);
}

void pendingCount(Warp &w, const Insn &i, uint32_t mask) {
  auto *d = w.result<uint32_t>(i.op[0]);
  auto *state = w.source<uint64_t>(i.op[1]);
  forLanes(mask, [=](unsigned l) { d[l] = static_cast<uint32_t>(state[l]); });
}

uint32_t flagsOf(const Match &m) {
  return (m.has("expect_tx") ? kExpect : 0) | (m.has("arrive_drop") ? kDrop : 0) |
         (m.has("noComplete") ? kNoComplete : 0) | (m.has("relaxed") ? kRelaxed : 0) |
         (m.has("parity") ? kParity : 0) | (m.has("try_wait") ? kSleeps : 0) |
         (m.has("complete_tx") ? kComplete : 0);
}

Handler bindTo(Match &m, Handler handler) {
  m.insn->space = spaceOf(m);
  m.insn->extra = flagsOf(m);
  return handler;
}

} // namespace

namespace bind {

Handler mbarrierInit(Match &m) { return bindTo(m, &init); }
Handler mbarrierInval(Match &m) { return bindTo(m, &invalidate); }
Handler mbarrierArrive(Match &m) { return bindTo(m, &arrive); }
Handler mbarrierExpect(Match &m) { return bindTo(m, &expect); }
Handler mbarrierWait(Match &m) { return bindTo(m, &wait); }
Handler mbarrierPending(Match &m) { return bindTo(m, &pendingCount); }

/// All that is known to the warp is visible to the asynchronous proxy from here on.
Handler fenceProxy(Match &) {
  return [](Warp &w, const Insn &, uint32_t) { w.fenced.join(w.clock); };
}
Handler fenceMBarrierInit(Match &) {
  return [](Warp &w, const Insn &, uint32_t) {
    if (w.cta.async)
      w.cta.async->barriers.show(w);
  };
}

} // namespace bind
} // namespace gqa::emulator
