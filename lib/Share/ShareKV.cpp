// gqa-share-kv: exact sharing of key/value heads.
#include "Patterns.h"
#include "gqa/Raise/LongChains.h"
#include "gqa/Share/Passes.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"

namespace gqa {
#define GEN_PASS_DEF_GQASHAREKV
#include "gqa/Share/Passes.h.inc"
} // namespace gqa

using namespace mlir;

namespace gqa {
namespace {

struct ShareKVPass : impl::GQAShareKVBase<ShareKVPass> {
  using GQAShareKVBase::GQAShareKVBase;

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    AttentionOp::getCanonicalizationPatterns(set, context);
    RepeatHeadsOp::getCanonicalizationPatterns(set, context);
    populateTiledOrderPatterns(set);
    populateMoveRepeatPatterns(set);
    patterns = FrozenRewritePatternSet(std::move(set));
    return success();
  }

  void runOnOperation() override {
    if (failed(withStackFor(getOperation(), [&] { share(); })))
      signalPassFailure();
  }

private:
  void share() {
    SmallVector<int64_t> before; // patterns may replace operations, but keep their order
    getOperation().walk([&](AttentionOp op) { before.push_back(op.getKvHeads()); });
    if (before.empty())
      return;
    getOperation().walk([&](func::FuncOp function) { raiseRepeats(function); });
    bool converged = true;
    auto simplify = [&] { converged &= succeeded(applyPatternsGreedily(getOperation(), patterns)); };
    shareLists();
    simplify();
    if (changeSignature)
      changeSignatures(getOperation(), simplify);
    shareWeights();
    simplify();
    if (!converged)
      return signalPassFailure();
    size_t next = 0;
    getOperation().walk([&](AttentionOp op) {
      int64_t heads = next < before.size() ? before[next++] : op.getKvHeads();
      if (heads != op.getKvHeads()) {
        ++shared;
        remark::passed(op.getLoc(), remark::RemarkOpts::name("Shared").category("gqa-share-kv"))
            << remark::reason("K and V have {0} heads instead of {1}", op.getKvHeads(), heads);
      }
      explain(op);
    });
  }

  void shareLists() {
    SmallVector<AttentionOp> ops;
    getOperation().walk([&](AttentionOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (AttentionOp op : ops)
      shareListedHeads(rewriter, op);
  }

  void shareWeights() {
    SmallVector<AttentionOp> ops;
    getOperation().walk([&](AttentionOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (AttentionOp op : ops)
      if (auto function = op->getParentOfType<func::FuncOp>(); function && shareEqualHeads(rewriter, op))
        (void)runRegionDCE(rewriter, function->getRegions());
  }

  /// Says of heads that are still read more than once why.
  void explain(AttentionOp op) {
    auto missed = [&](StringRef name, const Twine &reason) {
      remark::missed(op.getLoc(), remark::RemarkOpts::name("NotShared").category("gqa-share-kv"))
          << remark::reason("{0} stays repeated: {1}", name, reason.str());
    };
    constexpr StringLiteral kArgument =
        "it is written to a cache, an argument of the function, that holds a head for each query head; "
        "change-signature makes that smaller";
    for (StringRef name : {"K", "V"}) {
      Value value = name == "K" ? op.getK() : op.getV();
      if (value.getDefiningOp<RepeatHeadsOp>())
        missed(
            name,
            "K and V are not repeated alike, or something that depends on the query head keeps their order");
      if (auto wide = value.getDefiningOp<DequantizeOp>(); wide && wide.getX().getDefiningOp<RepeatHeadsOp>())
        missed(name, "its copies are widened by factors of their own");
      bool isArgument = false, isWritten = false;
      if (auto append = value.getDefiningOp<AppendKVOp>()) {
        isWritten = bool(append.getFresh().getDefiningOp<RepeatHeadsOp>());
        isArgument = isa<BlockArgument>(append.getCache());
      } else if (auto write = value.getDefiningOp<linalg::LinalgOp>(); write && findRepeatedInput(write)) {
        isWritten = true;
        isArgument = llvm::any_of(write->getOperands(), [&](Value operand) {
          return isa<BlockArgument>(operand) && operand.getType() == value.getType();
        });
      }
      if (isWritten)
        missed(name, isArgument ? kArgument
                                : "it is written to a cache that is not known to repeat its heads alike");
    }
  }

  FrozenRewritePatternSet patterns;
};

} // namespace
} // namespace gqa
