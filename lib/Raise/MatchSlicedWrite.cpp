// Writes to a cache of slices: an insert at a position, or loops of inserts, over tokens, sequences and
// heads, as scatters become.
#include "SlicedWrite.h"

using namespace mlir;

namespace gqa {

bool SlicedWrite::enterLoop(scf::ForOp loop, Value carried) {
  auto bound = [](Value value) { return getConstantIntValue(value); };
  std::optional<int64_t> count = bound(loop.getUpperBound());
  if (loop.getNumRegionIterArgs() != 1 || bound(loop.getLowerBound()) != 0 || bound(loop.getStep()) != 1 ||
      !count || *count < 1 || (carried && loop.getInitArgs()[0] != carried))
    return false;
  if (!carried)
    write->cache = loop.getInitArgs()[0];
  inductions[loop.getInductionVar()] = context.space.simplify(context.space.addVariable(*count));
  blocks.insert(loop.getBody());
  return true;
}

/// A slice is written if a condition holds.
bool SlicedWrite::enterBranch(scf::IfOp branch, Value carried) {
  if (branch->getNumResults() != 1 || !branch.elseBlock() || branch.elseYield().getOperand(0) != carried)
    return false;
  SmallVector<Expr> worklist = {evaluate(branch.getCondition())};
  while (!worklist.empty()) {
    Expr condition = worklist.pop_back_val();
    if (!condition)
      return false;
    if (condition->isApply("arith.andi"))
      worklist.append(condition->operands.begin(), condition->operands.end());
    else if (condition->getTruth() != true)
      write->guards.push_back({condition});
  }
  blocks.insert(branch.thenBlock());
  return true;
}

/// To the one insert, through the loops around it.
bool SlicedWrite::enterLoops() {
  Value result = write->written, carried;
  while (auto loop = result.getDefiningOp<scf::ForOp>()) {
    if (!enterLoop(loop, carried))
      return false;
    carried = loop.getRegionIterArg(0);
    result = loop.getYieldedValues()[0];
  }
  if (auto branch = carried ? result.getDefiningOp<scf::IfOp>() : scf::IfOp()) {
    if (!enterBranch(branch, carried))
      return false;
    result = branch.thenYield().getOperand(0);
  }
  insert = result.getDefiningOp<tensor::InsertSliceOp>();
  if (!insert || (carried && insert.getDest() != carried))
    return false;
  if (!carried)
    write->cache = insert.getDest();
  return write->cache.getType() == write->written.getType();
}

/// A number in the loops as an expression of their counters.
Expr SlicedWrite::evaluate(Value value) {
  if (AffineExpr place = inductions.lookup(value))
    return context.index(place, value.getType());
  Operation *def = value.getDefiningOp();
  if (!def || !blocks.contains(def->getBlock()))
    return context.scalar(value);
  auto leaf = [&](Value inner) -> Expr {
    Operation *innerDef = inner.getDefiningOp();
    bool isElsewhere =
        innerDef && innerDef->getBlock() != def->getBlock() && blocks.contains(innerDef->getBlock());
    return inductions.contains(inner) || isElsewhere ? evaluate(inner) : nullptr;
  };
  DenseMap<Value, Expr> known;
  Expr expr = evaluator.evaluate(value, {def->getBlock(), leaf, [](Value tensor) { return tensor; }}, known);
  return expr ? evaluator.expandAll(expr) : expr;
}

/// Along tokens a slice stands at the position; elsewhere it is whole, or one element at a place that loops
/// count.
bool SlicedWrite::readOffsets() {
  for (auto [dim, offset, size, stride] :
       llvm::enumerate(insert.getMixedOffsets(), insert.getStaticSizes(), insert.getStaticStrides())) {
    int64_t whole = insert.getDestType().getDimSize(dim);
    if (stride != 1 || ShapedType::isDynamic(size) || ShapedType::isDynamic(whole))
      return false;
    auto value = dyn_cast<Value>(offset);
    Expr place = value ? evaluate(value)
                       : context.index(context.space.constant(*getConstantIntValue(offset)),
                                       IndexType::get(insert.getContext()));
    if (!place)
      return false;
    bool isIndex = place->kind == ExprNode::Kind::Index;
    if (size == whole && place->getNumber() == 0.0)
      continue;
    if (isIndex && size == 1 && !place->affine.isSymbolicOrConstant()) {
      digits[dim] = place->affine;
      continue;
    }
    if (isIndex || write->tokens != CacheWrite::kNone || !write->setTokens(dim))
      return false;
    write->position.accumulate(evaluator, place, 1);
    window = size;
  }
  return write->tokens != CacheWrite::kNone;
}

/// The element of what `slice` was taken from.
Expr SlicedWrite::sliced(tensor::ExtractSliceOp slice, Expr element) {
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  SmallVector<AffineExpr> indices;
  size_t next = 0;
  for (auto [dim, offset] : llvm::enumerate(slice.getMixedOffsets())) {
    auto value = dyn_cast<Value>(offset);
    Expr place = value ? evaluate(value) : nullptr;
    if (slice.getStaticStrides()[dim] != 1 || (value && (!place || place->kind != ExprNode::Kind::Index)))
      return nullptr;
    AffineExpr index = value ? place->affine : context.space.constant(*getConstantIntValue(offset));
    indices.push_back(dropped.test(dim) ? index : index + element->indices[next++]);
  }
  return context.load(slice.getSource(), indices);
}

bool SlicedWrite::readRow() {
  if (window > 1) {
    write->count = window;
    write->token = context.space.addVariable(window);
    write->position.affine = write->position.affine + write->token;
  }
  llvm::SmallBitVector dropped = insert.getDroppedDims();
  SmallVector<AffineExpr> indices;
  for (unsigned dim = 0; dim < write->rank(); ++dim)
    if (!dropped.test(dim))
      indices.push_back(dim == write->tokens   ? write->token
                        : digits.contains(dim) ? context.space.constant(0)
                                               : write->coordinates[dim]);
  Expr element = context.load(insert.getSource(), indices);
  auto isInside = [&] {
    Operation *def = element->isLoad() ? element->value.getDefiningOp() : nullptr;
    return def && blocks.contains(def->getBlock());
  };
  while (element && isInside()) {
    auto slice = element->value.getDefiningOp<tensor::ExtractSliceOp>();
    element = slice ? sliced(slice, element) : evaluator.step(element);
  }
  write->row = element;
  return element != nullptr;
}

/// Whether nothing of the expression belongs to the loops, such as what they have written so far.
bool SlicedWrite::isOutside(Expr expr) const {
  Value value = expr->value;
  return !(value && blocks.contains(value.getParentBlock())) &&
         llvm::all_of(expr->operands, [&](Expr operand) { return isOutside(operand); });
}

bool SlicedWrite::readsOutside() const {
  return isOutside(write->row) &&
         llvm::all_of(write->position.data, [&](auto &entry) { return isOutside(entry.first); }) &&
         llvm::all_of(write->guards, [&](const Condition &guard) { return isOutside(guard.expr); });
}

/// A guard that holds at all places of the cache says no more than that there is such a place.
void SlicedWrite::dropImplied() {
  if (window != 1)
    return;
  int64_t last = context.space.sizeOf(write->tokens) - 1;
  llvm::erase_if(write->guards, [&](const Condition &guard) {
    std::optional<IntegerForm> form = matchNotNegative(evaluator, guard.expr, guard.negated);
    if (!form)
      return false;
    for (int64_t sign : {1, -1}) {
      auto rest =
          dyn_cast<AffineConstantExpr>(context.space.simplify(form->affine - write->position.affine * sign));
      if (rest && form->hasSameData(write->position, sign))
        return rest.getValue() >= (sign == 1 ? 0 : last);
    }
    return false;
  });
}

std::unique_ptr<CacheWrite> matchSlicedWrite(Value written) { return SlicedWrite(written).match(); }

} // namespace gqa
