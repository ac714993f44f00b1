// Passes of the pipeline itself; Passes.td describes them.
#ifndef GQA_PIPELINE_PASSES_H
#define GQA_PIPELINE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace gqa {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "gqa/Pipeline/Passes.h.inc"

} // namespace gqa

#endif // GQA_PIPELINE_PASSES_H
