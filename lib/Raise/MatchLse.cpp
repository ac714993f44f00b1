// The logarithm of an attention's sum of exponentials, which the graph computes beside its output: it is a
// result of the attention.
#include "gqa/Raise/Trial.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {
namespace {

/// Elements of what is computed from an element: at the same place, in a stack, or reduced over a dimension.
class ForwardReader {
public:
  explicit ForwardReader(ExprContext &context) : context(context) {}

  SmallVector<Expr> read(Expr load, OpOperand &use) {
    Operation *user = use.getOwner();
    if (auto op = dyn_cast<linalg::LinalgOp>(user))
      return throughLoops(load, op, use);
    bool isOne = user->getNumResults() == 1 && isa<RankedTensorType>(user->getResult(0).getType());
    SmallVector<AffineExpr> indices;
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(user))
      indices = throughExpand(load, expand);
    else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(user))
      indices = throughCollapse(load, collapse);
    else if (auto concat = dyn_cast<tensor::ConcatOp>(user))
      indices = throughConcat(load, concat, use.getOperandNumber());
    else if (isOne && (isa<tensor::CastOp>(user) || OpTrait::hasElementwiseMappableTraits(user)))
      indices.assign(load->indices.begin(), load->indices.end());
    else
      return {};
    return {context.load(user->getResult(0), indices)};
  }

private:
  SmallVector<Expr> throughLoops(Expr load, linalg::LinalgOp op, OpOperand &use) {
    if (!op.hasPureTensorSemantics())
      return {};
    SmallVector<AffineExpr> loops(op.getNumLoops());
    for (auto [result, index] : llvm::zip_equal(op.getMatchingIndexingMap(&use).getResults(), load->indices))
      if (auto dim = dyn_cast<AffineDimExpr>(result))
        loops[dim.getPosition()] = index;
    for (auto [loop, size] : llvm::zip_equal(loops, op.getStaticLoopRanges()))
      if (size == 1)
        loop = context.space.constant(0);
    if (llvm::is_contained(loops, AffineExpr())) // it is repeated
      return {};
    SmallVector<Expr> results;
    for (OpResult result : op->getResults()) {
      AffineMap map = op.getIndexingMapMatchingResult(result);
      results.push_back(context.load(result, llvm::map_to_vector<4>(map.getResults(), [&](AffineExpr index) {
                                       return context.space.simplify(index.replaceDims(loops));
                                     })));
    }
    return results;
  }

  SmallVector<AffineExpr> throughExpand(Expr load, tensor::ExpandShapeOp op) {
    SmallVector<AffineExpr> indices(op.getResultType().getRank(), context.space.constant(0));
    for (auto [group, position] : llvm::zip(op.getReassociationIndices(), load->indices)) {
      AffineExpr rest = position, one = context.space.constant(1);
      for (int64_t dim : llvm::reverse(group)) {
        AffineExpr size = context.sizes.of(op.getResult(), dim);
        if (size == one)
          continue;
        indices[dim] = context.space.simplify(rest % size);
        rest = rest.floorDiv(size);
      }
    }
    return indices;
  }

  SmallVector<AffineExpr> throughCollapse(Expr load, tensor::CollapseShapeOp op) {
    SmallVector<AffineExpr> indices;
    for (const ReassociationIndices &group : op.getReassociationIndices()) {
      AffineExpr position = context.space.constant(0);
      for (int64_t dim : group)
        position = position * context.sizes.of(op.getSrc(), dim) + load->indices[dim];
      indices.push_back(context.space.simplify(position));
    }
    return indices;
  }

  SmallVector<AffineExpr> throughConcat(Expr load, tensor::ConcatOp op, unsigned piece) {
    SmallVector<AffineExpr> indices(ArrayRef<AffineExpr>(load->indices));
    for (Value before : op.getInputs().take_front(piece))
      indices[op.getDim()] = indices[op.getDim()] + context.sizes.of(before, op.getDim());
    indices[op.getDim()] = context.space.simplify(indices[op.getDim()]);
    return indices;
  }

  ExprContext &context;
};

/// Whether an operation behind `output` reads the value.
bool isReadBehind(Value value, Operation *output) {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    Operation *ancestor = output->getBlock()->findAncestorOpInBlock(*user);
    return ancestor && output->isBeforeInBlock(ancestor);
  });
}

} // namespace

/// Whether `lse` is the logarithm of what the exponentials of all sets add up to, also where there are none.
static bool isLse(Trial &trial, Expr lse, ArrayRef<bool> mayBeDead) {
  constexpr unsigned kRounds = 8;
  for (unsigned round = 0; round < kRounds; ++round)
    for (size_t which = 0; which < mayBeDead.size() + 2; ++which) { // one is dead, all are, none is
      SmallVector<bool> dead;
      for (auto [set, may] : llvm::enumerate(mayBeDead))
        dead.push_back(may && (which == set || which == mayBeDead.size()));
      trial.draw(dead);
      std::optional<double> found = trial.evaluate(lse);
      if (!found || !Trial::areEqual(*found, trial.lse(), lse->type))
        return false;
    }
  return true;
}

/// Looks for it among what is computed from the scores of the sets.
SmallVector<Expr> Matcher::findLse(ArrayRef<Part> parts) {
  if (!hasLogarithms)
    return {};
  const AttentionMatch &whole = parts.front().match;
  Operation *output = whole.output.getDefiningOp();
  SmallVector<KeySet> sets;
  SmallVector<bool> mayBeDead;
  llvm::SetVector<Expr> worklist;
  for (const Part &part : parts) {
    if (part.match.sink || !part.match.dot->isLoad())
      return {};
    sets.push_back({part.match.key, part.scores, part.match.v, part.match.conditions, part.fill});
    mayBeDead.push_back(!isAlwaysSeen(part.match));
    worklist.insert(part.match.dot);
  }
  Trial trial(evaluator, sets, parts.front().softmax.factor);
  ForwardReader reader(context);
  SmallVector<Expr> found;
  constexpr size_t kFarthest = 256;
  for (size_t next = 0; next < worklist.size(); ++next) {
    Expr load = worklist[next];
    bool isOfRow = llvm::none_of(sets, [&](const KeySet &set) { return dependsOn(load, set.key); });
    bool isAsNarrow = llvm::all_of(parts, [&](const Part &part) { // what scores were rounded to shows in it
      return isa<FloatType>(load->type) &&
             load->type.getIntOrFloatBitWidth() <= part.match.q->type.getIntOrFloatBitWidth();
    });
    if (isOfRow && isAsNarrow && isReadBehind(load->value, output) && isLse(trial, load, mayBeDead))
      found.push_back(load);
    for (OpOperand &use : load->value.getUses())
      for (Expr element : reader.read(load, use))
        if (worklist.size() < kFarthest)
          worklist.insert(element);
  }
  return found;
}

/// The same for an attention whose output is known: its scores are those of the product.
SmallVector<Expr> Matcher::findLse(const AttentionMatch &match) {
  if (!hasLogarithms)
    return {};
  SmallVector<AffineExpr> coordinates;
  for (unsigned row : match.rows)
    coordinates.push_back(getAffineDimExpr(row, context.space.getContext()));
  SmallVector<Part, 2> parts;
  DenseSet<Expr> visited;
  collectSets(context.load(match.output, coordinates), match, visited, parts);
  if (parts.size() != 1 || parts.front().match.key != match.key)
    return {};
  parts.front().match = match;
  setFill(parts.front());
  return findLse(parts);
}

} // namespace gqa
