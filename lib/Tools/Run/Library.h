// A library that gqa-compile has written.
#ifndef GQA_LIB_TOOLS_RUN_LIBRARY_H
#define GQA_LIB_TOOLS_RUN_LIBRARY_H

#include "Options.h"

#include "gqa/artifact.h"

#include <memory>

namespace gqa::run {

class Library {
public:
  /// Whether a file is a shared library, by its first bytes.
  static bool is(llvm::StringRef path);

  /// Loads it, for as long as the process lives. The error says what is wrong with the file, or that none of
  /// its versions runs on this machine.
  static llvm::Expected<std::unique_ptr<Library>> load(llvm::StringRef path);

  const Signature &signature() const { return types; }
  llvm::Expected<std::vector<DLManagedTensor *>> call(llvm::ArrayRef<const DLTensor *> inputs);

private:
  const gqa_artifact *artifact = nullptr;
  Signature types;
};

} // namespace gqa::run

#endif // GQA_LIB_TOOLS_RUN_LIBRARY_H
