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
Value viewTable(OpBuilder &builder, Evaluator &evaluator, const RotaryMatcher &matcher, Expr load) {
  ExprContext &context = evaluator.context;
  Value table = load->value;
  Location loc = table.getLoc();
  auto type = cast<RankedTensorType>(table.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0)),
      sizes = tensor::getMixedSizes(builder, loc, table), strides(type.getRank(), builder.getIndexAttr(1));
  bool isPart = false; // longer tables are read from their beginning
  for (auto [index, size, whole] : llvm::zip_equal(load->indices, sizes, type.getShape()))
    if (auto dim = dyn_cast<AffineDimExpr>(index)) {
      int64_t read = context.space.sizeOf(dim.getPosition());
      if (ShapedType::isDynamic(read) || ShapedType::isDynamic(whole) || read == whole)
        continue;
      size = builder.getIndexAttr(read);
      isPart = true;
    }
  if (isPart)
    table = tensor::ExtractSliceOp::create(builder, loc, table, offsets, sizes, strides);
  SmallVector<Axis> axes;
  for (auto [letter, variable] : {std::pair('b', matcher.variables[0]), std::pair('s', matcher.variables[2]),
                                  std::pair('d', matcher.pairing.t)}) {
    axes.push_back({letter, {}});
    if (dependsOn(load, variable))
      axes.back().variables.push_back(variable);
  }
  std::optional<View> view = findView(context, {context.load(table, load->indices)}, axes);
  if (!view)
    return nullptr;
  SmallVector<unsigned> held, inOrder;
  for (const auto &dim : view->dims)
    llvm::append_range(held, dim);
  for (const Axis &axis : axes)
    llvm::append_range(inOrder, axis.variables);
  if (held != inOrder)
    return nullptr;
  return reshape(builder, loc, context.space, table, view->dims,
                 {axes[0].variables, {}, axes[1].variables, axes[2].variables});
}

/// The same, gathered from a table that is laid out otherwise, or computed.
Value buildTable(OpBuilder &builder, Location loc, Evaluator &evaluator, const RotaryMatcher &matcher,
                 Expr load, const DenseMap<unsigned, Value> &sizes) {
  if (Value view = load->isLoad() ? viewTable(builder, evaluator, matcher, load) : Value())
    return view;
  SmallVector<Axis> axes;
  for (unsigned variable :
       {matcher.variables[0], matcher.variables[1], matcher.variables[2], matcher.pairing.t}) {
    axes.push_back({'t', {}});
    if (dependsOn(load, variable))
      axes.back().variables.push_back(variable);
  }
  if (axes[3].variables.empty())
    return nullptr;
  return buildTensor(builder, loc, evaluator, load, axes, sizes);
}

/// All of the head dimension, in which pairs stand as `pairing.from` says, reordered to `pairing.kind`.
Value reorderPairs(OpBuilder &builder, Location loc, const Operand &operand, const Pairing &pairing) {
  auto type = cast<RankedTensorType>(operand.tensor.getType());
  int64_t outer = pairing.from == RotaryKind::Interleaved ? pairing.dim / 2 : 2;
  SmallVector<int64_t> shape, permutation;
  SmallVector<ReassociationIndices> groups;
  for (auto [dim, size] : llvm::enumerate(type.getShape())) {
    bool isSplit = dim == dimOf(operand.layout, 'd');
    groups.emplace_back();
    for (int64_t part :
         isSplit ? SmallVector<int64_t>{outer, pairing.dim / outer} : SmallVector<int64_t>{size}) {
      groups.back().push_back(shape.size());
      permutation.push_back(shape.size());
      shape.push_back(part);
    }
    if (isSplit)
      std::swap(permutation.end()[-1], permutation.end()[-2]);
  }
  Type element = type.getElementType();
  Value pairs = tensor::ExpandShapeOp::create(builder, loc, RankedTensorType::get(shape, element),
                                              operand.tensor, groups);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, pairs), swapped;
  for (int64_t dim : permutation)
    swapped.push_back(sizes[dim]);
  Value empty = tensor::EmptyOp::create(builder, loc, swapped, element);
  Value transposed = linalg::TransposeOp::create(builder, loc, pairs, empty, permutation)->getResult(0);
  return tensor::CollapseShapeOp::create(builder, loc, type, transposed, groups);
}

/// The element's tensor as a view of the axes, the last of which may be a part of a dimension: it is taken as
/// the whole of it, and `offset` says where the part begins.
std::optional<View> findWhole(ExprContext &context, Expr element, MutableArrayRef<Axis> axes,
                              int64_t &offset) {
  if (axes.back().variables.empty())
    return std::nullopt;
  unsigned part = axes.back().variables.front();
  AffineExpr d = getAffineDimExpr(part, context.space.getContext());
  ArrayRef<int64_t> shape = cast<RankedTensorType>(element->value.getType()).getShape();
  for (auto [index, size] : llvm::zip_equal(element->indices, shape)) {
    LinearForm form = LinearForm::of(index);
    if (form.coefficientOf(d) != 1)
      continue;
    int64_t whole = size; // the smallest factor of the other variables, or all of the dimension
    for (auto [term, coefficient] : form.terms)
      if (term != d)
        whole = ShapedType::isDynamic(whole) || coefficient < whole ? coefficient : whole;
    if (ShapedType::isDynamic(whole) || form.constant < 0)
      return std::nullopt;
    offset = form.constant % whole;
    if (offset + context.space.sizeOf(part) > whole)
      return std::nullopt;
    AffineExpr wholeExpr = context.space.addVariable(whole);
    axes.back().variables.front() = context.space.numVariables() - 1;
    return findView(context, {context.substitute(element, part, wholeExpr - offset)}, axes);
  }
  return std::nullopt;
}

