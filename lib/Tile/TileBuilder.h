// What every kernel of an attention needs to know of the tile it works on.
#ifndef GQA_LIB_TILE_TILEBUILDER_H
#define GQA_LIB_TILE_TILEBUILDER_H

#include "AttentionFunction.h"
#include "gqa/Tile/Kernel.h"

namespace gqa {

/// A point of the grid (batch, key/value head, block of queries) and the memory of its tile.
class TileBuilder {
protected:
  using Value = mlir::Value;

  TileBuilder(AttentionOp op, const AttentionValues &values, IndexBuilder &b)
      : op(op), values(values), b(b) {}

  void bindPosition(mlir::ValueRange point);
  /// The keys of the batch element.
  void bindVisible();
  /// The keys that the tile's queries may see: [begin, end), and the band around their own positions.
  void bindBand();
  /// Narrows [begin, end) to part `split` of it: whole blocks, and at least so many keys.
  void takePart(Value split, int64_t least);
  /// Scratch memory of the task, in the accumulator's type or `element`.
  Value scratch(mlir::ArrayRef<Value> sizes, mlir::Type element = nullptr);
  /// Room for o, m and l of so many heads.
  void allocateState(int64_t heads = 1);
  /// Part `split` of this tile's keys, counted over all tiles, and its state in the memory for all parts.
  Value partNumber(Value split);
  void bindPartial(Value split);
  /// Where the tile's rows go, and their lse (null if nobody asks), and what a row does that saw no key.
  std::tuple<Value, Value, DeadRowAttr> viewResults();
  /// The head of the tile's keys and values.
  Value tokenHead() { return b.div(kvHead, b.index(values.headParts)); }
  /// The marks of the tile's fragment `number`; null if there are none.
  Value viewMarks(Value number);
  void buildFinish();
  /// An empty state with `o`, or its transpose. Sinks belong to one part of the keys only.
  void buildInit(Value o, bool withSinks);
  /// An element of Q, K or V in f32, of narrow ones what it stands for.
  Value elementOf(const TokenBuffers &tokens, Value head, Value token, Value column);
  /// Q as K and V are.
  TokenBuffers queryTokens() {
    return {values.q, /*fresh=*/nullptr, values.queryScale, /*zero=*/nullptr, values.queryDequantize};
  }
  /// `keys` rows of K or V from `key` on, where they lie.
  TokenBuffers rowsOf(const TokenBuffers &tokens, Value key, Value keys, Value dim);
  /// Rows in the form of `room`, there if they are not so already; a multiple of so many if there is one.
  Value packRows(const TokenBuffers &rows, Value room, mlir::IntegerAttr multiple = nullptr);
  /// Values as panels, in a part of `room`. What lies in two buffers is joined in `joint` first.
  Value packPanels(const TokenBuffers &rows, Value room, Value joint);

  AttentionOp op;
  const AttentionValues &values;
  IndexBuilder &b;
  Value batch, kvHead, block, head, query, queries; // where the tile is; queries per head that exist
  Value visible, begin, end, first, last;           // keys: below kv_len; that are seen; the band
  Value output, m, l;                               // the state
  Value partialO, partialM, partialL;               // of a part

private:
  /// Counted over all batch elements and heads.
  Value tileNumber();
  /// An element of a per-batch operand, which has one element for all or one for each.
  Value perBatch(Value operand);
};

} // namespace gqa

#endif // GQA_LIB_TILE_TILEBUILDER_H
