// A score region over vectors of scores instead of single ones.
#ifndef GQA_LIB_CPU_VECTORREGION_H
#define GQA_LIB_CPU_VECTORREGION_H

#include "VectorBuilder.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/InferIntRangeInterface.h"

namespace gqa {

/// The position of every lane of a vector: for each one index, or only one that all of them have.
struct LanePositions {
  mlir::Value batch;
  llvm::SmallVector<mlir::Value> heads, queries, keys;
};

/// The numbers at lane `l`'s places, one for each lane; an i1 is read as such.
mlir::Value gather(VectorBuilder &b, mlir::Value buffer,
                   llvm::function_ref<llvm::SmallVector<mlir::Value>(int64_t lane)> placeOf);

/// Clones the operations of a region (score, b, h, i, j) of tile.score. What is the same for all lanes stays
/// a scalar, and what neither the score nor the key goes into is computed only once for all keys.
///
/// Positions are less than 2^31 (buildRuntimeChecks), so that integers made of them are i32 in vectors as
/// long as their ranges allow it: an AVX2 vector has eight of those, and converts them to floats by one
/// instruction.
class VectorRegion {
public:
  using Value = mlir::Value;

  VectorRegion(VectorBuilder &b, mlir::Block &block);

  /// Whether every operation whose lanes differ is elementwise, or reads a buffer.
  static bool isVectorizable(mlir::Block &block);

  /// Fixes all positions but the keys, and computes what depends on these alone.
  void bindRows(const LanePositions &at);
  /// The score, and whether the key is seen; null if the region does not say.
  std::pair<Value, Value> apply(Value x, const LanePositions &at);

private:
  void bind(unsigned argument, llvm::ArrayRef<Value> lanes);
  void cloneAll(bool perKey);
  void cloneVector(mlir::Operation &op);
  void cloneCast(mlir::Operation &op);
  void cloneLoad(mlir::Operation &op);
  void inferRanges(mlir::Operation &op);
  bool isPerKey(mlir::Operation &op);
  bool isVector(Value value) { return vectors.contains(value); }
  bool fits32(Value value);
  bool isNarrow(mlir::Operation &op);
  mlir::Type laneType(mlir::Type type, bool narrow);
  Value vectorOf(Value value, mlir::Type lane);
  Value indexOf(Value value, int64_t lane);

  VectorBuilder &b;
  mlir::Block &block;
  llvm::DenseMap<Value, Value> vectors;
  mlir::IRMapping scalars;
  llvm::DenseMap<Value, llvm::SmallVector<Value>> positions; // of arguments whose lanes differ
  llvm::DenseMap<Value, mlir::ConstantIntRanges> ranges;
  llvm::DenseSet<Value> perKey;
};

} // namespace gqa

#endif // GQA_LIB_CPU_VECTORREGION_H
