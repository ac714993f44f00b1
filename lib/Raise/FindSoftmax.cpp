// What looks like a softmax, whether or not it is an attention's.
#include "gqa/Raise/Match.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace gqa {

static bool isExponential(Expr expr) { return expr->isApply("math.exp") || expr->isApply("math.exp2"); }

/// Whether the expression differs along every dimension of the element's tensor and of what is reduced.
static bool followsAll(Expr expr, Expr element, const Reduction &reduction) {
  return dependsOn(expr, reduction.variable) && llvm::all_of(element->indices, [&](AffineExpr index) {
           auto dim = dyn_cast<AffineDimExpr>(index);
           return !dim || dependsOn(expr, dim.getPosition());
         });
}

Operation *softmaxOf(Evaluator &evaluator, linalg::LinalgOp op) {
  bool isElementwise = op.getNumParallelLoops() == op.getNumLoops();
  if (op->getNumResults() != 1 || !isa<RankedTensorType>(op->getResult(0).getType()) ||
      (isElementwise && op.getBlock()->getOps<math::ExpOp>().empty()))
    return nullptr;
  SmallVector<AffineExpr> coordinates;
  for (int64_t dim = 0; dim < cast<ShapedType>(op->getResult(0).getType()).getRank(); ++dim)
    coordinates.push_back(
        evaluator.context.space.addVariable(evaluator.context.sizes.of(op->getResult(0), dim)));
  Expr element = evaluator.context.load(op->getResult(0), coordinates);
  if (!isElementwise) {
    std::optional<Reduction> sum = evaluator.reduction(element);
    if (!sum || sum->kind != Reduction::Kind::Sum)
      return nullptr;
    Expr body = evaluator.peelCasts(sum->body);
    if (body->isApply("arith.mulf")) // of some of them, by a mask: in a product with V they differ along all
                                     // but one dimension
      for (Expr operand : body->operands)
        if (Expr factor = evaluator.peelCasts(operand);
            isExponential(factor) && followsAll(factor, element, *sum))
          return ownerOf(factor);
    return isExponential(body) ? ownerOf(body) : nullptr;
  }
  Expr e = evaluator.peelCasts(element);
  Expr argument = e->isApply("math.exp") ? evaluator.peelCasts(e->operands[0]) : nullptr;
  if (!argument || !argument->isApply("arith.subf"))
    return nullptr;
  std::optional<Reduction> maximum = evaluator.reduction(evaluator.peelCasts(argument->operands[1]));
  return maximum && maximum->kind == Reduction::Kind::Max ? ownerOf(e) : nullptr;
}

} // namespace gqa
