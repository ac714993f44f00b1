// gqa-multiply-patches: a convolution as the product of a matrix of patches, what each place of the result
// sees of the input, and the filter.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_MULTIPLYPATCHES
#include "gqa/Pipeline/Passes.h.inc"

namespace {

using Dims = SmallVector<unsigned>;

/// The loops of a convolution.
struct Convolution {
  Dims places;   // of the result, all but its channels
  Dims channels; // of the result
  Dims summed;   // in the order in which the filter has them
  bool channelsFirst;
};

bool addsProducts(linalg::LinalgOp op) {
  auto isPair = [](Operation *product, Operation *sum) {
    return isa<arith::MulFOp>(product) && isa<arith::AddFOp>(sum);
  };
  return op.getNumDpsInputs() == 2 && op.getNumDpsInits() == 1 &&
         linalg::detail::isContractionBody(*op.getBlock(), isPair);
}

std::optional<Dims> dimsOf(AffineMap map) {
  if (!map.isProjectedPermutation())
    return std::nullopt;
  Dims dims;
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    dims.push_back(map.getDimPosition(i));
  return dims;
}

std::optional<Convolution> matchConvolution(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || !linalg::isaConvolutionOpInterface(op) || !addsProducts(op))
    return std::nullopt;
  FailureOr<linalg::ConvolutionDimensions> loops = linalg::inferConvolutionDims(op);
  std::optional<Dims> filter = dimsOf(op.getIndexingMapsArray()[1]),
                      result = dimsOf(op.getIndexingMapsArray()[2]);
  if (failed(loops) || !loops->depth.empty() || loops->outputChannel.empty() || !filter || !result)
    return std::nullopt;
  Convolution convolution;
  auto isChannel = [&](unsigned dim) { return llvm::is_contained(loops->outputChannel, dim); };
  for (unsigned dim : *result)
    (isChannel(dim) ? convolution.channels : convolution.places).push_back(dim);
  llvm::copy_if(*filter, std::back_inserter(convolution.summed),
                [&](unsigned dim) { return !isChannel(dim); });
  Dims first(convolution.channels), last(convolution.summed);
  llvm::append_range(first, convolution.summed);
  llvm::append_range(last, convolution.channels);
  convolution.channelsFirst = first == *filter;
  if (!convolution.channelsFirst && last != *filter)
    return std::nullopt;
  return convolution;
}

class Rewrite {
public:
  Rewrite(linalg::LinalgOp op, const Convolution &loops) : op(op), loops(loops), b(op.getLoc(), op) {
    for (Range range : op.createLoopRanges(b, op.getLoc()))
      sizes.push_back(range.size);
  }

  void run() {
    Value patches = matrixOf(gatherPatches(), loops.places.size());
    Value filter =
        matrixOf(op->getOperand(1), loops.channelsFirst ? loops.channels.size() : loops.summed.size());
    Type element = getElementTypeOrSelf(op->getOperand(2));
    bool isNarrow =
        element.getIntOrFloatBitWidth() < 32; // sums are rounded once, with what they are added to
    Value product = multiply(patches, filter, isNarrow ? Type(b.getF32Type()) : element);
    op->getResult(0).replaceAllUsesWith(add(split(product)));
    op->erase();
  }

private:
  SmallVector<OpFoldResult> sizesOf(ArrayRef<unsigned> dims) {
    return llvm::map_to_vector(dims, [&](unsigned dim) { return sizes[dim]; });
  }

  /// `map` by loops that are `dims`, in this order.
  AffineMap over(AffineMap map, ArrayRef<unsigned> dims) {
    SmallVector<AffineExpr> replaced(map.getNumDims(), b.getAffineConstantExpr(0));
    for (auto [number, dim] : llvm::enumerate(dims))
      replaced[dim] = b.getAffineDimExpr(unsigned(number));
    return map.replaceDimsAndSymbols(replaced, {}, unsigned(dims.size()), 0);
  }

  Value gatherPatches() {
    Dims dims(loops.places);
    llvm::append_range(dims, loops.summed);
    Value input = op->getOperand(0);
    AffineMap map = over(op.getIndexingMapsArray()[0], dims),
              each = b.getMultiDimIdentityMap(unsigned(dims.size()));
    if (map == each)
      return input;
    Value empty = tensor::EmptyOp::create(b, sizesOf(dims), getElementTypeOrSelf(input));
    SmallVector<utils::IteratorType> parallel(dims.size(), utils::IteratorType::parallel);
    auto copy = [](OpBuilder &inner, Location at, ValueRange elements) {
      linalg::YieldOp::create(inner, at, elements[0]);
    };
    return linalg::GenericOp::create(b, TypeRange(empty.getType()), input, empty,
                                     ArrayRef<AffineMap>{map, each}, parallel, copy)
        .getResult(0);
  }

