// The keys that a score region lets the queries of a tile see.
#ifndef GQA_LIB_TILE_REGIONBOUNDS_H
#define GQA_LIB_TILE_REGIONBOUNDS_H

#include "AttentionFunction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace gqa {

/// Reads the region's i1 as comparisons of positions, as prefix-LM and block-diagonal masks are: each bounds
/// the key by the query's position and by numbers that are the same for a batch element; `and` and `or` of
/// bounds are bounds. Numbers that are looked up, such as those of documents, must be equal for a key to be
/// seen: where many queries share the search, the keys whose number lies between the least and the largest of
/// the tile's queries are looked for. What is compared with anything else bounds nothing. Emits at the
/// builder's place.
class RegionBounds {
public:
  enum class Side {
    Begin, ///< no key in front of it is seen
    End    ///< nor is this one, nor any behind it
  };

  /// Of the queries from `first` to `last` of the batch element.
  RegionBounds(AttentionOp op, const AttentionValues &values, mlir::Value batch, mlir::Value first,
               mlir::Value last, IndexBuilder &b);

  /// Null if nothing bounds the keys on that side; it may lie outside of them.
  mlir::Value find(Side side);

private:
  static constexpr unsigned kQuery = 3, kKey = 4, kIndices = 5; // arguments of the region

  /// `key * (j / keyDivisor) + sum of factor * (i / divisor) + sum of factor * other + constant`.
  struct Position {
    int64_t key = 0, keyDivisor = 1, constant = 0;
    llvm::SmallVector<std::pair<int64_t, int64_t>> queries; ///< divisor and factor
    llvm::SmallVector<std::pair<mlir::Value, int64_t>> others;
  };

  mlir::Value find(mlir::Value condition, Side side);
  mlir::Value findOfCompare(mlir::arith::CmpIOp op, Side side);
  mlir::Value findOfNumbers(mlir::arith::CmpIOp op, Side side);
  std::pair<mlir::Value, mlir::Value> searchKeys(mlir::Value ofQuery, mlir::Value ofKey);
  bool mentions(mlir::Value value, unsigned argument);
  bool accumulate(mlir::Value value, int64_t factor, Position &position);
  bool addCoordinate(mlir::Value value, int64_t divisor, int64_t factor, Position &position);
  /// The largest that the position is, its key apart; null if something in it differs within the tile.
  mlir::Value mostOf(const Position &position);
  /// A value of the region as one of the task; null if it is not the same for all of the tile.
  mlir::Value emit(mlir::Value value);
  /// The same where an argument of the region is `place`.
  mlir::Value emitAt(mlir::Value value, unsigned argument, mlir::Value place);

  IndexBuilder &b;
  const AttentionValues &values;
  mlir::Value first, last;
  mlir::Block &block;
  llvm::DenseMap<mlir::Value, mlir::Value> known;
  llvm::DenseMap<mlir::Operation *, std::pair<mlir::Value, mlir::Value>> searched; ///< first key, and behind
};

} // namespace gqa

#endif // GQA_LIB_TILE_REGIONBOUNDS_H
