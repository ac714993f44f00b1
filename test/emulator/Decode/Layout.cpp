#include "Layout.h"

#include <algorithm>
#include <tuple>

namespace gqa::emulator {
namespace {

uint64_t alignUp(uint64_t at, uint64_t align) { return (at + align - 1) / align * align; }

/// Each shared variable gets the alignment that it asks for and no more, so that code which relies on more
/// shows it.
uint64_t place(uint64_t at, uint64_t align) {
  constexpr uint64_t kMost = 1024; // beyond it nobody asks for more
  at = alignUp(at, align);
  return align >= kMost || at % (2 * align) ? at : at + align;
}

/// Shared memory starts at 1024, so that address 0 is nobody's. Dynamic memory lies behind the static
/// variables.
struct SharedLayout {
  Kernel &kernel;
  Symbols &symbols;
  uint64_t at = 1024, dynamicAlign = 16;
  std::vector<const Variable *> dynamic;

  void add(const Variable &v) {
    if (v.isUnbounded) {
      dynamic.push_back(&v);
      dynamicAlign = std::max<uint64_t>(dynamicAlign, v.align);
      return;
    }
    symbols[v.name] = at = place(at, v.align);
    at += v.size;
    kernel.staticBytes = alignUp(kernel.staticBytes, v.align) + v.size;
  }
  void finish() {
    kernel.staticShared = at;
    kernel.dynamicShared = place(at, dynamicAlign);
    for (const Variable *v : dynamic)
      symbols[v->name] = kernel.dynamicShared;
  }
};

} // namespace

Symbols layOut(const Module &module, const Function &f, Kernel &kernel) {
  Symbols symbols;
  SharedLayout shared{kernel, symbols, 1024, 16, {}};
  kernel.sharedBase = shared.at;
  uint64_t local = 0, params = 0;
  for (const Variable &v : module.variables)
    if (v.space == Space::Shared)
      shared.add(v);
  for (const Variable &v : f.variables) {
    if (v.space == Space::Shared) {
      shared.add(v);
      continue;
    }
    symbols[v.name] = local = alignUp(local, v.align);
    local += v.size;
  }
  shared.finish();
  for (const Variable &v : f.params) {
    symbols[v.name] = params = alignUp(params, v.align);
    kernel.params.push_back({static_cast<uint32_t>(params), static_cast<uint32_t>(v.size), v.align});
    params += v.size;
  }
  kernel.localBytes = alignUp(local, 16);
  kernel.paramBytes = params;
  uint64_t mostParams = module.version < 81 ? 4352 : 32764;
  if (params > mostParams)
    throw PtxError(f.line, "kernel '" + f.name + "' has " + std::to_string(params) +
                               " bytes of parameters, expected at most " + std::to_string(mostParams) +
                               " in this version of PTX");
  if (shared.at > (1u << 20) || local > (1u << 20))
    throw PtxError(f.line, "kernel '" + f.name + "' declares more memory than any device has");
  return symbols;
}

} // namespace gqa::emulator
