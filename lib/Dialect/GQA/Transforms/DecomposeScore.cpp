// Scale, softcap, bias, the score region, and what hides a key.
#include "DecomposeScore.h"
#include "gqa/Dialect/GQA/Transforms/Decompose.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

#include <cmath>

using namespace mlir;

namespace gqa {

/// With a sink no row is dead.
static bool isUniform(AttentionOp op) { return op.getDeadRow() == DeadRow::Uniform && !op.getSinks(); }

static Value constant(OpBuilder &b, Location loc, FloatType type, APFloat value) {
  return arith::ConstantOp::create(b, loc, FloatAttr::get(type, value));
}

Value fillOf(AttentionOp op, OpBuilder &builder) {
  FloatType type = op.getAccumulatorType();
  const llvm::fltSemantics &semantics = type.getFloatSemantics();
  return constant(builder, op.getLoc(), type,
                  isUniform(op) ? APFloat::getLargest(semantics, true) : APFloat::getInf(semantics, true));
}

static Value scaleOf(OpBuilder &builder, AttentionOp op) {
  Location loc = op.getLoc();
  FloatType type = op.getAccumulatorType();
  if (Value scale = op.getScaleValue())
    return convertFloat(builder, loc, scale, type);
  if (std::optional<double> scale = op.getConstantScale())
    return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, *scale));
  Value dim = tensor::DimOp::create(builder, loc, op.getQ(), dimOf(op.getQLayout(), 'd'));
  dim = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), dim);
  Value root = math::SqrtOp::create(builder, loc, arith::SIToFPOp::create(builder, loc, type, dim));
  Value one = arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, 1.0));
  return arith::DivFOp::create(builder, loc, one, root);
}

ScoreEmitter::ScoreEmitter(OpBuilder &builder, AttentionOp op)
    : loc(op.getLoc()), op(op), acc(op.getAccumulatorType()), scale(scaleOf(builder, op)),
      fill(fillOf(op, builder)),
      nothing(constant(builder, loc, acc, APFloat::getInf(acc.getFloatSemantics(), true))) {}

/// The letters along which a tensor that broadcasts to `full`, from the last dimension on, is read.
static std::string broadcastLetters(Value tensor, StringRef full) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(tensor.getType()).getShape();
  std::string letters = full.take_back(shape.size()).str();
  for (auto [letter, size] : llvm::zip_equal(letters, shape))
    letter = size == 1 ? '1' : letter;
  return letters;
}

SmallVector<Indexed> ScoreEmitter::inputs(const Indexed &product) {
  SmallVector<Indexed> inputs = {product};
  auto add = [&](Value tensor, StringRef full) {
    if (tensor)
      inputs.push_back({tensor, broadcastLetters(tensor, full)});
  };
  add(op.getBias(), "bhij");
  add(op.getMask(), "bhij");
  add(op.getOffsets(), "b");
  add(op.getKvLen(), "b");
  return inputs;
}

Value ScoreEmitter::emit(OpBuilder &b, ValueRange in) {
  at.clear();
  for (int64_t dim = 0; dim < 4; ++dim)
    at.push_back(linalg::IndexOp::create(b, loc, dim));
  unsigned next = 0;
  auto take = [&](Value operand) { return operand ? in[++next] : Value(); };
  Value s = arith::MulFOp::create(b, loc, in[0], scale);
  if (std::optional<APFloat> softcap = op.getSoftcap()) {
    Value cap = arith::ConstantOp::create(b, loc, b.getFloatAttr(acc, softcap->convertToDouble()));
    Value capped = math::TanhOp::create(b, loc, arith::DivFOp::create(b, loc, s, cap));
    s = arith::MulFOp::create(b, loc, cap, capped);
  }
  if (Value bias = take(op.getBias()))
    s = arith::AddFOp::create(b, loc, s, convertFloat(b, loc, bias, acc));
  Conditions seen;
  if (Value mask = take(op.getMask()))
    seen.push_back(mask);
  addPositions(b, take(op.getOffsets()), seen);
  Value kvLen = take(op.getKvLen());
  if (op.hasScore())
    s = inlineRegion(b, s, seen);
  Conditions inUse;
  if (kvLen)
    inUse.push_back(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, at[3], toIndex(b, kvLen)));
  if (!isUniform(op)) {
    seen.append(inUse);
    return select(b, seen, s, fill);
  }
  // A score of -inf is not seen. Keys that are not in use have no part in the mean.
  if (op.getBias() || op.hasScore())
    seen.push_back(arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, s, nothing));
  return select(b, inUse, select(b, seen, s, fill), nothing);
}

/// Causality and the window.
void ScoreEmitter::addPositions(OpBuilder &b, Value offset, Conditions &seen) {
  if (!op.getCausal() && !op.getWindow())
    return;
  Value stand = at[2];
  if (offset)
    stand = arith::AddIOp::create(b, loc, stand, toIndex(b, offset));
  int64_t constant = op.getConstantOffset().value_or(0);
  using Predicate = arith::CmpIPredicate;
  auto bound = [&](Predicate predicate, int64_t distance) {
    Value limit = stand;
    if (distance != 0)
      limit = arith::AddIOp::create(b, loc, stand, arith::ConstantIndexOp::create(b, loc, distance));
    seen.push_back(arith::CmpIOp::create(b, loc, predicate, at[3], limit));
  };
  if (op.getCausal())
    bound(Predicate::sle, constant);
  ArrayRef<int64_t> window = op.getWindow().value_or(ArrayRef<int64_t>{-1, -1});
  if (window[0] != -1)
    bound(Predicate::sge, constant - window[0]);
  if (window[1] != -1)
    bound(Predicate::sle, constant + window[1]);
}

Value ScoreEmitter::inlineRegion(OpBuilder &b, Value s, Conditions &seen) {
  Block &block = op.getScoreBlock();
  IRMapping mapping;
  mapping.map(block.getArgument(0), s);
  for (auto [argument, index] : llvm::zip_equal(block.getArguments().slice(1, 4), at))
    mapping.map(argument, index);
  for (auto [argument, captured] : llvm::zip_equal(block.getArguments().drop_front(5), op.getCaptures()))
    mapping.map(argument, captured);
  for (Operation &inner : block.without_terminator())
    b.clone(inner, mapping);
  ValueRange yielded = cast<YieldOp>(block.getTerminator()).getValues();
  if (yielded.size() == 2)
    seen.push_back(mapping.lookupOrDefault(yielded[1]));
  return mapping.lookupOrDefault(yielded[0]);
}

/// `s` where all conditions hold.
Value ScoreEmitter::select(OpBuilder &b, const Conditions &seen, Value s, Value other) {
  if (seen.empty())
    return s;
  Value all = seen.front();
  for (Value condition : ArrayRef(seen).drop_front())
    all = arith::AndIOp::create(b, loc, all, condition);
  return arith::SelectOp::create(b, loc, all, s, other);
}

Value ScoreEmitter::toIndex(OpBuilder &b, Value position) {
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), position);
}

} // namespace gqa
