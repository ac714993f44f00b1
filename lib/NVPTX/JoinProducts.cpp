// Which products are ours: those of few rows, as in a decode step. One launch for all of one operand that
// stand together, as q, k and v or gate and up.
#include "Offload.h"
#include "SkinnyProducts.h"
#include "SkinnyStep.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Pipeline/Buffers.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr size_t kMostTogether = 8; // products of one kernel, which has code for each

MemRefType typeOf(Value buffer) { return cast<MemRefType>(buffer.getType()); }

/// Whether pieces that lie across the sums have columns of the product alone.
bool hasWholeColumns(const DeviceProduct &p) {
  return p.product.b.transposed || typeOf(p.right()).getShape().back() % kPiece == 0;
}

bool isSkinny(const DeviceProduct &p) {
  int64_t rows = typeOf(p.result).getDimSize(p.batchDims());
  Type type = typeOf(p.left()).getElementType();
  return !p.product.a.transposed && (ShapedType::isDynamic(rows) || rows <= kMostSkinnyRows) &&
         (type.isF16() || type.isBF16()) && typeOf(p.right()).hasStaticShape() && hasWholeColumns(p) &&
         hasWholePieces(p.left()) && hasWholePieces(p.right());
}

/// Whether the earlier product may wait for the later one.
bool mayWait(Operation *earlier, Operation *later) {
  if (earlier->getBlock() != later->getBlock())
    return false;
  for (Operation *op = earlier->getNextNode(); op != later; op = op->getNextNode())
    if (!letsPass(*op))
      return false;
  return true;
}

bool areIndependent(const DeviceProduct &earlier, const DeviceProduct &later) {
  Value first = rootOf(earlier.result), second = rootOf(later.result);
  return first != second && first != rootOf(later.left()) && first != rootOf(later.right()) &&
         second != rootOf(earlier.left()) && second != rootOf(earlier.right());
}

bool mayJoin(ArrayRef<DeviceProduct> group, const DeviceProduct &product) {
  const DeviceProduct &front = group.front();
  return group.size() < kMostTogether && isSkinny(front) && isSkinny(product) &&
         front.left() == product.left() && front.product.b.transposed == product.product.b.transposed &&
         mayWait(group.back().op, product.op) &&
         llvm::all_of(group, [&](const DeviceProduct &each) { return areIndependent(each, product); });
}

} // namespace

bool hasWholePieces(Value matrix) {
  MemRefType type = typeOf(matrix);
  auto isMultiple = [](int64_t elements) {
    return !ShapedType::isDynamic(elements) && elements % kPiece == 0;
  };
  if (type.getLayout().isIdentity())
    return isMultiple(type.getShape().back());
  auto [strides, offset] = type.getStridesAndOffset();
  return (ShapedType::isDynamic(offset) || isMultiple(offset)) &&
         llvm::all_of(ArrayRef(strides).drop_back(), isMultiple);
}

int64_t depthOf(const DeviceProduct &product) {
  return typeOf(product.right()).getShape().end()[product.product.b.transposed ? -1 : -2];
}

int64_t countBlocks(const DeviceProduct &product) {
  bool alongSum = product.product.b.transposed;
  int64_t columns = typeOf(product.right()).getShape().end()[alongSum ? -2 : -1];
  int64_t batch = product.batchDims() ? typeOf(product.right()).getDimSize(0) : 1;
  return batch * int64_t(llvm::divideCeil(columns, SkinnyForm(alongSum).columns));
}

SmallVector<SmallVector<DeviceProduct>> groupProducts(ArrayRef<DeviceProduct> products) {
  SmallVector<SmallVector<DeviceProduct>> groups;
  for (const DeviceProduct &product : products)
    if (!groups.empty() && mayJoin(groups.back(), product))
      groups.back().push_back(product);
    else
      groups.push_back({product});
  return groups;
}

bool isForSkinnyKernel(ArrayRef<DeviceProduct> group) {
  const DeviceProduct &front = group.front();
  if (!isSkinny(front) || front.op->getParentOfType<ModuleOp>()->hasAttr(kLibraryProductsAttr))
    return false;
  return group.size() > 1 || countBlocks(front) >= kLeastBlocks;
}

} // namespace gqa
