// The tables of an artifact.
#ifndef GQA_LIB_ARTIFACT_DESCRIBE_H
#define GQA_LIB_ARTIFACT_DESCRIBE_H

#include "gqa/JIT/JITModule.h"

namespace gqa {

/// The code for one target.
struct Version {
  std::string target;
  Signature signature; ///< with the places that this target has for tensors
  ObjectCode object;   ///< whose names end in suffixOf its index
};

inline std::string suffixOf(size_t version) { return "." + std::to_string(version); }

/// An object with the gqa_rt_artifact of these versions, and the functions that the library exports.
llvm::Expected<llvm::SmallVector<char, 0>> describeArtifact(llvm::ArrayRef<Version> versions);

} // namespace gqa

#endif // GQA_LIB_ARTIFACT_DESCRIBE_H
