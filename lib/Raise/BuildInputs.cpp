// q, k and v of an attention: views of tensors that the graph has, or tensors made of what it computes.
#include "AttentionBuilder.h"
#include "BuildOperands.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {

/// Sizes that types do not know, from the tensors that have them as dimensions.
void AttentionBuilder::collectSizes() {
  for (Expr load : {match.q, match.k, match.v}) {
    if (!load->isLoad())
      continue;
    for (Expr element : evaluator.chain(load))
      for (auto [dim, index] : llvm::enumerate(element->indices)) {
        auto variable = dyn_cast<AffineDimExpr>(index);
        if (!variable || !cast<RankedTensorType>(element->value.getType()).isDynamicDim(dim))
          continue;
        Value &size = sizes[variable.getPosition()];
        if (!size)
          size = tensor::DimOp::create(rewriter, loc, element->value, dim);
      }
  }
}

/// An operand as a tensor of its own, a dimension for each axis that it follows. Queries have all of them:
/// those that are learned are the same for each sequence.
bool AttentionBuilder::computeOperand(Expr &operand, const Axis &tokens, const Axis &inner) {
  bool isQ = &operand == &match.q;
  auto isAbsent = [&](unsigned variable) { return !isQ && !dependsOn(operand, variable); };
  Axis heads = axes.h; // of groups and their members it may follow the groups alone
  llvm::erase_if(heads.variables, isAbsent);
  SmallVector<Axis> all = {axes.b, heads, tokens, inner};
  llvm::erase_if(all, [&](const Axis &axis) { return llvm::all_of(axis.variables, isAbsent); });
  Value tensor = buildTensor(rewriter, loc, evaluator, operand, all, sizes);
  if (!tensor)
    return false;
  SmallVector<AffineExpr> indices;
  for (const Axis &axis : all) {
    AffineExpr index = evaluator.context.space.constant(0);
    for (unsigned variable : axis.variables)
      index = index * evaluator.context.space.sizeOf(variable) +
              getAffineDimExpr(variable, rewriter.getContext());
    indices.push_back(index);
  }
  operand = evaluator.context.load(tensor, indices);
  return true;
}

/// Whether both parts of k are slices of one tensor, which can be read as it is.
static bool areOfOneTensor(Evaluator &evaluator, Expr k) {
  auto tensorOf = [&](unsigned operand) {
    Expr part = k->operands[operand];
    return part->isLoad() ? evaluator.chain(part).back()->value : Value();
  };
  return k->isLoad() || (k->isSelect() && tensorOf(1) && tensorOf(1) == tensorOf(2));
}

/// q, k and v as views of tensors that the graph has, or, where they are computed inside of the contraction,
/// or no tensor holds their axes apart, as tensors of their own.
bool AttentionBuilder::buildOperands() {
  findings.joinsKeys = match.dot && !match.dot->isLoad() && !areOfOneTensor(evaluator, match.k);
  for (Expr *expr : {&match.q, &match.k, &match.v})
    if (!(*expr)->isLoad() &&
        !computeOperand(*expr, expr == &match.q ? axes.i : axes.j, expr == &match.v ? axes.dv : axes.d))
      return refuse(nullptr,
                    "an operand that is computed inside of the contraction has coordinates of its own");
  Axis kHeads{'h', {}}, vHeads{'h', {}};
  auto viewOfQ = [&] {
    return findView(evaluator.context, evaluator.chain(match.q), {axes.b, axes.h, axes.i, axes.d});
  };
  auto viewOfK = [&] { return findShared(evaluator, axes, match.k, axes.d, findings.k, kHeads); };
  auto viewOfV = [&] { return findShared(evaluator, axes, match.v, axes.dv, findings.v, vHeads); };
  auto q = viewOfQ(), k = viewOfK(), v = viewOfV();
  if (!q && computeOperand(match.q, axes.i, axes.d))
    q = viewOfQ();
  if (!k && computeOperand(match.k, axes.j, axes.d))
    k = viewOfK();
  if (!v && computeOperand(match.v, axes.j, axes.dv))
    v = viewOfV();
  for (auto [name, view, load] :
       {std::tuple("q", &q, match.q), std::tuple("k", &k, match.k), std::tuple("v", &v, match.v)})
    if (!*view)
      return refuse(load->value, Twine(name) +
                                     " does not have batch, heads, tokens and head dimension as dimensions "
                                     "of its own, or together in one");
  const IndexSpace &space = evaluator.context.space;
  parts.q = materialize(rewriter, loc, space, *q, {axes.b, axes.h, axes.i, axes.d});
  parts.k = materialize(rewriter, loc, space, *k, {axes.b, kHeads, axes.j, axes.d});
  parts.v = materialize(rewriter, loc, space, *v, {axes.b, vHeads, axes.j, axes.dv});
  for (auto [operand, load, map] :
       {std::tuple(&parts.k, match.k, &findings.k), std::tuple(&parts.v, match.v, &findings.v)})
    if (std::optional<HeadMap> shared =
            map->groups == 1 ? proveShared(evaluator, axes, load) : std::nullopt) {
      *map = *shared;
      *operand = takeShared(rewriter, loc, *operand, *shared);
    }
  return true;
}

} // namespace gqa
