// gqa-fuse-projections: products of one input, with constant weights, become one product.
#include "gqa/Fuse/Passes.h"

#include "gqa/Dialect/GQA/GQA.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"

namespace gqa {
#define GEN_PASS_DEF_GQAFUSEPROJECTIONS
#include "gqa/Fuse/Passes.h.inc"
} // namespace gqa

using namespace mlir;

namespace gqa {
namespace {

/// `op` multiplies an input with `weight`, which is `constant`, perhaps transposed.
struct Projection {
  linalg::LinalgOp op;
  arith::ConstantOp constant;
  linalg::TransposeOp transpose; ///< or null
  unsigned weightDim, outputDim; ///< those of the columns, in the weight and in the result
  unsigned constantDim;          ///< the same in the constant

  RankedTensorType getConstantType() { return cast<RankedTensorType>(constant.getType()); }
  int64_t getColumns() { return cast<RankedTensorType>(op->getResult(0).getType()).getDimSize(outputDim); }
};

/// The dimension of an operand that the loop `dim` runs over, if it is one by itself.
std::optional<unsigned> dimensionOf(AffineMap map, unsigned dim) {
  return map.getResultPosition(getAffineDimExpr(dim, map.getContext()));
}

bool startsAtZero(Value init) {
  if (auto fill = init.getDefiningOp<linalg::FillOp>())
    return matchPattern(fill.getInputs()[0], m_AnyZeroFloat());
  return matchPattern(init, m_AnyZeroFloat());
}

/// A product of floats, into zeros, of a tensor with another that has columns of its own.
std::optional<Projection> matchProduct(linalg::LinalgOp op) {
  if (!linalg::isaContractionOpInterface(op) || op->getNumResults() != 1 || op.getNumDpsInputs() != 2 ||
      !startsAtZero(op.getDpsInits()[0]))
    return std::nullopt;
  FailureOr<linalg::ContractionDimensions> dims = linalg::inferContractionDims(op);
  if (failed(dims) || dims->n.size() != 1 || !dims->batch.empty())
    return std::nullopt;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  std::optional<unsigned> weightDim = dimensionOf(maps[1], dims->n[0]),
                          outputDim = dimensionOf(maps[2], dims->n[0]);
  if (!weightDim || !outputDim || !maps[0].isProjectedPermutation() || !maps[1].isProjectedPermutation())
    return std::nullopt;
  return Projection{op, nullptr, nullptr, *weightDim, *outputDim, *weightDim};
}

/// Finds the constant. False if the weight is none, with the reason.
bool matchWeight(Projection &projection, std::string &why) {
  Value weight = projection.op.getDpsInputs()[1];
  if ((projection.transpose = weight.getDefiningOp<linalg::TransposeOp>())) {
    projection.constantDim = projection.transpose.getPermutation()[projection.weightDim];
    weight = projection.transpose.getInput();
  }
  projection.constant = weight.getDefiningOp<arith::ConstantOp>();
  if (!projection.constant) {
    why = "its weight is known only when the function is called, and would be copied in each call";
    return false;
  }
  bool isRead = isa<DenseResourceElementsAttr, DenseElementsAttr>(projection.constant.getValue());
  if (!isRead || !weight.hasOneUse() || (projection.transpose && !projection.transpose->hasOneUse())) {
    why = "something else reads its weight as well, which would be there twice";
    return false;
  }
  return true;
}

/// Whether a user reads a slice of a larger tensor where it is.
bool readsSlice(Operation *user) {
  return isa<linalg::LinalgOp, tensor::ExpandShapeOp, tensor::ExtractSliceOp, AttentionOp, RotaryOp,
             AppendKVOp>(user);
}

/// Why the result of a product should be a tensor of its own; empty if nothing speaks for it.
std::string whyApart(Projection &projection, int64_t leastBytes) {
  auto type = cast<RankedTensorType>(projection.op->getResult(0).getType());
  if (ShapedType::isDynamic(projection.getColumns()))
    return "the number of its columns is not known";
  int64_t bytes = projection.getColumns() * type.getElementTypeBitWidth() / 8;
  if (projection.outputDim + 1 != type.getRank())
    return "its columns are not the last dimension of its result";
  if (bytes < leastBytes)
    return ("a row of its result has only " + Twine(bytes) + " bytes").str();
  for (Operation *user : projection.op->getUsers())
    if (!readsSlice(user))
      return (user->getName().getStringRef() + " needs its result as a whole").str();
  return {};
}

bool belongTogether(Projection &a, Projection &b) {
  RankedTensorType x = a.getConstantType(), y = b.getConstantType();
  bool isAlike = a.op->getName() == b.op->getName() &&
                 a.op.getIndexingMapsArray() == b.op.getIndexingMapsArray() &&
                 bool(a.transpose) == bool(b.transpose) && x.getElementType() == y.getElementType() &&
                 getElementTypeOrSelf(a.op->getResult(0)) == getElementTypeOrSelf(b.op->getResult(0));
  return isAlike && (!a.transpose || a.transpose.getPermutation() == b.transpose.getPermutation());
}

/// The bytes of a constant, one element as often as there are elements if it is a splat.
SmallVector<char> bytesOf(arith::ConstantOp constant) {
  ArrayRef<char> raw;
  size_t elements = cast<ShapedType>(constant.getType()).getNumElements();
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(constant.getValue())) {
    raw = resource.getRawHandle().getBlob()->getData();
  } else {
    auto dense = cast<DenseElementsAttr>(constant.getValue());
    raw = dense.getRawData();
    if (dense.isSplat()) {
      SmallVector<char> all;
      for (size_t k = 0; k < elements; ++k)
        all.append(raw.begin(), raw.end());
      return all;
    }
  }
  return SmallVector<char>(raw.begin(), raw.end());
}

/// The constants one behind the other along the dimension of their columns.
Value concatenate(OpBuilder &builder, MutableArrayRef<Projection> group, int64_t columns) {
  unsigned dim = group[0].constantDim;
  RankedTensorType first = group[0].getConstantType();
  SmallVector<int64_t> shape(first.getShape());
  shape[dim] = columns;
  auto type = RankedTensorType::get(shape, first.getElementType());
  size_t bytes = type.getNumElements() * (type.getElementTypeBitWidth() / 8);
  AsmResourceBlob blob = HeapAsmResourceBlob::allocate(std::max<size_t>(bytes, 1), 64);
  int64_t outer = 1;
  for (unsigned before = 0; before < dim; ++before)
    outer *= shape[before];
  char *begin = blob.getMutableData().data();
  size_t stride = outer ? bytes / outer : 0, place = 0;
  for (Projection &projection : group) {
    SmallVector<char> data = bytesOf(projection.constant);
    size_t part = outer ? data.size() / outer : 0;
    for (int64_t row = 0; row < outer; ++row)
      std::copy_n(data.begin() + row * part, part, begin + row * stride + place);
    place += part;
  }
  auto attribute = DenseResourceElementsAttr::get(type, "gqa_projections", std::move(blob));
  return arith::ConstantOp::create(builder, group[0].op.getLoc(), type, attribute);
}

/// `like` with other columns: an empty tensor in its shape.
Value emptyOf(OpBuilder &builder, Location loc, Value like, unsigned dim, int64_t columns) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, like);
  sizes[dim] = builder.getIndexAttr(columns);
  return tensor::EmptyOp::create(builder, loc, sizes, getElementTypeOrSelf(like));
}

