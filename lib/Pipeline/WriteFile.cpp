#include "gqa/Pipeline/WriteFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"

std::error_code gqa::writeFile(llvm::StringRef path, llvm::StringRef bytes) {
  std::error_code error;
  llvm::ToolOutputFile file(path, error, llvm::sys::fs::OF_None);
  if (error)
    return error;
  file.os() << bytes;
  file.os().flush();
  error = file.os().error();
  file.os().clear_error(); // which the stream would end the process for
  if (!error)
    file.keep();
  return error;
}
