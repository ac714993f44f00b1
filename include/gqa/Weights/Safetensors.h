// Weights beside a module: .safetensors files.
#ifndef GQA_WEIGHTS_SAFETENSORS_H
#define GQA_WEIGHTS_SAFETENSORS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <map>
#include <memory>
#include <string>

namespace gqa {

/// A tensor as a file holds it: dense, row-major, little-endian, at any alignment.
struct StoredTensor {
  llvm::StringRef type;  ///< as MLIR writes it: f32, bf16, i64; i1 is a byte for each element
  llvm::StringRef dtype; ///< as the file writes it: F32, BF16, U8
  unsigned bits = 0;     ///< of an element, as it is stored
  llvm::SmallVector<int64_t> shape;
  llvm::ArrayRef<char> data;
};

/// How a file writes an element type of MLIR's, f32 as F32; empty if it cannot.
llvm::StringRef dtypeOf(llvm::StringRef type);

/// A .safetensors file, mapped into memory for as long as this or a copy of it lives. Everything in its
/// header has been checked.
class TensorFile {
public:
  /// An error names the file, and the tensor that is wrong.
  static llvm::Expected<TensorFile> open(llvm::StringRef path);

  /// Null if there is no tensor of this name.
  const StoredTensor *find(llvm::StringRef name) const;
  const std::map<std::string, StoredTensor> &all() const { return tensors; }
  std::shared_ptr<llvm::MemoryBuffer> getBuffer() const { return buffer; }

private:
  std::shared_ptr<llvm::MemoryBuffer> buffer;
  std::map<std::string, StoredTensor> tensors;
};

} // namespace gqa

#endif // GQA_WEIGHTS_SAFETENSORS_H
