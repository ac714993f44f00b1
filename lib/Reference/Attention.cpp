// gqa.attention as its description reads: three passes over the keys for every query.
#include "Reference.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace gqa::reference {
namespace {

class Attention {
public:
  Attention(Emitter &e, AttentionOp op)
      : e(e), op(op), batch(size(op.getQ(), op.getQLayout(), 'b')),
        queryHeads(size(op.getQ(), op.getQLayout(), 'h')), queries(size(op.getQ(), op.getQLayout(), 's')),
        keyDim(size(op.getQ(), op.getQLayout(), 'd')), kvHeads(size(op.getK(), op.getKLayout(), 'h')),
        keys(size(op.getK(), op.getKLayout(), 's')), valueDim(size(op.getV(), op.getVLayout(), 'd')) {
    scale = emitScale();
    checkHeads();
  }

  Values emit() {
    Values results = {e.empty(cast<RankedTensorType>(op.getOutput().getType()),
                              at(op.getOLayout(), batch, queryHeads, queries, valueDim))};
    if (op.getLse())
      results.push_back(e.empty(cast<RankedTensorType>(op.getLse().getType()), {batch, queryHeads, queries}));
    return e.loop(batch, results, [&](Value b, ValueRange results) {
      return e.loop(queryHeads, results, [&](Value h, ValueRange results) {
        // Inside of the loop: without heads the group size is 0.
        Value kvHead = e.div(h, groupSize());
        return e.loop(queries, results,
                      [&](Value i, ValueRange results) { return emitQuery({b, h, kvHead, i}, results); });
      });
    });
  }

private:
  struct Query {
    Value b, h, kvHead, i;
  };

  /// Query heads per key/value head; 0 where there is none.
  Value groupSize() { return e.div(queryHeads, e.max(kvHeads, e.index(1))); }

  /// What the verifier says of static numbers of heads: attention_c5.
  void checkHeads() {
    bool isStatic = !ShapedType::isDynamic(op.getQueryHeads()) && !ShapedType::isDynamic(op.getKvHeads());
    if (!isStatic)
      cf::AssertOp::create(
          e, e.equal(e.mul(groupSize(), kvHeads), queryHeads),
          "gqa.attention: the number of key/value heads does not divide the number of query heads");
  }

  /// The results with one query's rows written.
  Values emitQuery(Query query, ValueRange results) {
    Value scores = perKey([&](Value j) { return emitScore(query, j); });
    Value sink = op.getSinks() ? e.read(op.getSinks(), query.h) : Value();
    Value nothing = e.negativeInfinity(), zero = e.number(0);
    Value m =
        e.fold(keys, sink ? sink : nothing, [&](Value j, Value m) { return e.max(m, e.read(scores, j)); });
    // A score of -inf is exactly 0 even where m is -inf as well and the difference is NaN.
    auto weight = [&](Value s) { return e.select(e.equal(s, nothing), zero, e.exp(e.sub(s, m))); };
    Value weights = perKey([&](Value j) { return weight(e.read(scores, j)); });
    Value l = e.fold(keys, sink ? weight(sink) : zero,
                     [&](Value j, Value l) { return e.add(l, e.read(weights, j)); });
    Value empty = e.equal(l, zero);
    Values written = {e.fold(valueDim, results[0], [&](Value d, Value output) {
      Value o = e.choose(
          empty, [&] { return emitDead(query, d); },
          [&] { return e.div(emitWeightedSum(query, d, scores, weights), l); });
      return e.write(o, output, at(op.getOLayout(), query.b, query.h, query.i, d));
    })};
    if (op.getLse()) {
      Value lse = e.select(empty, nothing, e.add(m, e.log(l)));
      written.push_back(e.write(lse, results[1], {query.b, query.h, query.i}));
    }
    return written;
  }

  /// An f64 for every key.
  Value perKey(llvm::function_ref<Value(Value)> value) {
    auto type = RankedTensorType::get(op.getNumKeys(), e.getF64Type());
    return e.fold(keys, e.empty(type, keys), [&](Value j, Value all) { return e.write(value(j), all, j); });
  }

