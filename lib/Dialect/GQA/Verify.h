// What the verifiers of the `gqa` operations share.
#ifndef GQA_LIB_DIALECT_GQA_VERIFY_H
#define GQA_LIB_DIALECT_GQA_VERIFY_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"

namespace gqa {

/// Sizes, offsets and windows stay below this, so that sums of three of them, and bytes, fit an int64.
constexpr int64_t sizeLimit = int64_t(1) << 60;

/// True if both sizes are known and not the same: what a verifier rejects.
bool provablyDiffer(int64_t a, int64_t b);
bool provablyDiffer(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);

/// "?" for a dynamic size.
std::string sizeText(int64_t size);

/// True if `shape` broadcasts to `full`: compared from the last dimension, each is 1, equal, or unknown.
bool broadcastsTo(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> full);

/// Rejects a layout that is no permutation of bhsd; `owner` names the operand, or is empty.
mlir::LogicalResult verifyLayout(mlir::Operation *op, llvm::StringRef layout, llvm::StringRef owner = "");

/// Rejects a shape with `sizeLimit` elements or more; `what` names it.
mlir::LogicalResult verifyCount(mlir::Operation *op, llvm::ArrayRef<int64_t> shape, const llvm::Twine &what);

/// Rejects operands and results with an encoding or with too many elements, before anything multiplies their
/// sizes.
mlir::LogicalResult verifyTensors(mlir::Operation *op);

/// True if `value`, rounded to `type`, is finite: a double may overflow there.
bool isFiniteAs(mlir::FloatType type, llvm::APFloat value);

} // namespace gqa

#endif // GQA_LIB_DIALECT_GQA_VERIFY_H
