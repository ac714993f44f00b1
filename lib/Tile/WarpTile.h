// What the schedules of a GPU share: fragments of a tile's rows, and what is done to their scores.
#ifndef GQA_LIB_TILE_WARPTILE_H
#define GQA_LIB_TILE_WARPTILE_H

#include "TileBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace gqa {

class WarpTile : protected TileBuilder {
protected:
  using Values = llvm::SmallVector<mlir::Value>;

  WarpTile(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule, IndexBuilder &b);

  Value compare(mlir::arith::CmpIPredicate predicate, Value x, Value y);
  mlir::Type matrix(int64_t columns, mlir::Type type, bool quads = false);
  mlir::Type perRow(mlir::Type type);

  /// The warp's rows of the tile, from `first` on.
  void bindRows(Value first);
  /// A state that has seen no key, with sinks if there are any and the caller wants them; `o` is its output.
  Values emptyState(mlir::Type o, bool withSinks);
  /// The same in front of the first block. Sinks belong to one part of the keys, and to one of those who
  /// share it: `isFirst`, or null where nobody does.
  Values initialState(mlir::Type o, Value isFirst = nullptr);
  /// The scores of the keys from `key` on, of which there are `keys`: what the attention makes of products,
  /// and -inf for those that a row does not see. `whole`: all rows see all of them.
  Value scoresOf(Value products, Value key, Value keys, bool whole);
  tile::WarpSoftmaxStepOp softmax(Value scores, Value m, Value l);

  static bool isNarrow(const TokenBuffers &tokens) { return static_cast<bool>(tokens.dequantize); }
  static bool isUnsigned(const TokenBuffers &tokens);
  /// What the numbers of keys, and of values, become in front of a product. Probabilities and codes may be of
  /// any type that holds all codes: f16 rounds numbers up to 1 more finely than bf16, and codes become f16 in
  /// fewer steps; times scales, either may be of any size.
  mlir::Type keyNumbers() { return element; }
  mlir::Type valueNumbers();

  /// Scales of a narrow cache as a number for each of `width` columns: those of channels, or the same for
  /// all.
  Value channelScales(const TokenBuffers &tokens, Value dim, int64_t width, bool quads);
  Value oneScale(const TokenBuffers &tokens, int64_t count, bool quads);
  Value columns(Value source, Value first, Value end, int64_t count, bool quads);
  /// All scales of tokens.
  Value tokenScales(const TokenBuffers &tokens);
  /// A fragment times a number for each of its columns, if there are any.
  Value scale(Value fragment, Value factors);
  /// The output times the values' scales, but those of tokens.
  Value scaleOutput(Value o, int64_t width, bool quads);

  /// The rows of the result, there or, if there is one, to a channel on the way. `column`: the first of a
  /// part of the output; what belongs to whole rows is the same in all parts, and each stores it.
  void storeRows(mlir::ValueRange state, Value channel = nullptr, Value column = nullptr);

  /// Whether there may be several parts of keys, of which the task has one.
  bool isSplit() const { return static_cast<bool>(values.partialO); }
  /// The part's blocks. They are divided as numbers of 32 bits: 64 take a processor longer than a block does.
  void takePartOfBlocks();
  /// What `storeResult` does, or of several parts, this one's state for the merge.
  void store(const Values &state, llvm::function_ref<void()> storeResult, Value column = nullptr);

  Values forEach(Value from, Value to, int64_t step, Values state,
                 llvm::function_ref<Values(Value, Values)> body);

  const WarpSchedule &schedule;
  mlir::Type element;               // of the attention
  Value split;                      // the number of the part
  Value warpRow, heads, queryOfRow; // of the warp
};

} // namespace gqa

#endif // GQA_LIB_TILE_WARPTILE_H
