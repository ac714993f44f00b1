// gqa.attention from a match: operands as views, masks as attributes, repeats as gqa.repeat_heads.
#include "gqa/Raise/Build.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;

namespace gqa {

//===-- Operands
//------------------------------------------------------------------------------------------------===//

/// A mask or a bias as `B|1 x Hq|1 x Sq|1 x Skv|1`; null if no tensor on the way is a view of them.
static Value buildBroadcast(OpBuilder &builder, Evaluator &evaluator, const Axes &axes, Expr load) {
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

/// K or V with as few heads as its access map needs: the largest group for which nothing depends on the place
/// in it.
static std::optional<View> findShared(Evaluator &evaluator, const Axes &axes, Expr load, Axis inner,
                                      HeadMap &map, Axis &heads) {
  ExprContext &context = evaluator.context;
  SmallVector<Expr> chain = evaluator.chain(load);
  heads = Axis{'h', {}};
  Axis keys = axes.j;
  if (axes.h.variables.empty())
    return findView(context, chain, {axes.b, heads, keys, inner});
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
      if (std::optional<View> view = findView(context, substituted, {axes.b, heads, keys, inner})) {
        map = {groups, order};
        return view;
      }
    }
  }
  return std::nullopt;
}

static Value buildRepeat(OpBuilder &builder, Location loc, const Operand &operand, HeadMap map) {
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

//===-- The operation
//-------------------------------------------------------------------------------------------===//

static void setVisibility(AttentionOp op, const Visibility &visibility) {
  if (visibility.offset)
    op.setCausal(true);
  // A window reaches back from the query's position; keys in front of it only: the position is moved there.
  int64_t offset = visibility.offset.value_or(std::max<int64_t>(0, -visibility.left.value_or(0)));
  if (visibility.left)
    op.setWindow(ArrayRef<int64_t>{offset + *visibility.left, -1});
  bool square = op.getNumQueries() == op.getNumKeys() && !ShapedType::isDynamic(op.getNumQueries());
  if ((visibility.offset || visibility.left) && (offset != 0 || !square))
    op.setOffset(offset);
}

/// The order in which the output holds its axes, and that order as a layout; none if an axis is torn apart.
static std::optional<std::string> outputLayout(const Axes &axes,
                                               SmallVector<SmallVector<unsigned, 2>> &dims) {
  SmallVector<unsigned> sequence, expected;
  for (const auto &dim : axes.output)
    sequence.append(dim.begin(), dim.end());
  SmallVector<Axis> all = {axes.b, axes.h, axes.i, axes.dv};
  std::string layout;
  for (const Axis *axis : inOrderOf(sequence, all)) {
    layout.push_back(axis->letter);
    dims.push_back(axis->variables);
    expected.append(axis->variables.begin(), axis->variables.end());
  }
  if (sequence != expected)
    return std::nullopt;
  return layout;
}

/// The operands of one attention, before its operation is made.
struct Parts {
  Operand q, k, v;
  Value mask, bias;
  std::string layout;
  SmallVector<SmallVector<unsigned, 2>> output;
};

static AttentionOp createOp(RewriterBase &rewriter, Axes &axes, const Parts &parts, const Findings &findings,
                            const Visibility &visibility) {
  Location loc = axes.match.product.getLoc();
  Value k = buildRepeat(rewriter, loc, parts.k, findings.k),
        v = buildRepeat(rewriter, loc, parts.v, findings.v);
  auto size = [](const Operand &operand, char letter) {
    return sizeOf(operand.tensor, operand.layout, letter);
  };
  SmallVector<int64_t> shape = {size(parts.q, 'b'), size(parts.q, 'h'), size(parts.q, 's'),
                                size(parts.v, 'd')};
  auto element = cast<RankedTensorType>(parts.q.tensor.getType()).getElementType();
  auto type = RankedTensorType::get(toLayout(shape, parts.layout), element);
  auto op = AttentionOp::create(rewriter, loc, type, parts.q.tensor, k, v);
  op.setQLayout(parts.q.layout);
  op.setKLayout(parts.k.layout);
  op.setVLayout(parts.v.layout);
  op.setOLayout(parts.layout);
  if (parts.mask)
    op.getMaskMutable().assign(parts.mask);
  if (parts.bias)
    op.getBiasMutable().assign(parts.bias);
  int64_t keyDim = size(parts.k, 'd');
  double usual = keyDim > 0 ? 1.0 / std::sqrt(static_cast<double>(keyDim)) : 0.0;
  // The graph's constant is rounded to its type.
  if (usual == 0.0 || std::abs(axes.match.scale - usual) > 1e-7 * usual)
    op.setScale(APFloat(axes.match.scale));
  if (axes.match.softcap)
    op.setSoftcap(APFloat(*axes.match.softcap));
  op.setDeadRow(axes.match.deadRow);
  setVisibility(op, visibility);
  return op;
}

/// The product itself, or, where it accumulates in a wider type, what its only user rounds it to.
static Value roundedResult(linalg::LinalgOp product, Type element) {
  Value result = product->getResult(0);
  if (cast<RankedTensorType>(result.getType()).getElementType() == element || !result.hasOneUse())
    return result;
  auto user = dyn_cast<linalg::GenericOp>(*result.user_begin());
  if (!user || user.getNumDpsInputs() != 1 || user->getNumResults() != 1 ||
      !llvm::all_of(user.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); }))
    return result;
  auto yield = cast<linalg::YieldOp>(user.getBody()->getTerminator());
  auto round = yield.getOperand(0).getDefiningOp<arith::TruncFOp>();
  bool rounds = round && round.getIn() == user.getBody()->getArgument(0) && round.getType() == element;
  return rounds ? user.getResult(0) : result;
}

