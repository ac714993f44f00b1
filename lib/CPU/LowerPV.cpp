// tile.pv: blocks of the output in registers, lanes along the head dimension, over all keys of the tile.
#include "RegisterBlocks.h"
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {

void lowerPVInterleaved(tile::PVOp op, VectorBuilder &b);

namespace {

class Product {
public:
  Product(tile::PVOp op, VectorBuilder &b)
      : op(op), b(b), p(op.getP()), v(op.getV()), o(op.getO()), alpha(op.getAlpha()), rows(b.size(o, 0)),
        keys(b.size(v, 0)), width(b.size(o, 1)) {}

  void build() {
    Value leaks = b.andThen(op.getHidden(), [&] { return anyNotFinite(); });
    b.ifElse(leaks, [&] { buildSelecting(); }, [&] { buildFast(); });
  }

private:
  Value weight(Value row, Value key) {
    return op.getTransposed() ? b.load(p, {key, row}) : b.load(p, {row, key});
  }

  /// Columns that are read together: a vector, or a pair of them.
  int64_t unit() { return op.getPaired() ? 2 * b.lanes : b.lanes; }

  /// The vectors of the unit at column `d`, in the order of o.
  SmallVector<Value> values(Value key, Value d) {
    if (!op.getPaired())
      return {b.widen(b.loadVector(v, {key, d}), b.element)};
    auto [even, odd] = b.loadPairs(v, {key, d});
    return {even, odd};
  }

  /// Whether a value is NaN or infinite: only these times zero are not zero.
  Value anyNotFinite() {
    Value zero = b.index(0), zeros = b.splat(0.0);
    Value sum = b.fold(zero, keys, 1, zeros, [&](Value key, ValueRange so) {
      return b.fold(zero, width, unit(), so, [&](Value d, ValueRange far) {
        Value sum = far[0];
        for (Value vector : values(key, d))
          sum = b.fma(vector, zeros, sum);
        return SmallVector<Value>{sum};
      });
    })[0];
    Value total =
        vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum, arith::FastMathFlags::reassoc);
    return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, total, total);
  }

  void buildFast() {
    std::optional<int64_t> vectors = getConstantIntValue(width);
    if (vectors)
      *vectors /= b.lanes;
    RegisterBlock block = chooseRegisterBlock(b.target, vectors, getConstantIntValue(rows));
    int64_t perUnit = unit() / b.lanes, units = std::max<int64_t>(1, block.vectors / perUnit);
    panels = vectors ? llvm::divideCeil(*vectors, units * perUnit) : 0;
    blockKeys = cast<MemRefType>(p.getType()).getDimSize(op.getTransposed() ? 0 : 1);
    Value columns = b.index(unit());
    b.blocked(b.div(width, columns), units, 1, [&](Value column, int64_t count) {
      b.blocked(rows, block.scalars, std::min<int64_t>(2, b.lanes),
                [&](Value row, int64_t height) { buildBlock(row, height, b.mul(column, columns), count); });
    });
  }

  /// `count` rows times `units` units of columns from `d` on.
  void buildBlock(Value row, int64_t count, Value d, int64_t units) {
    int64_t vectors = units * unit() / b.lanes;
    bool fetches = op.getPrefetch() && panels;
    Value panel = b.div(d, b.index(vectors * b.lanes));
    if (fetches && op.getTransposed())
      prefetchFor(row, count, panel);
    SmallVector<Value> rowAt;
    for (int64_t i = 0; i < count; ++i)
      rowAt.push_back(b.add(row, b.index(i)));
    // From zero, not from o: short sums round less, and o joins them in one step.
    SmallVector<Value> zeros(count * vectors, b.splat(0.0));
    SmallVector<Value> sums = b.fold(b.index(0), keys, 1, zeros, [&](Value key, ValueRange so) {
      SmallVector<Value> tile, next;
      if (fetches && !op.getTransposed() && getConstantIntValue(row).value_or(0) == 0)
        prefetchAt(key, panel);
      for (int64_t i = 0; i < units; ++i)
        llvm::append_range(tile, values(key, b.add(d, b.index(i * unit()))));
      for (int64_t i = 0; i < count; ++i) {
        Value factor = b.splat(weight(rowAt[i], key));
        for (int64_t j = 0; j < vectors; ++j)
          next.push_back(b.fma(factor, tile[j], so[i * vectors + j]));
      }
      return next;
    });
    for (int64_t i = 0; i < count; ++i) {
      Value factor = b.splat(b.load(alpha, rowAt[i]));
      for (int64_t j = 0; j < vectors; ++j)
        addTo(rowAt[i], b.add(d, b.index(j * b.lanes)), factor, sums[i * vectors + j]);
    }
  }

  /// With few rows: one of `panels` shares of the lines to come, and of it one of as many shares as there are
  /// keys.
  void prefetchAt(Value key, Value panel) {
    int64_t perRow = linesOfRow(op.getPrefetch());
    Value step = b.add(b.mul(panel, b.index(blockKeys)), key);
    Value first = b.div(b.mul(step, b.index(perRow)), b.index(panels));
    b.prefetchLines(op.getPrefetch(), first, llvm::divideCeil(perRow, panels));
  }

  /// With many rows: one share for each block of the output.
  void prefetchFor(Value row, int64_t height, Value panel) {
    int64_t blocks = llvm::divideCeil(getConstantIntValue(rows).value_or(height), height);
    Value block = b.add(b.mul(panel, b.index(blocks)), b.div(row, b.index(height)));
    int64_t lines = llvm::divideCeil(blockKeys * linesOfRow(op.getPrefetch()), panels * blocks);
    b.prefetchLines(op.getPrefetch(), b.mul(block, b.index(lines)), lines);
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
      b.forEach(zero, width, unit(), [&](Value d) {
        SmallVector<Value> zeros(unit() / b.lanes, b.splat(0.0));
        SmallVector<Value> sums = b.fold(zero, keys, 1, zeros, [&](Value key, ValueRange so) {
          Value number = weight(row, key);
          Value mark = arith::BitcastOp::create(b, bits, number);
          Value hidden = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, mark, word);
          SmallVector<Value> next;
          for (auto [vector, sum] : llvm::zip(values(key, d), so))
            next.push_back(b.select(hidden, sum, b.fma(b.splat(number), vector, sum)));
          return next;
        });
        for (auto [i, sum] : llvm::enumerate(sums))
          addTo(row, b.add(d, b.index(int64_t(i) * b.lanes)), factor, sum);
      });
    });
  }

  tile::PVOp op;
  VectorBuilder &b;
  Value p, v, o, alpha, rows, keys, width;
  int64_t panels = 0, blockKeys = 0; // of the loop over columns; of a whole block
};

} // namespace

void lowerPV(tile::PVOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getO().getType()).getElementType());
  if (op.getInterleaved())
    lowerPVInterleaved(op, b);
  else
    Product(op, b).build();
  op.erase();
}

} // namespace gqa
