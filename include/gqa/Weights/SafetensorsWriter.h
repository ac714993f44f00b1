// Weights written beside a module, one after another.
#ifndef GQA_WEIGHTS_SAFETENSORSWRITER_H
#define GQA_WEIGHTS_SAFETENSORSWRITER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <memory>

namespace llvm {
class raw_fd_ostream;
namespace sys::fs {
class TempFile;
}
} // namespace llvm

namespace gqa {

/// Writes a .safetensors file tensor by tensor, none of which stays in memory. The header, which comes first
/// in the file, is known last: room is kept for it. Until `finish` the file is a temporary one in the same
/// folder, which goes with this object.
class TensorFileWriter {
public:
  /// `nameBytes`: of the names of all tensors that may come, `count` at most. An error names the file.
  static llvm::Expected<TensorFileWriter> create(llvm::StringRef path, size_t count, size_t nameBytes);
  TensorFileWriter(TensorFileWriter &&);
  TensorFileWriter &operator=(TensorFileWriter &&) = delete;
  ~TensorFileWriter();

  /// `dtype` as the file writes it; `data` dense, row-major, little-endian. False, and nothing is written, if
  /// there is a tensor of this name already. Errors of the disk come with `finish`.
  bool append(llvm::StringRef name, llvm::StringRef dtype, llvm::ArrayRef<int64_t> shape,
              llvm::ArrayRef<char> data);
  bool has(llvm::StringRef name) const { return entries.get(name) != nullptr; }
  size_t size() const { return entries.size(); }
  uint64_t getBytes() const { return bytes; }

  /// Gives the file its name, in place of one that has it.
  llvm::Error finish();

private:
  TensorFileWriter();

  std::string path;
  std::unique_ptr<llvm::sys::fs::TempFile> file;
  std::unique_ptr<llvm::raw_fd_ostream> stream;
  uint64_t room = 0;  ///< of the header
  uint64_t bytes = 0; ///< of data so far
  llvm::json::Object entries;
};

} // namespace gqa

#endif // GQA_WEIGHTS_SAFETENSORSWRITER_H
