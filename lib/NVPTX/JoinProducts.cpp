// Which products are one launch: those of one operand of few rows that stand together, as q, k and v or gate
// and up of a decode step, where a launch takes time beside the weights.
#include "Offload.h"
#include "SkinnyProducts.h"
#include "SkinnyStep.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Pipeline/Buffers.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr size_t kMostTogether = 8; // products of one kernel, which has code for each

/// What an H200 moves while a kernel starts (1 us at 4.2 TB/s), and how much of the weights' time that must
/// be: the library's kernels may be so much faster than ours.
constexpr int64_t kBytesOfLaunch = int64_t(4) << 20, kLeastShare = 20;

MemRefType typeOf(Value buffer) { return cast<MemRefType>(buffer.getType()); }

/// Whether rows begin at multiples of a piece, if the buffer does.
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

int64_t weightBytes(ArrayRef<DeviceProduct> group) {
  int64_t elements = 0;
  for (const DeviceProduct &each : group)
    elements += typeOf(each.right()).getNumElements();
  return 2 * elements;
}

} // namespace

SmallVector<SmallVector<DeviceProduct>> groupProducts(ArrayRef<DeviceProduct> products) {
  SmallVector<SmallVector<DeviceProduct>> groups;
  for (const DeviceProduct &product : products)
    if (!groups.empty() && mayJoin(groups.back(), product))
      groups.back().push_back(product);
    else
      groups.push_back({product});
  return groups;
}

bool joinsProducts(ArrayRef<DeviceProduct> group, std::string &why) {
  auto wish = group.front().op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(kJoinProductsAttr);
  int64_t bytes = weightBytes(group), saved = kBytesOfLaunch * int64_t(group.size() - 1);
  bool pays = wish ? wish.getValue() == "always" : saved * kLeastShare >= bytes;
  llvm::raw_string_ostream out(why);
  out << group.size() << " products of one operand, with " << llvm::formatv("{0:f1}", double(bytes) / 1e6)
      << " MB of weights, are " << (pays ? "one launch" : "as many launches");
  if (wish)
    out << ", as '" << kJoinProductsAttr << "' asks";
  else if (!pays)
    out << ": what one would save is less than 1/" << kLeastShare << " of the time of the weights";
  return pays;
}

} // namespace gqa
