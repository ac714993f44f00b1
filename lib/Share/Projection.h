// The linear layers around an attention: what makes q, k and v out of tokens, and what reads its output.
#ifndef GQA_LIB_SHARE_PROJECTION_H
#define GQA_LIB_SHARE_PROJECTION_H

#include "Heads.h"
#include "Weights.h"
#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/Raise/Axes.h"

#include "mlir/IR/PatternMatch.h"
#include <limits>
#include <memory>

namespace gqa {

/// Why the weights of an attention are out of reach: where, and what is there.
struct Unreachable {
  mlir::Operation *where = nullptr;
  std::string reason;
};

/// q, k or v: `rotary(sum_x input[b, s, x] weight[h, d, x] + bias[h, d])`, the rotation being optional,
/// perhaps appended to a cache that is an argument of the function.
class InputProjection {
public:
  /// None, with the reason, if `value`, an operand in `layout`, is something else.
  static std::optional<InputProjection> find(mlir::Value value, llvm::StringRef layout, WeightSource source,
                                             Unreachable &why);

  /// (X + 1) x D for each head, the bias in the last row; of more than `most` inputs only so many, evenly
  /// spread.
  llvm::SmallVector<Matrix> read(WeightSource source,
                                 int64_t most = std::numeric_limits<int64_t>::max()) const;

  /// The projection of the same input by other weights, `heads`, in front of the rewriter's place, as
  /// `element`. The type of the cache, if there is one, gets their number, and so does what else reads it.
  Operand build(mlir::RewriterBase &rewriter, llvm::ArrayRef<Matrix> heads, mlir::Type element,
                WeightSink sink) const;

  RotaryOp getRotary() const { return rotary; }
  /// How heads are turned.
  Rotation getRotation() const;
  /// What appends new tokens to a cache, or null.
  AppendKVOp getAppend() const { return append; }
  mlir::linalg::LinalgOp getProduct() const { return product; }
  mlir::Value getInput() const { return input.tensor; }
  int64_t getHeads() const { return heads; }
  int64_t getDim() const { return dim; }

private:
  struct Search;

  int64_t heads = 0, dim = 0, inputs = 0;
  RotaryOp rotary;
  AppendKVOp append;
  mlir::linalg::LinalgOp product;
  std::shared_ptr<ExprContext> context; ///< of the axes
  View input;
  llvm::SmallVector<Axis, 3> axes; ///< of the input: batch, tokens, inputs
  StridedView weight;              ///< by h, d, x
  std::optional<StridedView> bias; ///< by h, d
  double biasNumber = 0;           ///< added to all elements
  bool hasBias = false;
};

/// What reads an attention's output: `sum_(h, d) output[h, d] weight[h, d, y]`.
class OutputProjection {
public:
  static std::optional<OutputProjection> find(AttentionOp op, WeightSource source, Unreachable &why);

  /// Dv x Y for each query head.
  llvm::SmallVector<Matrix> read(WeightSource source) const;
  /// Puts other weights in their place.
  void write(mlir::RewriterBase &rewriter, llvm::ArrayRef<Matrix> heads, WeightSink sink) const;

private:
  int64_t heads = 0, dim = 0, outputs = 0;
  mlir::OpOperand *operand = nullptr; ///< of the product: the weights
  StridedView weight;                 ///< by h, d, y: where they come from
  StridedView place;                  ///< by h, d, y: in the operand
};

} // namespace gqa

#endif // GQA_LIB_SHARE_PROJECTION_H
