// Passes on the operations around attention.
#ifndef GQA_DIALECT_GQA_TRANSFORMS_PASSES_H
#define GQA_DIALECT_GQA_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace gqa {

/// What gqa-decompose leaves as it is.
enum class Keep { Nothing, Attention, Narrow, Fused };

#define GEN_PASS_DECL
#include "gqa/Dialect/GQA/Transforms/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "gqa/Dialect/GQA/Transforms/Passes.h.inc"

} // namespace gqa

#endif // GQA_DIALECT_GQA_TRANSFORMS_PASSES_H
