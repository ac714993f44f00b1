// The `tile` dialect: schedules of attention, on buffers. TileOps.td is its specification.
#ifndef GQA_DIALECT_TILE_TILE_H
#define GQA_DIALECT_TILE_TILE_H

#include "gqa/Dialect/GQA/GQA.h"

#include "gqa/Dialect/Tile/TileDialect.h.inc"
#define GET_OP_CLASSES
#include "gqa/Dialect/Tile/TileOps.h.inc"

#endif // GQA_DIALECT_TILE_TILE_H
