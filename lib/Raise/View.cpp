// Tensors as views of named axes, and the reshapes that turn a view into an operand.
#include "gqa/Raise/Axes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace gqa {
namespace {

/// `index` as a mixed-radix number of plain variables, at most one of them of a size that is not known, that
/// covers a dimension of `size` exactly, or with an `offset` a part of it; none if it is not.
std::optional<SmallVector<unsigned, 2>> factorize(const IndexSpace &space, const Sizes &sizes,
                                                  AffineExpr index, AffineExpr size, int64_t *offset) {
  LinearForm form = LinearForm::of(index);
  if (offset)
    *offset = form.constant;
  else if (form.constant != 0)
    return std::nullopt;
  llvm::sort(form.terms, [](auto &a, auto &b) { return a.second > b.second; });
  SmallVector<unsigned, 2> variables;
  for (auto [term, coefficient] : form.terms) {
    auto dim = dyn_cast<AffineDimExpr>(term);
    if (!dim)
      return std::nullopt;
    variables.push_back(dim.getPosition());
  }
  AffineExpr expected = space.constant(1);
  for (size_t k = variables.size(); k-- > 0;) {
    AffineExpr extent = space.extentOf(variables[k]);
    if (!extent || space.constant(form.terms[k].second) != expected)
      return std::nullopt;
    expected = space.simplify(expected * extent);
  }
  bool isPart = offset && *offset >= 0 && isa<AffineConstantExpr>(expected) &&
                space.isNotNegative(size - expected - *offset);
  if (!isPart && (form.constant != 0 || !sizes.areEqual(expected, size)))
    return std::nullopt;
  return variables;
}

/// Whether every variable of the axes appears once, and those of one axis in their order, side by side.
bool holdsAxes(ArrayRef<unsigned> sequence, ArrayRef<Axis> axes) {
  size_t total = 0;
  for (const Axis &axis : axes) {
    total += axis.variables.size();
    if (axis.variables.empty())
      continue;
    const unsigned *begin = llvm::find(sequence, axis.variables.front());
    size_t left = sequence.end() - begin;
    if (left < axis.variables.size() || ArrayRef(begin, axis.variables.size()) != ArrayRef(axis.variables))
      return false;
  }
  return total == sequence.size();
}

} // namespace

std::optional<View> findView(ExprContext &context, ArrayRef<Expr> chain, ArrayRef<Axis> axes, bool parts) {
  for (Expr element : llvm::reverse(chain)) {
    View view{element->value, {}, {}};
    view.offsets.resize(parts ? element->indices.size() : 0);
    SmallVector<unsigned> sequence;
    for (auto [dim, index] : llvm::enumerate(element->indices)) {
      auto variables = factorize(context.space, context.sizes, index, context.sizes.of(element->value, dim),
                                 parts ? &view.offsets[dim] : nullptr);
      if (!variables)
        break;
      view.dims.push_back(*variables);
      llvm::append_range(sequence, *variables);
    }
    if (view.dims.size() == element->indices.size() && holdsAxes(sequence, axes))
      return view;
  }
  return std::nullopt;
}

//===-- Reshapes ----------------------------------------------------------------------------------------===//

using Groups = SmallVector<ReassociationIndices>;

static Value collapse(OpBuilder &builder, Location loc, Value value, const Groups &groups) {
  auto type = cast<RankedTensorType>(value.getType());
  if (static_cast<int64_t>(groups.size()) == type.getRank())
    return value;
  return tensor::CollapseShapeOp::create(builder, loc, value, groups);
}

static Value expand(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> shape,
                    const Groups &groups) {
  auto type = cast<RankedTensorType>(value.getType());
  if (static_cast<int64_t>(shape.size()) == type.getRank())
    return value;
  return tensor::ExpandShapeOp::create(builder, loc, RankedTensorType::get(shape, type.getElementType()),
                                       value, groups);
}

