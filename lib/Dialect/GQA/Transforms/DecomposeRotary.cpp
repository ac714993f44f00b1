// gqa.rotary: two slices of the result computed from two slices of the operand, and the rest copied.
#include "gqa/Dialect/GQA/Transforms/Decompose.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {
namespace {

using Sizes = SmallVector<OpFoldResult>;

class RotaryEmitter {
public:
  RotaryEmitter(OpBuilder &builder, RotaryOp op)
      : builder(builder), op(op), loc(op.getLoc()), type(cast<RankedTensorType>(op.getX().getType())),
        dim(dimOf(op.getLayout(), 'd')), half(op.getRotaryDim() / 2),
        sizes(tensor::getMixedSizes(builder, loc, op.getX())) {}

  Value emit() {
    if (half == 0)
      return op.getX();
    Value cos = op.getCos(), sin = op.getSin();
    Value x1 = extract(op.getX(), 0), x2 = extract(op.getX(), 1);
    Value result = emptyTensor(builder, loc, type, sizes);
    // Two loops over one slice each, not one over both: every step writes where the step before it left off,
    // which bufferization sees to be in place, and the inner loops are plain vectors.
    result =
        insert(result, 0, [&](Value into) { return combine(x1, cos, x2, sin, into, /*subtract=*/true); });
    result =
        insert(result, 1, [&](Value into) { return combine(x1, sin, x2, cos, into, /*subtract=*/false); });
    return copyRest(result);
  }

private:
  /// The slice of first (0) or second (1) elements of the pairs.
  struct Slice {
    Sizes offsets, sizes, strides;
  };
  Slice pairElements(int64_t which) {
    Slice slice{Sizes(4, builder.getIndexAttr(0)), sizes, Sizes(4, builder.getIndexAttr(1))};
    bool isHalf = op.getKind() == RotaryKind::Half;
    slice.offsets[dim] = builder.getIndexAttr(isHalf ? which * half : which);
    slice.strides[dim] = builder.getIndexAttr(isHalf ? 1 : 2);
    slice.sizes[dim] = builder.getIndexAttr(half);
    return slice;
  }

  Value extract(Value from, int64_t which) {
    Slice slice = pairElements(which);
    return tensor::ExtractSliceOp::create(builder, loc, from, slice.offsets, slice.sizes, slice.strides);
  }

  template <typename Compute> Value insert(Value into, int64_t which, Compute compute) {
    Slice slice = pairElements(which);
    Value computed = compute(extract(into, which));
    return tensor::InsertSliceOp::create(builder, loc, computed, into, slice.offsets, slice.sizes,
                                         slice.strides);
  }

  /// Where cos or sin is read for an element of a slice: compared with B x H x S x R/2 from the last
  /// dimension.
  AffineMap angleMap(Value angles) {
    auto angleType = cast<RankedTensorType>(angles.getType());
    SmallVector<AffineExpr> at;
    for (auto [letter, size] :
         llvm::zip(StringRef("bhsd").take_back(angleType.getRank()), angleType.getShape())) {
      bool repeated = size == 1 && letter != 'd';
      at.push_back(repeated ? builder.getAffineConstantExpr(0)
                            : builder.getAffineDimExpr(dimOf(op.getLayout(), letter)));
    }
    return AffineMap::get(4, 0, at, builder.getContext());
  }

  /// x1 * a1 -+ x2 * a2, into a slice.
  Value combine(Value x1, Value a1, Value x2, Value a2, Value into, bool subtract) {
    Type compute = computeType(type.getElementType());
    AffineMap each = builder.getMultiDimIdentityMap(4);
    SmallVector<utils::IteratorType> parallel(4, utils::IteratorType::parallel);
    auto generic = linalg::GenericOp::create(
        builder, loc, into.getType(), ValueRange{x1, a1, x2, a2}, into,
        ArrayRef<AffineMap>{each, angleMap(a1), each, angleMap(a2), each}, parallel,
        [&](OpBuilder &b, Location, ValueRange in) {
          auto wide = [&](Value value) { return convertFloat(b, loc, value, compute); };
          Value first = arith::MulFOp::create(b, loc, wide(in[0]), wide(in[1]));
          Value second = arith::MulFOp::create(b, loc, wide(in[2]), wide(in[3]));
          Value sum = subtract ? arith::SubFOp::create(b, loc, first, second).getResult()
                               : arith::AddFOp::create(b, loc, first, second).getResult();
          linalg::YieldOp::create(b, loc, convertFloat(b, loc, sum, type.getElementType()));
        });
    return generic.getResult(0);
  }

  /// The elements from R on.
  Value copyRest(Value result) {
    if (type.getDimSize(dim) == 2 * half)
      return result;
    Sizes offsets(4, builder.getIndexAttr(0)), strides(4, builder.getIndexAttr(1)), rest = sizes;
    offsets[dim] = builder.getIndexAttr(2 * half);
    if (type.isDynamicDim(dim)) {
      Value all = getValueOrCreateConstantIndexOp(builder, loc, sizes[dim]);
      Value rotated = arith::ConstantIndexOp::create(builder, loc, 2 * half);
      rest[dim] = arith::SubIOp::create(builder, loc, all, rotated).getResult();
    } else {
      rest[dim] = builder.getIndexAttr(type.getDimSize(dim) - 2 * half);
    }
    Value slice = tensor::ExtractSliceOp::create(builder, loc, op.getX(), offsets, rest, strides);
    return tensor::InsertSliceOp::create(builder, loc, slice, result, offsets, rest, strides);
  }

  OpBuilder &builder;
  RotaryOp op;
  Location loc;
  RankedTensorType type;
  unsigned dim;
  int64_t half;
  Sizes sizes;
};

} // namespace

SmallVector<Value> decompose(OpBuilder &builder, RotaryOp op) { return {RotaryEmitter(builder, op).emit()}; }

} // namespace gqa
