#include "Registers.h"

#include "Execute/Kernel.h"

#include <algorithm>
#include <queue>

namespace gqa::emulator {

/// Linear scan. A place is free only after the last instruction that uses it, never in it: results do not
/// overlap sources, and handlers may write a result before they have read all of the sources.
RegisterFile::RegisterFile(const std::vector<Register> &registers, const Flow &flow)
    : places(registers.size(), 0) {
  std::vector<int> order;
  for (int r = 0; r < static_cast<int>(registers.size()); ++r) {
    const Flow::Range &range = flow.ranges()[r];
    if (range.first > range.last)
      continue;
    if (registers[r].type == Type::Pred)
      places[r] = predicateCount++;
    else
      order.push_back(r);
  }
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    return std::pair(flow.ranges()[a].first, a) < std::pair(flow.ranges()[b].first, b);
  });
  struct Busy {
    uint32_t last, place;
    bool wide;
    bool operator>(const Busy &other) const { return last > other.last; }
  };
  std::priority_queue<Busy, std::vector<Busy>, std::greater<>> busy;
  std::vector<uint32_t> free[2];
  for (int r : order) {
    Flow::Range range = flow.ranges()[r];
    if (flow.undefinedAtEntry()[r])
      range = {0, ~0u}; // keeps what a thread left there, whatever path it takes
    while (!busy.empty() && busy.top().last < range.first) {
      free[busy.top().wide].push_back(busy.top().place);
      busy.pop();
    }
    bool wide = sizeOf(registers[r].type) == 8;
    if (free[wide].empty()) {
      free[wide].push_back(end);
      end += kLanes * (wide ? 8 : 4);
    }
    places[r] = free[wide].back();
    free[wide].pop_back();
    busy.push({range.last, places[r], wide});
  }
}

} // namespace gqa::emulator
