// What can be refused before the parser sees it.
#ifndef GQA_PIPELINE_PRESCAN_H
#define GQA_PIPELINE_PRESCAN_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace gqa {

/// Refuses text that MLIR's recursive parser and printer cannot take: nothing at all, or brackets nested more
/// than 256 deep outside strings and comments. Bytecode is only checked for being there.
llvm::Error prescan(llvm::StringRef text);

} // namespace gqa

#endif // GQA_PIPELINE_PRESCAN_H
