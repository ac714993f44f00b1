// Copies of matrices, taken by the number of a row's group, and what multiplies them.
#include "GroupedProduct.h"

using namespace mlir;

namespace gqa {
namespace {

bool isIndex(Value value, unsigned dim) {
  auto index = value.getDefiningOp<linalg::IndexOp>();
  return index && index.getDim() == dim;
}

/// Whether the operation takes elements `[number of row d0, d1, d2]` of a tensor, and that number from its
/// one input.
tensor::ExtractOp matchSelection(linalg::GenericOp generic) {
  if (!generic || !generic.hasPureTensorSemantics() || generic.getNumDpsInputs() != 1 ||
      generic.getNumDpsInits() != 1 || generic.getNumParallelLoops() != 3 || generic.getNumLoops() != 3)
    return nullptr;
  AffineMap rows = AffineMap::get(3, 0, getAffineDimExpr(0, generic.getContext()));
  if (!getElementTypeOrSelf(generic.getDpsInputs()[0]).isIntOrIndex())
    return nullptr;
  if (generic.getIndexingMapsArray()[0] != rows || !generic.getIndexingMapsArray()[1].isIdentity())
    return nullptr;
  auto extract = generic.getBody()->getTerminator()->getOperand(0).getDefiningOp<tensor::ExtractOp>();
  if (!extract || extract.getIndices().size() != 3 || !isIndex(extract.getIndices()[1], 1) ||
      !isIndex(extract.getIndices()[2], 2) || extract.getTensor().getParentBlock() == generic.getBody())
    return nullptr;
  return extract;
}

} // namespace

bool GroupedProduct::isForTensorCores() {
  constexpr int64_t kPiece = 8; // elements of 16 bytes
  Type left = typeOf(op.getInputs()[0]).getElementType(), right = typeOf(matrices).getElementType();
  Type sums = typeOf(op->getResult(0)).getElementType();
  return left == right && (left.isF16() || left.isBF16()) && (sums == left || sums.isF32()) &&
         depth() % kPiece == 0 && (isTransposed || columns() % kPiece == 0);
}

bool takesMatrices(linalg::LinalgOp op) {
  return op.getNumParallelLoops() == 2 && op.getNumReductionLoops() == 1 && op.getNumDpsInputs() == 2 &&
         llvm::any_of(op->getRegion(0).front(), llvm::IsaPred<tensor::ExtractOp>);
}

std::optional<GroupedProduct> matchGroupedProduct(linalg::BatchMatmulOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  auto reads = [&](unsigned operand, ArrayRef<unsigned> dims) {
    return maps[operand] == AffineMap::getMultiDimMapWithTargets(4, dims, op.getContext());
  };
  bool isTransposed = reads(1, {0, 2, 3});
  auto isStatic = [](Type type) {
    return !ShapedType::isDynamicShape(cast<RankedTensorType>(type).getShape().drop_front());
  };
  if (!op.hasPureTensorSemantics() || !reads(0, {0, 1, 3}) || !(isTransposed || reads(1, {0, 3, 2})) ||
      !reads(2, {0, 1, 2}) || !llvm::all_of(op->getOperandTypes(), isStatic) ||
      typeOf(op->getResult(0)).getDimSize(1) != 1)
    return std::nullopt;
  auto selection = op.getInputs()[1].getDefiningOp<linalg::GenericOp>();
  tensor::ExtractOp element = matchSelection(selection);
  if (!element || !typeOf(element.getTensor()).hasStaticShape())
    return std::nullopt;
  GroupedProduct found{op, selection, element, element.getTensor(), isTransposed};
  if (auto transpose = found.matrices.getDefiningOp<linalg::TransposeOp>();
      transpose && transpose.getPermutation() == ArrayRef<int64_t>{0, 2, 1}) {
    found.matrices = transpose.getInput();
    found.isTransposed = !isTransposed;
  }
  return found;
}

} // namespace gqa
