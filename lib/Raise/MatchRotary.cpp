// Recognises rotary position embedding.
#include "gqa/Raise/ConstantData.h"
#include "gqa/Raise/Rotary.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {

RotaryMatcher::RotaryMatcher(Evaluator &evaluator, const Operand &tensor)
    : evaluator(evaluator), tensor(tensor) {
  coordinates.resize(4);
  for (auto [k, letter] : llvm::enumerate(StringRef("bhsd"))) {
    AffineExpr variable = evaluator.context.space.addVariable(sizeOf(tensor.tensor, tensor.layout, letter));
    variables[k] = evaluator.context.space.numVariables() - 1;
    coordinates[dimOf(tensor.layout, letter)] = variable;
  }
  headDim = dimOf(tensor.layout, 'd');
}

/// The element that a factor was moved from, through negations and widening casts.
Expr RotaryMatcher::factor(Expr expr, bool &negative) {
  while (true) {
    Expr computed = expr;
    if (expr->isLoad()) {
      expr = evaluator.chain(expr).back();
      computed = evaluator.expand(expr);
    }
    bool isNegation = computed && computed->isApply("arith.negf");
    bool isWidening =
        computed && computed->isApply("arith.extf") && Evaluator::withoutCasts(computed) != computed;
    if (!isNegation && !isWidening)
      return expr;
    negative ^= isNegation;
    expr = computed->operands[0];
  }
}

/// `a b + c d` with any signs.
bool RotaryMatcher::sumOfTwo(Expr expr, SmallVectorImpl<Term> &terms, bool negative) {
  expr = evaluator.peelCasts(expr);
  if (expr->isApply("arith.negf"))
    return sumOfTwo(expr->operands[0], terms, !negative);
  if (expr->isApply("arith.addf") || expr->isApply("arith.subf"))
    return sumOfTwo(expr->operands[0], terms, negative) &&
           sumOfTwo(expr->operands[1], terms, negative != expr->isApply("arith.subf"));
  if (!expr->isApply("arith.mulf") || terms.size() == 2)
    return false;
  Term term{negative, nullptr, nullptr};
  term.left = factor(expr->operands[0], term.negative);
  term.right = factor(expr->operands[1], term.negative);
  terms.push_back(term);
  return true;
}

/// Whether x1 is the element that the pairing puts beside x0, in the same tensor.
bool RotaryMatcher::isNextOf(Expr x1, Expr x0, const Pairing &candidate) {
  if (!x0->isLoad() || !x1->isLoad() || x0->value != x1->value)
    return false;
  int64_t factor = candidate.kind == RotaryKind::Interleaved ? 2 : 1;
  int64_t distance = candidate.kind == RotaryKind::Interleaved ? 1 : candidate.dim / 2;
  AffineExpr t = getAffineDimExpr(candidate.t, evaluator.context.space.getContext());
  bool varies = false;
  for (auto [a, b] : llvm::zip_equal(x0->indices, x1->indices)) {
    int64_t coefficient = LinearForm::of(a).coefficientOf(t);
    if (coefficient % factor != 0)
      return false;
    varies |= coefficient != 0;
    if (evaluator.context.space.simplify(b - a) !=
        evaluator.context.space.constant(coefficient / factor * distance))
      return false;
  }
  return varies;
}

/// Equal values, by expression or, for constants, by number.
bool RotaryMatcher::sameTable(Expr a, Expr b) {
  Expr left = evaluator.expandAll(a), right = evaluator.expandAll(b);
  if (left == right)
    return true;
  if (!left->isLoad() || !right->isLoad() || left->value != right->value)
    return false;
  std::optional<ConstantData> data = ConstantData::of(left->value);
  if (!data)
    return false;
  // The last coordinate may differ by a constant distance; all others are the same.
  ArrayRef<int64_t> shape = data->getType().getShape();
  for (auto [x, y] : llvm::zip(ArrayRef(left->indices).drop_back(), ArrayRef(right->indices).drop_back()))
    if (x != y)
      return false;
  auto x = LinearForm::of(left->indices.back()), y = LinearForm::of(right->indices.back());
  if (x.terms.size() != 1 || y.terms != x.terms || x.terms[0].second != 1)
    return false;
  IndexSpace::Range range = evaluator.context.space.rangeOf(x.terms[0].first);
  int64_t row = shape.back(), rows = data->getType().getNumElements() / std::max<int64_t>(row, 1);
  if (range.low + std::min(x.constant, y.constant) < 0 ||
      range.high + std::max(x.constant, y.constant) >= row)
    return false;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t t = range.low; t <= range.high; ++t)
      if (data->at(i * row + t + x.constant) != data->at(i * row + t + y.constant))
        return false;
  return true;
}

