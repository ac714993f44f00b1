// Passes that schedule attention; Passes.td documents them.
#ifndef GQA_TILE_PASSES_H
#define GQA_TILE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace gqa {

#define GEN_PASS_DECL
#include "gqa/Tile/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "gqa/Tile/Passes.h.inc"

} // namespace gqa

#endif // GQA_TILE_PASSES_H
