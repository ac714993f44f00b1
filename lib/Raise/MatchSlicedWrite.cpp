// Writes to a cache of slices: an insert at a position, or loops of inserts, over tokens, sequences and
// heads, as scatters become.
#include "CacheWrite.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

#include <algorithm>

using namespace mlir;

namespace gqa {
namespace {

class SlicedWrite {
public:
  explicit SlicedWrite(Value written)
      : write(std::make_unique<CacheWrite>(written)), context(write->context), evaluator(write->evaluator) {}

  std::unique_ptr<CacheWrite> match() {
    if (!enterLoops() || !readOffsets() || !readRow() || !assignLoops() || !write->isWhole() ||
        !readsOutside())
      return nullptr;
    dropImplied();
    return std::move(write);
  }

private:
  bool enterLoops();
  bool enterLoop(scf::ForOp loop, Value carried);
  bool enterBranch(scf::IfOp branch, Value carried);
  Expr evaluate(Value value);
  bool readOffsets();
  bool readRow();
  Expr sliced(tensor::ExtractSliceOp slice, Expr element);
  bool assignLoops();
  bool splitLoop(unsigned loop, ArrayRef<unsigned> dims);
  void replace(unsigned variable, AffineExpr by);
  bool isOutside(Expr expr) const;
  bool readsOutside() const;
  void dropImplied();

  std::unique_ptr<CacheWrite> write;
  ExprContext &context;
  Evaluator &evaluator;
  tensor::InsertSliceOp insert;
  llvm::SmallPtrSet<Block *, 4> blocks;                  ///< of the loops and branches
  llvm::SmallMapVector<Value, AffineExpr, 4> inductions; ///< of the loops, the outermost first
  llvm::SmallMapVector<unsigned, AffineExpr, 4> digits;  ///< where along a dimension one element is written
  int64_t window = 1;                                    ///< tokens of one slice
};

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
  if (!insert || (carried && insert.getDest() != carried) ||
      insert.getDestType().getRank() != CacheWrite::kRank)
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
    if (isIndex || write->tokens != CacheWrite::kRank || !write->setTokens(dim))
      return false;
    write->position.accumulate(evaluator, place, 1);
    window = size;
  }
  return write->tokens != CacheWrite::kRank;
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
  for (unsigned dim = 0; dim < CacheWrite::kRank; ++dim)
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

void SlicedWrite::replace(unsigned variable, AffineExpr by) {
  write->row = context.substitute(write->row, variable, by);
  write->position.affine = context.space.substitute(write->position.affine, variable, by);
  for (auto &[data, factor] : write->position.data)
    data = evaluator.expandAll(context.substitute(data, variable, by));
  for (Condition &guard : write->guards)
    guard.expr = context.substitute(guard.expr, variable, by);
  for (auto &[dim, place] : digits)
    place = context.space.substitute(place, variable, by);
}

/// One loop that counts several things, the last one fastest: the places along `dims`, and tokens, in some
/// order.
bool SlicedWrite::splitLoop(unsigned loop, ArrayRef<unsigned> dims) {
  int64_t total = context.space.sizeOf(loop), places = 1;
  for (unsigned dim : dims)
    places *= context.space.sizeOf(dim);
  if (total % places != 0 || (total != places && write->count != 1))
    return false;
  SmallVector<unsigned> order(dims); // by variable: of dimensions it is their number
  if (total != places) {
    write->count = total / places;
    write->token = context.space.addVariable(write->count);
    order.push_back(cast<AffineDimExpr>(write->token).getPosition());
  }
  llvm::sort(order);
  do {
    AffineExpr number = context.space.constant(0);
    for (unsigned variable : order)
      number = number * context.space.sizeOf(variable) + getAffineDimExpr(variable, number.getContext());
    auto isRight = [&](unsigned dim) {
      return context.space.substitute(digits[dim], loop, number) == write->coordinates[dim];
    };
    if (llvm::all_of(dims, isRight)) {
      replace(loop, number);
      return true;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

/// What each loop counts: places along a dimension, tokens, or, one loop alone, all of these.
bool SlicedWrite::assignLoops() {
  SmallVector<unsigned> loops;
  for (auto &[value, place] : inductions)
    if (auto variable = dyn_cast<AffineDimExpr>(place))
      loops.push_back(variable.getPosition());
  SmallVector<unsigned> dims = llvm::map_to_vector(digits, [](auto &entry) { return entry.first; });
  if (loops.size() == 1)
    return splitLoop(loops.front(), dims);
  for (unsigned loop : loops) {
    unsigned *dim = llvm::find_if(dims, [&](unsigned dim) { return dependsOn(digits[dim], loop); });
    if (!splitLoop(loop, dim == dims.end() ? ArrayRef<unsigned>() : ArrayRef<unsigned>(*dim)))
      return false;
    if (dim != dims.end())
      dims.erase(dim);
  }
  return dims.empty();
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

} // namespace

std::unique_ptr<CacheWrite> matchSlicedWrite(Value written) { return SlicedWrite(written).match(); }

} // namespace gqa
