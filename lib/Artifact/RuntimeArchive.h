#ifndef GQA_LIB_ARTIFACT_RUNTIMEARCHIVE_H
#define GQA_LIB_ARTIFACT_RUNTIMEARCHIVE_H

#include "llvm/ADT/StringRef.h"

namespace gqa {

/// The bytes of libGQARuntime.a as it was when this compiler was built.
llvm::StringRef runtimeArchive();

} // namespace gqa

#endif // GQA_LIB_ARTIFACT_RUNTIMEARCHIVE_H