  /// The score of one key, -inf if the query does not see it.
  Value emitScore(Query query, Value j) {
    Values full = {query.b, query.h, query.i, j};
    Value s = e.fold(keyDim, e.number(0), [&](Value d, Value sum) {
      Value product = e.mul(e.read(op.getQ(), at(op.getQLayout(), query.b, query.h, query.i, d)),
                            e.read(op.getK(), at(op.getKLayout(), query.b, query.kvHead, j, d)));
      return e.add(sum, product);
    });
    s = e.mul(scale, s);
    if (std::optional<APFloat> softcap = op.getSoftcap()) {
      Value cap = e.number(softcap->convertToDouble());
      s = e.mul(cap, e.tanh(e.div(s, cap)));
    }
    if (op.getBias())
      s = e.add(s, e.read(op.getBias(), broadcast(e, op.getBias(), full)));
    Value visible = emitVisible(query.b, query.i, j);
    if (op.hasScore()) {
      auto [score, seen] = evaluateScore(e, op, s, full);
      s = score;
      visible = seen ? e.both(visible, seen) : visible;
    }
    if (op.getMask())
      visible = e.both(visible, e.read(op.getMask(), broadcast(e, op.getMask(), full)));
    return e.select(visible, s, e.negativeInfinity());
  }

  /// What positions alone say.
  Value emitVisible(Value b, Value i, Value j) {
    Value visible = arith::ConstantOp::create(e, e.getBoolAttr(true));
    if (op.getCausal() || op.getWindow()) {
      std::optional<int64_t> constant = op.getConstantOffset();
      Value stand = e.add(i, constant ? e.index(*constant)
                                      : e.read(op.getOffsets(), broadcastBatch(op.getOffsets(), b)));
      if (op.getCausal())
        visible = e.both(visible, e.notGreater(j, stand));
      ArrayRef<int64_t> window = op.getWindow().value_or(ArrayRef<int64_t>{-1, -1});
      if (window[0] != -1)
        visible = e.both(visible, e.notGreater(e.sub(stand, e.index(window[0])), j));
      if (window[1] != -1)
        visible = e.both(visible, e.notGreater(j, e.add(stand, e.index(window[1]))));
    }
    if (op.getKvLen())
      visible = e.both(visible, e.less(j, emitLength(b)));
    return visible;
  }

  /// How many keys are in use: kv_len within [0, Skv].
  Value emitLength(Value b) {
    if (!op.getKvLen())
      return keys;
    Value length = e.read(op.getKvLen(), broadcastBatch(op.getKvLen(), b));
    return e.min(e.max(length, e.index(0)), keys);
  }

  Value emitWeightedSum(Query query, Value d, Value scores, Value weights) {
    return e.fold(keys, e.number(0), [&](Value j, Value sum) {
      Value hidden = e.equal(e.read(scores, j), e.negativeInfinity());
      return e.choose(
          hidden, [&] { return sum; },
          [&] { return e.add(sum, e.mul(e.read(weights, j), readValue(query, j, d))); });
    });
  }

  /// What a query yields that sees no key.
  Value emitDead(Query query, Value d) {
    if (op.getSinks() || op.getDeadRow() == DeadRow::Zero)
      return e.number(0);
    if (op.getDeadRow() == DeadRow::NaN)
      return e.number(std::numeric_limits<double>::quiet_NaN());
    Value length = emitLength(query.b);
    Value sum =
        e.fold(length, e.number(0), [&](Value j, Value sum) { return e.add(sum, readValue(query, j, d)); });
    return e.div(sum, e.widen(e.max(length, e.index(1))));
  }

  Value readValue(Query query, Value j, Value d) {
    return e.read(op.getV(), at(op.getVLayout(), query.b, query.kvHead, j, d));
  }

  Value emitScale() {
    if (op.getScaleValue())
      return e.widen(op.getScaleValue());
    if (std::optional<double> constant = op.getConstantScale())
      return e.number(*constant);
    return e.div(e.number(1), math::SqrtOp::create(e, e.widen(keyDim)));
  }

  Value broadcastBatch(Value perBatch, Value b) { return broadcast(e, perBatch, b)[0]; }

  Value size(Value tensor, StringRef layout, char letter) { return e.size(tensor, dimOf(layout, letter)); }

  Emitter &e;
  AttentionOp op;
  Value batch, queryHeads, queries, keyDim, kvHeads, keys, valueDim, scale;
};

} // namespace

Values evaluate(Emitter &e, AttentionOp op) { return Attention(e, op).emit(); }

} // namespace gqa::reference
