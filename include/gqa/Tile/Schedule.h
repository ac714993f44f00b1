// The table that maps an attention and a processor to tile sizes.
#ifndef GQA_TILE_SCHEDULE_H
#define GQA_TILE_SCHEDULE_H

#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/Tile/Target.h"

namespace gqa {

struct Schedule {
  /// Rows in the lanes of vectors, or the head dimension (see the `tile` dialect).
  bool transposed;
  /// Rows of a tile: queries times heads of a group. At least one query of every head of the group is in a
  /// tile, so a larger group makes larger tiles.
  int64_t rows;
  /// Keys of a block: columns of a tile.
  int64_t keys;
  /// Of a vector. Rows of tiles, and head dimensions, are padded to a multiple of so many elements: whole
  /// vectors.
  int64_t lanes;
  /// Keys and values are bf16 and read in pairs.
  bool paired = false;
  /// Rows of queries are crossed.
  bool crossed = false;
  /// Products are of pairs of bf16 numbers: interleaved operands. In tile registers `lanes` are the rows of
  /// one.
  bool interleaved = false;
  /// Key/value heads that a task works on, block by block: more than one where the heads of a token lie side
  /// by side in memory, which is then read from end to end.
  int64_t heads = 1;

  /// Values are laid out as panels, and the output is transposed until the end.
  bool hasPanels() const { return interleaved && transposed; }

  /// Keys that are worth a task of their own.
  int64_t leastKeysOfTask() const;
};

/// Whether queries may become bf16: they are, or it is what they are rotated to. But a caller that gets lse
/// is told more of the scores than rounded ones would say.
bool mayRoundQueries(AttentionOp op);

/// Whether a single query is one case among others, with kernels of its own: `Sq` is dynamic, and the
/// attribute `gqa.prompts_only` does not say that such calls go elsewhere. Without it there is two or three
/// times as much to compile; kernels of many queries are right for any number.
bool mayHaveSingleQuery(AttentionOp op);

/// For tiles of at most `queries` queries of each head, which may be dynamic.
Schedule chooseSchedule(AttentionOp op, int64_t queries, const CPUTarget &target);

/// Tiles of a GPU: several warps work on one, whose keys and values reach them through rings.
struct WarpSchedule {
  int64_t rows;     ///< of a tile
  int64_t keys;     ///< of a block
  int64_t warps;    ///< of a task
  int64_t resident; ///< tasks that one multiprocessor runs at a time
  int64_t slots;    ///< of a ring: while one is multiplied, the others are on their way
  /// Where the keys are split into at most so many parts, the tasks of a tile's parts are a cluster, and
  /// merge their states themselves; 1: another kernel does.
  int64_t clusterParts = 1;
  /// Groups leave their rows of the result where the tile's queries were, and the copy engine stores them;
  /// else lanes do.
  bool storesTile = false;
  /// Groups split keys where tiles are too few for all processors, instead of leaving these to warps.
  bool splitsKeys = true;
  /// Of codes that warps beside groups widen: with one, nothing is on its way for as long as it is read.
  int64_t codeSlots = 1;
  /// Wide heads: so many warps, or groups of them, have the same rows and keys, and each a part of the
  /// output's columns.
  int64_t columnParts = 1;
  /// Few rows: every warp has all of them and keys of its own. Else every warp has 16 rows and all keys.
  bool keysAcrossWarps() const { return rows * columnParts < 16 * warps; }
};

/// The bytes of an element of keys and of values, as kernels read them.
struct TokenBytes {
  int64_t key = 2, value = 2;
};

/// Of wider heads several warps share the columns.
constexpr int64_t kMostDimOfWarp = 256;

/// How many queries of each head the tile of a decode step has room for, on a GPU: as many as fill the 16
/// rows that a product has anyway, at least one. Where the number is known in the call alone, so many have
/// kernels of their own.
int64_t fewQueries(AttentionOp op);

/// For tiles of at most `queries` queries of each head, which may be dynamic.
WarpSchedule chooseWarpSchedule(AttentionOp op, int64_t queries, TokenBytes bytes = {});

/// The same for groups of warps with roles (sm_90a), beside which one more moves data; nothing where they do
/// not take the attention, or tiles have too few rows for it to pay. To compare both: with the attribute
/// `gqa.no_tma_store` lanes store the result, with `gqa.no_group_splits` warps split keys, with
/// `gqa.no_half_tiles` two groups work on a tile, or warps, and with `gqa.no_wide_groups` warps multiply
/// heads of more than 256.
std::optional<WarpSchedule> chooseGroupSchedule(AttentionOp op, int64_t queries, TokenBytes bytes = {});

/// The same for few rows, of which each warp has the copy engine bring keys of its own (sm_90a). With the
/// attribute `gqa.no_clusters` parts are merged by another kernel, whatever their number: to compare both.
std::optional<WarpSchedule> chooseCopySchedule(AttentionOp op, int64_t queries, TokenBytes bytes = {});

/// Tiles of one group beside the whole ones that `chooseGroupSchedule` has chosen, for calls whose rows are
/// few, or whose tiles and blocks of keys are; nothing where the compiler knows which of both is right.
std::optional<WarpSchedule> chooseHalfTiles(AttentionOp op, int64_t queries, TokenBytes bytes = {});

/// So many blocks of keys are not worth splitting where all tiles, though halved, have a multiprocessor.
constexpr uint64_t kFewBlocks = 8;

/// The most query heads of one key/value head that a tile of a GPU has rows for; of more, several tiles have
/// some each.
constexpr int64_t kMostHeadsOfTile = 128;

/// Into how many equal parts a group of query heads is cut for tiles of so many rows.
int64_t headPartsOf(int64_t group, int64_t rows);

/// How many queries of each of its heads the tile of a group of warps has. The box of queries has heads as
/// far as there are rows; of wide heads, beside which shared memory has no room for more, they have to come
/// out even.
int64_t queriesOfBox(const WarpSchedule &schedule, int64_t heads);

/// How an attention's keys are split: enough tasks for every core, but none that is too short to pay for the
/// merge. It depends on shapes only, never on the machine, and so do the results.
constexpr int64_t kEnoughTasks = 64;
constexpr int64_t kLeastKeysOfTask = 256;

} // namespace gqa

#endif // GQA_TILE_SCHEDULE_H
