// tile.pv: blocks of the output in registers, lanes along the head dimension, over all keys of the tile.
#include "Diagonal.h"
#include "LineStreams.h"
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
        keys(b.size(v, 0)), width(b.size(o, 1)), blockKeys(cast<MemRefType>(p.getType()).getDimSize(0)),
        diagonal(b, rows, keys, op.getPeriod(), op.getLast()), streams(b, op.getPrefetch(), blockKeys) {}

  void build() {
    Value leaks = b.andThen(op.getHidden(), [&] { return anyNotFinite(); });
    b.branch(leaks, [&] { buildSelecting(); }, [&] { buildFast(); });
  }

private:
  bool isOfPairs() { return op.getInterleaved(); }

  Value weight(Value row, Value key) {
    if (!isOfPairs())
      return b.load(p, {key, row});
    Value two = b.index(2), at = b.add(b.mul(row, two), b.rem(key, two));
    return b.widen(b.load(p, {b.div(key, two), at}), b.element);
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
    std::optional<int64_t> known = getConstantIntValue(width);
    int64_t woven = known && *known % (4 * unit()) == 0 ? 4 : 1; // sums, as each is a chain of additions
    SmallVector<Value> sums(woven, zeros);
    sums = b.fold(zero, keys, 1, sums, [&](Value key, ValueRange so) {
      return b.fold(zero, width, woven * unit(), so, [&](Value d, ValueRange far) {
        SmallVector<Value> next(far);
        for (int64_t i = 0; i < woven; ++i)
          for (Value vector : values(key, b.add(d, b.index(i * unit()))))
            next[i] = b.fma(vector, zeros, next[i]);
        return next;
      });
    });
    Value all = sums[0];
    for (Value sum : ArrayRef(sums).drop_front())
      all = b.addF(all, sum);
    Value total =
        vector::ReductionOp::create(b, vector::CombiningKind::ADD, all, arith::FastMathFlags::reassoc);
    return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, total, total);
  }

  /// Values of two keys as pairs: of the unit at column `d` the even columns, then the odd ones.
  SmallVector<Value> valuePairs(Value key, Value d) {
    Value next = b.min(b.add(key, b.index(1)), b.sub(keys, b.index(1)));
    return b.pairUp(b.loadHalves(v, {key, d}), b.loadHalves(v, {next, d}));
  }

  void buildFast() {
    std::optional<int64_t> vectors = getConstantIntValue(width), allRows = getConstantIntValue(rows);
    if (vectors)
      *vectors /= b.lanes;
    bool widened = cast<MemRefType>(v.getType()).getElementType() != b.element;
    RegisterBlock block = chooseRegisterBlock(b.target, vectors, allRows, widened);
    int64_t perUnit = unit() / b.lanes, units = std::max<int64_t>(1, block.vectors / perUnit);
    if (vectors && allRows)
      blocks = llvm::divideCeil(*vectors, units * perUnit) * llvm::divideCeil(*allRows, block.scalars);
    Value columns = b.index(unit());
    b.blocked(b.div(width, columns), units, 1, [&](Value column, int64_t count) {
      Value panel = b.mul(b.div(column, b.index(units)), b.ceilDiv(rows, b.index(block.scalars)));
      auto buildRows = [&](Value row, int64_t height) {
        Value index = b.add(panel, b.div(row, b.index(block.scalars)));
        buildBlock(row, height, b.mul(column, columns), count, index);
      };
      b.blocked(rows, block.scalars, std::min<int64_t>(2, b.lanes), buildRows, op.getRows());
    });
  }

  /// Whether other tiles have read these keys before, so that L3 has them (see Schedule.cpp).
  bool isManyRows() { return getConstantIntValue(rows).value_or(0) >= 2 * b.lanes; }

  /// Keys of an iteration, as few as there can be with two lines to fetch meanwhile, so that these are
  /// spread; 0 if there is less to fetch. Many sums leave no room for the operands of several keys, and take
  /// so long that fewer lines may come at once.
  int64_t keysOfIteration(int64_t sums) {
    if (sums > b.target.registers / 2)
      return streams.lines() >= blocks * blockKeys ? 4 : 0;
    for (int64_t keys : {2, 4, 8})
      if (keys * streams.lines() >= 2 * blocks * blockKeys)
        return keys;
    return 0;
  }

  /// `count` rows times `units` units of columns from `d` on: block `index` of the output.
  void buildBlock(Value row, int64_t count, Value d, int64_t units, Value index) {
    int64_t vectors = units * unit() / b.lanes, block = count * vectors;
    SmallVector<Value> rowAt;
    for (int64_t i = 0; i < count; ++i)
      rowAt.push_back(b.add(row, b.index(i)));
    auto addProducts = [&](Value key, ValueRange so) {
      SmallVector<Value> tile, next;
      for (int64_t i = 0; i < units; ++i) {
        Value column = b.add(d, b.index(i * unit()));
        llvm::append_range(tile, isOfPairs() ? valuePairs(key, column) : values(key, column));
      }
      for (int64_t i = 0; i < count; ++i) {
        Value factor = isOfPairs() ? b.splatPair(p, {b.div(key, b.index(2)), b.mul(rowAt[i], b.index(2))})
                                   : b.splat(weight(rowAt[i], key));
        for (int64_t j = 0; j < vectors; ++j) {
          Value sum = so[i * vectors + j];
          next.push_back(isOfPairs() ? b.addPairs(factor, tile[j], sum) : b.fma(factor, tile[j], sum));
        }
      }
      return next;
    };
    SmallVector<Value> sums = sumOverKeys(block, diagonal.keysSeen(row, count), index, addProducts);
    for (int64_t i = 0; i < count; ++i) {
      Value factor = b.splat(b.load(alpha, rowAt[i]));
      for (int64_t j = 0; j < vectors; ++j)
        addTo(rowAt[i], b.add(d, b.index(j * b.lanes)), factor, sums[i * vectors + j]);
    }
  }

  /// The `block` sums of the output's block `index` over `seen` keys. Lines are fetched meanwhile.
  SmallVector<Value> sumOverKeys(int64_t block, Value seen, Value index,
                                 function_ref<SmallVector<Value>(Value key, ValueRange so)> addProducts) {
    int64_t step = isOfPairs() ? 2 : 1; // keys of a product
    int64_t sets = setsOfSums(b.target, block);
    int64_t fetching = streams.empty() || !blocks ? 0 : keysOfIteration(block);
    int64_t together = fetching ? fetching : sets * step, perBlock = llvm::divideCeil(blockKeys, together);
    auto addKeys = [&](Value key, ValueRange so, int64_t keys) {
      SmallVector<Value> next(so);
      for (int64_t i = 0; i < keys / step; ++i) {
        auto set = MutableArrayRef(next).slice(i % sets * block, block);
        llvm::copy(addProducts(b.add(key, b.index(i * step)), set), set.begin());
      }
      return next;
    };
    if (!fetching && blocks && isManyRows())
      streams.fetchApart(index, blocks);
    else if (!fetching && blocks)
      streams.fetch(index, blocks);
    // From zero, not from o: short sums round less, and o joins them in one step.
    SmallVector<Value> sums(sets * block, b.splat(0.0));
    Value done = b.index(0);
    if (fetching || sets > 1) {
      done = b.roundDown(seen, together);
      sums = b.fold(b.index(0), done, together, sums, [&](Value key, ValueRange so) {
        if (fetching)
          streams.fetch(b.add(b.mul(index, b.index(perBlock)), b.divPositive(key, together)),
                        blocks * perBlock);
        return addKeys(key, so, together);
      });
    }
    sums = b.fold(done, seen, step, sums, [&](Value key, ValueRange so) { return addKeys(key, so, step); });
    return b.addSets(sums, block);
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
  int64_t blockKeys;
  Diagonal diagonal;
  LineStreams streams;
  int64_t blocks = 0; // of the output, if that is known
};

} // namespace

void lowerPV(tile::PVOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getO().getType()).getElementType());
  if (cast<MemRefType>(op.getV().getType()).getRank() == 3)
    lowerPVInterleaved(op, b);
  else
    Product(op, b).build();
  op.erase();
}

} // namespace gqa
