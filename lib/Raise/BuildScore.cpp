// The score region: mathematics of the scores and conditions that no attribute and no operand says.
#include "gqa/Raise/Build.h"
#include "gqa/Raise/ExprEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace gqa {

Value convertScore(OpBuilder &builder, Location loc, Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (value.getType() == type)
    return value;
  if (from < to)
    return arith::ExtFOp::create(builder, loc, type, value);
  return arith::TruncFOp::create(builder, loc, type, value);
}

Value emitCondition(OpBuilder &builder, Location loc, ExprEmitter &emitter, const Condition &condition) {
  Value seen = emitter.emit(condition.expr);
  if (!seen || !condition.negated)
    return seen;
  Value truth = arith::ConstantIntOp::create(builder, loc, 1, 1);
  return arith::XOrIOp::create(builder, loc, seen, truth);
}

bool buildScore(Evaluator &evaluator, const Axes &axes, const Visibility &visibility, AttentionOp op) {
  const AttentionMatch &match = axes.match;
  if (!match.score && visibility.conditions.empty())
    return true;
  Location loc = op.getLoc();
  OpBuilder builder(op.getContext());
  Block &block = op.getScore().emplaceBlock();
  builder.setInsertionPointToStart(&block);
  Type accumulator = op.getAccumulatorType();
  Value score = block.addArgument(accumulator, loc);
  CoordinateMap coordinates(builder, loc, evaluator.context.space);
  for (const Axis *axis : {&axes.b, &axes.h, &axes.i, &axes.j})
    coordinates.add(*axis, block.addArgument(builder.getIndexType(), loc));
  auto coordinate = [&](unsigned variable) { return coordinates.lookup(variable); };
  DenseMap<Value, Value> captured;
  auto capture = [&](Value value) -> Value {
    Value &argument = captured[value];
    if (!argument) {
      op.getCapturesMutable().append(value);
      argument = block.addArgument(value.getType(), loc);
    }
    return argument;
  };
  ExprEmitter emitter(builder, loc, evaluator, coordinate, capture);
  SmallVector<Value> yielded = {score};
  if (match.score) {
    emitter.define(match.plain, convertScore(builder, loc, score, match.plain->type));
    Value result = emitter.emit(match.score);
    if (!result)
      return false;
    yielded[0] = convertScore(builder, loc, result, accumulator);
  }
  Value seen;
  for (const Condition &condition : visibility.conditions) {
    Value next = emitCondition(builder, loc, emitter, condition);
    if (!next)
      return false;
    seen = seen ? arith::AndIOp::create(builder, loc, seen, next) : next;
  }
  if (seen)
    yielded.push_back(seen);
  YieldOp::create(builder, loc, yielded);
  return true;
}

} // namespace gqa
