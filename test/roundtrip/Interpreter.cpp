// Tensors are evaluated whole, in the order of the operations.
#include "Interpreter.h"
#include "Indices.h"
#include "LoopBody.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gqa::roundtrip {
namespace {

class Interpreter {
public:
  llvm::Expected<std::vector<Array>> run(func::FuncOp function, ArrayRef<Array> arguments) {
    for (auto [argument, array] : llvm::zip_equal(function.getArguments(), arguments))
      arrays[argument] = array;
    for (Operation &op : function.getBody().front().without_terminator()) {
      evaluate(&op);
      if (!error.empty())
        return llvm::createStringError(error);
    }
    std::vector<Array> results;
    for (Value value : function.getBody().front().getTerminator()->getOperands())
      results.push_back(arrays.at(value));
    return results;
  }

private:
  void fail(Operation *op, StringRef why) {
    error = (op->getName().getStringRef() + ": " + why).str();
    for (Value result : op->getResults())
      arrays[result] = Array::scalar(0);
  }

  const Array &get(Value value) { return arrays.at(value); }
  bool isKnown(Value value) { return arrays.count(value) != 0; }
  int64_t sizeOf(OpFoldResult size) {
    if (auto value = dyn_cast<Value>(size))
      return static_cast<int64_t>(get(value).elements[0]);
    return cast<IntegerAttr>(cast<Attribute>(size)).getInt();
  }
  Shape sizesOf(ArrayRef<OpFoldResult> sizes) {
    return llvm::map_to_vector<6>(sizes, [&](OpFoldResult size) { return sizeOf(size); });
  }

  void evaluate(Operation *op) {
    llvm::TypeSwitch<Operation *>(op)
        .Case<arith::ConstantOp>([&](auto constant) { evaluateConstant(constant); })
        .Case<linalg::SoftmaxOp>([&](auto softmax) { evaluateSoftmax(softmax); })
        .Case<linalg::LinalgOp>([&](auto linalgOp) { evaluateLinalg(linalgOp); })
        .Case<tensor::EmptyOp>([&](auto empty) {
          Shape shape = sizesOf(empty.getMixedSizes());
          arrays[empty] = {shape, std::vector<double>(countOf(shape), NAN)};
        })
        .Case<tensor::CastOp>([&](auto cast) { arrays[cast] = get(cast.getSource()); })
        .Case<tensor::CollapseShapeOp>([&](auto collapse) {
          Shape shape;
          for (const ReassociationIndices &group : collapse.getReassociationIndices()) {
            shape.push_back(1);
            for (int64_t dim : group)
              shape.back() *= get(collapse.getSrc()).shape[dim];
          }
          reshape(collapse, collapse.getSrc(), shape);
        })
        .Case<tensor::ExpandShapeOp>(
            [&](auto expand) { reshape(expand, expand.getSrc(), sizesOf(expand.getMixedOutputShape())); })
        .Case<tensor::ReshapeOp>([&](auto op) {
          const Array &shape = get(op.getShape());
          reshape(op, op.getSource(), Shape(shape.elements.begin(), shape.elements.end()));
        })
        .Case<tensor::FromElementsOp>([&](auto op) {
          Array result{Shape(cast<RankedTensorType>(op.getType()).getShape()), {}};
          for (Value element : op.getElements())
            result.elements.push_back(get(element).elements[0]);
          arrays[op] = result;
        })
        .Case<tensor::DimOp>([&](auto dim) {
          arrays[dim] = Array::scalar(get(dim.getSource()).shape[sizeOf(OpFoldResult(dim.getIndex()))]);
        })
        .Case<affine::AffineApplyOp>([&](auto apply) {
          SmallVector<double> operands;
          for (Value operand : apply.getMapOperands())
            operands.push_back(get(operand).elements[0]);
          arrays[apply] = Array::scalar(valueOf(apply, operands));
        })
        .Case<tensor::ConcatOp>([&](auto concat) { evaluateConcat(concat); })
        .Case<tensor::ExtractSliceOp>([&](auto slice) { evaluateSlice(slice); })
        .Case<tensor::InsertSliceOp>([&](auto slice) { evaluateInsert(slice); })
        .Default([&](Operation *op) { evaluateElementwise(op); });
  }

  void reshape(Operation *op, Value source, Shape shape) {
    if (countOf(shape) != static_cast<int64_t>(get(source).elements.size()))
      return fail(op, "the shape has another number of elements");
    arrays[op->getResult(0)] = {shape, std::vector<double>(get(source).elements)};
  }

