// The mathematics of one score, between the product of q and k and the softmax.
#ifndef GQA_LIB_DIALECT_GQA_TRANSFORMS_DECOMPOSESCORE_H
#define GQA_LIB_DIALECT_GQA_TRANSFORMS_DECOMPOSESCORE_H

#include "Einsum.h"
#include "gqa/Dialect/GQA/GQA.h"

namespace gqa {

/// The score of what is not seen: -inf, or, where rows that see nothing are the mean of V, the lowest finite
/// number, of which the softmax makes just that.
mlir::Value fillOf(AttentionOp op, mlir::OpBuilder &builder);

class ScoreEmitter {
public:
  /// Emits what is the same for all scores in front.
  ScoreEmitter(mlir::OpBuilder &builder, AttentionOp op);

  /// What a score is computed from: the product, `bhij`, and those of bias, mask, offsets and kv_len that
  /// there are.
  llvm::SmallVector<Indexed> inputs(const Indexed &product);

  /// The score in the body of a loop over b, h, i and j, from one element of each input.
  mlir::Value emit(mlir::OpBuilder &b, mlir::ValueRange in);

private:
  using Conditions = llvm::SmallVector<mlir::Value>;
  void addPositions(mlir::OpBuilder &b, mlir::Value offset, Conditions &seen);
  mlir::Value inlineRegion(mlir::OpBuilder &b, mlir::Value s, Conditions &seen);
  mlir::Value select(mlir::OpBuilder &b, const Conditions &seen, mlir::Value s, mlir::Value other);
  mlir::Value toIndex(mlir::OpBuilder &b, mlir::Value position);

  mlir::Location loc;
  AttentionOp op;
  mlir::FloatType acc;
  mlir::Value scale, fill, nothing;
  llvm::SmallVector<mlir::Value> at; ///< b, h, i and j
};

} // namespace gqa

#endif // GQA_LIB_DIALECT_GQA_TRANSFORMS_DECOMPOSESCORE_H
