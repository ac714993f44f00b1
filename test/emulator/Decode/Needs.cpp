#include "Needs.h"

#include <algorithm>

namespace gqa::emulator {
namespace {

using Words = std::vector<std::string_view>;

/// Suffixes that came later than the instructions that may have them.
struct Later {
  Words opcodes; ///< how they begin; none: whichever it is
  Words suffixes;
  Needs needs;
};

const std::vector<Later> &later() {
  static const std::vector<Later> rows = {
      {{}, {"shared::cta"}, {0, 78}},
      {{}, {"shared::cluster", "cluster"}, {90, 78}},
      {{"bar", "barrier"}, {"cta"}, {0, 78}},
      {{"ld", "st"},
       {"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate"},
       {70, 74}},
      {{"ld", "cp"}, {"L2::64B", "L2::128B", "L2::256B"}, {75, 74}},
      {{"ld", "st", "cp"}, {"L2::cache_hint"}, {80, 74}},
      {{"createpolicy"}, {"fractional"}, {80, 74}},
      {{"cvta", "isspacep"}, {"param"}, {70, 77}},
      {{"cvta"}, {"param::entry"}, {70, 83}},
      {{"min", "max"}, {"xorsign"}, {86, 72}},
      {{"add", "sub", "mul", "setp", "ex2", "tanh", "atom", "red"}, {"bf16", "bf16x2"}, {90, 78}},
      {{"cvt"}, {"satfinite"}, {80, 81}},
      {{"mbarrier.arrive", "mbarrier.arrive_drop", "mbarrier.test_wait", "mbarrier.try_wait"},
       {"relaxed"},
       {90, 86}},
      {{"barrier"}, {"release", "relaxed", "acquire"}, {90, 80}},
  };
  return rows;
}

bool contains(const Words &words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

} // namespace

void check(const Needs &needs, const Module &module, const std::string &what, unsigned line) {
  if (module.sm < needs.sm || (needs.onlyThere && module.target != "sm_90a"))
    throw PtxError(line, "'" + what + "' needs .target sm_" + std::to_string(needs.sm) +
                             (needs.onlyThere ? "a" : "") + ", found " + module.target);
  if (module.version < needs.version)
    throw PtxError(line, "'" + what + "' needs .version " + std::to_string(needs.version / 10) + "." +
                             std::to_string(needs.version % 10) + ", found " +
                             std::to_string(module.version / 10) + "." + std::to_string(module.version % 10));
}

void checkSuffixes(const Words &suffixes, const Module &module, const std::string &opcode, unsigned line) {
  auto begins = [&](std::string_view words) { return opcode.starts_with(std::string(words) + "."); };
  for (const Later &row : later())
    if (row.opcodes.empty() || std::any_of(row.opcodes.begin(), row.opcodes.end(), begins))
      for (std::string_view suffix : suffixes)
        if (contains(row.suffixes, suffix))
          check(row.needs, module, opcode, line);
}

} // namespace gqa::emulator
