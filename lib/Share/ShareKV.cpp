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
    SmallVector<int64_t> before; // patterns may replace operations, but keep their order
    getOperation().walk([&](AttentionOp op) { before.push_back(op.getKvHeads()); });
    RewritePatternSet patterns(&getContext());
    AttentionOp::getCanonicalizationPatterns(patterns, &getContext());
    RepeatHeadsOp::getCanonicalizationPatterns(patterns, &getContext());
    populateTiledOrderPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    size_t next = 0;
    getOperation().walk([&](AttentionOp op) {
      int64_t heads = next < before.size() ? before[next++] : op.getKvHeads();
      if (heads != op.getKvHeads()) {
        ++shared;
        remark::passed(op.getLoc(), remark::RemarkOpts::name("Shared").category("gqa-share-kv"))
            << remark::reason("K and V have {0} heads instead of {1}", op.getKvHeads(), heads);
      }
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
