// Values of a body live in numbered slots; each operation is one step over them.
#include "LoopBody.h"
#include "Indices.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa::roundtrip {

LoopBody::LoopBody(linalg::LinalgOp op, const Surroundings &surroundings) : block(op.getBlock()) {
  for (BlockArgument argument : block->getArguments())
    slotOf(argument);
  for (Operation &inner : block->without_terminator())
    compile(inner, surroundings);
  for (Value yielded : block->getTerminator()->getOperands())
    slotOf(yielded, surroundings);
}

unsigned LoopBody::slotOf(Value value) {
  auto [known, isNew] = slots.try_emplace(value, values.size());
  if (isNew)
    values.push_back(0);
  return known->second;
}

unsigned LoopBody::slotOf(Value value, const Surroundings &surroundings) {
  unsigned slot = slotOf(value);
  if (value.getParentBlock() != block)
    values[slot] = surroundings.scalar(value);
  return slot;
}

void LoopBody::compile(Operation &inner, const Surroundings &surroundings) {
  if (std::optional<double> constant = surroundings.constant(&inner)) {
    values[slotOf(inner.getResult(0))] = *constant;
    return;
  }
  Step step;
  step.op = &inner;
  step.function = scalarFunction(&inner);
  auto extract = dyn_cast<tensor::ExtractOp>(inner);
  for (Value operand : extract ? ValueRange(extract.getIndices()) : ValueRange(inner.getOperands()))
    if (!isa<TensorType>(operand.getType()))
      step.operands.push_back(slotOf(operand, surroundings));
  step.result = slotOf(inner.getResult(0));
  if (extract)
    step.array = &surroundings.tensor(extract.getTensor());
  else if (auto index = dyn_cast<linalg::IndexOp>(inner))
    step.dim = index.getDim();
  else if (!step.function && !isa<affine::AffineApplyOp>(inner))
    failure = {&inner, "not known to the interpreter"};
  steps.push_back(std::move(step));
}

void LoopBody::run(ArrayRef<int64_t> at) {
  for (const Step &step : steps)
    run(step, at);
}

void LoopBody::run(const Step &step, ArrayRef<int64_t> at) {
  SmallVector<double, 4> in;
  for (unsigned slot : step.operands)
    in.push_back(values[slot]);
  double &result = values[step.result];
  if (step.function) {
    result = step.function(in.data());
  } else if (auto apply = dyn_cast<affine::AffineApplyOp>(step.op)) {
    result = valueOf(apply, in);
  } else if (step.array) {
    std::optional<double> element = elementAt(*step.array, in);
    if (!element)
      failure = {step.op, "reads out of bounds"};
    result = element.value_or(0);
  } else {
    result = at[step.dim];
  }
}

std::optional<double> elementAt(const Array &array, ArrayRef<double> at) {
  int64_t place = 0;
  for (auto [index, size] : llvm::zip_equal(at, array.shape)) {
    if (!(index >= 0 && index < size))
      return std::nullopt;
    place = place * size + static_cast<int64_t>(index);
  }
  return array.elements[place];
}

} // namespace gqa::roundtrip
