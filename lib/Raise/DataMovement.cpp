// Access maps: an element of a moved tensor is an element of the tensor it was moved from.
#include "gqa/Raise/Evaluator.h"
#include "gqa/Raise/IndexTable.h"
#include "gqa/Raise/Sizes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gqa {
namespace {

using Indices = SmallVector<AffineExpr, 4>;

/// The row-major position of `indices` in a shape.
AffineExpr linearize(ArrayRef<AffineExpr> indices, ArrayRef<AffineExpr> shape, MLIRContext *context) {
  AffineExpr position = getAffineConstantExpr(0, context);
  for (auto [index, size] : llvm::zip_equal(indices, shape))
    if (size != 1) // else the index is 0, whatever it is computed from
      position = position * size + index;
  return position;
}

/// The inverse of `linearize`.
Indices delinearize(AffineExpr position, ArrayRef<AffineExpr> shape) {
  AffineExpr zero = getAffineConstantExpr(0, position.getContext());
  Indices indices(shape.size(), zero);
  auto isUnit = [](AffineExpr size) { return size == getAffineConstantExpr(1, size.getContext()); };
  size_t first = llvm::find_if_not(shape, isUnit) - shape.begin();
  for (size_t i = shape.size(); i-- > first;) {
    if (i == first) {
      indices[i] = position;
      break;
    }
    indices[i] = position % shape[i];
    position = position.floorDiv(shape[i]);
  }
  return indices;
}

Indices throughExpand(Sizes &sizes, tensor::ExpandShapeOp op, ArrayRef<AffineExpr> indices) {
  Indices source;
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    auto shape = llvm::map_to_vector<4>(group, [&](int64_t dim) { return sizes.of(op.getResult(), dim); });
    source.push_back(linearize(indices.slice(group.front(), group.size()), shape, op.getContext()));
  }
  return source;
}

Indices throughCollapse(Sizes &sizes, tensor::CollapseShapeOp op, ArrayRef<AffineExpr> indices) {
  Indices source;
  for (auto [index, group] : llvm::zip_equal(indices, op.getReassociationIndices())) {
    auto shape = llvm::map_to_vector<4>(group, [&](int64_t dim) { return sizes.of(op.getSrc(), dim); });
    llvm::append_range(source, delinearize(index, shape));
  }
  if (indices.empty()) // a tensor of one element collapsed to rank 0
    source.assign(op.getSrcType().getRank(), getAffineConstantExpr(0, op.getContext()));
  return source;
}

std::optional<Indices> throughReshape(Sizes &sizes, tensor::ReshapeOp op, ArrayRef<AffineExpr> indices) {
  std::optional<SmallVector<ReshapeGroup>> groups = sizes.groupsOf(op);
  if (!groups)
    return std::nullopt;
  Indices source;
  for (const ReshapeGroup &group : *groups) {
    auto sizesOf = [&](Value tensor, ArrayRef<int64_t> dims) {
      return llvm::map_to_vector<4>(dims, [&](int64_t dim) { return sizes.of(tensor, dim); });
    };
    auto places = llvm::map_to_vector<4>(group.result, [&](int64_t dim) { return indices[dim]; });
    AffineExpr position = linearize(places, sizesOf(op.getResult(), group.result), op.getContext());
    llvm::append_range(source, delinearize(position, sizesOf(op.getSource(), group.source)));
  }
  return source;
}

/// True if the slice may be shorter than its source by a number that is not known. Two sizes that are not
/// known would then look alike.
bool mayShorten(IndexSpace &space, Sizes &sizes, tensor::ExtractSliceOp op, unsigned dim) {
  AffineExpr size = sizes.of(op.getMixedSizes()[dim]), whole = sizes.of(op.getSource(), dim);
  return !isa<AffineConstantExpr>(size) && !isa<AffineConstantExpr>(space.simplify(whole - size));
}

