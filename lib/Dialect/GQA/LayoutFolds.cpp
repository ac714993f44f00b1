// Transposes around gqa.attention become layouts: the kernel reads and writes with other strides instead of
// copying.
#include "Folds.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace gqa {
namespace {

/// A transpose's input, and for each dimension of the result the dimension of the input that it is.
struct Transpose {
  Value input;
  SmallVector<int64_t> permutation;
};

std::optional<Transpose> transposeOf(Operation *op) {
  if (auto transpose = dyn_cast_if_present<linalg::TransposeOp>(op))
    return Transpose{transpose.getInput(), SmallVector<int64_t>(transpose.getPermutation())};
  auto generic = dyn_cast_if_present<linalg::GenericOp>(op);
  if (!generic || !generic.hasPureTensorSemantics())
    return std::nullopt;
  if (std::optional<SmallVector<int64_t>> permutation = linalg::isaTransposeOpInterface(generic))
    return Transpose{generic.getInputs().front(), *permutation};
  return std::nullopt;
}

/// The letters of a transpose's input, given those of its result.
std::string inputLayout(StringRef layout, ArrayRef<int64_t> permutation) {
  std::string input(4, ' ');
  for (auto [letter, dim] : llvm::zip_equal(layout, permutation))
    input[dim] = letter;
  return input;
}

/// `operand` read through a transpose reads the transpose's input with permuted letters.
LogicalResult foldOperand(PatternRewriter &rewriter, AttentionOp op, OpOperand &operand, StringRef layout,
                          void (AttentionOp::*setLayout)(StringRef)) {
  std::optional<Transpose> transpose = transposeOf(operand.get().getDefiningOp());
  if (!transpose)
    return failure();
  SmallVector<int64_t> shape(4);
  ArrayRef<int64_t> result = cast<RankedTensorType>(operand.get().getType()).getShape();
  for (auto [size, dim] : llvm::zip_equal(result, transpose->permutation))
    shape[dim] = size;
  Value input = withSizes(rewriter, transpose->input, shape);
  if (!input)
    return failure();
  std::string permuted = inputLayout(layout, transpose->permutation);
  rewriter.modifyOpInPlace(op, [&] {
    operand.set(input);
    (op.*setLayout)(permuted);
  });
  return success();
}

struct TransposedOperand : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    bool q =
        succeeded(foldOperand(rewriter, op, op.getQMutable(), op.getQLayout(), &AttentionOp::setQLayout));
    bool k =
        succeeded(foldOperand(rewriter, op, op.getKMutable(), op.getKLayout(), &AttentionOp::setKLayout));
    bool v =
        succeeded(foldOperand(rewriter, op, op.getVMutable(), op.getVLayout(), &AttentionOp::setVLayout));
    return success(q || k || v);
  }
};

/// Only where nothing else reads the output: otherwise the transpose copies as before, for less.
struct TransposedOutput : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.getOutput().hasOneUse())
      return failure();
    Operation *user = *op.getOutput().user_begin();
    std::optional<Transpose> transpose = transposeOf(user);
    if (!transpose || transpose->input != op.getOutput())
      return failure();
    std::string layout(4, ' ');
    for (auto [index, dim] : llvm::enumerate(transpose->permutation))
      layout[index] = op.getOLayout()[dim];
    SmallVector<Type> types(op->getResultTypes());
    types[0] = user->getResult(0).getType();
    AttentionOp rebuilt = rebuild(rewriter, op, types);
    rebuilt.setOLayout(layout);
    rewriter.replaceOp(user, rebuilt.getOutput());
    return success();
  }
};

} // namespace

void addLayoutFolds(RewritePatternSet &patterns) {
  patterns.add<TransposedOperand, TransposedOutput>(patterns.getContext());
}

} // namespace gqa