void fuse(RewriterBase &rewriter, MutableArrayRef<Projection> group) {
  Projection &first = group[0];
  Location loc = first.op.getLoc();
  int64_t columns = 0;
  for (Projection &projection : group)
    columns += projection.getColumns();
  rewriter.setInsertionPoint(first.op);
  Value weight = concatenate(rewriter, group, columns);
  if (first.transpose) {
    Value empty = emptyOf(rewriter, loc, first.transpose->getResult(0), first.weightDim, columns);
    weight = linalg::TransposeOp::create(rewriter, loc, weight, empty, first.transpose.getPermutation())
                 ->getResult(0);
  }
  Value init = emptyOf(rewriter, loc, first.op.getDpsInits()[0], first.outputDim, columns);
  auto element = cast<FloatType>(getElementTypeOrSelf(init));
  Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getFloatAttr(element, 0.0));
  init = linalg::FillOp::create(rewriter, loc, zero, init).getResult(0);
  Operation *whole =
      clone(rewriter, first.op.getOperation(), init.getType(), {first.op.getDpsInputs()[0], weight, init});
  SmallVector<OpFoldResult> offsets(cast<ShapedType>(init.getType()).getRank(), rewriter.getIndexAttr(0)),
      sizes, strides(offsets.size(), rewriter.getIndexAttr(1));
  sizes = tensor::getMixedSizes(rewriter, loc, init);
  int64_t from = 0;
  for (Projection &projection : group) {
    offsets[first.outputDim] = rewriter.getIndexAttr(from);
    sizes[first.outputDim] = rewriter.getIndexAttr(projection.getColumns());
    from += projection.getColumns();
    auto type = cast<RankedTensorType>(projection.op->getResult(0).getType());
    Value slice = tensor::ExtractSliceOp::create(rewriter, projection.op.getLoc(), type, whole->getResult(0),
                                                 offsets, sizes, strides);
    rewriter.replaceOp(projection.op, slice);
  }
}

struct FuseProjections : impl::GQAFuseProjectionsBase<FuseProjections> {
  using GQAFuseProjectionsBase::GQAFuseProjectionsBase;

  void runOnOperation() override {
    llvm::MapVector<std::pair<Value, Block *>, SmallVector<Projection>> byInput;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (std::optional<Projection> projection = matchProduct(op))
        byInput[{op.getDpsInputs()[0], op->getBlock()}].push_back(*projection);
    });
    IRRewriter rewriter(&getContext());
    for (auto &[input, projections] : byInput) {
      if (projections.size() < 2)
        continue;
      SmallVector<SmallVector<Projection>> groups;
      for (Projection &projection : projections)
        if (isFusable(projection))
          addTo(groups, projection);
      for (SmallVector<Projection> &group : groups) {
        if (group.size() < 2)
          continue;
        fuse(rewriter, group);
        fused += group.size() - 1;
      }
    }
  }

private:
  bool isFusable(Projection &projection) {
    std::string why;
    if (matchWeight(projection, why))
      why = whyApart(projection, leastBytes);
    if (why.empty())
      return true;
    remark::missed(projection.op.getLoc(),
                   remark::RemarkOpts::name("NotFused").category("gqa-fuse-projections"))
        << remark::reason("other products read the input as well, but this one stays apart: {0}", why);
    return false;
  }

  static void addTo(SmallVector<SmallVector<Projection>> &groups, Projection &projection) {
    auto group =
        llvm::find_if(groups, [&](auto &other) { return belongTogether(other.front(), projection); });
    if (group == groups.end())
      groups.push_back({projection});
    else
      group->push_back(projection);
  }
};

} // namespace
} // namespace gqa
