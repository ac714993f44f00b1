#ifndef GQA_LIB_PIPELINE_MOVEELEMENTS_H
#define GQA_LIB_PIPELINE_MOVEELEMENTS_H

#include "mlir/Pass/Pass.h"

namespace gqa {

/// In loops, an element that goes from one tensor into another becomes a slice without dimensions, which a
/// kernel moves: as a number, the host would read it first.
std::unique_ptr<mlir::Pass> createMoveElements();

} // namespace gqa

#endif // GQA_LIB_PIPELINE_MOVEELEMENTS_H
