// From an operand of an attention back to the product with weights that makes it, and the same for others.
#include "Projection.h"
#include "gqa/Raise/Build.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {

/// The search for one projection.
struct InputProjection::Search {
  Search(Value value, StringRef layout, WeightSource source, Unreachable &why)
      : source(source), why(why), context(std::make_shared<ExprContext>(value.getContext())),
        evaluator(*context) {
    SmallVector<AffineExpr> indices;
    for (char letter : layout) {
      coordinates[letter] = context->space.addVariable(sizeOf(value, layout, letter));
      indices.push_back(coordinates[letter]);
    }
    found.heads = sizeOf(value, layout, 'h');
    found.dim = sizeOf(value, layout, 'd');
    element = context->load(value, indices);
    why.where = value.getDefiningOp() ? value.getDefiningOp() : value.getParentRegion()->getParentOp();
  }

  bool run() {
    if (ShapedType::isDynamic(found.heads) || ShapedType::isDynamic(found.dim))
      return refuse("the number of heads or their size is known only at run time");
    found.context = context;
    return takeProducers() && takeBias() && takeProduct();
  }

  bool refuse(const Twine &reason) {
    if (element->isLoad() && element->value.getDefiningOp())
      why.where = element->value.getDefiningOp();
    else if (element->kind == ExprNode::Kind::Apply && element->op)
      why.where = ownerOf(element);
    why.reason = reason.str();
    return false;
  }

  unsigned variable(char letter) const {
    return cast<AffineDimExpr>(coordinates.lookup(letter)).getPosition();
  }
  bool isInOrder(StringRef layout);
  bool takeProducers();
  bool takeBias();
  bool takeProduct();
  bool takeSides(Expr weight, Expr input, unsigned variable);
  std::optional<StridedView> constantView(Expr expr, ArrayRef<unsigned> variables);
  std::string describe();

  WeightSource source;
  Unreachable &why;
  std::shared_ptr<ExprContext> context;
  Evaluator evaluator;
  DenseMap<char, AffineExpr> coordinates;
  Expr element;
  InputProjection found;
};

/// True if the element's tensor has the coordinates as they are, in the order of `layout`.
bool InputProjection::Search::isInOrder(StringRef layout) {
  return llvm::all_of(llvm::zip_equal(layout, element->indices), [&](auto each) {
    return std::get<1>(each) == context->space.simplify(coordinates[std::get<0>(each)]);
  });
}

/// Through casts, an append to a cache and a rotation to what was appended and rotated.
bool InputProjection::Search::takeProducers() {
  for (;;) {
    element = evaluator.peelCasts(element);
    Operation *op = element->isLoad() ? element->value.getDefiningOp() : nullptr;
    if (auto append = dyn_cast_if_present<AppendKVOp>(op)) {
      if (found.append || found.rotary || !isa<BlockArgument>(append.getCache()) ||
          !isInOrder(append.getLayout()))
        return refuse(describe());
      found.append = append;
      unsigned tokens = dimOf(append.getLayout(), 's');
      SmallVector<AffineExpr> indices(element->indices.begin(), element->indices.end());
      coordinates['s'] = context->space.addVariable(sizeOf(append.getFresh(), append.getLayout(), 's'));
      indices[tokens] = coordinates['s'];
      element = context->load(append.getFresh(), indices);
      continue;
    }
    auto rotary = dyn_cast_if_present<RotaryOp>(op);
    if (!rotary)
      return true;
    auto cos = cast<RankedTensorType>(rotary.getCos().getType());
    if (!isInOrder(rotary.getLayout()))
      return refuse("heads are rearranged behind the rotation");
    if (found.rotary || (cos.getRank() > 2 && cos.getDimSize(cos.getRank() - 3) != 1))
      return refuse(found.rotary ? "heads are rotated twice" : "heads are rotated by angles of their own");
    found.rotary = rotary;
    element = context->load(rotary.getX(), element->indices);
  }
}

