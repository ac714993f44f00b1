// An attention that a front end kept as one operation: its mask and the heads of its keys are read like those
// of one that is matched, and the operation is made anew where that says more.
#include "BuildOperands.h"

using namespace mlir;

namespace gqa {
namespace {

/// The coordinates of an operation, and its operands as expressions of them.
class KeptAttention {
public:
  KeptAttention(Evaluator &evaluator, AttentionOp op)
      : evaluator(evaluator), context(evaluator.context), op(op) {}

  /// None if the operation has what a match has not.
  std::optional<Axes> read();
  /// Whether it reads fewer heads of K or V, or its mask is a matter of positions.
  bool gains(const Axes &axes);

private:
  AffineExpr coordinate(Axis &axis, Value tensor, StringRef layout, bool isReduced = false);
  Expr load(Value tensor, StringRef layout, ArrayRef<AffineExpr> bhsd);
  Expr broadcast(Value tensor);
  void addPositions(Axes &axes);

  Evaluator &evaluator;
  ExprContext &context;
  AttentionOp op;
  AffineExpr b, h, i, j;
};

/// A new variable for the dimension `axis.letter` of `tensor`; one of size 1 is 0 unless it is reduced.
AffineExpr KeptAttention::coordinate(Axis &axis, Value tensor, StringRef layout, bool isReduced) {
  unsigned dim = dimOf(layout, axis.letter);
  int64_t size = cast<RankedTensorType>(tensor.getType()).getDimSize(dim);
  if (size == 1 && !isReduced)
    return context.space.constant(0);
  AffineExpr variable = context.space.addVariable(context.sizes.of(tensor, dim));
  if (size != 1)
    axis.variables.push_back(context.space.numVariables() - 1);
  return variable;
}

Expr KeptAttention::load(Value tensor, StringRef layout, ArrayRef<AffineExpr> bhsd) {
  SmallVector<AffineExpr> indices;
  for (char letter : layout)
    indices.push_back(bhsd[StringRef("bhsd").find(letter)]);
  return context.load(tensor, indices);
}

/// An element of a mask or bias, whose dimensions are the last ones of batch, head, query and key.
Expr KeptAttention::broadcast(Value tensor) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(tensor.getType()).getShape();
  SmallVector<AffineExpr> all = {b, h, i, j}, indices;
  for (auto [size, index] : llvm::zip_equal(shape, ArrayRef(all).take_back(shape.size())))
    indices.push_back(size == 1 ? context.space.constant(0) : index);
  return context.load(tensor, indices);
}

/// Causal and window as conditions beside the mask.
void KeptAttention::addPositions(Axes &axes) {
  auto holds = [&](AffineExpr notNegative) {
    axes.match.conditions.push_back({context.compare(ExprNode::Comparison::NotNegative, notNegative)});
  };
  AffineExpr position = i + *op.getConstantOffset();
  if (op.getCausal())
    holds(position - j);
  std::optional<ArrayRef<int64_t>> window = op.getWindow();
  if (window && (*window)[0] >= 0)
    holds(j - position + (*window)[0]);
  if (window && (*window)[1] >= 0)
    holds(position + (*window)[1] - j);
}

std::optional<Axes> KeptAttention::read() {
  std::optional<double> scale = op.getConstantScale();
  if (op.hasScore() || op.getLse() || op.getOffsets() || op.getKvLen() || !scale ||
      ShapedType::isDynamic(op.getGroupSize()))
    return std::nullopt;
  Axes axes;
  b = coordinate(axes.b, op.getQ(), op.getQLayout());
  h = coordinate(axes.h, op.getQ(), op.getQLayout());
  i = coordinate(axes.i, op.getQ(), op.getQLayout());
  j = coordinate(axes.j, op.getK(), op.getKLayout(), /*isReduced=*/true);
  axes.match.key = context.space.numVariables() - 1;
  AffineExpr d = coordinate(axes.d, op.getQ(), op.getQLayout(), /*isReduced=*/true);
  axes.match.keyDim = context.space.numVariables() - 1;
  AffineExpr dv = coordinate(axes.dv, op.getV(), op.getVLayout());
  AffineExpr shared = h.floorDiv(op.getGroupSize());
  axes.match.q = load(op.getQ(), op.getQLayout(), {b, h, i, d});
  axes.match.k = load(op.getK(), op.getKLayout(), {b, shared, j, d});
  axes.match.v = load(op.getV(), op.getVLayout(), {b, shared, j, dv});
  axes.match.product = op;
  axes.match.output = op.getOutput();
  axes.match.scale = *scale;
  if (op.getSoftcap())
    axes.match.softcap = op.getSoftcap()->convertToDouble();
  axes.match.deadRow = op.getDeadRow();
  if (op.getMask())
    axes.match.conditions.push_back({broadcast(op.getMask())});
  if (op.getBias())
    axes.match.biases.push_back({broadcast(op.getBias())});
  addPositions(axes);
  const Axis *output[] = {&axes.b, &axes.h, &axes.i, &axes.dv};
  for (char letter : op.getOLayout())
    axes.output.push_back(output[StringRef("bhsd").find(letter)]->variables);
  return axes;
}

bool KeptAttention::gains(const Axes &axes) {
  for (auto [load, inner] : {std::pair(axes.match.k, axes.d), std::pair(axes.match.v, axes.dv)}) {
    HeadMap map;
    Axis heads{'h', {}};
    if (findShared(evaluator, axes, load, inner, map, heads) && map.groups > op.getGroupSize())
      return true;
  }
  if (!op.getMask())
    return false;
  Visibility visibility = classifyConditions(evaluator, axes);
  return visibility.kvLen || (visibility.causal && !op.getCausal()) || (visibility.window && !op.getWindow());
}

} // namespace

/// What is in front of the operation already.
static Findings findingsOf(AttentionOp op) {
  Findings findings;
  findings.sinks = bool(op.getSinks());
  if (auto rotary = op.getQ().getDefiningOp<RotaryOp>()) {
    findings.rotary = stringifyRotaryKind(rotary.getKind());
    findings.rotaryDim = rotary.getRotaryDim();
  }
  if (auto append = op.getK().getDefiningOp<AppendKVOp>())
    findings.cache = append.getPositions() ? "indexed" : "concat";
  return findings;
}

AttentionOp refineKept(RewriterBase &rewriter, AttentionOp op, Findings &findings) {
  findings = findingsOf(op);
  ExprContext context(op.getContext());
  Evaluator evaluator(context);
  KeptAttention kept(evaluator, op);
  std::optional<Axes> axes = kept.read();
  if (!axes || !kept.gains(*axes))
    return op;
  Refusal refusal;
  std::optional<AttentionOp> refined = buildAttention(rewriter, evaluator, *axes, findings, refusal);
  if (!refined)
    return op;
  findings.sinks = bool(op.getSinks());
  if (op.getSinks())
    refined->getSinksMutable().assign(op.getSinks());
  rewriter.eraseOp(op);
  return *refined;
}

} // namespace gqa