  void evaluateConstant(arith::ConstantOp op) {
    auto number = [](Attribute value) {
      if (auto real = dyn_cast<FloatAttr>(value))
        return real.getValueAsDouble();
      auto integer = cast<IntegerAttr>(value);
      return integer.getType().isInteger(1) ? double(!integer.getValue().isZero()) : double(integer.getInt());
    };
    auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
    if (!dense) {
      arrays[op] = Array::scalar(number(op.getValue()));
      return;
    }
    Array result{Shape(dense.getType().getShape()), {}};
    for (Attribute element : dense.getValues<Attribute>())
      result.elements.push_back(number(element));
    arrays[op] = result;
  }

  void evaluateConcat(tensor::ConcatOp op) {
    Array result{get(op.getInputs()[0]).shape, {}};
    uint64_t dim = op.getDim();
    result.shape[dim] = 0;
    for (Value input : op.getInputs())
      result.shape[dim] += get(input).shape[dim];
    result.elements.resize(countOf(result.shape));
    Shape strides = stridesOf(result.shape);
    int64_t begin = 0;
    for (Value input : op.getInputs()) {
      const Array &piece = get(input);
      size_t next = 0;
      forEach(piece.shape, [&](const Shape &at) {
        int64_t place = begin * strides[dim];
        for (auto [index, stride] : llvm::zip(at, strides))
          place += index * stride;
        result.elements[place] = piece.elements[next++];
      });
      begin += piece.shape[dim];
    }
    arrays[op] = result;
  }

  /// Calls `visit` with the places of a slice's elements in the whole, in order.
  template <typename Slice, typename Visit>
  void forEachPlace(Slice op, ArrayRef<int64_t> whole, Visit visit) {
    Shape offsets = sizesOf(op.getMixedOffsets()), sizes = sizesOf(op.getMixedSizes()),
          steps = sizesOf(op.getMixedStrides()), strides = stridesOf(whole);
    forEach(sizes, [&](const Shape &at) {
      int64_t place = 0;
      for (size_t dim = 0; dim < at.size(); ++dim) {
        int64_t index = offsets[dim] + at[dim] * steps[dim];
        if (index < 0 || index >= whole[dim])
          return fail(op, "reads out of bounds");
        place += index * strides[dim];
      }
      if (error.empty())
        visit(place);
    });
  }

  void evaluateSlice(tensor::ExtractSliceOp op) {
    const Array &source = get(op.getSource());
    Array result;
    Shape sizes = sizesOf(op.getMixedSizes());
    llvm::SmallBitVector dropped = op.getDroppedDims();
    for (auto [dim, size] : llvm::enumerate(sizes))
      if (!dropped.test(dim))
        result.shape.push_back(size);
    forEachPlace(op, source.shape, [&](int64_t place) { result.elements.push_back(source.elements[place]); });
    arrays[op] = result;
  }

  void evaluateInsert(tensor::InsertSliceOp op) {
    const Array &source = get(op.getSource());
    Array result = get(op.getDest());
    size_t next = 0;
    forEachPlace(op, result.shape, [&](int64_t place) { result.elements[place] = source.elements[next++]; });
    arrays[op] = result;
  }

  void evaluateElementwise(Operation *op) {
    ScalarFunction function = scalarFunction(op);
    if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      SmallVector<double> at;
      for (Value index : extract.getIndices())
        at.push_back(get(index).elements[0]);
      std::optional<double> element = elementAt(get(extract.getTensor()), at);
      if (!element)
        return fail(op, "reads out of bounds");
      arrays[op->getResult(0)] = Array::scalar(*element);
      return;
    }
    if (!function || op->getNumResults() != 1)
      return fail(op, "not known to the interpreter");
    Array result;
    for (Value operand : op->getOperands())
      if (get(operand).shape.size() >= result.shape.size())
        result.shape = get(operand).shape;
    SmallVector<double> in(op->getNumOperands());
    for (int64_t place = 0, count = countOf(result.shape); place < count; ++place) {
      for (auto [value, operand] : llvm::zip(in, op->getOperands()))
        value = get(operand).elements[get(operand).shape.empty() ? 0 : place];
      result.elements.push_back(function(in.data()));
    }
    arrays[op->getResult(0)] = result;
  }

