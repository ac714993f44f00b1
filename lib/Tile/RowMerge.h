// A row of the result from the states of its parts, on a GPU. How long that takes is how long memory takes to
// answer, so a row's parts are dealt to several warps, and each asks for all that it needs at once.
#ifndef GQA_LIB_TILE_ROWMERGE_H
#define GQA_LIB_TILE_ROWMERGE_H

#include "TileBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace gqa {

class RowMerge : protected TileBuilder {
protected:
  using Values = llvm::SmallVector<mlir::Value>;

  static constexpr int64_t kLanes = 32;
  static constexpr int64_t kWidth = 4; ///< columns of a lane: 16 bytes of f32

  /// \param partsOfWarp that are on their way at a time, of as many parts as a warp has lanes
  RowMerge(AttentionOp op, const AttentionValues &values, int64_t partsOfWarp, IndexBuilder &b);
  ~RowMerge() = default;

  /// Of a row: o for each of the lane's columns.
  struct State {
    Values o;
    Value m, l;
  };

  /// Where the state of the row over a part is: buffers, and its row there.
  struct Place {
    Value o, m, l, row;
  };
  virtual Place placeOf(Value part) = 0;

  /// What the warp works on: a row of the tile, of whose parts it has every `ofRow`-th from number `slice`
  /// on.
  void bindRow(Value row, Value slice, Value ofRow);
  /// Writes that row of the result. Warps of a row meet in `room`, a row of columns for each of the task's.
  void buildRow(Value parts, Value room, int64_t warps);

  Value compare(mlir::arith::CmpIPredicate predicate, Value x, Value y);
  Value both(Value x, Value y) { return mlir::arith::AndIOp::create(b, x, y); }
  Value select(Value condition, Value x, Value y);

  Value warp, lane;
  Value source; ///< the row, or one that is there

private:
  Value constant(double value);
  Value splat(Value x);
  Value larger(Value x, Value y);

  void bindColumns();
  /// Those that are below `end`, if a condition holds.
  void forColumns(Value end, Value condition, llvm::function_ref<void(size_t, Value)> body);
  /// The parts of the warp's slice; of m and l, all.
  State joinParts(Value parts);
  State joinRound(Value first, Value last, State state);
  /// Adds what the row's other warps have.
  void addSlices(State &state, Value room, int64_t warps);
  void finish(const State &state);
  void mark(const State &state, Value dead, DeadRow deadRow, Value isFirst);

  int64_t partsOfWarp;
  Value none, zero;
  mlir::VectorType type;
  Value slice, ofRow;
  Value row, headOfRow, queryOfRow;
  Value inTile, exists; // a tile may have rows of queries that do not exist
  Values columns, loaded;
};

} // namespace gqa

#endif // GQA_LIB_TILE_ROWMERGE_H
