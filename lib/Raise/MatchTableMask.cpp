// Rows of a constant mask that are chosen at run time, such as the one of a token's position in a causal
// table.
#include "gqa/Raise/ConstantMask.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {

std::optional<SmallVector<IntegerForm>> matchTableMask(Evaluator &evaluator, Expr mask, unsigned key,
                                                       bool trueHides) {
  if (!mask->isApply("tensor.extract"))
    return std::nullopt;
  ExprContext &context = evaluator.context;
  auto table = cast<RankedTensorType>(mask->value.getType());
  if (!table.hasStaticShape())
    return std::nullopt;
  SmallVector<AffineExpr> indices;
  SmallVector<std::pair<unsigned, Expr>> chosen; // a variable for each coordinate that is data
  for (auto [coordinate, size] : llvm::zip_equal(mask->operands, table.getShape())) {
    if (coordinate->kind == ExprNode::Kind::Index) {
      indices.push_back(coordinate->affine);
      continue;
    }
    indices.push_back(context.space.addVariable(size));
    chosen.emplace_back(context.space.numVariables() - 1, coordinate);
  }
  SmallVector<unsigned> rows = llvm::to_vector(llvm::seq(0u, context.space.numVariables()));
  std::optional<ConstantMask> bounds =
      matchConstantMask(evaluator, context.load(mask->value, indices), rows, key, trueHides);
  if (!bounds || !bounds->isWhole)
    return std::nullopt;
  SmallVector<IntegerForm> forms;
  for (Expr comparison : bounds->comparisons) {
    if (comparison->getTruth() == true)
      continue;
    IntegerForm form{context.space.constant(0), {}};
    AffineExpr rest = comparison->affine;
    for (auto [variable, coordinate] : chosen) {
      AffineExpr row = getAffineDimExpr(variable, rest.getContext());
      int64_t factor = LinearForm::of(comparison->affine).coefficientOf(row);
      rest = rest - row * factor;
      if (factor != 0)
        form.accumulate(evaluator, coordinate, factor);
    }
    form.addAffine(context, rest, 1);
    form.affine = context.space.simplify(form.affine);
    forms.push_back(form);
  }
  return forms;
}

} // namespace gqa
