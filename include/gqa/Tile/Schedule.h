// The table that maps an attention to tile sizes.
#ifndef GQA_TILE_SCHEDULE_H
#define GQA_TILE_SCHEDULE_H

#include "gqa/Dialect/GQA/GQA.h"

namespace gqa {

struct Schedule {
  /// Rows of a tile: queries times heads of a group. At least one query of every head of the group is in a
  /// tile, so a larger group makes larger tiles.
  int64_t rows;
  /// Keys of a block: columns of a tile.
  int64_t keys;
};

/// Tiles, head dimensions and blocks of keys are padded to a multiple of this many elements: whole vectors of
/// every target.
constexpr int64_t kPadding = 16;

Schedule chooseSchedule(AttentionOp op);

} // namespace gqa

#endif // GQA_TILE_SCHEDULE_H
