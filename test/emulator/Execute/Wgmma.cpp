// The instructions of wgmma.
#include "Async.h"
#include "Bind.h"
#include "Lanes.h"
#include "WholeWarp.h"

#include <charconv>

namespace gqa::emulator {
namespace {

Warpgroup &groupOf(Warp &w, uint32_t mask, const char *what) {
  needWholeWarp(mask, what);
  if (w.cta.grid.block.count() < (w.index / 4 + 1) * 128)
    throw Fault(FaultKind::Wgmma, std::string(what) + " by a warp whose warpgroup has less than 128 threads");
  return w.cta.async->group(w.index / 4);
}

std::optional<Format> formatNamed(std::string_view name) {
  for (auto [known, format] : {std::pair{"f16", Format::F16}, std::pair{"bf16", Format::BF16},
                               std::pair{"e4m3", Format::E4M3}, std::pair{"e5m2", Format::E5M2}})
    if (name == known)
      return format;
  return std::nullopt;
}

} // namespace

namespace bind {

Handler wgmma(Match &m) {
  // .mma_async.sync.aligned.m64nNkK.d.a.b
  std::string_view shape = m.suffixes[3];
  WgmmaShape s{};
  std::from_chars(shape.data() + 4, shape.data() + shape.size(), s.columns);
  s.shortSums = m.suffixes[4] == "f16";
  s.a = *formatNamed(m.suffixes[5]);
  s.b = *formatNamed(m.suffixes[6]);
  s.fromRegisters = m.form->operands.find("S4x4") != std::string_view::npos;
  bool sameType = s.a == s.b || s.a >= Format::E4M3;
  if (s.columns % 8 || s.columns < 8 || s.columns > 256 || !sameType || (s.shortSums && s.a == Format::BF16))
    return nullptr;
  m.insn->extra = s.pack();
  return [](Warp &w, const Insn &i, uint32_t mask) { groupOf(w, mask, "wgmma").issue(w, i); };
}
Handler wgmmaFence(Match &) {
  return [](Warp &w, const Insn &, uint32_t mask) { groupOf(w, mask, "wgmma.fence").fence(w); };
}
Handler wgmmaCommit(Match &) {
  return [](Warp &w, const Insn &, uint32_t mask) { groupOf(w, mask, "wgmma.commit_group").commit(w); };
}
Handler wgmmaWait(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) {
    if (!groupOf(w, mask, "wgmma.wait_group").wait(w, *w.source<uint32_t>(i.op[0])))
      w.sleep(Obstacle::Warpgroup);
  };
}

} // namespace bind
} // namespace gqa::emulator
