// Rotary position embedding: the two elements of a pair as expressions, whatever slices, negations and concats made them.
#include "gqa/Raise/Build.h"
#include "gqa/Raise/ConstantData.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace gqa {
namespace {

/// `sign * left * right`, one of which is an element of what is rotated and one of a table.
struct Term {
  bool negative;
  Expr left, right;
};

/// A rotated pair: `(x0, x1)` become `(c x0 - s x1, s x0 + c x1)`.
struct Pair {
  Expr x0 = nullptr, cos = nullptr, sin = nullptr; ///< loads, at the pair's variable
};

/// One way to pair elements: `t` counts pairs, `first` and `second` are the coordinates along the head dimension.
struct Pairing {
  RotaryKind kind;
  int64_t dim; ///< R
  unsigned t;
  AffineExpr first, second;
};

class RotaryMatcher {
public:
  RotaryMatcher(Evaluator &evaluator, const Operand &tensor);

  /// The pairing under which the tensor is a rotation, and the pair.
  bool match();

  Pairing pairing;
  Pair pair;
  SmallVector<AffineExpr, 4> coordinates; // of the tensor, the head dimension to be filled in
  unsigned headDim, variables[4];         // by letter position b, h, s, d

private:
  Expr at(AffineExpr d) {
    auto indices = coordinates;
    indices[headDim] = d;
    return evaluator.context.load(tensor.tensor, indices);
  }
  bool sumOfTwo(Expr expr, SmallVectorImpl<Term> &terms, bool negative = false);
  bool matchPair(const Pairing &candidate);
  bool isNextOf(Expr x1, Expr x0, const Pairing &candidate);
  bool sameTable(Expr a, Expr b);
  bool copiesTail(int64_t dim);
  SmallVector<int64_t> rotaryDims();

  Evaluator &evaluator;
  const Operand &tensor;
};

RotaryMatcher::RotaryMatcher(Evaluator &evaluator, const Operand &tensor) : evaluator(evaluator), tensor(tensor) {
  coordinates.resize(4);
  for (auto [k, letter] : llvm::enumerate(StringRef("bhsd"))) {
    AffineExpr variable = evaluator.context.space.addVariable(sizeOf(tensor.tensor, tensor.layout, letter));
    variables[k] = evaluator.context.space.numVariables() - 1;
    coordinates[dimOf(tensor.layout, letter)] = variable;
  }
  headDim = dimOf(tensor.layout, 'd');
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
  for (auto [factor, operand] : {std::pair(&term.left, expr->operands[0]), std::pair(&term.right, expr->operands[1])}) {
    Expr source = operand;
    while (source->isLoad()) {
      source = evaluator.chain(source).back();
      Expr computed = evaluator.expand(source);
      if (!computed || !computed->isApply("arith.negf"))
        break;
      term.negative = !term.negative;
      source = computed->operands[0];
    }
    *factor = source->isApply("arith.negf") ? source->operands[0] : source;
    term.negative ^= source->isApply("arith.negf");
  }
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
  if (range.low + std::min(x.constant, y.constant) < 0 || range.high + std::max(x.constant, y.constant) >= row)
    return false;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t t = range.low; t <= range.high; ++t)
      if (data->at(i * row + t + x.constant) != data->at(i * row + t + y.constant))
        return false;
  return true;
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
    bool fits = c.left == a.left && d.left == b.left && sameTable(b.right, c.right) && sameTable(a.right, d.right);
    if (!fits || !a.right->isLoad() || !b.right->isLoad())
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
      dims.push_back(cast<RankedTensorType>(concat.getInputs().front().getType()).getDimSize(concat.getDim()));
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

/// A table as `B|1 x 1 x S|1 x R/2`; null if its tensor has other dimensions, or in another order.
Value buildTable(OpBuilder &builder, Evaluator &evaluator, const RotaryMatcher &matcher, Expr load) {
  MLIRContext *context = builder.getContext();
  auto type = cast<RankedTensorType>(load->value.getType());
  int64_t pairs = matcher.pairing.dim / 2;
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0)), sizes,
      strides(type.getRank(), builder.getIndexAttr(1));
  SmallVector<SmallVector<unsigned, 2>> dims;
  unsigned last = 0; // the position in b, h, s, t that was seen last
  unsigned order[] = {matcher.variables[0], matcher.variables[1], matcher.variables[2], matcher.pairing.t};
  for (auto [k, index] : llvm::enumerate(load->indices)) {
    sizes.push_back(builder.getIndexAttr(type.getDimSize(k)));
    dims.emplace_back();
    if (index == getAffineConstantExpr(0, context) && type.getDimSize(k) == 1)
      continue;
    auto dim = dyn_cast<AffineDimExpr>(index);
    unsigned *position = dim ? llvm::find(order, dim.getPosition()) : std::end(order);
    if (position == std::end(order) || position - order < last || position - order == 1)
      return nullptr;
    last = position - order + 1;
    dims.back().push_back(dim.getPosition());
    if (dim.getPosition() == matcher.pairing.t)
      sizes[k] = builder.getIndexAttr(pairs);
    else if (ShapedType::isDynamic(type.getDimSize(k)))
      return nullptr;
  }
  if (last != 4)
    return nullptr;
  Value table = load->value;
  Location loc = table.getLoc();
  if (type.getShape().back() != pairs)
    table = tensor::ExtractSliceOp::create(builder, loc, table, offsets, sizes, strides);
  SmallVector<SmallVector<unsigned, 2>> wanted(4);
  for (const auto &dim : dims)
    for (unsigned variable : dim)
      wanted[llvm::find(order, variable) - order].push_back(variable);
  return reshape(builder, loc, evaluator.context.space, table, dims, wanted);
}

} // namespace

