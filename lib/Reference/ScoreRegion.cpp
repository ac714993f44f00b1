// The score region, with its f32 arithmetic done in f64.
#include "Reference.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace gqa::reference {
namespace {

/// Clones a block. A value of type f32 exists in two forms, made on demand from each other: wide, the f64
/// that was computed in its place, and plain, an f32 for operations that take nothing else. Other values are
/// plain only.
class WideClone {
public:
  explicit WideClone(Emitter &e) : e(e) {}

  void mapWide(Value value, Value to) { wideForms[value] = to; }
  void mapPlain(Value value, Value to) { plainForms.map(value, to); }

  Value wide(Value value) {
    auto [found, isNew] = wideForms.try_emplace(value);
    if (isNew)
      found->second = e.widen(plainForms.lookup(value));
    return found->second;
  }

  Value plain(Value value) {
    if (!plainForms.contains(value))
      plainForms.map(value, e.round(wideForms.lookup(value), value.getType()));
    return plainForms.lookup(value);
  }

  void clone(Operation *op) {
    if (auto constant = dyn_cast<arith::ConstantFloatOp>(op); constant && constant.getType().isF32())
      return mapWide(constant, e.number(constant.value().convertToFloat()));
    if (isa<arith::ExtFOp, arith::TruncFOp>(op) && convert(op))
      return;
    if (isArithmetic(op))
      return cloneWide(op);
    for (Value operand : op->getOperands())
      plain(operand);
    e.clone(*op, plainForms);
  }

private:
  /// A conversion from or to f32 starts from, or ends in, the f64 instead.
  bool convert(Operation *op) {
    Value from = op->getOperand(0), to = op->getResult(0);
    if (!isa<FloatType>(from.getType()))
      return false;
    if (to.getType().isF32())
      mapWide(to, e.widen(plain(from)));
    else if (from.getType().isF32())
      mapPlain(to, e.round(wide(from), to.getType()));
    else
      return false;
    return true;
  }

  /// Scalar arithmetic, all of whose floats are f32, means the same in f64.
  static bool isArithmetic(Operation *op) {
    auto isOtherFloat = [](Type type) { return !type.isF32() && !type.isIntOrIndex(); };
    return isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) &&
           OpTrait::hasElementwiseMappableTraits(op) && !isa<arith::BitcastOp>(op) &&
           llvm::none_of(op->getOperandTypes(), isOtherFloat) &&
           llvm::none_of(op->getResultTypes(), isOtherFloat);
  }

  void cloneWide(Operation *op) {
    IRMapping operands;
    for (Value operand : op->getOperands())
      operands.map(operand, operand.getType().isF32() ? wide(operand) : plain(operand));
    Operation *copy = e.clone(*op, operands);
    for (auto [result, to] : llvm::zip_equal(op->getResults(), copy->getResults())) {
      if (!result.getType().isF32()) {
        mapPlain(result, to);
        continue;
      }
      to.setType(e.getF64Type());
      mapWide(result, to);
    }
  }

  Emitter &e;
  llvm::DenseMap<Value, Value> wideForms;
  IRMapping plainForms;
};

} // namespace

std::pair<Value, Value> evaluateScore(Emitter &e, AttentionOp op, Value score, ValueRange indices) {
  Block &block = op.getScoreBlock();
  WideClone clone(e);
  bool isDouble = op.getAccumulatorType().isF64();
  if (isDouble)
    clone.mapPlain(block.getArgument(0), score);
  else
    clone.mapWide(block.getArgument(0), score);
  for (auto [argument, index] : llvm::zip_equal(block.getArguments().slice(1, 4), indices))
    clone.mapPlain(argument, index);
  for (auto [argument, captured] : llvm::zip_equal(block.getArguments().drop_front(5), op.getCaptures()))
    clone.mapPlain(argument, captured);
  for (Operation &inner : block.without_terminator())
    clone.clone(&inner);
  ValueRange yielded = cast<YieldOp>(block.getTerminator()).getValues();
  Value result = isDouble ? clone.plain(yielded[0]) : clone.wide(yielded[0]);
  return {result, yielded.size() == 2 ? clone.plain(yielded[1]) : Value()};
}

} // namespace gqa::reference
