// gqa.attention: two contractions and the softmax between them, as its description reads.
#include "DecomposeScore.h"
#include "Einsum.h"
#include "gqa/Dialect/GQA/Transforms/Decompose.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;

namespace gqa {
namespace {

/// Letters: b batch, h query head (or k KV head and g its query heads), i query, j key, d and e head
/// dimension of keys and of values.
class AttentionEmitter {
public:
  AttentionEmitter(OpBuilder &builder, AttentionOp op)
      : builder(builder), loc(op.getLoc()), op(op), e(builder, loc), acc(op.getAccumulatorType()),
        grouped(op.getGroupSize() > 1) {
    bool isUniform = op.getDeadRow() == DeadRow::Uniform;
    guarded = op.getSinks() || op.getDeadRow() == DeadRow::Zero || (isUniform && op.getKvLen());
    auto setSize = [&](char letter, Value tensor, StringRef layout, char of) {
      e.setSize(letter, tensor::getMixedSize(builder, loc, tensor, dimOf(layout, of)));
    };
    for (auto [letter, of] :
         {std::pair('b', 'b'), std::pair('h', 'h'), std::pair('i', 's'), std::pair('d', 'd')})
      setSize(letter, op.getQ(), op.getQLayout(), of);
    for (auto [letter, of] : {std::pair('k', 'h'), std::pair('j', 's'), std::pair('e', 'd')})
      setSize(letter, op.getV(), op.getVLayout(), of);
    if (grouped)
      e.setSize('g', builder.getIndexAttr(op.getGroupSize()));
  }

  SmallVector<Value> emit() {
    ScoreEmitter score(builder, op);
    Indexed s = e.emit(score.inputs(product()), "bhij", acc,
                       [&](OpBuilder &b, ValueRange in) { return score.emit(b, in); });
    Indexed highest = maximum(s), m = withSink(highest);
    Indexed weights = e.emit({s, m}, "bhij", acc, [&](OpBuilder &b, ValueRange in) -> Value {
      Value shifted = arith::SubFOp::create(b, loc, in[0], in[1]);
      return math::ExpOp::create(b, loc, shifted);
    });
    Indexed l = sum(weights, m);
    SmallVector<Value> results = {output(probabilities(weights, l, highest), s)};
    if (op.getLse())
      results.push_back(logSumExp(m, l));
    return results;
  }

private:
  /// q times k.
  Indexed product() {
    Indexed s = e.reduce({query(), perKey(op.getK(), op.getKLayout(), 'd')}, grouped ? "bkgij" : "bhij",
                         number(builder, 0), [&](OpBuilder &b, ValueRange in, Value sum) -> Value {
                           Value q = convertFloat(b, loc, in[0], acc), k = convertFloat(b, loc, in[1], acc);
                           Value product = arith::MulFOp::create(b, loc, q, k);
                           return arith::AddFOp::create(b, loc, sum, product);
                         });
    return grouped ? e.join(s) : s;
  }

  /// Of a row of scores.
  Indexed maximum(const Indexed &scores) {
    return e.reduce({scores}, "bhi", number(builder, -INFINITY),
                    [&](OpBuilder &b, ValueRange in, Value m) -> Value {
                      return arith::MaximumFOp::create(b, loc, m, in[0]);
                    });
  }

  Indexed withSink(const Indexed &m) {
    if (!op.getSinks())
      return m;
    return e.emit({m, {op.getSinks(), "h"}}, "bhi", acc, [&](OpBuilder &b, ValueRange in) -> Value {
      return arith::MaximumFOp::create(b, loc, in[0], convertFloat(b, loc, in[1], acc));
    });
  }

  Indexed sum(const Indexed &weights, const Indexed &m) {
    Indexed l =
        e.reduce({weights}, "bhi", number(builder, 0), [&](OpBuilder &b, ValueRange in, Value l) -> Value {
          return arith::AddFOp::create(b, loc, l, in[0]);
        });
    if (!op.getSinks())
      return l;
    return e.emit({l, m, {op.getSinks(), "h"}}, "bhi", acc, [&](OpBuilder &b, ValueRange in) -> Value {
      Value sink = convertFloat(b, loc, in[2], acc);
      Value weight = math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, sink, in[1]));
      return arith::AddFOp::create(b, loc, in[0], weight);
    });
  }

