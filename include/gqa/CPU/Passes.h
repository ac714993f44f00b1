// Passes that lower to code for the host's processor; Passes.td describes them.
#ifndef GQA_CPU_PASSES_H
#define GQA_CPU_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace gqa {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "gqa/CPU/Passes.h.inc"

} // namespace gqa

#endif // GQA_CPU_PASSES_H
