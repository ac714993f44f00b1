// Elementwise operations and reductions on tensors whose dimensions are named by letters, as in an einsum.
#ifndef GQA_LIB_DIALECT_GQA_TRANSFORMS_EINSUM_H
#define GQA_LIB_DIALECT_GQA_TRANSFORMS_EINSUM_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <map>
#include <string>

namespace gqa {

/// A tensor with a letter for each dimension; `1` is a dimension that is read at 0 only.
struct Indexed {
  mlir::Value tensor;
  std::string letters;
};

/// Builds one linalg.generic at a time; the loops are the result's letters, then those that are reduced.
class Einsum {
public:
  Einsum(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  void setSize(char letter, mlir::OpFoldResult size) { sizes[letter] = size; }
  mlir::OpFoldResult sizeOf(char letter) const { return sizes.at(letter); }
  /// Sizes of a tensor of these dimensions.
  llvm::SmallVector<mlir::OpFoldResult> sizesOf(llvm::StringRef letters) const;

  /// What an element is, from one element of each input.
  using Element = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::ValueRange)>;
  Indexed emit(llvm::ArrayRef<Indexed> inputs, llvm::StringRef result, mlir::Type element, Element body);

  /// What an element becomes, from one element of each input and what it is so far; `start` to begin with.
  using Step = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::ValueRange, mlir::Value)>;
  Indexed reduce(llvm::ArrayRef<Indexed> inputs, llvm::StringRef result, mlir::Value start, Step body);

  /// The head dimension `h` as two of known sizes, `kg`, or the other way round.
  Indexed split(const Indexed &value);
  Indexed join(const Indexed &value);

private:
  mlir::AffineMap mapOf(llvm::StringRef letters, llvm::StringRef loops) const;
  Indexed build(llvm::ArrayRef<Indexed> inputs, llvm::StringRef result, mlir::Value init, Step body);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  std::map<char, mlir::OpFoldResult> sizes;
};

} // namespace gqa

#endif // GQA_LIB_DIALECT_GQA_TRANSFORMS_EINSUM_H