  static SmallVector<ReassociationIndices> groups(size_t first, size_t second) {
    return {llvm::to_vector(llvm::seq<int64_t>(0, int64_t(first))),
            llvm::to_vector(llvm::seq<int64_t>(int64_t(first), int64_t(first + second)))};
  }

  /// The first dimensions as rows, the others as columns.
  Value matrixOf(Value tensor, size_t rows) {
    size_t rank = size_t(cast<RankedTensorType>(tensor.getType()).getRank());
    return rank == 2 ? tensor
                     : tensor::CollapseShapeOp::create(b, tensor, groups(rows, rank - rows)).getResult();
  }

  Value multiply(Value patches, Value filter, Type element) {
    SmallVector<OpFoldResult> shape{tensor::getMixedSize(b, b.getLoc(), patches, 0),
                                    tensor::getMixedSize(b, b.getLoc(), filter, loops.channelsFirst ? 0 : 1)};
    Value empty = tensor::EmptyOp::create(b, shape, element);
    Value zero = arith::ConstantOp::create(b, cast<TypedAttr>(b.getZeroAttr(element)));
    Value zeros = linalg::FillOp::create(b, zero, empty).getResult(0);
    if (loops.channelsFirst)
      return linalg::MatmulTransposeBOp::create(b, b.getLoc(), ValueRange{patches, filter}, zeros)
          ->getResult(0);
    return linalg::MatmulOp::create(b, ValueRange{patches, filter}, zeros).getResult(0);
  }

  /// Places and channels with dimensions of their own again.
  Value split(Value product) {
    Dims dims(loops.places);
    llvm::append_range(dims, loops.channels);
    if (dims.size() == 2)
      return product;
    SmallVector<OpFoldResult> shape = sizesOf(dims);
    SmallVector<int64_t> known = decomposeMixedValues(shape).first;
    auto type = RankedTensorType::get(known, getElementTypeOrSelf(product));
    return tensor::ExpandShapeOp::create(b, type, product, groups(loops.places.size(), loops.channels.size()),
                                         shape);
  }

  /// What the product is added to, such as a bias, in the order of the result's dimensions.
  Value add(Value product) {
    Value initial = op->getOperand(2);
    auto type = cast<RankedTensorType>(initial.getType());
    auto fill = initial.getDefiningOp<linalg::FillOp>();
    bool isZero = fill && matchPattern(fill.getInputs()[0], m_AnyZeroFloat());
    AffineMap each = b.getMultiDimIdentityMap(unsigned(type.getRank()));
    Dims result = *dimsOf(op.getIndexingMapsArray()[2]), dims(loops.places);
    llvm::append_range(dims, loops.channels);
    SmallVector<AffineExpr> places;
    for (unsigned dim : dims)
      places.push_back(b.getAffineDimExpr(unsigned(llvm::find(result, dim) - result.begin())));
    SmallVector<Value> inputs{product};
    SmallVector<AffineMap> maps{AffineMap::get(unsigned(type.getRank()), 0, places, b.getContext())};
    if (!isZero) {
      inputs.push_back(initial);
      maps.push_back(each);
    }
    maps.push_back(each);
    Value empty = tensor::EmptyOp::create(b, sizesOf(result), type.getElementType());
    SmallVector<utils::IteratorType> parallel(result.size(), utils::IteratorType::parallel);
    auto sum = [&](OpBuilder &inner, Location at, ValueRange elements) {
      ImplicitLocOpBuilder body(at, inner);
      Type wide = elements[0].getType(), narrow = type.getElementType();
      Value value = elements[0];
      if (!isZero) {
        Value start = wide == narrow ? elements[1] : Value(arith::ExtFOp::create(body, wide, elements[1]));
        value = arith::AddFOp::create(body, start, value);
      }
      linalg::YieldOp::create(body,
                              wide == narrow ? value : Value(arith::TruncFOp::create(body, narrow, value)));
    };
    return linalg::GenericOp::create(b, TypeRange(empty.getType()), inputs, empty, maps, parallel, sum)
        .getResult(0);
  }

  linalg::LinalgOp op;
  const Convolution &loops;
  ImplicitLocOpBuilder b;
  SmallVector<OpFoldResult> sizes; // of the loops
};

struct MultiplyPatchesPass : impl::MultiplyPatchesBase<MultiplyPatchesPass> {
  void runOnOperation() override {
    SmallVector<std::pair<linalg::LinalgOp, Convolution>> found;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (std::optional<Convolution> convolution = matchConvolution(op))
        found.emplace_back(op, *convolution);
    });
    for (const auto &[op, convolution] : found)
      Rewrite(op, convolution).run();
    numMultiplied += found.size();
  }
};

} // namespace
} // namespace gqa
