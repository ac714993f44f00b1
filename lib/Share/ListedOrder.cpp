// Attention over K and V whose heads are looked up in a list: 0 1 1 0 0 1.
#include "Patterns.h"
#include "gqa/Raise/Evaluator.h"
#include "gqa/Raise/PointEvaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <numeric>

using namespace mlir;

namespace gqa {
namespace {

/// Head h of a tensor is head `list[h]` of `source`.
struct ListedHeads {
  Value source;
  std::string layout;
  SmallVector<int64_t> list;
};

/// What a coordinate that is computed from the variable alone is at each of its values; empty if it is not.
SmallVector<int64_t> listOf(ExprContext &context, Expr coordinate, unsigned variable) {
  PointEvaluator points(context);
  SmallVector<int64_t> list;
  for (unsigned other = 0; other < context.space.numVariables(); ++other)
    if (other != variable && dependsOn(coordinate, other))
      return list;
  if (!points.isConstant(coordinate))
    return list;
  for (int64_t value = 0; value < context.space.sizeOf(variable); ++value) {
    points.set(variable, value);
    std::optional<double> number = points.evaluate(coordinate);
    if (!number)
      return {};
    list.push_back(static_cast<int64_t>(*number));
  }
  return list;
}

std::optional<ListedHeads> findListedHeads(Value tensor, StringRef layout) {
  ExprContext context(tensor.getContext());
  Evaluator evaluator(context);
  SmallVector<AffineExpr> coordinates; // variable k is dimension k
  for (int64_t dim = 0; dim < 4; ++dim)
    coordinates.push_back(context.space.simplify(context.space.addVariable(context.sizes.of(tensor, dim))));
  unsigned head = dimOf(layout, 'h');
  Expr element = evaluator.peel(context.load(tensor, coordinates));
  bool isRead = element->kind == ExprNode::Kind::Apply && element->value && element->operands.size() == 4 &&
                isa<RankedTensorType>(element->value.getType());
  if (!isRead || ShapedType::isDynamic(context.space.sizeOf(head)) || !isa<AffineDimExpr>(coordinates[head]))
    return std::nullopt;
  ListedHeads found{element->value, std::string(4, '?'), {}};
  for (auto [dim, operand] : llvm::enumerate(element->operands)) {
    Expr place = evaluator.expandAll(operand);
    const auto *own =
        place->kind == ExprNode::Kind::Index ? llvm::find(coordinates, place->affine) : coordinates.end();
    if (place->getNumber() == 0.0)
      continue; // perhaps of a dimension of size 1
    if (own != coordinates.end()) {
      found.layout[dim] = layout[own - coordinates.begin()];
      if (!context.sizes.areEqual(context.sizes.of(found.source, dim),
                                  context.sizes.of(tensor, own - coordinates.begin())))
        return std::nullopt;
    } else if (found.list = listOf(context, place, head); !found.list.empty()) {
      found.layout[dim] = 'h';
    }
  }
  for (char letter : layout) // dimensions of size 1 are those that are left, in order
    if (!StringRef(found.layout).contains(letter))
      if (size_t free = found.layout.find('?');
          free != std::string::npos && sizeOf(tensor, layout, letter) == 1 &&
          cast<RankedTensorType>(found.source.getType()).getDimSize(free) == 1)
        found.layout[free] = letter;
  return isLayout(found.layout) && !found.list.empty() ? std::optional(found) : std::nullopt;
}

/// The heads of `value`, along `dim`, in the order that the list says.
Value takeHeads(OpBuilder &builder, Location loc, Value value, unsigned dim, ArrayRef<int64_t> list) {
  auto type = cast<RankedTensorType>(value.getType());
  Value table = arith::ConstantOp::create(builder, loc, builder.getI64TensorAttr(list));
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, value);
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
  AffineMap all = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto body = [&](OpBuilder &inner, Location, ValueRange arguments) {
    SmallVector<Value> at;
    for (int64_t k = 0; k < type.getRank(); ++k)
      at.push_back(linalg::IndexOp::create(inner, loc, k));
    at[dim] = arith::IndexCastOp::create(inner, loc, inner.getIndexType(), arguments[0]);
    Value element = tensor::ExtractOp::create(inner, loc, value, at);
    linalg::YieldOp::create(inner, loc, element);
  };
  return linalg::GenericOp::create(builder, loc, empty.getType(), table, empty,
                                   ArrayRef<AffineMap>{all.getSubMap({dim}), all}, iterators, body)
      .getResult(0);
}

} // namespace

bool shareListedHeads(RewriterBase &rewriter, AttentionOp op) {
  if (dependsOnHead(op) || op.getLse() || op.getKvHeads() != op.getQueryHeads())
    return false;
  std::optional<ListedHeads> k = findListedHeads(op.getK(), op.getKLayout());
  std::optional<ListedHeads> v = k ? findListedHeads(op.getV(), op.getVLayout()) : std::nullopt;
  if (!k || !v || k->list != v->list || k->source.getType() == op.getK().getType())
    return false;
  int64_t heads = sizeOf(k->source, k->layout, 'h'), queries = op.getQueryHeads();
  auto isFair = [&](int64_t head) { return llvm::count(k->list, head) * heads == queries; };
  if (ShapedType::isDynamic(heads) || sizeOf(v->source, v->layout, 'h') != heads || heads == queries ||
      !llvm::all_of(llvm::seq<int64_t>(0, heads), isFair))
    return false;
  SmallVector<int64_t> order(queries), place(queries); // by the head that they read
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order,
             [&](int64_t a, int64_t b) { return std::pair(k->list[a], a) < std::pair(k->list[b], b); });
  for (auto [position, head] : llvm::enumerate(order))
    place[head] = static_cast<int64_t>(position);
  rewriter.setInsertionPoint(op);
  Value q = takeHeads(rewriter, op.getLoc(), op.getQ(), dimOf(op.getQLayout(), 'h'), order);
  rewriter.modifyOpInPlace(op, [&] {
    op.getQMutable().assign(q);
    op.getKMutable().assign(k->source);
    op.getVMutable().assign(v->source);
    op.setKLayout(k->layout);
    op.setVLayout(v->layout);
  });
  rewriter.setInsertionPointAfter(op);
  SmallVector<OpOperand *> uses =
      llvm::map_to_vector(op.getOutput().getUses(), [](OpOperand &use) { return &use; });
  Value output = takeHeads(rewriter, op.getLoc(), op.getOutput(), dimOf(op.getOLayout(), 'h'), place);
  for (OpOperand *use : uses)
    rewriter.modifyOpInPlace(use->getOwner(), [&] { use->set(output); });
  return true;
}

} // namespace gqa
