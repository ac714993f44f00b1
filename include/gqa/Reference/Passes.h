// The float64 evaluation of the gqa dialect.
#ifndef GQA_REFERENCE_PASSES_H
#define GQA_REFERENCE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace gqa {

#define GEN_PASS_DECL
#include "gqa/Reference/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "gqa/Reference/Passes.h.inc"

} // namespace gqa

#endif // GQA_REFERENCE_PASSES_H