/// Two elements of one tensor, in other places along one dimension at most.
bool RotaryMatcher::isOneTable(Expr a, Expr b) {
  Expr left = evaluator.expandAll(a), right = evaluator.expandAll(b);
  if (!left->isLoad() || !right->isLoad() || left->value != right->value)
    return false;
  unsigned different = 0;
  for (auto [x, y] : llvm::zip_equal(left->indices, right->indices))
    different += x != y;
  return different <= 1;
}

bool RotaryMatcher::matchPair(const Pairing &candidate) {
  SmallVector<Term> low, high;
  if (!sumOfTwo(at(candidate.first), low) || !sumOfTwo(at(candidate.second), high) || low.size() != 2 ||
      high.size() != 2)
    return false;
  // low = c x0 - s x1, high = s x0 + c x1, the terms and factors in any order.
  for (unsigned order = 0; order < 16; ++order) {
    Term a = low[order & 1], b = low[~order & 1], c = high[(order >> 1) & 1], d = high[~(order >> 1) & 1];
    if (order & 4)
      std::swap(a.left, a.right);
    if (order & 8)
      std::swap(b.left, b.right);
    if (a.negative || !b.negative || c.negative || d.negative || !isNextOf(b.left, a.left, candidate))
      continue;
    for (Term *term : {&c, &d})
      if (term->right == a.left || term->right == b.left)
        std::swap(term->left, term->right);
    if (c.left != a.left || d.left != b.left || !a.right->isLoad() || !b.right->isLoad())
      continue;
    tablesMayDiffer = !sameTable(b.right, c.right) || !sameTable(a.right, d.right);
    if (tablesMayDiffer && (!isOneTable(b.right, c.right) || !isOneTable(a.right, d.right)))
      continue;
    pairing = candidate;
    pair = {a.left, a.right, b.right};
    return true;
  }
  return false;
}

/// Elements from `dim` on are those of what is rotated.
bool RotaryMatcher::copiesTail(int64_t dim) {
  ExprContext &context = evaluator.context;
  int64_t size = context.space.sizeOf(variables[3]);
  if (dim == size)
    return true;
  AffineExpr tail = context.space.addVariable(size - dim);
  Expr element = at(tail + dim);
  if (!element->isLoad())
    return false;
  element = evaluator.chain(element).back();
  AffineExpr t = getAffineDimExpr(pairing.t, context.space.getContext());
  int64_t factor = pairing.kind == RotaryKind::Interleaved ? 2 : 1;
  if (element->value != pair.x0->value)
    return false;
  for (auto [x, y] : llvm::zip_equal(pair.x0->indices, element->indices)) {
    LinearForm form = LinearForm::of(x);
    int64_t step = form.coefficientOf(t) / factor;
    form.add(t, -step * factor);
    if (context.space.simplify(form.build(x.getContext()) + (tail + dim) * step) != y)
      return false;
  }
  return true;
}

/// How many elements may be rotated: all, or the first piece of a concat along the head dimension.
SmallVector<int64_t> RotaryMatcher::rotaryDims() {
  int64_t size = evaluator.context.space.sizeOf(variables[3]);
  SmallVector<int64_t> dims = {size};
  AffineExpr d = getAffineDimExpr(variables[3], evaluator.context.space.getContext());
  for (Expr element : evaluator.chain(at(d)))
    if (auto concat = element->value.getDefiningOp<tensor::ConcatOp>())
      dims.push_back(
          cast<RankedTensorType>(concat.getInputs().front().getType()).getDimSize(concat.getDim()));
  return dims;
}

bool RotaryMatcher::match() {
  ExprContext &context = evaluator.context;
  if (ShapedType::isDynamic(context.space.sizeOf(variables[3])))
    return false;
  for (int64_t dim : rotaryDims()) {
    if (dim < 2 || dim % 2 != 0 || dim > context.space.sizeOf(variables[3]))
      continue;
    AffineExpr t = context.space.addVariable(dim / 2);
    unsigned variable = context.space.numVariables() - 1;
    for (const Pairing &candidate : {Pairing{RotaryKind::Half, dim, variable, t, t + dim / 2},
                                     Pairing{RotaryKind::Interleaved, dim, variable, t * 2, t * 2 + 1}})
      if (matchPair(candidate) && copiesTail(dim))
        return true;
  }
  return false;
}

} // namespace gqa
