// Why a function of gqa.h did not return GQA_OK.
#ifndef GQA_LIB_CAPI_STATUS_H
#define GQA_LIB_CAPI_STATUS_H

#include "gqa/gqa.h"

#include "llvm/Support/Error.h"

#include <string>

namespace gqa {

/// `status`, with this thread's last message.
gqa_status fail(gqa_status status, std::string message);
gqa_status fail(gqa_status status, llvm::Error error);

/// Of an argument that must not be null.
gqa_status null(const char *argument);

} // namespace gqa

#endif // GQA_LIB_CAPI_STATUS_H
