// Passes that recognise attention.
#ifndef GQA_RAISE_PASSES_H
#define GQA_RAISE_PASSES_H

#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"

namespace gqa {
#define GEN_PASS_DECL
#include "gqa/Raise/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "gqa/Raise/Passes.h.inc"
} // namespace gqa

#endif // GQA_RAISE_PASSES_H
