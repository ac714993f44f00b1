// Reductions as expressions over new variables.
#include "gqa/Raise/Evaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace gqa {

/// A new variable that counts the reduced loops, the last one fastest, and their coordinates from it. None if
/// the sizes of several loops are not known.
std::optional<unsigned> Evaluator::addReduced(linalg::LinalgOp op, MutableArrayRef<AffineExpr> coordinates) {
  SmallVector<std::pair<unsigned, AffineExpr>> loops; // those of more than one step, with their sizes
  AffineExpr total = context.space.constant(1);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (auto [loop, type] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (type != utils::IteratorType::reduction)
      continue;
    coordinates[loop] = context.space.constant(0);
    if (ranges[loop] == 1)
      continue;
    loops.emplace_back(loop, sizeOfLoop(op, loop));
    total = total && loops.back().second ? total * loops.back().second : AffineExpr();
  }
  if (loops.size() > 1 && !total)
    return std::nullopt;
  AffineExpr rest = context.space.addVariable(total);
  for (auto [loop, size] : llvm::reverse(loops)) {
    bool isOutermost = loop == loops.front().first;
    coordinates[loop] = isOutermost ? rest : rest % size;
    rest = isOutermost ? rest : rest.floorDiv(size);
  }
  return context.space.numVariables() - 1;
}

/// `combined` as `kind(accumulator, rest)`: the rest.
static Value matchCombiner(Value combined, Value accumulator, Reduction::Kind &kind) {
  Operation *op = combined.getDefiningOp();
  if (!op)
    return nullptr;
  if (auto select = dyn_cast<arith::SelectOp>(op)) { // in > acc ? in : acc
    auto compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
    using Predicate = arith::CmpFPredicate;
    bool greater =
        compare && llvm::is_contained({Predicate::OGT, Predicate::OGE, Predicate::UGT, Predicate::UGE},
                                      compare.getPredicate());
    kind = Reduction::Kind::Max;
    bool picks =
        greater && compare.getLhs() == select.getTrueValue() && compare.getRhs() == select.getFalseValue();
    return picks && select.getFalseValue() == accumulator ? select.getTrueValue() : Value();
  }
  if (isa<arith::AddFOp, arith::AddIOp>(op))
    kind = Reduction::Kind::Sum;
  else if (isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp>(op))
    kind = Reduction::Kind::Max;
  else if (isa<arith::OrIOp>(op))
    kind = Reduction::Kind::Any;
  else if (isa<arith::AndIOp>(op))
    kind = Reduction::Kind::All;
  else
    return nullptr;
  if (op->getOperand(0) == accumulator)
    return op->getOperand(1);
  return op->getOperand(1) == accumulator ? op->getOperand(0) : Value();
}

/// `ignoresNaN`: the maximum is the one of maxnumf, for which NaN is neutral.
static bool isNeutral(Expr initial, Reduction::Kind kind, bool ignoresNaN) {
  std::optional<double> number = initial->getNumber();
  switch (kind) {
  case Reduction::Kind::Sum:
    return number == 0.0;
  case Reduction::Kind::Any:
    return initial->getTruth() == false;
  case Reduction::Kind::All:
    return initial->getTruth() == true;
  case Reduction::Kind::Max:
    break;
  }
  auto value = dyn_cast_if_present<FloatAttr>(initial->constant);
  if (value && value.getValue().isNaN())
    return ignoresNaN;
  return value && value.getValue().isNegative() &&
         (value.getValue().isInfinity() || value.getValue().isLargest());
}

/// Whether the value is computed from what earlier iterations left, other than by the combiner.
static bool readsAccumulator(Value value, linalg::LinalgOp op) {
  SmallVector<Value> worklist = {value};
  DenseSet<Value> visited;
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    if (!visited.insert(next).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(next)) {
      if (llvm::is_contained(op.getRegionOutputArgs(), argument))
        return true;
    } else if (Operation *def = next.getDefiningOp(); def->getBlock() == op.getBlock()) {
      worklist.append(def->operand_begin(), def->operand_end());
    }
  }
  return false;
}

std::optional<Reduction> Evaluator::reduction(Expr load) {
  auto known = reductions.find(load);
  if (known != reductions.end())
    return known->second;
  std::optional<Reduction> found = findReduction(load);
  reductions.try_emplace(load, found);
  return found;
}

std::optional<Reduction> Evaluator::findReduction(Expr load) {
  auto op = load->isLoad() ? load->value.getDefiningOp<linalg::LinalgOp>() : nullptr;
  if (!op || !op.hasPureTensorSemantics() || op.getNumReductionLoops() == 0 ||
      op.getNumParallelLoops() + op.getNumReductionLoops() != op.getNumLoops())
    return std::nullopt;
  unsigned result = cast<OpResult>(load->value).getResultNumber();
  Reduction reduction;
  reduction.op = op;
  BlockArgument accumulator = op.getRegionOutputArgs()[result];
  Value rest = matchCombiner(op.getBlock()->getTerminator()->getOperand(result), accumulator, reduction.kind);
  if (!rest || readsAccumulator(rest, op))
    return std::nullopt;
  std::optional<SmallVector<AffineExpr>> at = coordinates(op, result, load);
  std::optional<unsigned> variable = at ? addReduced(op, *at) : std::nullopt;
  if (!variable)
    return std::nullopt;
  reduction.variable = *variable;
  DenseMap<Value, Expr> known;
  Expr initial = evaluate(op, accumulator, *at, known);
  reduction.body = evaluate(op, rest, *at, known);
  Operation *combiner = op.getBlock()->getTerminator()->getOperand(result).getDefiningOp();
  if (!initial || !reduction.body ||
      !isNeutral(expandAll(initial), reduction.kind, isa_and_present<arith::MaxNumFOp>(combiner)))
    return std::nullopt;
  return reduction;
}

/// What a count adds up: integers, or conditions as floats, which a product may choose from.
bool Evaluator::isCounted(Expr body) {
  if (!isa<FloatType>(body->type) || body->getNumber() || body->isApply("arith.uitofp"))
    return true;
  return body->isApply("arith.mulf") && llvm::any_of(body->operands, [&](Expr operand) {
           Expr factor = peel(operand);
           return factor->isApply("arith.uitofp") || factor->getNumber();
         });
}

/// The first of all elements that are the same reduction of the same values.
Expr Evaluator::representativeOf(Expr load, const Reduction &reduction) {
  AffineExpr size = context.space.extentOf(reduction.variable);
  if (!size)
    return load;
  auto [place, isNew] = placeholders.try_emplace(size, 0);
  if (isNew) {
    context.space.addVariable(size);
    place->second = context.space.numVariables() - 1;
  }
  unsigned placeholder = place->second;
  if (dependsOn(reduction.body, placeholder)) // a reduction inside of one
    return load;
  AffineExpr common = getAffineDimExpr(placeholder, context.space.getContext());
  Expr body = expandAll(context.substitute(reduction.body, reduction.variable, common));
  return representatives.try_emplace({body, static_cast<int>(reduction.kind)}, load).first->second;
}

} // namespace gqa