/// What of a tensor that is known depends on nothing but `variables`.
std::optional<StridedView> InputProjection::Search::constantView(Expr expr, ArrayRef<unsigned> variables) {
  expr = evaluator.peelCasts(expr);
  if (!expr->isLoad() || !source(expr->value))
    return std::nullopt;
  return StridedView::of(expr, variables);
}

bool InputProjection::Search::takeBias() {
  if (!element->isApply("arith.addf"))
    return true;
  for (unsigned side : {0, 1}) {
    Expr number = evaluator.peelCasts(element->operands[side]);
    found.bias = constantView(number, {variable('h'), variable('d')});
    if (!found.bias && !number->getNumber())
      continue;
    found.hasBias = true;
    found.biasNumber = number->getNumber().value_or(0);
    element = evaluator.peelCasts(element->operands[1 - side]);
    return true;
  }
  return true; // whatever is added, it is no product
}

bool InputProjection::Search::takeProduct() {
  std::optional<Reduction> sum = element->isLoad() ? evaluator.reduction(element) : std::nullopt;
  if (!sum || sum->kind != Reduction::Kind::Sum)
    return refuse(describe());
  found.product = sum->op;
  Expr body = Evaluator::withoutCasts(sum->body);
  if (!body->isApply("arith.mulf"))
    return refuse("the sum in front of it is no product with weights");
  return takeSides(body->operands[0], body->operands[1], sum->variable) ||
         takeSides(body->operands[1], body->operands[0], sum->variable) ||
         refuse(
             "it is no product with weights that are known: they must be constants, or parameters in a file");
}

bool InputProjection::Search::takeSides(Expr weight, Expr input, unsigned summed) {
  unsigned h = variable('h'), d = variable('d');
  std::optional<StridedView> view = constantView(weight, {h, d, summed});
  input = Evaluator::withoutCasts(input);
  if (!view || !input->isLoad() || dependsOn(input, h) || dependsOn(input, d))
    return false;
  IndexSpace &space = context->space;
  auto axis = [&](char letter, unsigned variable) {
    Axis axis{letter, {}};
    if (space.sizeOf(variable) != 1)
      axis.variables.push_back(variable);
    return axis;
  };
  found.axes = {axis('b', variable('b')), axis('s', variable('s')), axis('x', summed)};
  std::optional<View> tensor = findView(*context, evaluator.chain(input), found.axes);
  // Inputs stand last: then the product is one of matrices.
  if (!tensor || space.sizeOf(summed) == 1 || tensor->dims.back().empty() ||
      tensor->dims.back().back() != summed)
    return false;
  found.inputs = space.sizeOf(summed);
  found.weight = *view;
  found.input = *tensor;
  return true;
}

/// What stands where a product with weights was expected.
std::string InputProjection::Search::describe() {
  if (element->isLoad()) {
    Operation *op = element->value.getDefiningOp();
    if (!op)
      return "it is an argument of the function, not a projection of tokens";
    if (isa<AppendKVOp>(op))
      return "it comes from a cache, whose tokens were projected by the old weights";
    if (isa<RepeatHeadsOp>(op))
      return "its heads are repeated, and differently for K and V";
    return ("its producer, " + op->getName().getStringRef() + ", is no product with weights").str();
  }
  SmallVector<Expr> worklist = {element};
  for (size_t next = 0; next < worklist.size() && next < 64; ++next) {
    Expr expr = evaluator.peel(worklist[next]);
    if (expr->isApply("math.rsqrt") || expr->isApply("math.sqrt") || expr->isApply("arith.divf"))
      return "a norm of each head stands between the projection and the score; it is not linear, so that "
             "heads "
             "cannot be pooled by their weights";
    llvm::append_range(worklist, expr->operands);
  }
  StringRef name = element->op ? element->op->getName().getStringRef() : "a select";
  return (name + " stands between the projection and the score").str();
}

std::optional<InputProjection> InputProjection::find(Value value, StringRef layout, WeightSource source,
                                                     Unreachable &why) {
  Search search(value, layout, source, why);
  if (!search.run())
    return std::nullopt;
  return std::move(search.found);
}

} // namespace gqa
