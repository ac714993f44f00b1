// The pass that writes the report.
#ifndef GQA_FUSE_PASSES_H
#define GQA_FUSE_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace gqa {
#define GEN_PASS_DECL
#include "gqa/Fuse/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "gqa/Fuse/Passes.h.inc"
} // namespace gqa

#endif // GQA_FUSE_PASSES_H
