// tile.warp.softmax_step: each lane has some columns of two rows; only the maximum goes over the four lanes
// of a row.
#include "TileLowering.h"
#include "Units.h"

using namespace mlir;

namespace gqa {
namespace {

struct LowerSoftmaxStep : WarpPattern<tile::WarpSoftmaxStepOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpSoftmaxStepOp op, Adaptor operands, NVVMBuilder &b) const override {
    ValueRange s = operands.getS();
    Value scale = b.mulF(operands.getScale().front(), b.f32(kLog2e));
    Values p(s.size()), maxima, sums, alphas;
    for (int64_t row = 0; row < kLaneRows; ++row) {
      SmallVector<size_t> columns;
      for (size_t i = 0; i < s.size(); ++i)
        if (int64_t(i / 2 % 2) == row)
          columns.push_back(i);
      Value maximum = s[columns[0]], old = operands.getM()[row];
      for (size_t i : ArrayRef(columns).drop_front())
        maximum = b.maxF(maximum, s[i]);
      maximum = b.overRow(maximum, [&](Value x, Value y) { return b.maxF(x, y); });
      // Towards zero: what is finite stays so, and only a row that has seen nothing has a maximum of -inf.
      maximum = b.maxF(old, b.mulTowardsZero(maximum, scale));
      Value origin = originOf(b, maximum), shift = arith::NegFOp::create(b, origin), sum;
      for (size_t i : columns) {
        p[i] = b.exp2(b.fma(s[i], scale, shift));
        sum = sum ? b.addF(sum, p[i]) : p[i];
      }
      Value alpha = weightOf(b, old, origin);
      maxima.push_back(maximum);
      alphas.push_back(alpha);
      sums.push_back(b.fma(operands.getL()[row], alpha, sum));
    }
    return {p, maxima, sums, alphas};
  }
};

} // namespace

void populateSoftmaxPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerSoftmaxStep>(types, patterns.getContext());
}

} // namespace gqa