std::optional<Operand> raiseRotary(RewriterBase &rewriter, Evaluator &evaluator, const Operand &tensor) {
  ExprContext &context = evaluator.context;
  Operation *producer = tensor.tensor.getDefiningOp();
  RotaryMatcher matcher(evaluator, tensor);
  if (!producer || !matcher.match())
    return std::nullopt;
  // What is rotated, at all of the head dimension instead of a pair's first element.
  AffineExpr t = getAffineDimExpr(matcher.pairing.t, rewriter.getContext());
  AffineExpr d = getAffineDimExpr(matcher.variables[3], rewriter.getContext());
  int64_t factor = matcher.pairing.kind == RotaryKind::Interleaved ? 2 : 1;
  SmallVector<AffineExpr> indices;
  for (AffineExpr index : matcher.pair.x0->indices) {
    LinearForm form = LinearForm::of(index);
    int64_t step = form.coefficientOf(t) / factor;
    form.add(t, -step * factor);
    form.add(d, step);
    indices.push_back(form.build(rewriter.getContext()));
  }
  SmallVector<Axis> axes;
  for (auto [letter, variable] : llvm::zip(StringRef("bhsd"), matcher.variables))
    axes.push_back({letter, context.space.sizeOf(variable) == 1 ? SmallVector<unsigned, 2>{}
                                                                : SmallVector<unsigned, 2>{variable}});
  auto view = findView(context, evaluator.chain(context.load(matcher.pair.x0->value, indices)), axes);
  if (!view)
    return std::nullopt;
  rewriter.setInsertionPointAfter(producer);
  Value cos = buildTable(rewriter, evaluator, matcher, matcher.pair.cos);
  Value sin = buildTable(rewriter, evaluator, matcher, matcher.pair.sin);
  if (!cos || !sin || cos.getType() != sin.getType())
    return std::nullopt;
  Operand rotated = materialize(rewriter, producer->getLoc(), context.space, *view, axes);
  auto op = RotaryOp::create(rewriter, producer->getLoc(), rotated.tensor, cos, sin, matcher.pairing.kind,
                             rotated.layout);
  rotated.tensor = op.getOutput();
  return rotated;
}

std::optional<AppendKVOp> raiseAppend(RewriterBase &rewriter, const Operand &operand) {
  auto concat = operand.tensor.getDefiningOp<tensor::ConcatOp>();
  if (!concat || concat.getInputs().size() != 2 || concat.getDim() != dimOf(operand.layout, 's'))
    return std::nullopt;
  rewriter.setInsertionPoint(concat);
  auto append = AppendKVOp::create(rewriter, concat.getLoc(), concat.getType(), concat.getInputs()[0],
                                   concat.getInputs()[1], Value(), operand.layout);
  rewriter.replaceOp(concat, append.getOutput());
  return append;
}

} // namespace gqa
