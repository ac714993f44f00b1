// A task of an attention on a GPU, run by a few warps. Blocks of keys and of values go through two rings; a
// block's successor is on its way while it is multiplied.
#ifndef GQA_LIB_TILE_WARPTASK_H
#define GQA_LIB_TILE_WARPTASK_H

#include "ClusterMerge.h"
#include "WarpTile.h"

namespace gqa {

class WarpTask : WarpTile {
public:
  WarpTask(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
           const TensorMaps *maps, IndexBuilder &b);

  /// The task at a point of the grid.
  void build(mlir::ValueRange point);

private:
  // What the warp works on, and its loops over blocks.
  /// Whether products read the codes of a narrow cache: where each of them is read by one warp.
  bool isReadNarrow(const TokenBuffers &tokens) const;
  /// Which rows of the tile, and which keys of a block, are this warp's.
  void bindWarp();
  /// The blocks of keys, and which of them all rows see, with as many whole blocks behind as are on their
  /// way: [firstFull, lastFull).
  void bindBlocks();
  void bindQueries();
  /// Blocks that are in one slot after the other, from `slot` on; the state and the slot behind them.
  std::pair<Values, Value> loop(Value from, Value to, Values state, Value slot, bool whole);
  /// The slot one further round the ring, or one back.
  Value neighbour(Value slot, int64_t step);
  /// Whole blocks from the first to a multiple of the slots, the ring once round each time.
  Values loopOverRing(Value to, Values state);
  /// One block of keys; `whole` if all rows see all of it and those on their way are no shorter.
  Values step(Value number, const Values &state, Value slot, Value leftSlot, bool whole);

  /// The first of the columns that the warp's part of the scores is a sum over; null if it is over all.
  Value keyColumn();

  // Slots: where keys and values arrive.
  void bindRings();
  Value ring(const TokenBuffers &tokens, int64_t columns);
  /// One slot for what all warps read of a narrow cache; null if they read it as it is.
  Value wideRing(const TokenBuffers &tokens, int64_t columns, mlir::Type element);
  /// Starts to load the keys or values of block `number`; behind the last block there are none.
  void load(bool isKey, Value number, Value slot, bool whole);
  /// Asks for the first block, and waits for the kernels in front, which may still be at work.
  void prefetchAndAwait();
  /// Waits for the oldest of the blocks on their way, and starts to load another into the slot that the block
  /// before it has left.
  void advance(bool isKey, Value number, Value slot, Value leftSlot, bool whole);
  /// Where products find the keys or values of a slot that is full: there, or widened by all warps, times the
  /// scales of tokens. Nobody reads the numbers of the block before any more, since the slot was waited for.
  std::pair<Value, Value> widened(bool isKey, Value key, Value slot);

  // Scales of a narrow cache: what differs by token goes to scores and probabilities, what differs by channel
  // to queries and to the output, and what is one for all leaves the loop.
  bool isScaledByWarp(const TokenBuffers &tokens) const;
  /// Those of the warp's keys from `key` on, all of which exist if the block is whole. What lies behind the
  /// last key is not looked at.
  Value scalesOf(const TokenBuffers &tokens, Value key, bool whole);

  // The state in front of the first block and behind the last.
  Values initialize();
  void finish(Values state);
  /// The states of all warps go through memory that they share: those of the cluster, or the task's own.
  void join(const Values &state);
  /// The first warp goes on with the states of all.
  void joinWarps(const Values &state, const WarpStates &states);

  const TensorMaps *maps; // or null
  int64_t keyWidth, valueWidth, warpKeys, blocksAtOnce;
  int64_t ownKeyWidth; // columns of the warp's part of the scores' sums
  int64_t ownWidth;    // and of the output
  llvm::SmallVector<Value> position;
  mlir::Type outputType;
  Value scoreScales; // of narrow keys, where they are the same for all
  Value warp, warpKey, blocks, firstFull, lastFull;
  Value part,
      column; // which part of wide heads is the warp's, and its first of the output; null if it has all
  Value room; // where warps that share rows find each other's parts of the scores
  Value keyRing, valueRing, wideKeys, wideValues, queryTile;
};

} // namespace gqa

#endif // GQA_LIB_TILE_WARPTASK_H
