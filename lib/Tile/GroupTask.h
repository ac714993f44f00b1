// A task of a prompt's attention on a GPU whose warps work in groups. One thread has the copy engine bring
// blocks of keys and values; two groups of four warps multiply, each 64 rows of the tile, and take turns, so
// that one's exponentials go on beside the other's products; or one does, of a tile of half as many. Of a
// narrow cache the thread brings codes, which the warps that are left widen on the way.
#ifndef GQA_LIB_TILE_GROUPTASK_H
#define GQA_LIB_TILE_GROUPTASK_H

#include "WarpTile.h"

namespace gqa {

/// Queries of a head in a tile; what the schedule of groups has is static.
int64_t periodOf(const AttentionValues &values);
/// The heads that fill all rows of a tile: those behind the group's, if it has too few, are padding of its
/// rows.
int64_t boxHeads(const AttentionValues &values, const WarpSchedule &schedule);

class GroupTask : WarpTile {
public:
  GroupTask(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
            const TensorMaps &maps, IndexBuilder &b);

  /// All roles of the task at a point of the grid.
  void build(mlir::ValueRange point);

private:
  /// The slot of a channel that is next, and how often it has been filled before, modulo 2.
  struct Cursor {
    Value slot, phase;
  };

  /// What a block's softmax leaves: the output and the state, the block's probabilities as an operand, and
  /// where its values are.
  struct Step {
    Value o, m, l, p;
    Cursor cursor;

    Values values() const { return {o, m, l, p, cursor.slot, cursor.phase}; }
    static Step of(mlir::ValueRange v) { return {v[0], v[1], v[2], v[3], {v[4], v[5]}}; }
  };

  // What all roles know: channels, and blocks of keys.
  Value i32(int64_t value);
  Value channel(int64_t slots, int64_t rows, Value columns, mlir::Type type);
  /// Where codes arrive that become numbers: in one slot, as they are gone long before products have read the
  /// numbers, or in as many as these have. Null for what comes as products read it.
  Value codes(const TokenBuffers &tokens, Value columns);
  void bindChannels();
  /// Blocks are taken from the last to the first: [0, lastHidden) and [firstHidden, blocks) have keys that
  /// some rows do not see.
  void bindBlocks();
  Value isSeen();
  Value keyOf(Value number); // the block's first key
  Cursor next(Cursor cursor);
  void forEachBlock(llvm::function_ref<void(Value, Cursor)> body);

  // Those that bring blocks.
  void produce();
  void fill(Value channel, Cursor cursor, Value map, Value head, Value row, int64_t rows);
  /// The slot of codes for block `number`, whose numbers are at `numbers`.
  Cursor codesOf(Value number, Cursor numbers);
  void convert();

  // A group that multiplies.
  void consume();
  Values attend(const Values &empty);
  /// Group 0 has the first turn. One alone needs none.
  void passFirst();
  void turn(bool pass);
  Value await(Value pending, int64_t younger);
  Value scores(Cursor cursor);
  Value multiply(const Step &step);
  /// The first block, which no output is multiplied beside.
  Step start(const Values &empty);
  /// The scores of block `number` beside the output of the one before.
  Step advance(Value number, const Step &step, bool whole);
  tile::WarpSoftmaxStepOp softmaxOf(Value products, Value number, Value m, Value l, bool whole);
  Value operand(Value p);
  Step loop(Value from, Value to, const Step &step, bool whole);

  const TensorMaps &maps;
  int64_t consumers;
  int64_t ownWidth; // columns of a group's part of the output
  Value blocks, lastHidden, firstHidden;
  Value queryChannel, keyChannel, valueChannel, keyCodes, valueCodes;
  Value group;      // of the consumer
  Value rowsOfTile; // which 64 of its rows are the consumer's
  Value column;     // the first of its part; null if it has all
};

} // namespace gqa

#endif // GQA_LIB_TILE_GROUPTASK_H
