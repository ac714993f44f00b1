// Recognises rotary position embedding.
#include "gqa/Raise/ConstantData.h"
#include "gqa/Raise/Rotary.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {

RotaryMatcher::RotaryMatcher(Evaluator &evaluator, Operand operand)
    : evaluator(evaluator), tensor(std::move(operand)) {
  IndexSpace &space = evaluator.context.space;
  coordinates.resize(tensor.layout.size());
  for (auto [k, letter] : llvm::enumerate(StringRef("bhsd"))) {
    size_t dim = tensor.layout.find(letter);
    if (dim == std::string::npos)
      space.addVariable(1);
    else
      coordinates[dim] = space.addVariable(evaluator.context.sizes.of(tensor.tensor, dim));
    variables[k] = space.numVariables() - 1;
  }
  headDim = dimOf(tensor.layout, 'd');
}

/// The element that a factor was moved from, through negations, widening casts and complex numbers.
Factor RotaryMatcher::factor(Expr expr, bool &negative) {
  while (true) {
    while (Expr part = evaluator.partOf(expr))
      expr = part;
    Factor found{expr, expr};
    Expr computed = expr;
    if (expr->isLoad()) {
      found.source = evaluator.chain(expr).back();
      computed = evaluator.expand(found.source);
    }
    bool isNegation = computed && computed->isApply("arith.negf");
    bool isWidening =
        computed && computed->isApply("arith.extf") && Evaluator::withoutCasts(computed) != computed;
    if (!isNegation && !isWidening)
      return found;
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
  Term term{negative, {}, {}};
  term.left = factor(expr->operands[0], term.negative);
  term.right = factor(expr->operands[1], term.negative);
  terms.push_back(term);
  return true;
}

/// Whether x1 is the element that the pairing puts beside x0, in the same tensor.
bool RotaryMatcher::isNextOf(Expr x1, Expr x0, const Pairing &candidate) {
  if (!x0->isLoad() || !x1->isLoad() || x0->value != x1->value)
    return false;
  AffineExpr t = getAffineDimExpr(candidate.t, evaluator.context.space.getContext());
  bool varies = false;
  for (auto [a, b] : llvm::zip_equal(x0->indices, x1->indices)) {
    int64_t coefficient = LinearForm::of(a).coefficientOf(t);
    if (coefficient % candidate.stride() != 0)
      return false;
    varies |= coefficient != 0;
    if (evaluator.context.space.simplify(b - a) !=
        evaluator.context.space.constant(coefficient / candidate.stride() * candidate.distance()))
      return false;
  }
  return varies;
}

/// The last coordinates of two elements of one tensor, of which all others are the same, data or not.
static std::optional<std::pair<AffineExpr, AffineExpr>> lastCoordinates(Expr a, Expr b) {
  if (a->value != b->value || a->kind != b->kind)
    return std::nullopt;
  if (a->isLoad() && !a->indices.empty() &&
      ArrayRef(a->indices).drop_back() == ArrayRef(b->indices).drop_back())
    return std::pair(a->indices.back(), b->indices.back());
  bool areExtracts = a->isApply("tensor.extract") && b->isApply("tensor.extract") && !a->operands.empty() &&
                     ArrayRef(a->operands).drop_back() == ArrayRef(b->operands).drop_back();
  if (!areExtracts || a->operands.back()->kind != ExprNode::Kind::Index ||
      b->operands.back()->kind != ExprNode::Kind::Index)
    return std::nullopt;
  return std::pair(a->operands.back()->affine, b->operands.back()->affine);
}

/// Equal values, by expression or, for constants, by number.
bool RotaryMatcher::sameTable(Expr a, Expr b) {
  Expr left = evaluator.expandAll(a), right = evaluator.expandAll(b);
  if (left == right)
    return true;
  std::optional<std::pair<AffineExpr, AffineExpr>> last = lastCoordinates(left, right);
  std::optional<ConstantData> data = last ? ConstantData::of(left->value) : std::nullopt;
  if (!data)
    return false;
  // They may differ by a constant distance.
  ArrayRef<int64_t> shape = data->getType().getShape();
  auto x = LinearForm::of(last->first), y = LinearForm::of(last->second);
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
    if (a.negative || !b.negative || c.negative || d.negative ||
        !isNextOf(b.left.source, a.left.source, candidate))
      continue;
    for (Term *term : {&c, &d})
      if (term->right == a.left || term->right == b.left)
        std::swap(term->left, term->right);
    Expr cos = a.right.source, sin = b.right.source;
    if (!(c.left == a.left) || !(d.left == b.left))
      continue;
    tablesMayDiffer = !sameTable(sin, c.right.source) || !sameTable(cos, d.right.source);
    if (tablesMayDiffer && (!isOneTable(sin, c.right.source) || !isOneTable(cos, d.right.source)))
      continue;
    pairing = candidate;
    pair = {a.left, cos, sin};
    return true;
  }
  return false;
}

Expr RotaryMatcher::rotatedAt(Expr read, AffineExpr position) {
  MLIRContext *context = evaluator.context.space.getContext();
  AffineExpr t = getAffineDimExpr(pairing.t, context);
  auto indices = llvm::map_to_vector<4>(read->indices, [&](AffineExpr index) {
    LinearForm form = LinearForm::of(index);
    int64_t step = form.coefficientOf(t) / pairing.stride();
    form.add(t, -step * pairing.stride());
    return form.build(context) + position * step;
  });
  return evaluator.context.load(read->value, indices);
}

/// Elements from `dim` on are those of what is rotated.
bool RotaryMatcher::copiesTail(int64_t dim) {
  ExprContext &context = evaluator.context;
  int64_t size = context.space.sizeOf(variables[3]);
  if (dim == size)
    return true;
  AffineExpr tail = context.space.addVariable(size - dim);
  Expr element = at(tail + dim);
  return element->isLoad() && evaluator.chain(element).back() == rotatedAt(pair.x0.source, tail + dim);
}

/// How many elements may be rotated: all, or the first pieces of a concat along the head dimension.
SmallVector<int64_t> RotaryMatcher::rotaryDims() {
  int64_t size = evaluator.context.space.sizeOf(variables[3]);
  SmallVector<int64_t> dims = {size};
  AffineExpr d = getAffineDimExpr(variables[3], evaluator.context.space.getContext());
  for (Expr element : evaluator.chain(at(d)))
    if (auto concat = element->value.getDefiningOp<tensor::ConcatOp>()) {
      int64_t end = 0;
      for (Value piece : concat.getInputs().drop_back()) {
        int64_t length = cast<RankedTensorType>(piece.getType()).getDimSize(concat.getDim());
        if (ShapedType::isDynamic(length))
          break;
        dims.push_back(end += length);
      }
    }
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
    for (RotaryKind kind : {RotaryKind::Half, RotaryKind::Interleaved})
      for (RotaryKind from : {kind, kind == RotaryKind::Half ? RotaryKind::Interleaved : RotaryKind::Half}) {
        bool isHalf = kind == RotaryKind::Half;
        Pairing candidate{kind, from, dim, variable, isHalf ? t : t * 2, isHalf ? t + dim / 2 : t * 2 + 1};
        if (matchPair(candidate) && copiesTail(dim))
          return true;
      }
  }
  return false;
}

} // namespace gqa