/// Dimensions grouped so that each group holds exactly one that is `present`, the others joining their
/// neighbours.
static Groups groupAround(ArrayRef<SmallVector<unsigned, 2>> dims) {
  Groups groups;
  bool open = false; // the last group holds a present dimension
  for (auto [position, variables] : llvm::enumerate(dims)) {
    if (groups.empty() || (open && !variables.empty())) {
      groups.emplace_back();
      open = false;
    }
    groups.back().push_back(position);
    open |= !variables.empty();
  }
  if (!open)
    groups.clear(); // nothing but unit dimensions: rank 0
  return groups;
}

Value reshape(OpBuilder &builder, Location loc, const IndexSpace &space, Value value,
              ArrayRef<SmallVector<unsigned, 2>> from, ArrayRef<SmallVector<unsigned, 2>> to) {
  if (from == to)
    return value;
  value = collapse(builder, loc, value, groupAround(from)); // unit dimensions go
  SmallVector<int64_t> fine;
  Groups groups;
  for (const auto &variables : from) {
    ReassociationIndices group;
    for (unsigned variable : variables) {
      group.push_back(fine.size());
      fine.push_back(space.sizeOf(variable));
    }
    if (!group.empty())
      groups.push_back(group);
  }
  value = expand(builder, loc, value, fine, groups); // every variable a dimension
  groups.clear();
  int64_t next = 0;
  SmallVector<int64_t> shape;
  for (const auto &variables : to) {
    ReassociationIndices group;
    int64_t size = 1;
    for (unsigned variable : variables) {
      group.push_back(next++);
      size = ShapedType::isDynamic(size) || ShapedType::isDynamic(space.sizeOf(variable))
                 ? ShapedType::kDynamic
                 : size * space.sizeOf(variable);
    }
    if (!group.empty())
      groups.push_back(group);
    shape.push_back(size);
  }
  value = collapse(builder, loc, value, groups);
  return expand(builder, loc, value, shape, groupAround(to)); // unit dimensions come
}

SmallVector<const Axis *> inOrderOf(ArrayRef<unsigned> sequence, ArrayRef<Axis> axes) {
  SmallVector<const Axis *> order;
  for (unsigned variable : sequence)
    for (const Axis &axis : axes)
      if (!axis.variables.empty() && axis.variables.front() == variable)
        order.push_back(&axis);
  // An axis of size 1 may stand anywhere: in front of the first one that usually follows it.
  for (const Axis &axis : axes)
    if (axis.variables.empty()) {
      auto follows = llvm::find_if(order, [&](const Axis *other) { return other > &axis; });
      order.insert(follows, &axis);
    }
  return order;
}

/// The part of the tensor that the view is.
static Value slice(OpBuilder &builder, Location loc, const IndexSpace &space, const View &view) {
  if (view.offsets.empty())
    return view.tensor;
  SmallVector<OpFoldResult> offsets, sizes = tensor::getMixedSizes(builder, loc, view.tensor),
                                     strides(sizes.size(), builder.getIndexAttr(1));
  for (auto [offset, size, variables] : llvm::zip_equal(view.offsets, sizes, view.dims)) {
    offsets.push_back(builder.getIndexAttr(offset));
    int64_t part = 1;
    for (unsigned variable : variables)
      part = ShapedType::isDynamic(part) || ShapedType::isDynamic(space.sizeOf(variable))
                 ? ShapedType::kDynamic
                 : part * space.sizeOf(variable);
    if (!ShapedType::isDynamic(part)) // else it is all of the dimension
      size = builder.getIndexAttr(part);
  }
  return tensor::ExtractSliceOp::create(builder, loc, view.tensor, offsets, sizes, strides);
}

Operand materialize(OpBuilder &builder, Location loc, const IndexSpace &space, const View &view,
                    ArrayRef<Axis> axes) {
  SmallVector<unsigned> sequence;
  for (const auto &dim : view.dims)
    sequence.append(dim.begin(), dim.end());
  Operand operand;
  SmallVector<SmallVector<unsigned, 2>> to;
  for (const Axis *axis : inOrderOf(sequence, axes)) {
    operand.layout.push_back(axis->letter);
    to.push_back(axis->variables);
  }
  operand.tensor = reshape(builder, loc, space, slice(builder, loc, space, view), view.dims, to);
  return operand;
}

} // namespace gqa
