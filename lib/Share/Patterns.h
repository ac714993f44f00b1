// Patterns of gqa-share-kv.
#ifndef GQA_LIB_SHARE_PATTERNS_H
#define GQA_LIB_SHARE_PATTERNS_H

#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/IR/PatternMatch.h"

namespace gqa {

/// K and V repeated as `h mod Hkv`: the query heads are permuted so that the repeat becomes `h floordiv G`,
/// and drops.
void populateTiledOrderPatterns(mlir::RewritePatternSet &patterns);

/// True if sinks, mask, bias or score may depend on the query head.
bool dependsOnHead(AttentionOp op);

} // namespace gqa

#endif // GQA_LIB_SHARE_PATTERNS_H
