// Expressions as tensors, and coordinates as values.
#include "gqa/Raise/Build.h"
#include "gqa/Raise/ExprEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {

void CoordinateMap::add(const Axis &axis, Value value) {
  for (size_t k = axis.variables.size(); k-- > 0;) {
    if (k == 0) {
      values[axis.variables[k]] = value;
      break;
    }
    int64_t size = space.sizeOf(axis.variables[k]);
    if (ShapedType::isDynamic(size))
      return;
    Value divisor = arith::ConstantIndexOp::create(builder, loc, size);
    values[axis.variables[k]] = arith::RemUIOp::create(builder, loc, value, divisor);
    value = arith::DivUIOp::create(builder, loc, value, divisor);
  }
}

Value buildTensor(OpBuilder &builder, Location loc, Evaluator &evaluator, Type type, ArrayRef<Axis> axes,
                  const DenseMap<unsigned, Value> &sizes,
                  llvm::function_ref<Value(OpBuilder &, ExprEmitter &)> emit) {
  const IndexSpace &space = evaluator.context.space;
  SmallVector<OpFoldResult> shape;
  for (const Axis &axis : axes) {
    int64_t size = 1;
    for (unsigned variable : axis.variables)
      size = ShapedType::isDynamic(size) || ShapedType::isDynamic(space.sizeOf(variable))
                 ? ShapedType::kDynamic
                 : size * space.sizeOf(variable);
    if (!ShapedType::isDynamic(size)) {
      shape.push_back(builder.getIndexAttr(size));
      continue;
    }
    Value known = axis.variables.size() == 1 ? sizes.lookup(axis.variables.front()) : Value();
    if (!known)
      return nullptr;
    shape.push_back(known);
  }
  Value empty = tensor::EmptyOp::create(builder, loc, shape, type);
  AffineMap identity = builder.getMultiDimIdentityMap(axes.size());
  SmallVector<utils::IteratorType> iterators(axes.size(), utils::IteratorType::parallel);
  bool failed = false;
  auto body = [&](OpBuilder &inner, Location, ValueRange) {
    CoordinateMap coordinates(inner, loc, space);
    for (auto [dim, axis] : llvm::enumerate(axes))
      coordinates.add(axis, linalg::IndexOp::create(inner, loc, dim));
    auto coordinate = [&](unsigned variable) { return coordinates.lookup(variable); };
    auto capture = [](Value value) { return value; };
    ExprEmitter emitter(inner, loc, evaluator, coordinate, capture);
    Value element = emit(inner, emitter);
    failed = !element;
    linalg::YieldOp::create(inner, loc, element ? ValueRange(element) : ValueRange());
  };
  auto generic = linalg::GenericOp::create(builder, loc, empty.getType(), ValueRange(), empty,
                                           ArrayRef<AffineMap>{identity}, iterators, body);
  if (!failed)
    return generic.getResult(0);
  generic.erase();
  return nullptr;
}

Value buildTensor(OpBuilder &builder, Location loc, Evaluator &evaluator, Expr expr, ArrayRef<Axis> axes,
                  const DenseMap<unsigned, Value> &sizes) {
  auto emit = [&](OpBuilder &, ExprEmitter &emitter) { return emitter.emit(expr); };
  return buildTensor(builder, loc, evaluator, expr->type, axes, sizes, emit);
}

} // namespace gqa
