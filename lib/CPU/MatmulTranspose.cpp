// gqa-absorb-transpose: the weight of a linear layer is stored transposed, and a BLAS reads it so.
#include "gqa/CPU/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_ABSORBTRANSPOSE
#include "gqa/CPU/Passes.h.inc"

namespace {

/// True for [1, 0], [0, 2, 1] and so on: the last two dimensions swap, the others stay.
bool swapsLastTwo(ArrayRef<int64_t> permutation) {
  int64_t rank = int64_t(permutation.size());
  for (int64_t i = 0; i < rank - 2; ++i)
    if (permutation[i] != i)
      return false;
  return rank >= 2 && permutation[rank - 2] == rank - 1 && permutation[rank - 1] == rank - 2;
}

template <typename Op> struct Absorb : OpRewritePattern<Op> {
  Absorb(MLIRContext *context, Pass::Statistic &count) : OpRewritePattern<Op>(context), count(count) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    for (unsigned index : {0u, 1u}) {
      auto transpose = op.getInputs()[index].template getDefiningOp<linalg::TransposeOp>();
      if (!transpose || !swapsLastTwo(transpose.getPermutation()) || maps[index].getNumResults() < 2 ||
          maps[index].getNumResults() != transpose.getPermutation().size())
        continue;
      SmallVector<AffineExpr> results(maps[index].getResults());
      std::swap(results[results.size() - 1], results[results.size() - 2]);
      maps[index] = AffineMap::get(maps[index].getNumDims(), 0, results, op.getContext());
      rewriter.modifyOpInPlace(op, [&] {
        op->setOperand(index, transpose.getInput());
        op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
      });
      ++count;
      return success();
    }
    return failure();
  }

  Pass::Statistic &count;
};

struct AbsorbTransposePass : impl::AbsorbTransposeBase<AbsorbTransposePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Absorb<linalg::MatmulOp>, Absorb<linalg::BatchMatmulOp>>(&getContext(), numAbsorbed);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace gqa
