// cp.async.bulk: copies of contiguous bytes, and of boxes that a tensor map describes, between global and
// shared memory.
#include "Access.h"
#include "Async.h"
#include "Bind.h"
#include "Lanes.h"
#include "Suffixes.h"

#include <algorithm>
#include <cstring>

namespace gqa::emulator {
namespace {

[[noreturn]] void fail(const std::string &text) { throw Fault(FaultKind::TensorMap, text); }

/// Shared memory of this CTA, aligned as the instruction asks.
uint32_t sharedAddress(Warp &w, unsigned lane, uint64_t address, unsigned align, const char *what) {
  w.faultLane = lane;
  if (address % align)
    misaligned(w, lane, address, align, what);
  uint64_t window = w.cta.grid.memory.sharedWindow();
  if (address - window < DeviceMemory::kWindow) // a generic address, as LLVM writes it
    address -= window;
  if (address >> 32)
    outOfShared(w, lane, address, align, what);
  return static_cast<uint32_t>(address);
}

/// The map that a generic address names, in parameters or in memory.
TensorMap mapAt(Warp &w, unsigned lane, uint64_t address) {
  w.faultLane = lane;
  if (address % 64)
    misaligned(w, lane, address, 64, "tensor map");
  TensorMap map;
  for (unsigned at = 0; at < sizeof map; at += 16)
    std::memcpy(reinterpret_cast<char *>(&map) + at,
                readableSlowly(w, resolve(w, Space::Generic, address + at), lane, 16), 16);
  if (map.magic != TensorMap::kMagic)
    fail("no tensor map lies at the address that the instruction gives; expected one that "
         "cuTensorMapEncodeTiled made");
  return map;
}

/// What lies outside of the tensor: zeros, or NaN of the element's type.
uint32_t fillOf(const TensorMap &map) {
  return !map.fillNaN ? 0 : map.isFloat == 2 ? 0x7FFF7FFF : 0x7FFFFFFF;
}

/// The box at these coordinates, in pieces of a row of dimension 0 or less.
BulkCopy boxOf(const TensorMap &map, unsigned rank, const int32_t *at, uint32_t shared) {
  if (map.rank != rank)
    fail("the instruction has " + std::to_string(rank) + " coordinates for a tensor map of rank " +
         std::to_string(map.rank));
  BulkCopy c;
  c.shared = shared;
  c.swizzle = map.swizzle;
  c.fill = fillOf(map);
  uint32_t rowBytes = map.box[0] * map.elementBytes;
  if (map.swizzle && rowBytes != map.swizzle)
    fail("a box with rows of " + std::to_string(rowBytes) + " bytes under a swizzle of " +
         std::to_string(map.swizzle) + " bytes is not modelled; expected rows as long as the pattern");
  unsigned counts[5] = {1, 1, 1, 1, 1};
  for (unsigned d = 1; d < rank; ++d)
    counts[d] = (map.box[d] + map.steps[d] - 1) / map.steps[d];
  // The part of a row that lies inside is [first, last).
  int64_t size = int64_t(map.sizes[0]) + 1;
  int64_t first = std::clamp<int64_t>(-int64_t(at[0]), 0, map.box[0]),
          last = std::clamp<int64_t>(size - at[0], first, map.box[0]);
  uint32_t to = shared;
  auto piece = [&](uint64_t row, int64_t from, int64_t end, bool inside) {
    if (from == end)
      return;
    uint32_t bytes = (end - from) * map.elementBytes;
    c.pieces.push_back({to, bytes, inside ? row + (at[0] + from) * map.elementBytes : 0});
    to += bytes;
  };
  unsigned n[5] = {};
  for (;;) {
    bool inside = true;
    uint64_t row = map.base;
    for (unsigned d = 1; d < rank; ++d) {
      int64_t index = int64_t(at[d]) + n[d] * map.steps[d];
      inside &= index >= 0 && index <= int64_t(map.sizes[d]);
      row += index * map.strides[d - 1];
    }
    piece(row, 0, inside ? first : map.box[0], false);
    piece(row, first, inside ? last : first, true);
    piece(row, last, inside ? map.box[0] : last, false);
    unsigned d = 1;
    while (d < rank && ++n[d] == counts[d])
      n[d++] = 0;
    if (d >= rank)
      break;
  }
  c.bytes = to - shared;
  return c;
}

/// A mask of the CTAs of the cluster, of which this is the only one.
void checkMulticast(Warp &w, const Insn &i, unsigned at, unsigned lane) {
  if (i.extra && w.source<uint32_t>(i.op[at])[lane] != 1)
    throw Fault(FaultKind::OutOfBounds,
                "multicast to CTAs that the cluster does not have; expected the mask 1");
}

void count(Warp &w, const BulkCopy &c) {
  Counters &n = *w.counters;
  ++n.globalRequests;
  for (const Piece &p : c.pieces)
    if (p.global) {
      (c.load ? n.globalLoadBytes : n.globalStoreBytes) += p.bytes;
      n.globalSectors += (p.global + p.bytes + 31) / 32 - p.global / 32;
    }
}

void start(Warp &w, unsigned lane, BulkCopy c, uint32_t line) {
  c.line = line;
  count(w, c);
  w.cta.async->bulk.start(w, lane, std::move(c));
}

constexpr unsigned kTileAlign = 128;

/// Operands: destination, map, coordinates, mbarrier[, CTAs][, policy].
void loadTile(Warp &w, const Insn &i, uint32_t mask) {
  uint64_t to[kLanes], map[kLanes], mbarrier[kLanes];
  unsigned rank = i.vector;
  addresses(w, i, 0, 0, to);
  addresses(w, i, 1, 1, map);
  addresses(w, i, 2 + rank, 2, mbarrier);
  forEachLane(mask, [&](unsigned l) {
    int32_t at[5];
    for (unsigned d = 0; d < rank; ++d)
      at[d] = w.source<int32_t>(i.op[2 + d])[l];
    checkMulticast(w, i, 3 + rank, l);
    BulkCopy c =
        boxOf(mapAt(w, l, map[l]), rank, at, sharedAddress(w, l, to[l], kTileAlign, "cp.async.bulk.tensor"));
    c.mbarrier = sharedAddress(w, l, mbarrier[l], 8, "mbarrier");
    start(w, l, std::move(c), i.line);
  });
}

/// The ISA does not say so, but to an H100 and an H200 such a store is an illegal instruction.
void checkStart(Warp &w, unsigned lane, int32_t at, unsigned dimension) {
  w.faultLane = lane;
  if (at < 0)
    throw Fault(FaultKind::OutOfBounds, "a store of a box that begins at " + std::to_string(at) +
                                            " along dimension " + std::to_string(dimension) +
                                            "; expected no negative coordinate, which hardware refuses");
}

/// Operands: map, coordinates, source[, policy].
void storeTile(Warp &w, const Insn &i, uint32_t mask) {
  uint64_t from[kLanes], map[kLanes];
  unsigned rank = i.vector;
  addresses(w, i, 0, 0, map);
  addresses(w, i, 1 + rank, 1, from);
  forEachLane(mask, [&](unsigned l) {
    int32_t at[5];
    for (unsigned d = 0; d < rank; ++d)
      checkStart(w, l, at[d] = w.source<int32_t>(i.op[1 + d])[l], d);
    BulkCopy c = boxOf(mapAt(w, l, map[l]), rank, at,
                       sharedAddress(w, l, from[l], kTileAlign, "cp.async.bulk.tensor"));
    c.load = false;
    start(w, l, std::move(c), i.line);
  });
}

BulkCopy bytesOf(Warp &w, unsigned lane, uint64_t global, uint64_t shared, uint32_t bytes) {
  w.faultLane = lane;
  if (bytes % 16 || !bytes)
    throw Fault(FaultKind::Misaligned,
                "cp.async.bulk of " + std::to_string(bytes) + " bytes; expected a multiple of 16");
  if (global % 16)
    misaligned(w, lane, global, 16, "cp.async.bulk");
  BulkCopy c;
  c.shared = sharedAddress(w, lane, shared, 16, "cp.async.bulk");
  c.bytes = bytes;
  c.pieces.push_back({c.shared, bytes, global});
  return c;
}

/// Operands: destination, source, size, mbarrier[, CTAs][, policy].
void loadBytes(Warp &w, const Insn &i, uint32_t mask) {
  uint64_t to[kLanes], from[kLanes], mbarrier[kLanes];
  addresses(w, i, 0, 0, to);
  addresses(w, i, 1, 1, from);
  addresses(w, i, 3, 2, mbarrier);
  forEachLane(mask, [&](unsigned l) {
    checkMulticast(w, i, 4, l);
    BulkCopy c = bytesOf(w, l, from[l], to[l], w.source<uint32_t>(i.op[2])[l]);
    c.mbarrier = sharedAddress(w, l, mbarrier[l], 8, "mbarrier");
    start(w, l, std::move(c), i.line);
  });
}

/// Operands: destination, source, size[, policy].
void storeBytes(Warp &w, const Insn &i, uint32_t mask) {
  uint64_t to[kLanes], from[kLanes];
  addresses(w, i, 0, 0, to);
  addresses(w, i, 1, 1, from);
  forEachLane(mask, [&](unsigned l) {
    BulkCopy c = bytesOf(w, l, to[l], from[l], w.source<uint32_t>(i.op[2])[l]);
    c.load = false;
    start(w, l, std::move(c), i.line);
  });
}

template <bool Reads> void wait(Warp &w, const Insn &i, uint32_t mask) {
  forEachLane(mask, [&](unsigned l) { w.cta.async->bulk.wait(w, l, *w.source<uint32_t>(i.op[0]), Reads); });
}

unsigned rankOf(const Match &m) {
  for (std::string_view s : m.suffixes)
    if (s.size() == 2 && s[1] == 'd')
      return s[0] - '0';
  return 0;
}

Handler bindTo(Match &m, Handler handler) {
  m.insn->vector = rankOf(m);
  m.insn->extra = m.has("multicast::cluster");
  return handler;
}

} // namespace

namespace bind {

Handler tensorLoad(Match &m) { return bindTo(m, &loadTile); }
Handler tensorStore(Match &m) { return bindTo(m, &storeTile); }
Handler bulkLoad(Match &m) { return bindTo(m, &loadBytes); }
Handler bulkStore(Match &m) { return bindTo(m, &storeBytes); }
Handler bulkCommit(Match &) {
  return [](Warp &w, const Insn &, uint32_t mask) {
    forEachLane(mask, [&](unsigned l) { w.cta.async->bulk.commit(w, l); });
  };
}
Handler bulkWait(Match &m) { return m.has("read") ? &wait<true> : &wait<false>; }
/// A prefetch changes nothing, but it must name a map.
Handler tensorPrefetch(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) {
    uint64_t map[kLanes];
    addresses(w, i, 0, 0, map);
    forEachLane(mask, [&](unsigned l) { mapAt(w, l, map[l]); });
  };
}

} // namespace bind
} // namespace gqa::emulator
