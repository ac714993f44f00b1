#include "AsyncCopy.h"

#include "Access.h"
#include "Bind.h"
#include "Lanes.h"

namespace gqa::emulator {
namespace {

void copyNow(Warp &w, PendingCopies &c, unsigned lane) {
  std::byte *to = w.cta.shared.at(c.to[lane]);
  unsigned bytes = c.sourceBytes[lane];
  if (bytes)
    std::memcpy(to, w.cta.grid.memory.host(c.from[lane]), bytes);
  std::memset(to + bytes, 0, c.bytes - bytes);
  c.copied |= 1u << lane;
}

/// The source of one lane: checked like a load, byte by byte if only a part of it is read.
void checkSource(Warp &w, unsigned lane, uint64_t address, unsigned whole, unsigned bytes) {
  w.faultLane = lane;
  if (address & (whole - 1))
    misaligned(w, lane, address, whole, "cp.async");
  const DeviceMemory &memory = w.cta.grid.memory;
  if (!bytes ||
      (w.worker->lastAllocation.contains(address, bytes) && allWritten(memory.state(address), bytes)))
    return;
  readableSlowly(w, resolve(w, Space::Global, address), lane, bytes);
}

/// Operands: destination, source, size, and perhaps the size of the source or a predicate to ignore it.
template <bool Ignore> void launchCopies(Warp &w, const Insn &i, uint32_t mask) {
  PendingCopies c;
  uint64_t to[kLanes];
  addresses(w, i, 0, 0, to);
  addresses(w, i, 1, 1, c.from);
  c.lanes = mask;
  c.copied = 0;
  c.line = i.line;
  c.bytes = *w.source<uint32_t>(i.op[2]);
  uint32_t ignored = Ignore ? w.predicate(i.op[3]) : 0;
  const uint32_t *size = i.extra ? w.source<uint32_t>(i.op[3]) : nullptr;
  SharedMemory &shared = w.cta.shared;
  Completion policy = w.cta.grid.settings.completion;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned l = std::countr_zero(rest);
    w.faultLane = l;
    if (size && size[l] > c.bytes)
      throw Fault(FaultKind::OutOfBounds, "cp.async of " + std::to_string(c.bytes) +
                                              " bytes with a source of " + std::to_string(size[l]) +
                                              "; expected at most " + std::to_string(c.bytes));
    c.sourceBytes[l] = ignored >> l & 1 ? 0 : size ? size[l] : c.bytes;
    c.group[l] = w.groups[l];
    c.to[l] = static_cast<uint32_t>(to[l]);
    if (to[l] & (c.bytes - 1))
      misaligned(w, l, to[l], c.bytes, "cp.async");
    if (!shared.contains(to[l], c.bytes))
      outOfShared(w, l, to[l], c.bytes, "cp.async");
    checkSource(w, l, c.from[l], c.bytes, c.sourceBytes[l]);
    shared.launch(w.access(l), c.to[l], c.bytes);
    if (policy == Completion::Eager || (policy == Completion::Random && w.cta.random() % 3 == 0))
      copyNow(w, c, l);
    else
      shared.poison(c.to[l], c.bytes);
  }
  countAccess(w, Space::Global, mask, c.from, c.bytes, false);
  w.copies.push_back(c);
}

template <bool All> void wait(Warp &w, const Insn &i, uint32_t mask) {
  completeCopies(w, mask, All ? 0 : *w.source<uint32_t>(i.op[0]), All);
}

} // namespace

void completeCopies(Warp &w, uint32_t lanes, uint32_t pending, bool all) {
  for (PendingCopies &c : w.copies)
    for (uint32_t rest = c.lanes & lanes; rest; rest &= rest - 1) {
      unsigned l = std::countr_zero(rest);
      // Group g of a thread that has committed n groups has n - g - 1 younger ones.
      if (!all && uint64_t(c.group[l]) + pending >= w.groups[l])
        continue;
      if (!(c.copied >> l & 1))
        copyNow(w, c, l);
      w.cta.shared.land(w.access(l), c.to[l], c.bytes);
      c.lanes &= ~(1u << l);
    }
  std::erase_if(w.copies, [](const PendingCopies &c) { return !c.lanes; });
}

void moveSomeCopies(Warp &w) {
  for (PendingCopies &c : w.copies)
    for (uint32_t rest = c.lanes & ~c.copied & w.cta.random(); rest; rest &= rest - 1)
      copyNow(w, c, std::countr_zero(rest));
}

namespace bind {

Handler cpAsync(Match &m) {
  std::string_view operands = m.form->operands;
  bool ignore = operands.find(" P") != std::string_view::npos;
  m.insn->extra = operands.find(" S4") != std::string_view::npos; // the size of the source is given
  return ignore ? &launchCopies<true> : &launchCopies<false>;
}
Handler cpAsyncCommit(Match &) {
  return [](Warp &w, const Insn &, uint32_t mask) { forLanes(mask, [&](unsigned l) { ++w.groups[l]; }); };
}
Handler cpAsyncWait(Match &m) { return m.has("wait_all") ? &wait<true> : &wait<false>; }

} // namespace bind
} // namespace gqa::emulator
