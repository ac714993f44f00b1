// Registration of the `gqa` dialect and the layout helpers that its operations share.
#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "gqa/Dialect/GQA/GQADialect.cpp.inc"
#include "gqa/Dialect/GQA/GQAEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "gqa/Dialect/GQA/GQAAttrs.cpp.inc"

using namespace mlir;

namespace gqa {

void GQADialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "gqa/Dialect/GQA/GQAAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "gqa/Dialect/GQA/GQAOps.cpp.inc"
      >();
}

Operation *GQADialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

bool isLayout(StringRef layout) {
  return layout.size() == 4 && layout.contains('b') && layout.contains('h') && layout.contains('s') &&
         layout.contains('d');
}

unsigned dimOf(StringRef layout, char letter) {
  size_t position = layout.find(letter);
  assert(position != StringRef::npos && "not a layout");
  return position;
}

int64_t sizeOf(Value value, StringRef layout, char letter) {
  return cast<RankedTensorType>(value.getType()).getDimSize(dimOf(layout, letter));
}

SmallVector<int64_t, 4> toLayout(ArrayRef<int64_t> logical, StringRef layout) {
  SmallVector<int64_t, 4> shape(4);
  for (auto [letter, size] : llvm::zip_equal(StringRef("bhsd"), logical))
    shape[dimOf(layout, letter)] = size;
  return shape;
}

} // namespace gqa