/// The elements on the way to what is rotated, at all of the head dimension instead of a pair's first
/// element.
SmallVector<Expr> rotatedChain(Evaluator &evaluator, RotaryMatcher &matcher) {
  AffineExpr d = getAffineDimExpr(matcher.variables[3], evaluator.context.space.getContext());
  Expr source = matcher.rotatedAt(matcher.pair.x0.source, d);
  SmallVector<Expr> elements;
  for (Expr element : evaluator.chain(matcher.pair.x0.read)) {
    Expr whole = matcher.rotatedAt(element, d);
    if (whole->isLoad() && evaluator.chain(whole).back() == source)
      elements.push_back(whole);
  }
  return elements;
}

/// What is rotated, as a tensor with a dimension for each axis.
std::optional<Operand> buildRotated(OpBuilder &builder, Location loc, Evaluator &evaluator,
                                    ArrayRef<Expr> chain, SmallVector<Axis> axes) {
  ExprContext &context = evaluator.context;
  if (std::optional<View> view = findView(context, chain, axes))
    return materialize(builder, loc, context.space, *view, axes);
  int64_t size = axes.back().variables.empty() ? 1 : context.space.sizeOf(axes.back().variables.front());
  for (Expr element : llvm::reverse(chain)) {
    SmallVector<Axis> whole = axes;
    int64_t offset = 0;
    std::optional<View> view = findWhole(context, element, whole, offset);
    if (!view)
      continue;
    Operand operand = materialize(builder, loc, context.space, *view, whole);
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, operand.tensor),
                              offsets(4, builder.getIndexAttr(0)), strides(4, builder.getIndexAttr(1));
    offsets[dimOf(operand.layout, 'd')] = builder.getIndexAttr(offset);
    sizes[dimOf(operand.layout, 'd')] = builder.getIndexAttr(size);
    operand.tensor = tensor::ExtractSliceOp::create(builder, loc, operand.tensor, offsets, sizes, strides);
    return operand;
  }
  return std::nullopt;
}

} // namespace

std::optional<Operand> raiseRotary(RewriterBase &rewriter, Evaluator &evaluator, const Operand &tensor,
                                   std::optional<RotaryForm> &form) {
  ExprContext &context = evaluator.context;
  Operation *producer = tensor.tensor.getDefiningOp();
  RotaryMatcher matcher(evaluator, tensor);
  if (!producer || !matcher.match() || matcher.pair.x0.source->type != getElementTypeOrSelf(tensor.tensor))
    return std::nullopt;
  form = RotaryForm{matcher.pairing.from, matcher.pairing.dim, {}, matcher.pair.x0.source->value};
  auto keep = [&](StringRef obstacle) {
    form->obstacle = obstacle;
    return std::nullopt;
  };
  bool isReordered = matcher.pairing.kind != matcher.pairing.from;
  if (isReordered && matcher.pairing.dim != sizeOf(tensor.tensor, tensor.layout, 'd'))
    return keep("a part of the head dimension is rotated and its pairs are reordered");
  if (matcher.tablesMayDiffer)
    return keep(
        "the two elements of a pair may be turned by different angles, as the tables are known only at "
        "run time");
  SmallVector<Axis> axes;
  for (auto [letter, variable] : llvm::zip(StringRef("bhsd"), matcher.variables))
    axes.push_back({letter, context.space.sizeOf(variable) == 1 ? SmallVector<unsigned, 2>{}
                                                                : SmallVector<unsigned, 2>{variable}});
  rewriter.setInsertionPointAfter(producer);
  Location loc = producer->getLoc();
  auto rotatedOperand = buildRotated(rewriter, loc, evaluator, rotatedChain(evaluator, matcher), axes);
  if (!rotatedOperand)
    return keep("what is rotated has no dimensions of its own for batch, heads, tokens and head dimension");
  Operand rotated = *rotatedOperand;
  DenseMap<unsigned, Value> sizes; // not of `tensor`, all uses of which the caller replaces
  for (auto [k, letter] : llvm::enumerate(StringRef("bhsd")))
    if (ShapedType::isDynamic(context.space.sizeOf(matcher.variables[k])))
      sizes[matcher.variables[k]] =
          tensor::DimOp::create(rewriter, loc, rotated.tensor, dimOf(rotated.layout, letter));
  Value cos = buildTable(rewriter, loc, evaluator, matcher, matcher.pair.cos, sizes);
  Value sin = buildTable(rewriter, loc, evaluator, matcher, matcher.pair.sin, sizes);
  if (!cos || !sin || cos.getType() != sin.getType())
    return keep("the tables do not follow batch, tokens and pairs alone");
  auto op = RotaryOp::create(rewriter, loc, rotated.tensor, cos, sin, matcher.pairing.from, rotated.layout);
  if (!whyInvalid(op).empty()) {
    rewriter.eraseOp(op);
    return keep("the tables are of a type or shape that gqa.rotary does not take");
  }
  rotated.tensor = op.getOutput();
  if (isReordered)
    rotated.tensor = reorderPairs(rewriter, loc, rotated, matcher.pairing);
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
