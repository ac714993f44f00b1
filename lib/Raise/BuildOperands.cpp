// Operands of an attention as the graph holds them: broadcasts, K and V under their repeat.
#include "BuildOperands.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {

/// A mask or a bias as `B|1 x Hq|1 x Sq|1 x Skv|1`; null if no tensor on the way is a view of them.
Value buildBroadcast(OpBuilder &builder, Evaluator &evaluator, const Axes &axes, Expr load) {
  ExprContext &context = evaluator.context;
  SmallVector<Expr> chain = evaluator.chain(load);
  SmallVector<Axis> present = {axes.b, axes.h, axes.i, axes.j};
  for (Axis &axis : present) // heads may be two variables: a tensor with one of them is no broadcast
    if (llvm::none_of(axis.variables, [&](unsigned variable) { return dependsOn(chain.back(), variable); }))
      axis.variables.clear();
  std::optional<View> view = findView(context, chain, present);
  if (!view)
    return nullptr;
  SmallVector<SmallVector<unsigned, 2>> wanted;
  SmallVector<unsigned> found, order;
  for (const Axis &axis : present) {
    wanted.push_back(axis.variables);
    order.append(axis.variables.begin(), axis.variables.end());
  }
  for (const auto &dim : view->dims)
    found.append(dim.begin(), dim.end());
  if (found != order)
    return nullptr;
  return reshape(builder, load->value.getLoc(), context.space, view->tensor, view->dims, wanted);
}

/// The view of the largest group for which nothing in the chain depends on the place in it.
static std::optional<View> findLargestGroup(ExprContext &context, const Axes &axes, ArrayRef<Expr> chain,
                                            Axis inner, bool parts, HeadMap &map, Axis &heads) {
  constexpr int64_t kMostHeads = 1 << 16; // beyond, it is something else that is called heads here
  unsigned head = axes.h.variables.front();
  int64_t size = context.space.sizeOf(head);
  for (int64_t groups = ShapedType::isDynamic(size) || size > kMostHeads ? 1 : size; groups >= 1; --groups) {
    if (!ShapedType::isDynamic(size) && size % groups != 0)
      continue;
    for (HeadOrder order : {HeadOrder::Block, HeadOrder::Tiled}) {
      AffineExpr shared = context.space.addVariable(ShapedType::isDynamic(size) ? size : size / groups);
      unsigned sharedVariable = context.space.numVariables() - 1;
      AffineExpr member = context.space.addVariable(groups);
      AffineExpr full =
          order == HeadOrder::Block ? shared * groups + member : member * (size / groups) + shared;
      auto substituted =
          llvm::map_to_vector(chain, [&](Expr element) { return context.substitute(element, head, full); });
      heads.variables.clear();
      if (context.space.sizeOf(sharedVariable) != 1)
        heads.variables.push_back(sharedVariable);
      if (std::optional<View> view = findView(context, substituted, {axes.b, heads, axes.j, inner}, parts)) {
        map = {groups, order};
        return view;
      }
    }
  }
  return std::nullopt;
}

/// K or V with as few heads as its access map needs. Of a slice of repeated heads that is one of what they
/// were repeated from.
std::optional<View> findShared(Evaluator &evaluator, const Axes &axes, Expr load, Axis inner, HeadMap &map,
                               Axis &heads) {
  ExprContext &context = evaluator.context;
  SmallVector<Expr> chain = evaluator.chain(load);
  heads = Axis{'h', {}};
  if (axes.h.variables.empty())
    return findView(context, chain, {axes.b, heads, axes.j, inner});
  std::optional<View> whole = findLargestGroup(context, axes, chain, inner, /*parts=*/false, map, heads);
  if (whole && map.groups > 1)
    return whole;
  HeadMap partMap;
  Axis partHeads{'h', {}};
  std::optional<View> part =
      findLargestGroup(context, axes, chain, inner, /*parts=*/true, partMap, partHeads);
  if (!part || partMap.groups == 1)
    return whole;
  map = partMap;
  heads = partHeads;
  return part;
}

/// Whether `expr` may take other values where the variable does: looked up in what computes it, sums and
/// maxima included.
static bool variesWith(Evaluator &evaluator, Expr expr, unsigned variable, DenseMap<Expr, bool> &known) {
  if (!dependsOn(expr, variable))
    return false;
  auto [place, isNew] = known.try_emplace(expr, true);
  if (!isNew)
    return place->second;
  Expr root = evaluator.peel(expr);
  bool varies = dependsOn(root, variable);
  if (varies && root->kind == ExprNode::Kind::Apply && !root->value)
    varies = llvm::any_of(root->operands,
                          [&](Expr operand) { return variesWith(evaluator, operand, variable, known); });
  else if (std::optional<Reduction> sum = varies && root->isLoad() ? evaluator.reduction(root) : std::nullopt)
    varies = variesWith(evaluator, sum->body, variable, known);
  return known[expr] = varies;
}

