// Elementwise operations as expressions.
#include "gqa/Raise/Evaluator.h"
#include "gqa/Raise/IndexTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include <limits>

using namespace mlir;

namespace gqa {

/// The coordinates in the iteration space, from those of a result; null where a loop is reduced. None if the
/// result's indexing map is not a permutation of the parallel dimensions.
std::optional<SmallVector<AffineExpr>> Evaluator::coordinates(linalg::LinalgOp op, unsigned result,
                                                              Expr load) {
  AffineMap map = op.getIndexingMapMatchingResult(op->getResult(result));
  ArrayRef<int64_t> shape = cast<RankedTensorType>(load->value.getType()).getShape();
  SmallVector<AffineExpr> coordinates(op.getNumLoops());
  for (auto [expr, index, size] : llvm::zip_equal(map.getResults(), load->indices, shape)) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (dim && !coordinates[dim.getPosition()])
      coordinates[dim.getPosition()] = index;
    else if (!isa<AffineConstantExpr>(expr) || size != 1) // elsewhere along this dimension nothing is written
      return std::nullopt;
  }
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (auto [coordinate, range, type] : llvm::zip_equal(coordinates, ranges, op.getIteratorTypesArray())) {
    if (coordinate || type == utils::IteratorType::reduction)
      continue;
    if (range != 1)
      return std::nullopt;
    coordinate = context.space.constant(0);
  }
  return coordinates;
}

/// An operation whose loops read a tensor at these indices says that a variable runs over all of its
/// dimension.
void Evaluator::noteSizes(Value tensor, ArrayRef<AffineExpr> indices) {
  for (auto [dim, index] : llvm::enumerate(indices)) {
    auto variable = dyn_cast<AffineDimExpr>(index);
    AffineExpr extent = variable ? context.space.extentOf(variable.getPosition()) : AffineExpr();
    if (extent && cast<RankedTensorType>(tensor.getType()).isDynamicDim(dim))
      context.sizes.assumeEqual(extent, context.sizes.of(tensor, dim));
  }
}

/// The size of the dimension that a loop runs over.
AffineExpr Evaluator::sizeOfLoop(linalg::LinalgOp op, unsigned loop) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    for (auto [dim, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (auto loopExpr = dyn_cast<AffineDimExpr>(expr); loopExpr && loopExpr.getPosition() == loop)
        return context.sizes.of(operand.get(), dim);
  }
  return nullptr;
}

Expr Evaluator::evaluate(Value yielded, const Body &body, DenseMap<Value, Expr> &known) {
  if (Expr expr = known.lookup(yielded))
    return expr;
  auto remember = [&](Expr expr) { return known[yielded] = expr; };
  if (Expr leaf = body.leaf(yielded))
    return remember(leaf);
  Operation *def = yielded.getDefiningOp();
  if (!def || def->getBlock() != body.block)
    return remember(context.scalar(yielded));
  auto extract = dyn_cast<tensor::ExtractOp>(def);
  SmallVector<Expr> operands;
  for (Value operand : extract ? ValueRange(extract.getIndices()) : ValueRange(def->getOperands())) {
    Expr expr = evaluate(operand, body, known);
    if (!expr)
      return nullptr;
    operands.push_back(extract ? expandAll(expr)
                               : expr); // so that a coordinate that was read from a table is one
  }
  if (extract)
    return remember(context.extract(extract, body.captured(extract.getTensor()), operands));
  Attribute constant;
  if (matchPattern(def, m_Constant(&constant)))
    return remember(context.constant(constant, yielded.getType()));
  if (def->getNumResults() != 1 || def->getNumRegions() != 0 || !isMemoryEffectFree(def))
    return nullptr;
  return remember(context.apply(def, operands));
}

/// The same in the body of `op`, at the given coordinates.
Expr Evaluator::evaluate(linalg::LinalgOp op, Value yielded, ArrayRef<AffineExpr> coordinates,
                         DenseMap<Value, Expr> &known) {
  auto leaf = [&](Value value) -> Expr {
    if (auto index = value.getDefiningOp<linalg::IndexOp>(); index && index->getBlock() == op.getBlock())
      return context.index(coordinates[index.getDim()], value.getType());
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || argument.getOwner() != op.getBlock())
      return nullptr;
    OpOperand *operand = op.getMatchingOpOperand(argument);
    if (!isa<ShapedType>(operand->get().getType()))
      return context.scalar(operand->get());
    SmallVector<AffineExpr> indices;
    for (AffineExpr result : op.getMatchingIndexingMap(operand).getResults())
      indices.push_back(result.replaceDims(coordinates));
    noteSizes(operand->get(), indices);
    return context.load(operand->get(), indices);
  };
  return evaluate(yielded, {op.getBlock(), leaf, [](Value tensor) { return tensor; }}, known);
}

/// Arithmetic on whole tensors.
Expr Evaluator::elementwiseElement(Operation *op, Expr load) {
  if (op->getNumResults() != 1 || op->getNumRegions() != 0)
    return nullptr;
  auto operands = llvm::map_to_vector<3>(op->getOperands(), [&](Value operand) {
    if (!isa<RankedTensorType>(operand.getType()))
      return context.scalar(operand);
    noteSizes(operand, load->indices);
    return context.load(operand, load->indices);
  });
  return context.apply(op, operands);
}

