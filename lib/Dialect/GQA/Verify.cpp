// Checks that every operation of the dialect needs: layouts, sizes, tensor types.
#include "Verify.h"

#include "gqa/Dialect/GQA/GQA.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace gqa {

bool provablyDiffer(int64_t a, int64_t b) {
  return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b;
}

bool provablyDiffer(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() != b.size())
    return true;
  return llvm::any_of(llvm::zip_equal(a, b),
                      [](auto sizes) { return provablyDiffer(std::get<0>(sizes), std::get<1>(sizes)); });
}

std::string sizeText(int64_t size) { return ShapedType::isDynamic(size) ? "?" : std::to_string(size); }

bool broadcastsTo(ArrayRef<int64_t> shape, ArrayRef<int64_t> full) {
  if (shape.size() > full.size())
    return false;
  return llvm::all_of(llvm::zip(llvm::reverse(shape), llvm::reverse(full)), [](auto sizes) {
    return std::get<0>(sizes) == 1 || !provablyDiffer(std::get<0>(sizes), std::get<1>(sizes));
  });
}

LogicalResult verifyLayout(Operation *op, StringRef layout, StringRef owner) {
  if (isLayout(layout))
    return success();
  return op->emitOpError("layout") << (owner.empty() ? "" : " of ") << owner << " is \"" << layout
                                   << "\", expected a permutation of \"bhsd\"";
}

LogicalResult verifyCount(Operation *op, ArrayRef<int64_t> shape, const Twine &what) {
  int64_t count = 1;
  for (int64_t size : shape) {
    // An empty dimension does not excuse the others: sizes are also added and compared one by one.
    if (ShapedType::isDynamic(size) || size == 0)
      continue;
    if (llvm::MulOverflow(count, size, count) || count >= sizeLimit)
      return op->emitOpError() << what << " has 2^60 elements or more, which nothing can address";
  }
  return success();
}

bool isFiniteAs(FloatType type, APFloat value) {
  bool losesInfo;
  value.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  return value.isFinite();
}

LogicalResult verifyTensors(Operation *op) {
  auto verify = [&](Type type) -> LogicalResult {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return success();
    if (tensor.getEncoding())
      return op->emitOpError() << tensor << " has an encoding, expected a plain dense tensor";
    std::string text;
    llvm::raw_string_ostream(text) << "'" << tensor << "'";
    return verifyCount(op, tensor.getShape(), text);
  };
  for (Type type : op->getOperandTypes())
    if (failed(verify(type)))
      return failure();
  for (Type type : op->getResultTypes())
    if (failed(verify(type)))
      return failure();
  return success();
}

} // namespace gqa
