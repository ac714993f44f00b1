// tile.score: score mathematics over vectors.
#include "ScoreColumns.h"
#include "TileLowering.h"
#include "VectorRegion.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <limits>

using namespace mlir;

namespace gqa {
namespace {

class Score {
public:
  Score(tile::ScoreOp op, VectorBuilder &b) : op(op), b(b), s(op.getS()) {}

  void build() {
    if (!op.getBias() && !op.getMask() && op.getScore().empty())
      return scaleAll();
    if (hasWholeVectors() && (op.getScore().empty() || VectorRegion::isVectorizable(op.getScore().front())))
      return buildVectors();
    scaleAll();
    buildElements();
  }

private:
  /// The scale and the softcap, on all rows of whole vectors.
  void scaleAll() {
    Value scale = b.splat(op.getScale()), scores = b.flat(s);
    Value count = b.mul(op.getKeys(), b.size(s, 1));
    b.forEach(b.index(0), count, b.lanes,
              [&](Value at) { b.storeVector(scaled(b.loadVector(scores, at), scale), scores, at); });
  }

  Value scaled(Value x, Value scale) {
    x = b.mulF(x, scale);
    if (std::optional<APFloat> cap = op.getSoftcap()) {
      Value value = b.splat(cap->convertToDouble());
      x = b.mulF(value, b.tanh(b.divF(x, value)));
    }
    return x;
  }

  //===------------------------------------------------------------------===//
  // A vector of rows, or of a few keys of all rows, key after key
  //===------------------------------------------------------------------===//

  /// Rows that are not known are whole vectors, as in all operations.
  bool hasWholeVectors() const {
    int64_t rows = cast<MemRefType>(s.getType()).getDimSize(1);
    return ShapedType::isDynamic(rows) || (rows > 0 && (rows % b.lanes == 0 || b.lanes % rows == 0));
  }

  void buildVectors() {
    Value rows = b.size(s, 1);
    int64_t rowsOfVector = std::min(getConstantIntValue(rows).value_or(b.lanes), b.lanes),
            keysOfVector = b.lanes / rowsOfVector;
    Value scores = b.flat(s), lastKey = b.sub(op.getKeys(), b.index(1)), scale = b.splat(op.getScale());
    std::optional<VectorRegion> region;
    if (!op.getScore().empty())
      region.emplace(b, op.getScore().front());
    // Rows outside: what their positions alone decide is computed once, and a bias and a mask are read along
    // keys.
    Value blocks = region || keysOfVector > 1 ? Value() : hasContiguousKeys();
    b.forEach(b.index(0), rows, rowsOfVector, [&](Value first) {
      LanePositions at = positionsFrom(first, rowsOfVector);
      prefetchNext(at, rowsOfVector);
      if (region)
        region->bindRows(at);
      Value whole = b.index(0);
      if (blocks) {
        whole = b.select(blocks, b.roundDown(op.getKeys(), b.lanes), whole);
        b.forEach(b.index(0), whole, b.lanes, [&](Value key) { buildBlock(first, key, at, scale); });
      }
      b.forEach(whole, op.getKeys(), keysOfVector, [&](Value key) {
        at.keys.clear();
        for (int64_t i = 0; i < keysOfVector; ++i) // a vector that is not full reads its last key again
          at.keys.append(keysOfVector == 1 ? 1 : rowsOfVector,
                         b.add(op.getJ(), i ? b.min(b.add(key, b.index(i)), lastKey) : key));
        Value place = b.add(b.mul(key, rows), first);
        Value x = scaled(b.loadVector(scores, place), scale);
        b.storeVector(ofVector(x, at, region), scores, place);
      });
    });
  }

  /// Whether bias and mask have the keys of a row next to each other.
  Value hasContiguousKeys() {
    Value both = arith::ConstantOp::create(b, b.getBoolAttr(true));
    for (Value operand : {op.getBias(), op.getMask()})
      if (operand)
        both = b.createOrFold<arith::AndIOp>(both, b.isContiguous(operand));
    return both;
  }

  /// Bias and mask of a vector of rows and as many keys.
  void buildBlock(Value first, Value key, const LanePositions &at, Value scale) {
    auto place = [&](int64_t lane) { return placeOf(lane, at, b.add(op.getJ(), key)); };
    SmallVector<Value> biases, masks;
    if (op.getBias())
      biases = loadColumns(b, op.getBias(), place);
    if (op.getMask())
      masks = loadColumns(b, op.getMask(), place);
    for (int64_t i = 0; i < b.lanes; ++i) {
      Value here[] = {b.add(key, b.index(i)), first};
      Value x = scaled(b.loadVector(s, here), scale);
      if (op.getBias())
        x = b.addF(x, biases[i]);
      if (op.getMask())
        x = b.select(masks[i], x, hidden(x));
      b.storeVector(x, s, here);
    }
  }

