// The `tile` dialect: schedules of attention, on buffers. TileOps.td is its specification.
#ifndef GQA_DIALECT_TILE_TILE_H
#define GQA_DIALECT_TILE_TILE_H

#include "gqa/Dialect/GQA/GQA.h"

namespace gqa::tile {

/// Of interleaved products: the rows of a tile register, and the bf16 elements of each, which a product sums
/// over.
constexpr int64_t kRegisterRows = 16;
constexpr int64_t kRegisterDepth = 32;

/// Rows that are crossed with each other.
constexpr int64_t kCrossedRows = 4;

/// Rows of a fragment.
constexpr int64_t kFragmentRows = 16;

/// Rows of the tile that a group of four warps works on.
constexpr int64_t kGroupWarps = 4, kGroupRows = 64;

/// Of the four warps beside the consumers, those that do not fill channels.
constexpr int64_t kConvertingWarps = kGroupWarps - 1;

/// Tasks that wait for each other, on every chip that has clusters.
constexpr int64_t kMostTasksOfCluster = 8;

/// The bytes of an element in memory that kernels of warps read.
inline int64_t bytesOf(mlir::Type element) { return element.getIntOrFloatBitWidth() / 8; }

/// Rows of a panel of a channel or map: whole lines of 128 bytes, or halves of them where those would be
/// padded. Of what a swizzle is known for, the longest, as each panel is a copy of its own.
constexpr int64_t kPanelRowBytes = 128, kHalfPanelRowBytes = 64;

/// Of the panels that rows of so many bytes are in.
inline int64_t panelRowBytesFor(int64_t rowBytes) {
  return rowBytes % kPanelRowBytes == 0 ? kPanelRowBytes : kHalfPanelRowBytes;
}

} // namespace gqa::tile

#include "gqa/Dialect/Tile/TileDialect.h.inc"
#define GET_TYPEDEF_CLASSES
#include "gqa/Dialect/Tile/TileTypes.h.inc"
#define GET_OP_CLASSES
#include "gqa/Dialect/Tile/TileOps.h.inc"

#endif // GQA_DIALECT_TILE_TILE_H
