// tile.rotate: pairs of elements as two vectors, which lie half a rotation apart or are interleaved.
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

class Rotate {
public:
  Rotate(tile::RotateOp op, VectorBuilder &b)
      : op(op), b(b), isHalf(op.getKind() == RotaryKind::Half), half(b.size(op.getCos(), 2)),
        rotated(b.mul(half, b.index(2))), dim(b.size(op.getX(), 2)) {}

  void build() {
    Value contiguous;
    for (Value source : {op.getX(), op.getCos(), op.getSin()}) {
      auto data = memref::ExtractStridedMetadataOp::create(b, source);
      Value is = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, data.getStrides()[2], b.index(1));
      contiguous = contiguous ? arith::AndIOp::create(b, contiguous, is) : is;
    }
    b.branch(
        contiguous,
        [&] {
          x = b.withContiguousRows(op.getX());
          cos = b.withContiguousRows(op.getCos());
          sin = b.withContiguousRows(op.getSin());
          forEachQuery([&] { buildVectors(); });
        },
        [&] {
          x = op.getX();
          cos = op.getCos();
          sin = op.getSin();
          forEachQuery([&] {
            rotateElements(b.index(0));
            copyElements(rotated);
          });
        });
  }

private:
  void forEachQuery(function_ref<void()> body) {
    Value zero = b.index(0);
    b.forEach(zero, b.size(op.getX(), 0), 1, [&](Value g) {
      b.forEach(zero, b.size(op.getX(), 1), 1, [&](Value n) {
        head = g;
        query = n;
        body();
      });
    });
  }

  void buildVectors() {
    Value whole = b.roundDown(half, b.lanes);
    b.forEach(b.index(0), whole, b.lanes, [&](Value pair) {
      auto [first, second] = loadPairs(pair);
      auto [x1, x2] = rotate(first, second, wide(b.loadVector(cos, {head, query, pair})),
                             wide(b.loadVector(sin, {head, query, pair})));
      storePairs(pair, x1, x2);
    });
    rotateElements(whole);
    Value rest = b.add(rotated, b.roundDown(b.sub(dim, rotated), b.lanes));
    b.forEach(rotated, rest, b.lanes,
              [&](Value d) { storeVector(wide(b.loadVector(x, {head, query, d})), d); });
    copyElements(rest);
  }

  std::pair<Value, Value> rotate(Value x1, Value x2, Value c, Value s) {
    return {b.subF(b.mulF(c, x1), b.mulF(s, x2)), b.addF(b.mulF(s, x1), b.mulF(c, x2))};
  }

  /// The first and the second elements of the pairs from `pair` on, a vector of each.
  std::pair<Value, Value> loadPairs(Value pair) {
    if (isHalf)
      return {wide(b.loadVector(x, {head, query, pair})),
              wide(b.loadVector(x, {head, query, b.add(pair, half)}))};
    Value d = b.mul(pair, b.index(2));
    Value low = b.loadVector(x, {head, query, d});
    Value high = b.loadVector(x, {head, query, b.add(d, b.index(b.lanes))});
    SmallVector<int64_t> even, odd;
    for (int64_t lane = 0; lane < b.lanes; ++lane) {
      even.push_back(2 * lane);
      odd.push_back(2 * lane + 1);
    }
    return {wide(vector::ShuffleOp::create(b, low, high, even)),
            wide(vector::ShuffleOp::create(b, low, high, odd))};
  }

  void storePairs(Value pair, Value x1, Value x2) {
    if (isHalf) {
      storeVector(x1, pair);
      storeVector(x2, b.add(pair, half));
      return;
    }
    storeVector(vector::InterleaveOp::create(b, x1, x2), b.mul(pair, b.index(2)));
  }

  /// One by one, the pairs from `begin` on.
  void rotateElements(Value begin) {
    b.forEach(begin, half, 1, [&](Value pair) {
      Value first = isHalf ? pair : b.mul(pair, b.index(2));
      Value second = b.add(first, isHalf ? half : b.index(1));
      auto load = [&](Value buffer, Value at) { return wide(b.load(buffer, {head, query, at})); };
      auto [x1, x2] = rotate(load(x, first), load(x, second), load(cos, pair), load(sin, pair));
      store(x1, first);
      store(x2, second);
    });
  }

  void copyElements(Value begin) {
    b.forEach(begin, dim, 1, [&](Value d) { store(wide(b.load(x, {head, query, d})), d); });
  }

  /// In the type to compute in: angles of f64 are rounded for an attention of f32.
  Value wide(Value value) {
    auto type = cast<FloatType>(getElementTypeOrSelf(value));
    return type.getWidth() > b.element.getWidth() ? b.narrow(value, b.element) : b.widen(value, b.element);
  }

  Type outElement() { return cast<MemRefType>(op.getRotated().getType()).getElementType(); }
  void store(Value value, Value d) {
    b.store(b.narrow(value, outElement()), op.getRotated(), {head, query, d});
  }
  void storeVector(Value value, Value d) {
    b.storeVector(b.narrow(value, outElement()), op.getRotated(), {head, query, d});
  }

  tile::RotateOp op;
  VectorBuilder &b;
  const bool isHalf;
  Value half, rotated, dim; // R/2, R, D
  Value x, cos, sin, head, query;
};

} // namespace

void lowerRotate(tile::RotateOp op, const CPUTarget &target) {
  bool isF64 = cast<MemRefType>(op.getRotated().getType()).getElementType().isF64();
  Builder types(op.getContext());
  VectorBuilder b(op, target, isF64 ? Type(types.getF64Type()) : Type(types.getF32Type()));
  Rotate(op, b).build();
  op.erase();
}

} // namespace gqa
