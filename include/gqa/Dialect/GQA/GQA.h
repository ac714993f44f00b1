// The `gqa` dialect: attention over shared key/value heads, on tensors. GQAOps.td is its specification.
#ifndef GQA_DIALECT_GQA_GQA_H
#define GQA_DIALECT_GQA_GQA_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "gqa/Dialect/GQA/GQADialect.h.inc"
#include "gqa/Dialect/GQA/GQAEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "gqa/Dialect/GQA/GQAAttrs.h.inc"
#define GET_OP_CLASSES
#include "gqa/Dialect/GQA/GQAOps.h.inc"

namespace gqa {

/// True if `layout` is a permutation of the letters b, h, s, d.
bool isLayout(llvm::StringRef layout);

/// The dimension that `letter` (one of b, h, s, d) has in a valid layout.
unsigned dimOf(llvm::StringRef layout, char letter);

/// The size of `letter` in a rank-4 type laid out as `layout`.
int64_t sizeOf(mlir::Value value, llvm::StringRef layout, char letter);

/// A shape given in logical order (b, h, s, d), permuted to `layout`.
llvm::SmallVector<int64_t, 4> toLayout(llvm::ArrayRef<int64_t> logical, llvm::StringRef layout);

} // namespace gqa

#endif // GQA_DIALECT_GQA_GQA_H