  /// Heads and queries of `count` rows from `first` on, as often as there are lanes; those of rows behind the
  /// last are its own, as whatever is there does not count.
  LanePositions positionsFrom(Value first, int64_t count) {
    LanePositions at;
    at.batch = op.getB();
    std::optional<int64_t> period = getConstantIntValue(op.getPeriod()),
                           heads = getConstantIntValue(op.getHeads());
    Value one = b.index(1), lastHead = b.sub(op.getHeads(), one), lastQuery = b.sub(op.getQueries(), one);
    Value head, inHead;
    for (int64_t lane = 0; lane < b.lanes; ++lane) {
      Value row = b.add(first, b.index(lane % count));
      if (period || lane % count == 0) {
        head = b.div(row, op.getPeriod());
        inHead = b.rem(row, op.getPeriod());
      } else { // divisions by what is not known are dear
        Value next = b.add(inHead, one);
        Value isNext = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, next, op.getPeriod());
        head = b.select(isNext, b.add(head, one), head);
        inHead = b.select(isNext, b.index(0), next);
      }
      at.heads.push_back(b.add(op.getH(), b.min(head, lastHead)));
      at.queries.push_back(b.add(op.getI(), b.min(inHead, lastQuery)));
    }
    if (heads == 1 || (period && *period % b.lanes == 0))
      at.heads.resize(1);
    if (getConstantIntValue(op.getQueries()) == 1)
      at.queries.resize(1);
    return at;
  }

  /// Where in a bias or a mask the key at `j` of a lane's row is.
  SmallVector<Value> placeOf(int64_t lane, const LanePositions &at, Value j) {
    auto ofLane = [&](ArrayRef<Value> values) { return values[values.size() == 1 ? 0 : lane]; };
    return {at.batch, ofLane(at.heads), ofLane(at.queries), j};
  }

  /// Bias, region and mask of a vector.
  Value ofVector(Value x, const LanePositions &at, std::optional<VectorRegion> &region) {
    auto place = [&](int64_t lane) { return placeOf(lane, at, at.keys[at.keys.size() == 1 ? 0 : lane]); };
    if (op.getBias())
      x = withBias(x, gather(b, op.getBias(), place));
    if (region) {
      auto [score, seen] = region->apply(x, at);
      x = seen ? b.select(seen, score, hidden(score)) : score;
    }
    if (op.getMask())
      x = b.select(gather(b, op.getMask(), place), x, hidden(x));
    return x;
  }

  /// Brings near what the next block of keys reads for `rows` rows: they are too short for a processor to
  /// notice.
  void prefetchNext(const LanePositions &at, int64_t rows) {
    int64_t keys = cast<MemRefType>(s.getType()).getDimSize(0);
    if (ShapedType::isDynamic(keys))
      return;
    for (Value operand : {op.getBias(), op.getMask()}) {
      if (!operand)
        continue;
      int64_t bits = llvm::alignTo(cast<MemRefType>(operand.getType()).getElementTypeBitWidth(), 8);
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t key = keys; key < 2 * keys; key += kLineBits / bits)
          memref::PrefetchOp::create(b, operand, placeOf(row, at, b.add(op.getJ(), b.index(key))),
                                     /*isWrite=*/false, /*localityHint=*/2, /*isDataCache=*/true);
    }
  }

  //===------------------------------------------------------------------===//
  // Element by element, where there are no whole vectors, or a region has more than arithmetic
  //===------------------------------------------------------------------===//

  void buildElements() {
    Value zero = b.index(0);
    b.forEach(zero, op.getHeads(), 1, [&](Value g) {
      Value head = b.add(op.getH(), g), firstRow = b.mul(g, op.getPeriod());
      b.forEach(zero, op.getQueries(), 1, [&](Value i) {
        b.forEach(zero, op.getKeys(), 1, [&](Value key) {
          SmallVector<Value> at = {key, b.add(firstRow, i)};
          b.store(elementwise(b.load(s, at), head, b.add(op.getI(), i), key), s, at);
        });
      });
    });
  }

  Value hidden(Value like) { return b.floatLike(like, -std::numeric_limits<double>::infinity()); }

  Value withBias(Value x, Value bias) { return b.addF(x, b.converted(bias, b.element)); }

  /// Bias, region and mask of one element.
  Value elementwise(Value x, Value head, Value query, Value key) {
    SmallVector<Value> at = {op.getB(), head, query, b.add(op.getJ(), key)};
    if (op.getBias())
      x = withBias(x, b.load(op.getBias(), at));
    if (!op.getScore().empty())
      x = inlineRegion(x, at);
    if (op.getMask())
      x = b.select(b.load(op.getMask(), at), x, hidden(x));
    return x;
  }

  Value inlineRegion(Value x, ArrayRef<Value> at) {
    SmallVector<Value> arguments = {x};
    llvm::append_range(arguments, at);
    SmallVector<Value> yielded = b.cloneBody(op.getScore().front(), arguments);
    return yielded.size() == 1 ? yielded[0] : b.select(yielded[1], yielded[0], hidden(yielded[0]));
  }

  tile::ScoreOp op;
  VectorBuilder &b;
  Value s;
};

} // namespace

void lowerScore(tile::ScoreOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getS().getType()).getElementType());
  Score(op, b).build();
  op.erase();
}

} // namespace gqa
