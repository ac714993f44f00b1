// tile.pv of interleaved operands: panels of values times interleaved probabilities, added to the transposed
// output.
#include "LineStreams.h"
#include "PairSums.h"
#include "TileLowering.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

class Product {
public:
  Product(tile::PVOp op, VectorBuilder &b)
      : op(op), b(b), p(op.getP()), v(op.getV()), o(op.getO()), zero(b.index(0)), panels(b.size(v, 0)),
        dim(b.size(o, 0)), rows(b.size(o, 1)) {}

  void build() {
    rescale();
    Value leaks = b.andThen(op.getHidden(), [&] { return anyNotFinite(); });
    b.branch(leaks, [&] { buildSelecting(); }, [&] { buildProducts(); });
  }

private:
  /// o times alpha, where some maximum has changed: that is rare after the first blocks of keys.
  void rescale() {
    Value one = b.splat(1.0), none = arith::ConstantOp::create(b, b.getBoolAttr(false));
    Value changed = b.fold(zero, rows, b.lanes, none, [&](Value row, ValueRange so) {
      Value differs =
          arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, b.loadVector(op.getAlpha(), row), one);
      Value any = vector::ReductionOp::create(b, vector::CombiningKind::OR, differs);
      return SmallVector<Value>{arith::OrIOp::create(b, so[0], any)};
    })[0];
    b.branch(changed, [&] {
      b.forEach(zero, dim, 1, [&](Value d) {
        b.forEach(zero, rows, b.lanes, [&](Value row) {
          Value product = b.mulF(b.loadVector(o, {d, row}), b.loadVector(op.getAlpha(), row));
          b.storeVector(product, o, {d, row});
        });
      });
    });
  }

  void buildProducts() {
    PairBlocks blocks(b, dim, tile::kRegisterRows, rows);
    int64_t pairs = cast<MemRefType>(p.getType()).getDimSize(0), most = 2 * pairs / tile::kRegisterDepth;
    LineStreams streams(b, op.getPrefetch(), 2 * pairs);
    int64_t shares = blocks.count(getConstantIntValue(dim).value_or(0)) * most;
    auto body = [&](Value d, Value row, PairSums block) {
      Value first = b.mul(blocks.number(d, row), b.index(most));
      int64_t depth = PairSums::depth(b.target);
      auto step = [&](Value panel, Value key, ValueRange so) {
        auto left = [&](int64_t i) { return block.loadLeft(v, {panel, block.line(d, i), key}, depth); };
        Value pair = b.add(b.mul(panel, b.index(tile::kRegisterDepth / 2)), b.div(key, b.index(2)));
        auto right = [&](int64_t j) {
          return block.loadRight(p, {pair, b.mul(block.column(row, j), b.index(2))}, depth);
        };
        return block.multiply(so, left, right);
      };
      auto overPanel = [&](Value panel, ValueRange so) {
        if (shares)
          streams.fetch(b.add(first, panel), shares);
        return b.fold(zero, b.index(tile::kRegisterDepth), depth, so,
                      [&](Value key, ValueRange sums) { return step(panel, key, sums); });
      };
      block.store(o, d, row, b.fold(zero, panels, 1, block.load(o, d, row), overPanel));
    };
    blocks.forEach(body);
  }

  /// Whether a value is NaN or infinite: only these times zero are not zero.
  Value anyNotFinite() {
    Value zeros = b.splat(0.0);
    Value sum = b.fold(zero, panels, 1, zeros, [&](Value panel, ValueRange so) {
      return b.fold(zero, dim, 1, so, [&](Value d, ValueRange far) {
        return b.fold(zero, b.index(tile::kRegisterDepth), b.lanes, far, [&](Value key, ValueRange near) {
          Value values = b.widen(b.loadVector(v, {panel, d, key}), b.element);
          return SmallVector<Value>{b.fma(values, zeros, near[0])};
        });
      });
    })[0];
    Value total =
        vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum, arith::FastMathFlags::reassoc);
    return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, total, total);
  }

  /// The product with a choice for every row and key instead of a product with zero.
  void buildSelecting() {
    Value half = b.index(tile::kRegisterDepth / 2), two = b.index(2);
    b.forEach(zero, dim, 1, [&](Value d) {
      b.forEach(zero, rows, b.lanes, [&](Value row) {
        Value column = b.mul(row, two);
        Value total = b.fold(zero, panels, 1, b.loadVector(o, {d, row}), [&](Value panel, ValueRange so) {
          Value first = b.mul(panel, half);
          return b.fold(zero, half, 1, so, [&](Value pair, ValueRange sums) {
            auto [even, odd] = b.loadPairs(p, {b.add(first, pair), column});
            Value key = b.mul(pair, two);
            Value sum = addVisible(sums[0], even, b.load(v, {panel, d, key}));
            return SmallVector<Value>{addVisible(sum, odd, b.load(v, {panel, d, b.add(key, b.index(1))}))};
          });
        })[0];
        b.storeVector(total, o, {d, row});
      });
    });
  }

  /// `sum + weights * value` where the weight is not the mark of a hidden key.
  Value addVisible(Value sum, Value weights, Value value) {
    VectorType words = b.vectorOf(b.getI32Type());
    Value bits = arith::BitcastOp::create(b, words, weights);
    Value mark = arith::BitcastOp::create(b, words, b.splat(-0.0));
    Value hidden = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bits, mark);
    return b.select(hidden, sum, b.fma(weights, b.splat(b.widen(value, b.element)), sum));
  }

  tile::PVOp op;
  VectorBuilder &b;
  Value p, v, o, zero, panels, dim, rows;
};

} // namespace

void lowerPVInterleaved(tile::PVOp op, VectorBuilder &b) { Product(op, b).build(); }

} // namespace gqa
