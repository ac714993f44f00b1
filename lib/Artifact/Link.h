// From objects to a shared library.
#ifndef GQA_LIB_ARTIFACT_LINK_H
#define GQA_LIB_ARTIFACT_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace gqa {

/// Links objects and what they need of the runtime into a shared library at `path`, which is replaced as a
/// whole. Nothing but this process is needed: lld is part of it, the runtime's archive as well, and the C and
/// C++ libraries are those that it has loaded itself.
llvm::Error linkLibrary(llvm::ArrayRef<llvm::StringRef> objects, llvm::StringRef path);

} // namespace gqa

#endif // GQA_LIB_ARTIFACT_LINK_H
