// Score regions that do nothing, and captured values that nothing reads or that come twice.
#include "Folds.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {
namespace {

/// The arguments in front of the captured values: the score, b, h, i, j.
constexpr unsigned firstCapture = 5;

/// `seen` that is always true is the same as none, and a region that then yields its score as it came is the
/// same as no region.
struct NeutralScore : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.hasScore())
      return failure();
    Block &block = op.getScoreBlock();
    auto yield = cast<YieldOp>(block.getTerminator());
    bool alwaysSeen = yield.getValues().size() == 1 || matchPattern(yield.getValues()[1], m_One());
    if (!alwaysSeen)
      return failure();
    if (yield.getValues()[0] == block.getArgument(0)) {
      rewriter.modifyOpInPlace(op, [&] {
        op.getCapturesMutable().clear();
        rewriter.eraseBlock(&block);
      });
      return success();
    }
    if (yield.getValues().size() == 1)
      return failure();
    rewriter.modifyOpInPlace(yield, [&] { yield.getValuesMutable().erase(1); });
    return success();
  }
};

struct SpareCaptures : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (op.getCaptures().empty())
      return failure();
    Block &block = op.getScoreBlock();
    bool changed = false;
    llvm::SmallDenseMap<Value, Value> argumentOf;
    for (auto [captured, argument] :
         llvm::zip_equal(op.getCaptures(), block.getArguments().drop_front(firstCapture))) {
      Value first = argumentOf.try_emplace(captured, argument).first->second;
      if (first != argument && !argument.use_empty()) {
        rewriter.replaceAllUsesWith(argument, first);
        changed = true;
      }
    }
    for (unsigned index = op.getCaptures().size(); index-- > 0;) {
      if (!block.getArgument(firstCapture + index).use_empty())
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        block.eraseArgument(firstCapture + index);
        op.getCapturesMutable().erase(index);
      });
      changed = true;
    }
    return success(changed);
  }
};

} // namespace

void addScoreFolds(RewritePatternSet &patterns) {
  patterns.add<NeutralScore, SpareCaptures>(patterns.getContext());
}

} // namespace gqa