static bool variesWith(Evaluator &evaluator, Expr expr, unsigned variable) {
  DenseMap<Expr, bool> known;
  return dependsOn(evaluator.expandAll(expr), variable) && variesWith(evaluator, expr, variable, known);
}

std::optional<HeadMap> proveShared(Evaluator &evaluator, const Axes &axes, Expr load) {
  ExprContext &context = evaluator.context;
  if (axes.h.variables.size() != 1)
    return std::nullopt;
  unsigned head = axes.h.variables.front();
  int64_t size = context.space.sizeOf(head);
  constexpr int64_t kMostHeads = 1 << 10;
  if (ShapedType::isDynamic(size) || size > kMostHeads)
    return std::nullopt;
  Expr root = evaluator.peel(load);
  if (root->isLoad() && !evaluator.reduction(root))
    return std::nullopt;
  for (int64_t groups = size; groups > 1; --groups) {
    if (size % groups != 0)
      continue;
    AffineExpr shared = context.space.addVariable(size / groups), member = context.space.addVariable(groups);
    unsigned variable = context.space.numVariables() - 1;
    Expr block = context.substitute(load, head, shared * groups + member);
    if (!variesWith(evaluator, block, variable))
      return HeadMap{groups, HeadOrder::Block};
    Expr tiled = context.substitute(load, head, member * (size / groups) + shared);
    if (!variesWith(evaluator, tiled, variable))
      return HeadMap{groups, HeadOrder::Tiled};
  }
  return std::nullopt;
}

Operand takeShared(OpBuilder &builder, Location loc, Operand operand, HeadMap map) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, operand.tensor),
                            offsets(4, builder.getIndexAttr(0)), strides(4, builder.getIndexAttr(1));
  unsigned dim = dimOf(operand.layout, 'h');
  int64_t heads = cast<RankedTensorType>(operand.tensor.getType()).getDimSize(dim);
  sizes[dim] = builder.getIndexAttr(heads / map.groups);
  if (map.order == HeadOrder::Block)
    strides[dim] = builder.getIndexAttr(map.groups);
  operand.tensor = tensor::ExtractSliceOp::create(builder, loc, operand.tensor, offsets, sizes, strides);
  return operand;
}

Value buildRepeat(OpBuilder &builder, Location loc, const Operand &operand, HeadMap map) {
  if (map.groups == 1)
    return operand.tensor;
  auto type = cast<RankedTensorType>(operand.tensor.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[dimOf(operand.layout, 'h')] *= map.groups;
  return RepeatHeadsOp::create(builder, loc, RankedTensorType::get(shape, type.getElementType()),
                               operand.tensor, builder.getI64IntegerAttr(map.groups),
                               HeadOrderAttr::get(builder.getContext(), map.order),
                               builder.getStringAttr(operand.layout));
}

Value raiseRepeat(RewriterBase &rewriter, const Operand &operand, Operation *before) {
  ExprContext context(before->getContext());
  Evaluator evaluator(context);
  Axes axes;
  SmallVector<AffineExpr> indices;
  for (char letter : operand.layout) {
    int64_t size = sizeOf(operand.tensor, operand.layout, letter);
    indices.push_back(context.space.addVariable(size));
    Axis &axis = letter == 'b' ? axes.b : letter == 'h' ? axes.h : letter == 's' ? axes.j : axes.d;
    if (size != 1)
      axis.variables.push_back(context.space.numVariables() - 1);
  }
  HeadMap map;
  Axis heads{'h', {}};
  Expr element = context.load(operand.tensor, indices);
  std::optional<View> view = findShared(evaluator, axes, element, axes.d, map, heads);
  std::optional<HeadMap> proven =
      view && map.groups == 1 ? proveShared(evaluator, axes, element) : std::nullopt;
  if (!view || (map.groups == 1 && !proven))
    return nullptr;
  rewriter.setInsertionPoint(before);
  Location loc = operand.tensor.getLoc();
  Operand shared = proven ? takeShared(rewriter, loc, operand, *proven)
                          : materialize(rewriter, loc, context.space, *view, {axes.b, heads, axes.j, axes.d});
  return transpose(rewriter, {buildRepeat(rewriter, loc, shared, proven.value_or(map)), shared.layout},
                   operand.layout);
}

} // namespace gqa
