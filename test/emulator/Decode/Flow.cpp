#include "Flow.h"

#include <algorithm>

namespace gqa::emulator {

Flow::Flow(const std::vector<Effects> &code, unsigned registers) {
  findBlocks(code);
  findPostDominators(code);
  findRanges(code, registers);
}

void Flow::findBlocks(const std::vector<Effects> &code) {
  std::vector<bool> leads(code.size() + 1);
  leads[0] = true;
  for (uint32_t at = 0; at < code.size(); ++at) {
    const Effects &e = code[at];
    if (e.isBranch)
      leads[e.target] = true;
    if (e.isBranch || e.isExit)
      leads[at + 1] = true;
  }
  blockOf.resize(code.size());
  for (uint32_t at = 0; at < code.size(); ++at) {
    if (leads[at])
      blocks.push_back({at, at, {}, {}});
    blocks.back().last = at;
    blockOf[at] = blocks.size() - 1;
  }
  for (uint32_t b = 0; b < blocks.size(); ++b) {
    const Effects &end = code[blocks[b].last];
    auto edge = [&](uint32_t to) {
      blocks[b].next.push_back(to);
      blocks[to].previous.push_back(b);
    };
    if (end.isBranch)
      edge(blockOf[end.target]);
    if ((!(end.isBranch || end.isExit) || end.isGuarded) && b + 1 < blocks.size())
      edge(b + 1);
  }
}

/// Cooper, Harvey and Kennedy's iteration on the reversed graph, with one exit behind all exits.
void Flow::findPostDominators(const std::vector<Effects> &code) {
  uint32_t exit = blocks.size(), none = exit + 1;
  std::vector<uint32_t> order, rank(blocks.size() + 1, ~0u); // reverse post-order of the reversed graph
  std::vector<bool> seen(blocks.size());
  std::vector<std::pair<uint32_t, size_t>> stack;
  auto visit = [&](uint32_t start) {
    if (seen[start])
      return;
    seen[start] = true;
    stack.push_back({start, 0});
    while (!stack.empty()) {
      auto &[b, n] = stack.back();
      if (n < blocks[b].previous.size()) {
        uint32_t p = blocks[b].previous[n++];
        if (!seen[p]) {
          seen[p] = true;
          stack.push_back({p, 0});
        }
      } else {
        order.push_back(b);
        stack.pop_back();
      }
    }
  };
  // Lanes that exit early are not waited for, but a loop that they alone end has no other end.
  std::vector<bool> leaves(blocks.size());
  for (bool early : {false, true})
    for (uint32_t b = 0; b < blocks.size(); ++b)
      if (!seen[b] && (early ? code[blocks[b].last].isExit : blocks[b].next.empty())) {
        leaves[b] = true;
        visit(b);
      }
  std::reverse(order.begin(), order.end());
  rank[exit] = 0;
  for (uint32_t n = 0; n < order.size(); ++n)
    rank[order[n]] = n + 1;
  postDominator.assign(blocks.size() + 1, none);
  postDominator[exit] = exit;
  auto meet = [&](uint32_t a, uint32_t b) {
    while (a != b)
      (rank[a] > rank[b] ? a : b) = postDominator[rank[a] > rank[b] ? a : b];
    return a;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t b : order) {
      uint32_t found = leaves[b] ? exit : none;
      for (uint32_t s : blocks[b].next)
        if (postDominator[s] != none)
          found = found == none ? s : meet(found, s);
      if (found != postDominator[b]) {
        postDominator[b] = found;
        changed = true;
      }
    }
  }
}

uint32_t Flow::join(uint32_t at) const {
  uint32_t p = postDominator[blockOf[at]];
  return p < blocks.size() ? blocks[p].first : ~0u;
}

void Flow::findRanges(const std::vector<Effects> &code, unsigned registers) {
  using Set = std::vector<uint64_t>;
  size_t words = (registers + 63) / 64;
  auto has = [](const Set &s, int r) { return s[r / 64] >> (r % 64) & 1; };
  auto add = [](Set &s, int r) { s[r / 64] |= uint64_t(1) << (r % 64); };
  std::vector<Set> needs(blocks.size(), Set(words)), writes(blocks.size(), Set(words)),
      in(blocks.size(), Set(words));
  for (uint32_t b = 0; b < blocks.size(); ++b)
    for (uint32_t at = blocks[b].first; at <= blocks[b].last; ++at) {
      for (int r : code[at].uses)
        if (!has(writes[b], r))
          add(needs[b], r);
      for (int r : code[at].defines)
        add(writes[b], r);
    }
  auto liveOut = [&](uint32_t b) {
    Set out(words);
    for (uint32_t s : blocks[b].next)
      for (size_t i = 0; i < words; ++i)
        out[i] |= in[s][i];
    return out;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t b = blocks.size(); b-- > 0;) {
      Set out = liveOut(b);
      for (size_t i = 0; i < words; ++i) {
        uint64_t now = needs[b][i] | (out[i] & ~writes[b][i]);
        changed |= now != in[b][i];
        in[b][i] = now;
      }
    }
  }
  live.assign(registers, {});
  auto touch = [&](int r, uint32_t at) {
    live[r].first = std::min(live[r].first, at);
    live[r].last = std::max(live[r].last, at);
  };
  for (uint32_t b = 0; b < blocks.size(); ++b) {
    Set out = liveOut(b);
    for (unsigned r = 0; r < registers; ++r) {
      if (has(in[b], r))
        touch(r, blocks[b].first);
      if (has(out, r))
        touch(r, blocks[b].last);
    }
    for (uint32_t at = blocks[b].first; at <= blocks[b].last; ++at) {
      for (int r : code[at].uses)
        touch(r, at);
      for (int r : code[at].defines)
        touch(r, at);
    }
  }
  undefined.assign(registers, false);
  for (unsigned r = 0; r < registers && !blocks.empty(); ++r)
    undefined[r] = has(in[0], r);
}

} // namespace gqa::emulator
