// gqa-fold-masks: the masks that somebody wrote into a score region, as the attributes that kernels skip
// blocks by.
#include "gqa/Raise/Build.h"
#include "gqa/Raise/LongChains.h"
#include "gqa/Raise/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

#include <limits>

namespace gqa {
#define GEN_PASS_DEF_GQAFOLDMASKS
#include "gqa/Raise/Passes.h.inc"
} // namespace gqa

using namespace mlir;

namespace gqa {
namespace {

/// One attention with a score region, read as mathematics.
class MaskFolder {
public:
  MaskFolder(RewriterBase &rewriter, AttentionOp op)
      : rewriter(rewriter), op(op), context(op.getContext()), evaluator(context) {}

  /// True if a condition left the region.
  bool fold();

private:
  void nameAxes();
  bool readRegion();
  Expr read(Value value);
  Expr stripMasks(Expr score);
  AttentionOp rebuild(const Visibility &visibility, Value offsets, Value kvLen);

  RewriterBase &rewriter;
  AttentionOp op;
  ExprContext context;
  Evaluator evaluator;
  Axes axes;
  DenseMap<unsigned, Value> sizes;
  DenseMap<Value, Expr> known;
};

/// Batch, heads, queries and keys as one variable each.
void MaskFolder::nameAxes() {
  unsigned next = 0;
  for (auto [axis, size] : {std::pair(&axes.b, op.getBatch()), std::pair(&axes.h, op.getQueryHeads()),
                            std::pair(&axes.i, op.getNumQueries()), std::pair(&axes.j, op.getNumKeys())}) {
    context.space.addVariable(size);
    axis->variables = {next++};
  }
  axes.match.key = axes.j.variables.front();
  axes.match.rows = {axes.b.variables.front(), axes.h.variables.front(), axes.i.variables.front()};
}

Expr MaskFolder::read(Value value) {
  Block &block = op.getScoreBlock();
  auto leaf = [&](Value value) -> Expr {
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || argument.getOwner() != &block)
      return nullptr;
    unsigned number = argument.getArgNumber();
    constexpr unsigned kIndices = 4; // behind the score
    if (number == 0)
      return context.scalar(argument);
    if (number <= kIndices)
      return context.index(getAffineDimExpr(number - 1, op.getContext()), argument.getType());
    return context.scalar(op.getCaptures()[number - 1 - kIndices]);
  };
  auto captured = [&](Value tensor) -> Value {
    auto argument = dyn_cast<BlockArgument>(tensor);
    return argument && argument.getOwner() == &block ? op.getCaptures()[argument.getArgNumber() - 5] : tensor;
  };
  return evaluator.evaluate(value, {&block, leaf, captured}, known);
}

/// The score without the selects around it that hide a key by -inf; their conditions are the match's.
Expr MaskFolder::stripMasks(Expr score) {
  while (score->isSelect()) {
    unsigned hidden = 0;
    for (unsigned branch : {1, 2})
      if (score->operands[branch]->getNumber() == -std::numeric_limits<double>::infinity())
        hidden = branch;
    if (hidden == 0)
      break;
    axes.match.conditions.push_back({score->operands[0], /*negated=*/hidden == 1});
    score = score->operands[3 - hidden];
  }
  return score;
}

/// The region as a score and conditions; false if something in it cannot be read.
bool MaskFolder::readRegion() {
  auto yield = cast<YieldOp>(op.getScoreBlock().getTerminator());
  axes.match.plain = context.scalar(op.getScoreBlock().getArgument(0));
  Expr score = read(yield->getOperand(0));
  if (!score)
    return false;
  if (yield->getNumOperands() == 2) {
    Expr seen = read(yield->getOperand(1));
    if (!seen)
      return false;
    axes.match.conditions.push_back({seen});
  }
  score = stripMasks(score);
  if (score != axes.match.plain)
    axes.match.score = score;
  return true;
}

/// The attention with what is left of the region.
AttentionOp MaskFolder::rebuild(const Visibility &visibility, Value offsets, Value kvLen) {
  auto folded = cast<AttentionOp>(rewriter.cloneWithoutRegions(*op));
  folded.getCapturesMutable().clear();
  if (visibility.causal || visibility.window || kvLen)
    setVisibility(folded, visibility, offsets, kvLen);
  if (buildScore(evaluator, axes, visibility, folded) && whyInvalid(folded).empty())
    return folded;
  rewriter.eraseOp(folded);
  return nullptr;
}

bool MaskFolder::fold() {
  nameAxes();
  if (!readRegion() || axes.match.conditions.empty())
    return false;
  // A length also says of which keys a row that sees none is the mean; a condition does not.
  Taken taken = {op.getCausal() || op.getWindow() || op.getOffset() || op.getOffsets(),
                 op.getKvLen() || op.getDeadRow() == DeadRow::Uniform};
  Visibility visibility = classifyConditions(evaluator, axes, taken);
  if (visibility.mask) // stays where it is read
    visibility.conditions.push_back(*std::exchange(visibility.mask, std::nullopt));
  if (!visibility.causal && !visibility.window && !visibility.kvLen)
    return false;
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  Value batch = tensor::DimOp::create(rewriter, loc, op.getQ(), op.getQLayout().find('b'));
  sizes[axes.b.variables.front()] = batch;
  Value offsets =
      buildPerBatch(rewriter, loc, evaluator, axes.b, visibility.offsetData, visibility.offset, sizes);
  Value kvLen;
  if (visibility.kvLen)
    kvLen = buildPerBatch(rewriter, loc, evaluator, axes.b, *visibility.kvLen,
                          cast<AffineConstantExpr>(visibility.kvLen->affine).getValue(), sizes);
  bool isMissing = (!visibility.offsetData.data.empty() && !offsets) || (visibility.kvLen && !kvLen);
  AttentionOp folded = isMissing ? nullptr : rebuild(visibility, offsets, kvLen);
  if (!folded)
    return false;
  rewriter.replaceOp(op, folded);
  return true;
}

struct FoldMasksPass : impl::GQAFoldMasksBase<FoldMasksPass> {
  void runOnOperation() override {
    if (failed(withStackFor(getOperation(), [&] { foldAll(); })))
      signalPassFailure();
  }

private:
  void foldAll() {
    SmallVector<AttentionOp> attentions;
    getOperation().walk([&](AttentionOp op) {
      if (op.hasScore())
        attentions.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (AttentionOp op : attentions)
      folded += MaskFolder(rewriter, op).fold();
  }
};

} // namespace
} // namespace gqa
