// gqa-share-kv: exact sharing of key/value heads.
#include "Patterns.h"
#include "gqa/Share/Passes.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gqa {
#define GEN_PASS_DEF_GQASHAREKV
#include "gqa/Share/Passes.h.inc"
} // namespace gqa

using namespace mlir;

namespace gqa {
namespace {

struct ShareKVPass : impl::GQAShareKVBase<ShareKVPass> {
  void runOnOperation() override {
    llvm::MapVector<AttentionOp, int64_t> before;
    getOperation().walk([&](AttentionOp op) { before[op] = op.getKvHeads(); });
    RewritePatternSet patterns(&getContext());
    AttentionOp::getCanonicalizationPatterns(patterns, &getContext());
    RepeatHeadsOp::getCanonicalizationPatterns(patterns, &getContext());
    populateTiledOrderPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation().walk([&](AttentionOp op) {
      auto known = before.find(op);
      if (known != before.end() && known->second != op.getKvHeads())
        ++shared;
      for (auto [name, value] : {std::pair("K", op.getK()), std::pair("V", op.getV())})
        if (value.getDefiningOp<RepeatHeadsOp>())
          remark::missed(op.getLoc(), remark::RemarkOpts::name("NotShared").category("gqa-share-kv"))
              << remark::reason(
                     "{0} stays repeated: K and V are not repeated alike, or something that depends on "
                     "the query head keeps their order",
                     name);
    });
  }
};

} // namespace
} // namespace gqa
