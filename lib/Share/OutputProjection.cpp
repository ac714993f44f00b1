// From an attention's output on to the product with weights that reads it.
#include "Projection.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {
namespace {

/// An element of `value` at coordinates of its own.
Expr elementOf(ExprContext &context, Value value) {
  SmallVector<AffineExpr> indices;
  for (int64_t size : cast<RankedTensorType>(value.getType()).getShape())
    indices.push_back(context.space.addVariable(size));
  return context.load(value, indices);
}

/// True if `value` is `origin`, moved and cast.
bool isMoved(Value value, Value origin) {
  if (!isa<RankedTensorType>(value.getType()))
    return false;
  ExprContext context(value.getContext());
  Evaluator evaluator(context);
  Expr element = evaluator.peelCasts(elementOf(context, value));
  return element->isLoad() && element->value == origin;
}

/// The one reduction that reads `output`, moved and cast; null, with the reason, if something else reads it.
linalg::LinalgOp findReader(Value output, Unreachable &why) {
  linalg::LinalgOp reader;
  SmallVector<Value> worklist = {output};
  while (!worklist.empty())
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      if (isa<tensor::DimOp>(user) || user == reader)
        continue;
      why.where = user;
      auto product = dyn_cast<linalg::LinalgOp>(user);
      if (product && product.getNumReductionLoops() > 0) {
        if (reader) {
          why.reason = "its output is read by more than one product";
          return nullptr;
        }
        reader = product;
      } else if (user->getNumResults() == 1 && isMoved(user->getResult(0), output)) {
        worklist.push_back(user->getResult(0));
      } else {
        why.reason =
            ("its output is read by " + user->getName().getStringRef() + ", not only by a projection").str();
        return nullptr;
      }
    }
  if (!reader)
    why.reason = "nothing reads its output";
  return reader;
}

} // namespace

std::optional<OutputProjection> OutputProjection::find(AttentionOp op, WeightSource source,
                                                       Unreachable &why) {
  auto refuse = [&](const Twine &reason) {
    why.reason = reason.str();
    return std::nullopt;
  };
  why.where = op;
  linalg::LinalgOp product = findReader(op.getOutput(), why);
  if (!product)
    return std::nullopt;
  why.where = product;
  ExprContext context(op.getContext());
  Evaluator evaluator(context);
  IndexSpace &space = context.space;
  Expr element = elementOf(context, product->getResult(0));
  unsigned rows = space.numVariables();
  std::optional<Reduction> sum = evaluator.reduction(element);
  Expr body = sum && sum->kind == Reduction::Kind::Sum ? Evaluator::withoutCasts(sum->body) : nullptr;
  if (!body || !body->isApply("arith.mulf"))
    return refuse("its output is read by something that is no product with weights");

  OutputProjection found;
  found.heads = op.getQueryHeads();
  found.dim = op.getValueDim();
  if (ShapedType::isDynamic(found.heads) || ShapedType::isDynamic(found.dim))
    return refuse("the number of heads or their size is known only at run time");
  // What is contracted, taken apart into heads and elements of a head: usually the heads are outside.
  AffineExpr h = space.addVariable(found.heads), d = space.addVariable(found.dim);
  auto readsOutput = [&](Expr side) {
    Expr from = evaluator.peelCasts(side);
    return from->isLoad() && from->value == op.getOutput();
  };
  SmallVector<Expr, 2> sides;
  bool inOrder = false;
  for (AffineExpr counted : {h * found.dim + d, d * found.heads + h}) {
    sides.clear();
    for (Expr side : body->operands)
      sides.push_back(Evaluator::withoutCasts(context.substitute(side, sum->variable, counted)));
    if (!readsOutput(sides.front()))
      std::swap(sides[0], sides[1]);
    if (!readsOutput(sides.front()) || !sides.back()->isLoad())
      return refuse("its output is not multiplied by weights");
    ArrayRef<AffineExpr> indices = evaluator.peelCasts(sides.front())->indices;
    StringRef layout = op.getOLayout();
    inOrder =
        indices[dimOf(layout, 'h')] == space.simplify(h) && indices[dimOf(layout, 'd')] == space.simplify(d);
    if (inOrder)
      break;
  }
  if (!inOrder)
    return refuse("the product does not run over the heads and the elements of a head");

  Expr weight = evaluator.peelCasts(sides.back());
  SmallVector<unsigned> columns;
  for (unsigned variable = 0; variable < rows; ++variable)
    if (dependsOn(sides.back(), variable))
      columns.push_back(variable);
  if (!weight->isLoad() || !source(weight->value) || columns.size() != 1)
    return refuse(
        "the weights that read its output are not known: they must be a constant, or a parameter in a file");
  unsigned variables[] = {cast<AffineDimExpr>(h).getPosition(), cast<AffineDimExpr>(d).getPosition(),
                          columns.front()};
  std::optional<StridedView> from = StridedView::of(weight, variables),
                             place = StridedView::of(sides.back(), variables);
  found.outputs = space.sizeOf(columns.front());
  for (OpOperand &operand : product->getOpOperands())
    if (place && operand.get() == place->tensor)
      found.operand = &operand;
  if (!from || !place || !found.operand ||
      cast<RankedTensorType>(place->tensor.getType()).getNumElements() !=
          found.heads * found.dim * found.outputs)
    return refuse("the weights that read its output are a part of a larger tensor");
  found.weight = *from;
  found.place = *place;
  return found;
}

SmallVector<Matrix> OutputProjection::read(WeightSource source) const {
  ConstantData weights = *source(weight.tensor);
  SmallVector<Matrix> matrices;
  for (int64_t h = 0; h < heads; ++h) {
    Matrix &matrix = matrices.emplace_back(dim, outputs);
    for (int64_t d = 0; d < dim; ++d)
      for (int64_t y = 0; y < outputs; ++y)
        matrix(d, y) = weights.at(weight.position({h, d, y}));
  }
  return matrices;
}

void OutputProjection::write(RewriterBase &rewriter, ArrayRef<Matrix> matrices, WeightSink sink) const {
  Operation *product = operand->getOwner();
  auto type = cast<RankedTensorType>(operand->get().getType());
  SmallVector<double> elements(type.getNumElements());
  for (auto [h, matrix] : llvm::enumerate(matrices))
    for (int64_t d = 0; d < dim; ++d)
      for (int64_t y = 0; y < outputs; ++y)
        elements[place.position({int64_t(h), d, y})] = matrix(d, y);
  rewriter.setInsertionPoint(product);
  Value weights = sink(rewriter, product->getLoc(), type, elements, weight.tensor);
  rewriter.modifyOpInPlace(product, [&] { operand->set(weights); });
}

} // namespace gqa
