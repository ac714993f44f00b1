// Passes that share key/value heads.
#ifndef GQA_SHARE_PASSES_H
#define GQA_SHARE_PASSES_H

#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/Share/Pooling.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"

namespace gqa {
#define GEN_PASS_DECL
#include "gqa/Share/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "gqa/Share/Passes.h.inc"
} // namespace gqa

#endif // GQA_SHARE_PASSES_H
