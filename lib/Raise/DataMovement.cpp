// Access maps: an element of a moved tensor is an element of the tensor it was moved from.
#include "gqa/Raise/Evaluator.h"
#include "gqa/Raise/Sizes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gqa {
namespace {

using Indices = SmallVector<AffineExpr, 4>;

/// The row-major position of `indices` in a shape. Only unit dimensions may stand in front of a size that is
/// not known; behind any other one it would be a part of the whole that has the looks of the whole.
std::optional<AffineExpr> linearize(ArrayRef<AffineExpr> indices, ArrayRef<int64_t> shape,
                                    MLIRContext *context) {
  AffineExpr position = getAffineConstantExpr(0, context);
  bool isInFront = true; // nothing but unit dimensions so far
  for (auto [index, size] : llvm::zip_equal(indices, shape)) {
    if (!isInFront && ShapedType::isDynamic(size))
      return std::nullopt;
    if (size == 1) // the index is 0, whatever it is computed from
      continue;
    position = isInFront ? index : position * size + index;
    isInFront = false;
  }
  return position;
}

/// The inverse of `linearize`: only unit dimensions may stand in front of a size that is not known.
std::optional<Indices> delinearize(AffineExpr position, ArrayRef<int64_t> shape) {
  AffineExpr zero = getAffineConstantExpr(0, position.getContext());
  Indices indices(shape.size(), zero);
  size_t first = llvm::find_if(shape, [](int64_t size) { return size != 1; }) - shape.begin();
  for (size_t i = shape.size(); i-- > first;) {
    if (i == first) {
      indices[i] = position;
      break;
    }
    if (ShapedType::isDynamic(shape[i]))
      return std::nullopt;
    indices[i] = position % shape[i];
    position = position.floorDiv(shape[i]);
  }
  return indices;
}

std::optional<Indices> throughExpand(tensor::ExpandShapeOp op, ArrayRef<AffineExpr> indices) {
  Indices source;
  ArrayRef<int64_t> shape = op.getResultType().getShape();
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    std::optional<AffineExpr> position = linearize(indices.slice(group.front(), group.size()),
                                                   shape.slice(group.front(), group.size()), op.getContext());
    if (!position)
      return std::nullopt;
    source.push_back(*position);
  }
  return source;
}

std::optional<Indices> throughCollapse(tensor::CollapseShapeOp op, ArrayRef<AffineExpr> indices) {
  Indices source;
  ArrayRef<int64_t> shape = op.getSrcType().getShape();
  for (auto [index, group] : llvm::zip_equal(indices, op.getReassociationIndices())) {
    std::optional<Indices> split = delinearize(index, shape.slice(group.front(), group.size()));
    if (!split)
      return std::nullopt;
    llvm::append_range(source, *split);
  }
  if (indices.empty()) // a tensor of one element collapsed to rank 0
    source.assign(shape.size(), getAffineConstantExpr(0, op.getContext()));
  return source;
}

std::optional<Indices> throughReshape(tensor::ReshapeOp op, ArrayRef<AffineExpr> indices) {
  std::optional<SmallVector<ReshapeGroup>> groups = groupsOf(op);
  if (!groups)
    return std::nullopt;
  ArrayRef<int64_t> from = cast<RankedTensorType>(op.getSource().getType()).getShape(),
                    to = cast<RankedTensorType>(op.getResult().getType()).getShape();
  Indices source;
  for (const ReshapeGroup &group : *groups) {
    auto pick = [](ArrayRef<int64_t> dims, auto values) {
      return llvm::map_to_vector<4>(dims, [&](int64_t dim) { return values[dim]; });
    };
    std::optional<AffineExpr> position =
        linearize(pick(group.result, indices), pick(group.result, to), op.getContext());
    std::optional<Indices> split = position ? delinearize(*position, pick(group.source, from)) : std::nullopt;
    if (!split)
      return std::nullopt;
    llvm::append_range(source, *split);
  }
  return source;
}

/// True if the slice may be shorter than its source by a number that is not known. Two sizes that are not
/// known would then look alike.
bool mayShorten(tensor::ExtractSliceOp op, unsigned dim) {
  if (!ShapedType::isDynamic(op.getStaticSizes()[dim]))
    return false;
  auto size = dyn_cast<Value>(op.getMixedSizes()[dim]);
  return !size || !(Size::of(size) == Size::of(op.getSource(), dim));
}

