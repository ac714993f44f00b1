// The numbers of a constant tensor, wherever the module keeps them.
#ifndef GQA_RAISE_CONSTANTDATA_H
#define GQA_RAISE_CONSTANTDATA_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Value.h"

namespace gqa {

/// Elements of an `arith.constant`, inline or in a resource, as doubles in row-major order.
class ConstantData {
public:
  /// None if the value is no constant, or of a type that is neither a float of at most 64 bits nor an
  /// integer.
  static std::optional<ConstantData> of(mlir::Value value);

  /// Elements of `type` that lie one behind the other in `raw`; none for other types, or another number of
  /// bytes.
  static std::optional<ConstantData> of(mlir::ShapedType type, llvm::ArrayRef<char> raw);

  double at(int64_t position) const;
  mlir::ShapedType getType() const { return type; }

private:
  mlir::ShapedType type;
  mlir::DenseElementsAttr dense;
  llvm::ArrayRef<char> raw;
};

} // namespace gqa

#endif // GQA_RAISE_CONSTANTDATA_H
