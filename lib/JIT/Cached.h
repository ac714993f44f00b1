// Compiled code as the cache keeps it.
#ifndef GQA_LIB_JIT_CACHED_H
#define GQA_LIB_JIT_CACHED_H

#include "gqa/JIT/JITModule.h"

#include <optional>

namespace gqa {

struct CompiledCode {
  Signature signature;
  ObjectCode object;
};

/// Where the cache has what `text` becomes: a digest of the text, of the options, of the processor's name and
/// features, of the builds of this compiler and of LLVM, and of the assembler if it makes machine code for
/// GPUs. None if the options ask for files or remarks beside the code, if the cache is off, or if a build
/// cannot be told from another.
std::optional<std::string> cacheKey(llvm::StringRef text, const CompileOptions &options);

/// What is cached under `key`, if it runs on this machine.
std::optional<CompiledCode> loadCached(llvm::StringRef key);

void storeCached(llvm::StringRef key, const CompiledCode &code, const CompileOptions &options);

} // namespace gqa

#endif // GQA_LIB_JIT_CACHED_H