std::optional<Indices> throughSlice(tensor::ExtractSliceOp op, ArrayRef<AffineExpr> indices) {
  if (llvm::any_of(op.getStaticOffsets(), ShapedType::isDynamic) ||
      llvm::any_of(op.getStaticStrides(), ShapedType::isDynamic))
    return std::nullopt;
  for (int64_t dim = 0; dim < op.getSourceType().getRank(); ++dim)
    if (mayShorten(op, dim))
      return std::nullopt;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  Indices source;
  size_t next = 0;
  for (auto [dim, offset, stride] : llvm::enumerate(op.getStaticOffsets(), op.getStaticStrides())) {
    AffineExpr start = getAffineConstantExpr(offset, op.getContext());
    source.push_back(dropped.test(dim) ? start : start + indices[next++] * stride);
  }
  return source;
}

} // namespace

Expr Evaluator::step(Expr load) {
  if (!load->isLoad())
    return nullptr;
  Operation *op = load->value.getDefiningOp();
  if (!op)
    return nullptr;
  auto move = [&](Value source, std::optional<Indices> indices) {
    return indices ? context.load(source, *indices) : nullptr;
  };
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return move(expand.getSrc(), throughExpand(expand, load->indices));
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return move(collapse.getSrc(), throughCollapse(collapse, load->indices));
  if (auto reshape = dyn_cast<tensor::ReshapeOp>(op))
    return isa<RankedTensorType>(reshape.getSource().getType()) && isa<RankedTensorType>(reshape.getType())
               ? move(reshape.getSource(), throughReshape(reshape, load->indices))
               : nullptr;
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return move(slice.getSource(), throughSlice(slice, load->indices));
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return isa<RankedTensorType>(cast.getSource().getType()) ? context.load(cast.getSource(), load->indices)
                                                             : nullptr;
  if (isa<tensor::ConcatOp>(op)) {
    Expr element = concatElement(op, load);
    return element && element->isLoad() ? element : nullptr;
  }
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    Block *body = linalgOp.getBlock();
    unsigned result = cast<OpResult>(load->value).getResultNumber();
    Value yielded = body->getTerminator()->getOperand(result);
    auto argument = dyn_cast<BlockArgument>(yielded);
    bool isMoved = argument ? argument.getOwner() == body : bool(yielded.getDefiningOp<tensor::ExtractOp>());
    if (!isMoved)
      return nullptr;
    Expr element = expand(load);
    return element && (element->isLoad() || element->constant) ? element : nullptr;
  }
  return nullptr;
}

SmallVector<Expr> Evaluator::chain(Expr load) {
  SmallVector<Expr> elements;
  for (Expr element = load; element && element->isLoad(); element = step(element))
    elements.push_back(element);
  return elements;
}

/// The piece of a concat that holds the element, if the ranges tell; else a select over the pieces.
Expr Evaluator::concatElement(Operation *op, Expr load) {
  auto concat = cast<tensor::ConcatOp>(op);
  uint64_t dim = concat.getDim();
  AffineExpr position = load->indices[dim];
  IndexSpace::Range range = context.space.rangeOf(position);
  SmallVector<std::pair<Expr, int64_t>> pieces;        // each with the position behind it
  bool isRepeat = llvm::all_equal(concat.getInputs()); // then it does not matter which piece it is
  int64_t begin = 0;
  for (Value input : concat.getInputs()) {
    int64_t size = cast<RankedTensorType>(input.getType()).getDimSize(dim);
    if (ShapedType::isDynamic(size))
      return nullptr;
    Indices indices = load->indices;
    indices[dim] = isRepeat && size == 1 ? context.space.constant(0) : position - begin;
    if (range.low < begin + size && range.high >= begin)
      pieces.emplace_back(context.load(input, indices), begin + size);
    begin += size;
  }
  if (pieces.empty())
    return nullptr;
  Expr element = pieces.back().first;
  for (auto [piece, end] : llvm::reverse(ArrayRef(pieces).drop_back()))
    element = context.select(context.compare(ExprNode::Comparison::NotNegative, end - 1 - position), piece,
                             element);
  return element;
}

} // namespace gqa
