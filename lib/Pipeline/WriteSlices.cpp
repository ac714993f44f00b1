// Elementwise operations on parts of tensors.
#include "WriteSlices.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {
namespace {

/// Whether elements of its result are what they were although the computation does not read them.
bool keepsElements(linalg::GenericOp op) {
  return op.hasPureTensorSemantics() && llvm::any_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
           llvm::SmallDenseSet<AffineExpr> dims;
           auto isWhole = [&](auto place) {
             auto [expr, size] = place;
             return isa<AffineDimExpr>(expr) ? dims.insert(expr).second : size == 1;
           };
           AffineMap map = op.getMatchingIndexingMap(&init);
           return !op.payloadUsesValueFromOperand(&init) && !init.get().getDefiningOp<tensor::EmptyOp>() &&
                  !llvm::all_of(llvm::zip_equal(map.getResults(), op.getShape(&init)), isWhole);
         });
}

/// What is computed of a slice, and put back: upstream takes what a result starts from for unused where the
/// computation does not read it, whatever of it is written.
LogicalResult writeSlice(linalg::GenericOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  AffineMap map = maps.back();
  bool isSlice = op.getNumDpsInits() == 1 && llvm::all_of(map.getResults(), [](AffineExpr expr) {
                   return isa<AffineDimExpr, AffineConstantExpr>(expr);
                 });
  llvm::SmallDenseSet<AffineExpr> known;
  SmallVector<AffineExpr> dims;
  SmallVector<int64_t> shape;
  Value init = op.getDpsInits().back();
  SmallVector<OpFoldResult> offsets, sizes = tensor::getMixedSizes(b, loc, init),
                                     strides(sizes.size(), b.getIndexAttr(1));
  for (auto [number, expr] : llvm::enumerate(map.getResults())) {
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    offsets.push_back(b.getIndexAttr(constant ? constant.getValue() : 0));
    if (constant) {
      sizes[number] = b.getIndexAttr(1);
      continue;
    }
    isSlice &= known.insert(expr).second;
    dims.push_back(expr);
    shape.push_back(op.getShape(op.getDpsInitOperand(0))[number]);
  }
  if (!isSlice)
    return op.emitError() << "writes a part of its result that is no slice, by " << AffineMapAttr::get(map)
                          << "; expected the computation to read what it keeps";
  auto type = RankedTensorType::get(shape, getElementTypeOrSelf(init));
  SmallVector<Value> operands(op.getDpsInputs());
  operands.push_back(tensor::ExtractSliceOp::create(b, loc, type, init, offsets, sizes, strides));
  auto piece = cast<linalg::GenericOp>(clone(b, op, type, operands));
  maps.back() = AffineMap::get(map.getNumDims(), 0, dims, op.getContext());
  piece.setIndexingMapsAttr(b.getAffineMapArrayAttr(maps));
  op.getResult(0).replaceAllUsesWith(
      tensor::InsertSliceOp::create(b, loc, piece.getResult(0), init, offsets, sizes, strides));
  op.erase();
  return success();
}

} // namespace

LogicalResult writeSlices(Operation *root) {
  SmallVector<linalg::GenericOp> partial;
  root->walk([&](linalg::GenericOp op) {
    if (keepsElements(op))
      partial.push_back(op);
  });
  return failure(llvm::any_of(partial, [](linalg::GenericOp op) { return failed(writeSlice(op)); }));
}

} // namespace gqa
