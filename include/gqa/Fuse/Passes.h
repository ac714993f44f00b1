// Passes around fusion.
#ifndef GQA_FUSE_PASSES_H
#define GQA_FUSE_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace gqa {
#define GEN_PASS_DECL
#include "gqa/Fuse/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "gqa/Fuse/Passes.h.inc"
} // namespace gqa

#endif // GQA_FUSE_PASSES_H
