// gqa.rotary and gqa.append_kv from what stands in front of an attention.
#include "gqa/Raise/Build.h"
#include "gqa/Raise/Rotary.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace gqa {
namespace {

/// A table as `B|1 x 1 x S|1 x R/2`; null if its tensor has other dimensions, or in another order.
Value buildTable(OpBuilder &builder, Evaluator &evaluator, const RotaryMatcher &matcher, Expr load) {
  const IndexSpace &space = evaluator.context.space;
  auto type = cast<RankedTensorType>(load->value.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0)), sizes,
      strides(type.getRank(), builder.getIndexAttr(1));
  SmallVector<SmallVector<unsigned, 2>> dims, wanted(4);
  unsigned order[] = {matcher.variables[0], matcher.variables[1], matcher.variables[2], matcher.pairing.t};
  unsigned next = 0; // the first of b, h, s, t that may come now
  bool isPart = false;
  for (auto [index, size] : llvm::zip_equal(load->indices, type.getShape())) {
    dims.emplace_back();
    sizes.push_back(builder.getIndexAttr(1));
    if (index == space.constant(0) && size == 1)
      continue;
    auto dim = dyn_cast<AffineDimExpr>(index);
    unsigned position = dim ? llvm::find(order, dim.getPosition()) - std::begin(order) : 4;
    int64_t wholeSize = dim ? space.sizeOf(dim.getPosition()) : 0;
    if (position == 4 || position < next || position == 1 || ShapedType::isDynamic(size) ||
        ShapedType::isDynamic(wholeSize))
      return nullptr;
    next = position + 1;
    dims.back().push_back(dim.getPosition());
    wanted[position].push_back(dim.getPosition());
    sizes.back() = builder.getIndexAttr(wholeSize);
    isPart |= size != wholeSize; // longer tables are read from their beginning
  }
  if (next != 4)
    return nullptr;
  Value table = load->value;
  Location loc = table.getLoc();
  if (isPart)
    table = tensor::ExtractSliceOp::create(builder, loc, table, offsets, sizes, strides);
  return reshape(builder, loc, space, table, dims, wanted);
}

} // namespace

std::optional<Operand> raiseRotary(RewriterBase &rewriter, Evaluator &evaluator, const Operand &tensor) {
  ExprContext &context = evaluator.context;
  Operation *producer = tensor.tensor.getDefiningOp();
  RotaryMatcher matcher(evaluator, tensor);
  if (!producer || !matcher.match() || matcher.pair.x0->type != getElementTypeOrSelf(tensor.tensor))
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
  if (!whyInvalid(op).empty()) {
    rewriter.eraseOp(op);
    return std::nullopt;
  }
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
  if (!whyInvalid(append).empty()) {
    rewriter.eraseOp(append);
    return std::nullopt;
  }
  rewriter.replaceOp(concat, append.getOutput());
  return append;
}

} // namespace gqa