  void evaluateSoftmax(linalg::SoftmaxOp op) {
    Array result = get(op.getInput());
    int64_t dim = op.getDimension(), size = result.shape[dim], stride = stridesOf(result.shape)[dim];
    Shape rows = result.shape;
    rows[dim] = 1;
    forEach(rows, [&](const Shape &at) {
      int64_t begin = 0;
      for (auto [index, stride] : llvm::zip(at, stridesOf(result.shape)))
        begin += index * stride;
      double highest = -INFINITY, sum = 0;
      for (int64_t j = 0; j < size; ++j)
        highest = std::max(highest, result.elements[begin + j * stride]);
      for (int64_t j = 0; j < size; ++j)
        sum += result.elements[begin + j * stride] = std::exp(result.elements[begin + j * stride] - highest);
      for (int64_t j = 0; j < size; ++j)
        result.elements[begin + j * stride] /= sum;
    });
    arrays[op->getResult(0)] = result;
  }

  LoopBody compile(linalg::LinalgOp op) {
    auto constant = [&](Operation *inner) -> std::optional<double> {
      if (!isa<arith::ConstantOp>(inner) && !(isa<tensor::DimOp>(inner) && isKnown(inner->getOperand(1))))
        return std::nullopt;
      evaluate(inner);
      return get(inner->getResult(0)).elements[0];
    };
    auto tensor = [&](Value value) -> const Array & { return arrays.at(value); };
    return LoopBody(op, {tensor, [&](Value value) { return get(value).elements[0]; }, constant});
  }

  /// Sizes of the loops, from the operands that have them as dimensions; false if they disagree.
  bool loopSizes(linalg::LinalgOp op, Shape &sizes) {
    sizes.assign(op.getNumLoops(), -1);
    for (OpOperand &operand : op->getOpOperands()) {
      const Array &array = get(operand.get());
      AffineMap map = op.getMatchingIndexingMap(&operand);
      if (map.getNumResults() != array.shape.size())
        return false;
      for (auto [expr, size] : llvm::zip(map.getResults(), array.shape))
        if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
          if (sizes[dim.getPosition()] != -1 && sizes[dim.getPosition()] != size)
            return false;
          sizes[dim.getPosition()] = size;
        }
    }
    return !llvm::is_contained(sizes, -1);
  }

  /// The place in the operand's array at loop indices.
  static int64_t placeOf(AffineMap map, ArrayRef<int64_t> shape, ArrayRef<int64_t> at) {
    int64_t place = 0;
    for (auto [expr, size] : llvm::zip(map.getResults(), shape))
      place = place * size + valueOf(expr, at);
    return place;
  }

  void evaluateLinalg(linalg::LinalgOp op) {
    Shape sizes;
    if (!loopSizes(op, sizes))
      return fail(op, "operands disagree about the size of a loop");
    SmallVector<Array> results;
    for (Value init : op.getDpsInits())
      results.push_back(get(init));
    LoopBody body = compile(op);
    if (body.failure)
      return fail(body.failure->op, body.failure->why);
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    unsigned inputs = op.getNumDpsInputs();
    SmallVector<const Array *> operands;
    for (Value operand : op.getDpsInputs())
      operands.push_back(&arrays.at(operand));
    MutableArrayRef<BlockArgument> arguments = op.getBlock()->getArguments();
    OperandRange yielded = op.getBlock()->getTerminator()->getOperands();
    forEach(sizes, [&](const Shape &at) {
      for (auto [n, operand] : llvm::enumerate(operands))
        body[arguments[n]] = operand->elements[placeOf(maps[n], operand->shape, at)];
      SmallVector<double *> places;
      for (auto [n, result] : llvm::enumerate(results)) {
        places.push_back(&result.elements[placeOf(maps[inputs + n], result.shape, at)]);
        body[arguments[inputs + n]] = *places.back();
      }
      body.run(at);
      for (auto [place, value] : llvm::zip(places, yielded))
        *place = body[value];
    });
    if (body.failure)
      return fail(body.failure->op, body.failure->why);
    for (auto [result, array] : llvm::zip(op->getResults(), results))
      arrays[result] = array;
  }

  std::map<Value, Array, bool (*)(Value, Value)> arrays{
      [](Value a, Value b) { return a.getAsOpaquePointer() < b.getAsOpaquePointer(); }};
  std::string error;
};

} // namespace

llvm::Expected<std::vector<Array>> interpret(func::FuncOp function, ArrayRef<Array> arguments) {
  return Interpreter().run(function, arguments);
}

} // namespace gqa::roundtrip
