// What the products of a task read and write, in the form that the schedule wants.
#ifndef GQA_LIB_TILE_TILEOPERANDS_H
#define GQA_LIB_TILE_TILEOPERANDS_H

#include "TileBuilder.h"

namespace gqa {

/// The rooms of a task's operands, and how they are filled.
class TileOperands : protected TileBuilder {
protected:
  TileOperands(AttentionOp op, const AttentionValues &values, IndexBuilder &b);

  void allocate();
  /// Builds what is done for each of the task's heads, whose queries and state are bound meanwhile.
  void forEachHead(mlir::function_ref<void()> body);
  /// The queries of the tile.
  void packQueries();
  Value queryTile;
  /// Which of the task's heads it is.
  Value headOfTask;
  /// `keys` rows of K or V from `key` on.
  Value keyTile(Value key, Value keys);
  Value valueTile(Value key, Value keys);
  /// What tile.softmax_step writes apart from scores; null if they become probabilities where they are.
  Value probabilities;
  /// What the products add to: o, or its transpose.
  Value accumulator;
  Value scores, alpha;
  const bool transposed, interleaved;
  bool hasPanels() const { return values.schedule.hasPanels(); }

private:
  /// The queries of the tile as they lie in memory, or rotated in memory of the task.
  Value rotatedQueries();
  /// What is the head's own of a room that has as much of each.
  Value ofHead(Value room);

  Value keyRoom, valueRoom, joint, rotationRoom;
  struct {
    Value queries, output, m, l;
  } rooms; // of all heads of the task
};

} // namespace gqa

#endif // GQA_LIB_TILE_TILEOPERANDS_H
