// tile.pv: blocks of the output in registers, lanes along the head dimension, over all keys of the tile.
#include "TileLowering.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

class Product {
public:
  Product(tile::PVOp op, VectorBuilder &b)
      : b(b), p(op.getP()), v(op.getV()), o(op.getO()), alpha(op.getAlpha()), rows(b.size(p, 0)),
        keys(b.size(v, 0)), width(b.size(v, 1)) {}

  void build() {
    auto check = scf::IfOp::create(b, TypeRange(b.getI1Type()), anyHidden(), /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(check.thenBlock());
      scf::YieldOp::create(b, anyNotFinite());
      b.setInsertionPointToEnd(check.elseBlock());
      scf::YieldOp::create(b, Value(arith::ConstantOp::create(b, b.getBoolAttr(false))));
    }
    b.ifElse(check.getResult(0), [&] { buildSelecting(); }, [&] { buildFast(); });
  }

private:
  Type words() { return b.vectorOf(b.getIntegerType(b.element.getWidth())); }

  /// Whether a probability is negative: -0.0, the mark of a hidden key, or a NaN, which does no harm here.
  Value anyHidden() {
    Value none = arith::ConstantOp::create(b, b.getZeroAttr(words())), zero = b.index(0);
    Value bits = b.fold(zero, rows, 1, none, [&](Value row, ValueRange so) {
      return b.fold(zero, b.roundUp(keys, b.lanes), b.lanes, so, [&](Value column, ValueRange far) {
        Value next = arith::BitcastOp::create(b, words(), b.loadVector(p, {row, column}));
        return SmallVector<Value>{arith::OrIOp::create(b, far[0], next)};
      });
    })[0];
    Value all = vector::ReductionOp::create(b, vector::CombiningKind::OR, bits);
    Value word = arith::ConstantOp::create(b, b.getZeroAttr(all.getType()));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, all, word);
  }

  /// Whether a value is NaN or infinite: only these times zero are not zero.
  Value anyNotFinite() {
    Value zero = b.index(0), zeros = b.splat(0.0);
    Value sum = b.fold(zero, keys, 1, zeros, [&](Value key, ValueRange so) {
      return b.fold(zero, width, b.lanes, so, [&](Value d, ValueRange far) {
        return SmallVector<Value>{b.fma(b.loadVector(v, {key, d}), zeros, far[0])};
      });
    })[0];
    Value total =
        vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum, arith::FastMathFlags::reassoc);
    return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, total, total);
  }

  void buildFast() {
    int64_t blockRows = b.target.registers >= 32 ? 4 : 2;
    Value wide = b.roundDown(width, kVectors * b.lanes);
    auto columns = [&](Value begin, Value end, int64_t vectors) {
      b.forEach(begin, end, vectors * b.lanes, [&](Value d) {
        b.blocked(rows, blockRows, [&](Value row, int64_t count) { buildBlock(row, count, d, vectors); });
      });
    };
    columns(b.index(0), wide, kVectors);
    columns(wide, width, 1);
  }

  void buildBlock(Value row, int64_t count, Value d, int64_t vectors) {
    SmallVector<Value> rowAt, columnAt;
    for (int64_t i = 0; i < count; ++i)
      rowAt.push_back(b.add(row, b.index(i)));
    for (int64_t j = 0; j < vectors; ++j)
      columnAt.push_back(b.add(d, b.index(j * b.lanes)));
    // From zero, not from o: short sums round less, and o joins them in one step.
    SmallVector<Value> zeros(count * vectors, b.splat(0.0));
    SmallVector<Value> sums = b.fold(b.index(0), keys, 1, zeros, [&](Value key, ValueRange so) {
      SmallVector<Value> values, next;
      for (Value at : columnAt)
        values.push_back(b.loadVector(v, {key, at}));
      for (int64_t i = 0; i < count; ++i) {
        Value weight = b.splat(b.load(p, {rowAt[i], key}));
        for (int64_t j = 0; j < vectors; ++j)
          next.push_back(b.fma(weight, values[j], so[i * vectors + j]));
      }
      return next;
    });
    for (int64_t i = 0; i < count; ++i) {
      Value factor = b.splat(b.load(alpha, rowAt[i]));
      for (int64_t j = 0; j < vectors; ++j)
        addTo(rowAt[i], columnAt[j], factor, sums[i * vectors + j]);
    }
  }

  void addTo(Value row, Value d, Value factor, Value sum) {
    b.storeVector(b.fma(factor, b.loadVector(o, {row, d}), sum), o, {row, d});
  }

  /// The product with a choice for every row and key instead of a product with zero.
  void buildSelecting() {
    Value zero = b.index(0);
    Type bits = b.getIntegerType(b.element.getWidth());
    Value word =
        arith::ConstantOp::create(b, b.getIntegerAttr(bits, APInt::getSignMask(b.element.getWidth())));
    b.forEach(zero, rows, 1, [&](Value row) {
      Value factor = b.splat(b.load(alpha, row));
      b.forEach(zero, width, b.lanes, [&](Value d) {
        Value sum = b.fold(zero, keys, 1, b.splat(0.0), [&](Value key, ValueRange so) {
          Value weight = b.load(p, {row, key});
          Value mark = arith::BitcastOp::create(b, bits, weight);
          Value hidden = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, mark, word);
          Value next = b.fma(b.splat(weight), b.loadVector(v, {key, d}), so[0]);
          return SmallVector<Value>{b.select(hidden, so[0], next)};
        })[0];
        addTo(row, d, factor, sum);
      });
    });
  }

  static constexpr int64_t kVectors = 4; // of a block's columns

  VectorBuilder &b;
  Value p, v, o, alpha, rows, keys, width;
};

} // namespace

void lowerPV(tile::PVOp op, const VectorTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getO().getType()).getElementType());
  Product(op, b).build();
  op.erase();
}

} // namespace gqa