  /// A row of nothing but -inf, of which the softmax makes NaN, is 0 unless it is to be NaN.
  Indexed probabilities(const Indexed &weights, const Indexed &l, const Indexed &highest) {
    SmallVector<Indexed> inputs = {weights, l};
    if (guarded)
      inputs.push_back(highest);
    return e.emit(inputs, "bhij", acc, [&](OpBuilder &b, ValueRange in) -> Value {
      Value p = arith::DivFOp::create(b, loc, in[0], in[1]);
      if (!guarded)
        return p;
      Value dead = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, in[2], number(b, -INFINITY));
      return arith::SelectOp::create(b, loc, dead, number(b, 0), p);
    });
  }

  /// The product with V. What a query does not see is not multiplied by 0, as it may be NaN.
  Value output(Indexed p, Indexed s) {
    if (grouped)
      p = e.split(p), s = e.split(s);
    Value fill = fillOf(op, builder);
    Indexed o = e.reduce({p, perKey(op.getV(), op.getVLayout(), 'e'), s}, queryLetters(op.getOLayout(), 'e'),
                         number(builder, 0), [&](OpBuilder &b, ValueRange in, Value sum) -> Value {
                           Value zero = number(b, 0);
                           using Predicate = arith::CmpFPredicate;
                           Value weightless = arith::CmpFOp::create(b, loc, Predicate::OEQ, in[0], zero);
                           Value unseen = arith::CmpFOp::create(b, loc, Predicate::OLE, in[2], fill);
                           Value hidden = arith::AndIOp::create(b, loc, weightless, unseen);
                           Value v = convertFloat(b, loc, in[1], acc);
                           Value product = arith::MulFOp::create(b, loc, in[0], v);
                           product = arith::SelectOp::create(b, loc, hidden, zero, product);
                           return arith::AddFOp::create(b, loc, sum, product);
                         });
    if (grouped)
      o = e.join(o);
    Type element = cast<RankedTensorType>(op.getOutput().getType()).getElementType();
    if (element != acc)
      o = e.emit({o}, o.letters, element,
                 [&](OpBuilder &b, ValueRange in) { return convertFloat(b, loc, in[0], element); });
    return op.getDeadRow() == DeadRow::NaN && !op.getSinks() ? withoutKeys(o) : o.tensor;
  }

  /// NaN where there are no keys at all, and the product is a sum of nothing.
  Value withoutKeys(const Indexed &o) {
    if (op.getNumKeys() > 0)
      return o.tensor;
    Value keys = getValueOrCreateConstantIndexOp(builder, loc, e.sizeOf('j'));
    Value none = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, keys,
                                       arith::ConstantIndexOp::create(builder, loc, 0));
    auto element = cast<FloatType>(cast<RankedTensorType>(o.tensor.getType()).getElementType());
    return e
        .emit({o}, o.letters, element,
              [&](OpBuilder &b, ValueRange in) -> Value {
                APFloat nan = APFloat::getQNaN(element.getFloatSemantics());
                Value other = arith::ConstantOp::create(b, loc, FloatAttr::get(element, nan));
                return arith::SelectOp::create(b, loc, none, other, in[0]);
              })
        .tensor;
  }

  Value logSumExp(const Indexed &m, const Indexed &l) {
    Value fill = fillOf(op, builder);
    return e
        .emit({m, l}, "bhi", acc,
              [&](OpBuilder &b, ValueRange in) -> Value {
                Value dead = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, in[0], fill);
                Value lse = arith::AddFOp::create(b, loc, in[0], math::LogOp::create(b, loc, in[1]));
                return arith::SelectOp::create(b, loc, dead, number(b, -INFINITY), lse);
              })
        .tensor;
  }

  Indexed query() {
    std::string letters = op.getQLayout().str();
    letters[dimOf(letters, 's')] = 'i';
    Indexed q{op.getQ(), letters};
    return grouped ? e.split(q) : q;
  }

  /// Letters of an operand with query heads, or with KV heads, laid out as `layout`.
  std::string queryLetters(StringRef layout, char inner) const {
    std::string letters;
    for (char letter : layout)
      letters += letter == 'h' ? (grouped ? "kg" : "h")
                               : std::string(1, letter == 's'   ? 'i'
                                                : letter == 'd' ? inner
                                                                : letter);
    return letters;
  }
  /// K or V.
  Indexed perKey(Value tensor, StringRef layout, char inner) {
    if (ShapedType::isDynamic(op.getGroupSize()))
      return repeated(tensor, layout, inner);
    std::string letters;
    for (char letter : layout)
      letters += letter == 'h' ? (grouped ? 'k' : 'h') : letter == 's' ? 'j' : letter == 'd' ? inner : letter;
    return {tensor, letters};
  }

  /// K or V with a copy of its head for each query head. Numbers of heads that are not known are no sizes of
  /// a reshape.
  Indexed repeated(Value tensor, StringRef layout, char inner) {
    Value queryHeads = getValueOrCreateConstantIndexOp(builder, loc, e.sizeOf('h'));
    Value kvHeads = getValueOrCreateConstantIndexOp(builder, loc, e.sizeOf('k'));
    Value one =
        arith::ConstantIndexOp::create(builder, loc, 1); // without heads there is nothing to divide by
    kvHeads = arith::MaxUIOp::create(builder, loc, kvHeads, one);
    Value group = arith::DivUIOp::create(builder, loc, queryHeads, kvHeads);
    std::string letters = {'b', 'h', 'j', inner};
    return e.emit({}, letters, cast<RankedTensorType>(tensor.getType()).getElementType(),
                  [&](OpBuilder &b, ValueRange) -> Value {
                    SmallVector<Value> at(4);
                    for (auto [dim, letter] : llvm::enumerate(StringRef("bhsd")))
                      at[dimOf(layout, letter)] = linalg::IndexOp::create(b, loc, dim);
                    Value &head = at[dimOf(layout, 'h')];
                    head = arith::DivUIOp::create(b, loc, head, group);
                    return tensor::ExtractOp::create(b, loc, tensor, at);
                  });
  }

  Value number(OpBuilder &b, double value) {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(acc, value));
  }

  OpBuilder &builder;
  Location loc;
  AttentionOp op;
  Einsum e;
  FloatType acc;
  bool grouped, guarded; ///< guarded: against rows of nothing but -inf
};

} // namespace

SmallVector<Value> decompose(OpBuilder &builder, AttentionOp op) {
  return AttentionEmitter(builder, op).emit();
}

} // namespace gqa
