// Files of the tools.
#ifndef GQA_PIPELINE_WRITEFILE_H
#define GQA_PIPELINE_WRITEFILE_H

#include "llvm/ADT/StringRef.h"

#include <system_error>

namespace gqa {

/// Writes `bytes` to a file, or to standard output as "-". What could not be written as a whole is removed,
/// unless it is a device. No error, or why.
std::error_code writeFile(llvm::StringRef path, llvm::StringRef bytes);

} // namespace gqa

#endif // GQA_PIPELINE_WRITEFILE_H