Expr Evaluator::expand(Expr load) {
  if (!load->isLoad() || !load->value.getDefiningOp())
    return nullptr;
  auto known = computed.find(load);
  if (known != computed.end())
    return known->second;
  Expr element = computeElement(load);
  computed.try_emplace(load, element);
  return element;
}

Expr Evaluator::computeElement(Expr load) {
  if (isa<tensor::ConcatOp>(load->value.getDefiningOp()))
    return concatElement(load->value.getDefiningOp(), load);
  if (isa<tensor::InsertSliceOp>(load->value.getDefiningOp()))
    return insertedElement(load->value.getDefiningOp(), load);
  if (auto pad = load->value.getDefiningOp<tensor::PadOp>())
    return paddedElement(pad, load);
  if (Operation *op = load->value.getDefiningOp(); OpTrait::hasElementwiseMappableTraits(op))
    return elementwiseElement(op, load);
  auto op = dyn_cast<linalg::LinalgOp>(load->value.getDefiningOp());
  if (!op || !op.hasPureTensorSemantics())
    return nullptr;
  if (op.getNumParallelLoops() != op.getNumLoops())
    return chosenElement(load);
  unsigned result = cast<OpResult>(load->value).getResultNumber();
  std::optional<SmallVector<AffineExpr>> at = coordinates(op, result, load);
  DenseMap<Value, Expr> known;
  return at ? evaluate(op, op.getBlock()->getTerminator()->getOperand(result), *at, known) : nullptr;
}

Operation *ownerOf(Expr expr) {
  Operation *parent = expr->op->getParentOp();
  return isa<linalg::LinalgOp>(parent) ? parent : expr->op;
}

Expr Evaluator::peel(Expr start) {
  if (Expr known = peeled.lookup(start))
    return known;
  Expr expr = start;
  while (expr->isLoad()) {
    Expr next = step(expr);
    if (!next)
      next = expand(expr);
    if (!next)
      break;
    expr = next;
  }
  Expr part = partOf(expr);
  return peeled[start] = part ? peel(part) : expr;
}

Expr Evaluator::partOf(Expr expr) {
  // What JAX writes around a maximum: of -inf and x, a NaN included, the larger is x.
  if (expr->isApply("arith.maximumf"))
    for (unsigned side : {0, 1})
      if (peel(expr->operands[side])->getNumber() == -std::numeric_limits<double>::infinity())
        return expr->operands[1 - side];
  // A row of a tensor whose rows a loop wrote one by one: of all but one write it is known that they are
  // elsewhere.
  if (expr->isSelect())
    if (std::optional<bool> truth = expandAll(expr->operands[0])->getTruth())
      return expr->operands[*truth ? 1 : 2];
  bool isReal = expr->isApply("complex.re");
  if (!isReal && !expr->isApply("complex.im"))
    return nullptr;
  Expr whole = peel(expr->operands[0]);
  return whole->isApply("complex.create") ? whole->operands[isReal ? 0 : 1] : Expr();
}

/// Casts between the types that attention is computed in. Narrower ones are quantisation, which is meant.
static bool isFloatCast(Expr expr) {
  return (expr->isApply("arith.extf") || expr->isApply("arith.truncf")) &&
         expr->type.getIntOrFloatBitWidth() >= 16 && expr->operands[0]->type.getIntOrFloatBitWidth() >= 16;
}

Expr Evaluator::peelCasts(Expr expr) {
  expr = peel(expr);
  while (isFloatCast(expr))
    expr = peel(expr->operands[0]);
  return expr;
}

Expr Evaluator::withoutCasts(Expr expr) {
  while (isFloatCast(expr))
    expr = expr->operands[0];
  return expr;
}

Expr Evaluator::expandAll(Expr expr) {
  if (Expr known = expanded.lookup(expr))
    return known;
  Expr root = peel(expr);
  if (root->kind == ExprNode::Kind::Apply) {
    auto operands = llvm::map_to_vector<3>(root->operands, [&](Expr operand) { return expandAll(operand); });
    Expr rebuilt = context.rebuild(root, operands);
    root = rebuilt == root || !rebuilt->isLoad() ? rebuilt : expandAll(rebuilt);
    if (Expr index = root->kind == ExprNode::Kind::Apply ? tabulate(context, root) : nullptr)
      root = index;
  } else if (std::optional<Reduction> found = root->isLoad() ? reduction(root) : std::nullopt) {
    // Counts of events, some of which never happen, and what softmaxes are made of. Sums of anything else are
    // left: through contractions one would look at all layers in front.
    Expr body = peel(found->body);
    bool isSum = found->kind == Reduction::Kind::Sum, isCount = isSum && isCounted(body);
    if (isCount && expandAll(body)->getNumber() == 0.0)
      root = expandAll(body);
    else if (!isSum || body->isApply("math.exp") || body->isApply("math.exp2"))
      root = representativeOf(root, *found);
  }
  return expanded[expr] = root;
}

} // namespace gqa
