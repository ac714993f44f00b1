// Registration of the `tile` dialect.
#include "gqa/Dialect/Tile/Tile.h"

#include "gqa/Dialect/Tile/TileDialect.cpp.inc"

using namespace mlir;

namespace gqa::tile {

void TileDialect::initialize() {
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "gqa/Dialect/Tile/TileOps.cpp.inc"
      >();
}

} // namespace gqa::tile
