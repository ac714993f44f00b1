// gqa.attention with other results.
#ifndef GQA_DIALECT_GQA_REBUILD_H
#define GQA_DIALECT_GQA_REBUILD_H

#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/IR/PatternMatch.h"

namespace gqa {

/// Replaces `op` by one with other result types and the same operands, attributes and region, and without the
/// lse if there is only one type.
AttentionOp rebuild(mlir::RewriterBase &rewriter, AttentionOp op, mlir::TypeRange results);

} // namespace gqa

#endif // GQA_DIALECT_GQA_REBUILD_H
