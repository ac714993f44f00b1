// tile.qk in tile registers: keys, as they lie in memory, times interleaved queries.
#include "TileLowering.h"
#include "TileRegisters.h"

using namespace mlir;

namespace gqa {

void lowerQKInterleaved(tile::QKOp op, VectorBuilder &b) {
  Value q = op.getQ(), k = op.getK(), rowsOfTile = b.index(tile::kRegisterRows), two = b.index(2);
  Value lines = b.div(b.size(k, 0), rowsOfTile), columns = b.div(b.div(b.size(q, 1), two), rowsOfTile);
  auto body = [&](Value key, Value row, RegisterTiles tiles) {
    auto step = [&](Value d, ValueRange so) {
      auto left = [&](int64_t i) {
        return RegisterTiles::loadOperand(b, k, {b.add(key, b.index(i * tile::kRegisterRows)), d});
      };
      auto right = [&](int64_t j) {
        Value column = b.mul(b.add(row, b.index(j * tile::kRegisterRows)), two);
        return RegisterTiles::loadOperand(b, q, {b.div(d, two), column});
      };
      return tiles.multiply(so, left, right);
    };
    SmallVector<Value> sums = b.fold(b.index(0), b.size(k, 1), tile::kRegisterDepth, tiles.zeros(), step);
    tiles.store(op.getS(), key, row, sums);
  };
  // Keys come in pairs of registers: a product with the values takes them so.
  forEachTileBlock(b, lines, /*unit=*/2, columns, body);
}

} // namespace gqa