std::optional<AttentionOp> buildAttention(RewriterBase &rewriter, Evaluator &evaluator, Axes &axes,
                                          Findings &findings, Refusal &refusal) {
  AttentionMatch &match = axes.match;
  auto refuse = [&](Value value, const Twine &reason) {
    refusal.where = value && value.getDefiningOp() ? value.getDefiningOp() : match.product.getOperation();
    refusal.reason = reason.str();
    return std::nullopt;
  };
  Visibility visibility;
  if (!classifyConditions(evaluator, axes, visibility, refusal))
    return std::nullopt;
  if (visibility.masks.size() > 1 || match.biases.size() > 1)
    return refuse(nullptr, "more than one dense mask or bias");
  Axis kHeads{'h', {}}, vHeads{'h', {}};
  auto q = findView(evaluator.context, evaluator.chain(match.q), {axes.b, axes.h, axes.i, axes.d});
  auto k = findShared(evaluator, axes, match.k, axes.d, findings.k, kHeads);
  auto v = findShared(evaluator, axes, match.v, axes.dv, findings.v, vHeads);
  for (auto [name, view, load] :
       {std::tuple("q", &q, match.q), std::tuple("k", &k, match.k), std::tuple("v", &v, match.v)})
    if (!*view)
      return refuse(load->value, Twine(name) +
                                     " does not have batch, heads, tokens and head dimension as dimensions "
                                     "of its own, or together in one");
  Parts parts;
  auto layout = outputLayout(axes, parts.output);
  if (!layout)
    return refuse(nullptr, "the heads of one group do not stand together in the output");
  parts.layout = *layout;
  Type element = cast<RankedTensorType>(q->tensor.getType()).getElementType();
  Value replaced = roundedResult(match.product, element);
  for (Value value : {k->tensor, v->tensor, replaced})
    if (cast<RankedTensorType>(value.getType()).getElementType() != element)
      return refuse(value, "q, k, v and the output do not have the same element type");
  rewriter.setInsertionPoint(match.product);
  Location loc = match.product.getLoc();
  if (!visibility.masks.empty() &&
      !(parts.mask = buildBroadcast(rewriter, evaluator, axes, visibility.masks.front())))
    return refuse(visibility.masks.front()->value,
                  "the mask does not broadcast to batch, heads, queries and keys");
  if (!match.biases.empty() &&
      !(parts.bias = buildBroadcast(rewriter, evaluator, axes, match.biases.front())))
    return refuse(match.biases.front()->value,
                  "the bias does not broadcast to batch, heads, queries and keys");
  const IndexSpace &space = evaluator.context.space;
  parts.q = materialize(rewriter, loc, space, *q, {axes.b, axes.h, axes.i, axes.d});
  parts.k = materialize(rewriter, loc, space, *k, {axes.b, kHeads, axes.j, axes.d});
  parts.v = materialize(rewriter, loc, space, *v, {axes.b, vHeads, axes.j, axes.dv});
  AttentionOp op = createOp(rewriter, axes, parts, findings, visibility);
  if (std::string invalid = whyInvalid(op); !invalid.empty()) {
    rewriter.eraseOp(op);
    return refuse(nullptr, invalid);
  }
  Value result = reshape(rewriter, loc, space, op.getOutput(), parts.output, axes.output);
  rewriter.replaceAllUsesWith(replaced, result);
  return op;
}

} // namespace gqa
