// A write of tokens to a cache as mathematics: what its parts may depend on.
#include "CacheWrite.h"

using namespace mlir;

namespace gqa {

CacheWrite::CacheWrite(Value written)
    : context(written.getContext()), evaluator(context), written(written), token(context.space.constant(0)),
      position{context.space.constant(0), {}} {
  auto rank = static_cast<unsigned>(cast<RankedTensorType>(written.getType()).getRank());
  for (unsigned dim = 0; dim < rank; ++dim)
    coordinates.push_back(context.space.simplify(context.space.addVariable(context.sizes.of(written, dim))));
}

bool CacheWrite::setTokens(unsigned dim) {
  tokens = dim;
  letters.assign(rank(), 'b');
  letters[dim] = 's';
  unsigned behind = rank() - 1 - dim;
  if (behind > 3 || (behind == 0 && dim < 2))
    return false;
  if (behind > 0)
    letters.back() = 'd';
  for (unsigned k = dim + 1; k + 1 < rank(); ++k)
    letters[k] = 'h';
  if (behind == 0)
    letters[dim - 1] = 'd';
  if (behind < 2 && dim + behind > 2) // heads stand in front of the tokens
    letters[dim - (behind == 0 ? 2 : 1)] = 'h';
  layout = behind == 0 ? "bhds" : letters.find('h') < dim ? "bhsd" : "bshd";
  return llvm::all_of(llvm::enumerate(coordinates), [&](auto place) {
    bool isAlone = llvm::count(letters, letters[place.index()]) == 1;
    return isAlone || !ShapedType::isDynamic(context.space.sizeOf(place.index()));
  });
}

bool CacheWrite::isPerToken(Expr expr) const {
  return llvm::none_of(llvm::seq(0U, rank()), [&](unsigned dim) {
    bool isOfBatch = letters.empty() ? dim == 0 : letters[dim] == 'b';
    return !isOfBatch && dependsOn(expr, dim);
  });
}

bool CacheWrite::isWhole() const {
  bool isAffine = llvm::none_of(llvm::seq(0U, rank()), [&](unsigned dim) {
    return letters[dim] != 'b' && isa<AffineDimExpr>(coordinates[dim]) && dependsOn(position.affine, dim);
  });
  return isAffine && llvm::all_of(position.data, [&](auto &entry) { return isPerToken(entry.first); }) &&
         llvm::all_of(guards, [&](const Condition &guard) { return isPerToken(guard.expr); });
}

SmallVector<Axis> CacheWrite::axes() const {
  SmallVector<Axis> axes;
  for (char letter : StringRef("bhsd")) {
    axes.push_back({letter, {}});
    for (auto [dim, coordinate] : llvm::enumerate(coordinates))
      if (letters[dim] == letter)
        if (auto variable = dyn_cast<AffineDimExpr>(letter == 's' ? token : coordinate))
          axes.back().variables.push_back(variable.getPosition());
  }
  return axes;
}

//===-- Several expressions as one ----------------------------------------------------------------------===//

/// `a` at 0 and `b` at 1, step by step; null if the step is no number.
static AffineExpr fit(ExprContext &context, AffineExpr a, AffineExpr b, AffineExpr variable) {
  auto step = dyn_cast<AffineConstantExpr>(context.space.simplify(b - a));
  return step ? a + variable * step.getValue() : AffineExpr();
}

/// An expression that is `first` at 0 and `second` at 1, if one follows the variable step by step.
static Expr fit(ExprContext &context, Expr first, Expr second, AffineExpr variable) {
  if (first == second)
    return first;
  bool isAlike = first->kind == second->kind && first->type == second->type &&
                 first->value == second->value && first->comparison == second->comparison &&
                 first->operands.size() == second->operands.size() && !first->op == !second->op;
  if (!isAlike)
    return nullptr;
  switch (first->kind) {
  case ExprNode::Kind::Index:
  case ExprNode::Kind::Compare: {
    AffineExpr affine = fit(context, first->affine, second->affine, variable);
    if (!affine)
      return nullptr;
    return first->kind == ExprNode::Kind::Index ? context.index(affine, first->type)
                                                : context.compare(first->comparison, affine);
  }
  case ExprNode::Kind::Load: {
    SmallVector<AffineExpr> indices;
    for (auto [a, b] : llvm::zip_equal(first->indices, second->indices)) {
      indices.push_back(fit(context, a, b, variable));
      if (!indices.back())
        return nullptr;
    }
    return context.load(first->value, indices);
  }
  case ExprNode::Kind::Apply: {
    SmallVector<Expr> operands;
    for (auto [a, b] : llvm::zip_equal(first->operands, second->operands)) {
      operands.push_back(fit(context, a, b, variable));
      if (!operands.back())
        return nullptr;
    }
    return context.rebuild(first, operands);
  }
  case ExprNode::Kind::Constant:
  case ExprNode::Kind::Scalar:
    return nullptr;
  }
  llvm_unreachable("every kind is handled");
}

Expr generalize(ExprContext &context, ArrayRef<Expr> exprs, unsigned variable) {
  if (exprs.size() == 1)
    return exprs.front();
  AffineExpr coordinate = getAffineDimExpr(variable, context.space.getContext());
  Expr fitted = fit(context, exprs[0], exprs[1], coordinate);
  auto isRight = [&](auto pair) {
    auto [place, expr] = pair;
    return context.substitute(fitted, variable, context.space.constant(place)) == expr;
  };
  return fitted && llvm::all_of(llvm::enumerate(exprs), isRight) ? fitted : nullptr;
}

} // namespace gqa