std::optional<Indices> throughSlice(IndexSpace &space, Sizes &sizes, tensor::ExtractSliceOp op,
                                    ArrayRef<AffineExpr> indices) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  Indices source;
  size_t next = 0;
  for (auto [dim, offset, stride] : llvm::enumerate(op.getMixedOffsets(), op.getStaticStrides())) {
    auto value = dyn_cast<Value>(offset);
    AffineExpr start = value ? sizes.of(value) : sizes.of(offset);
    if (!start || ShapedType::isDynamic(stride) || mayShorten(space, sizes, op, dim))
      return std::nullopt;
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
    return move(expand.getSrc(), throughExpand(context.sizes, expand, load->indices));
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return move(collapse.getSrc(), throughCollapse(context.sizes, collapse, load->indices));
  if (auto reshape = dyn_cast<tensor::ReshapeOp>(op))
    return isa<RankedTensorType>(reshape.getSource().getType()) && isa<RankedTensorType>(reshape.getType())
               ? move(reshape.getSource(), throughReshape(context.sizes, reshape, load->indices))
               : nullptr;
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return move(slice.getSource(), throughSlice(context.space, context.sizes, slice, load->indices));
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return isa<RankedTensorType>(cast.getSource().getType()) ? context.load(cast.getSource(), load->indices)
                                                             : nullptr;
  if (isa<tensor::ConcatOp, tensor::InsertSliceOp>(op)) {
    Expr element = isa<tensor::ConcatOp>(op) ? concatElement(op, load) : insertedElement(op, load);
    return element && element->isLoad() ? element : nullptr;
  }
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    Expr element = paddedElement(pad, load);
    return element && element->isLoad() ? element : nullptr;
  }
  if (isa<linalg::LinalgOp>(op)) { // whatever its body says, if that is nothing but an element or a number
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

/// The element of a concat whose pieces are all of one tensor: copies of it, or slices that follow the number
/// of the piece. Null if they are not.
Expr Evaluator::pieceOfOne(tensor::ConcatOp concat, Expr load) {
  uint64_t dim = concat.getDim();
  AffineExpr position = load->indices[dim], size = context.sizes.of(concat.getInputs().front(), dim);
  if (concat.getInputs().size() == 1 || size == context.space.constant(0))
    return nullptr;
  SmallVector<SmallVector<Expr>> chains;
  for (Value input : concat.getInputs()) {
    Indices indices = load->indices;
    indices[dim] = position % size;
    chains.push_back(chain(context.load(input, indices)));
    if (chains.back().empty() || context.sizes.of(input, dim) != size)
      return nullptr;
  }
  Expr first = chains.front().back();
  if (llvm::all_of(chains, [&](ArrayRef<Expr> elements) { return elements.back() == first; }))
    return chains.front().front(); // of a repeat it does not matter which piece it is
  if (llvm::any_of(chains, [&](ArrayRef<Expr> elements) { return elements.back()->value != first->value; }))
    return nullptr;
  Indices indices;
  for (auto [axis, index] : llvm::enumerate(first->indices)) {
    SmallVector<int64_t> offsets;
    for (ArrayRef<Expr> elements : chains) {
      auto offset =
          dyn_cast<AffineConstantExpr>(context.space.simplify(elements.back()->indices[axis] - index));
      if (!offset)
        return nullptr;
      offsets.push_back(offset.getValue());
    }
    auto at = [&](int64_t piece) { return offsets[piece]; };
    AffineExpr fitted = fitTable(static_cast<int64_t>(offsets.size()), at, index.getContext());
    if (!fitted)
      return nullptr;
    indices.push_back(index + fitted.replaceDims(position.floorDiv(size)));
  }
  return context.load(first->value, indices);
}

/// The piece of a concat that holds the element, if the ranges tell, or if all pieces are the same; else a
/// select over the pieces.
Expr Evaluator::concatElement(Operation *op, Expr load) {
  auto concat = cast<tensor::ConcatOp>(op);
  uint64_t dim = concat.getDim();
  AffineExpr position = load->indices[dim];
  SmallVector<std::pair<Value, AffineExpr>> pieces; // each with where it begins
  AffineExpr begin = context.space.constant(0);
  for (Value input : concat.getInputs()) {
    AffineExpr end = begin + context.sizes.of(input, dim);
    bool isElsewhere =
        context.space.isNotNegative(position - end) || context.space.isNotNegative(begin - 1 - position);
    if (!isElsewhere)
      pieces.emplace_back(input, begin);
    begin = end;
  }
  if (pieces.empty())
    return nullptr;
  auto elementOf = [&](Value input, AffineExpr place) {
    Indices indices = load->indices;
    indices[dim] = place;
    return context.load(input, indices);
  };
  if (pieces.size() == concat.getInputs().size())
    if (Expr element = pieceOfOne(concat, load))
      return element;
  Expr element = elementOf(pieces.back().first, position - pieces.back().second);
  for (size_t k = pieces.size() - 1; k-- > 0;)
    element = context.select(
        context.compare(ExprNode::Comparison::NotNegative, pieces[k + 1].second - 1 - position),
        elementOf(pieces[k].first, position - pieces[k].second), element);
  return element;
}

} // namespace gqa
