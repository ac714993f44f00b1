// The text of a module with one attention, from its description in C.
#ifndef GQA_LIB_CAPI_ATTENTIONTEXT_H
#define GQA_LIB_CAPI_ATTENTIONTEXT_H

#include "gqa/gqa.h"

#include "llvm/Support/Error.h"

#include <string>

namespace gqa {

/// A module whose function `main` is the attention; the error names the field that is wrong.
llvm::Expected<std::string> attentionText(const gqa_attention &attention);

} // namespace gqa

#endif // GQA_LIB_CAPI_ATTENTIONTEXT_H
