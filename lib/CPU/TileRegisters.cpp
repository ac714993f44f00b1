// Loads, products and stores of tile registers.
#include "TileRegisters.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/AMX/AMXDialect.h"

using namespace mlir;

namespace gqa {

static amx::TileType sumType(OpBuilder &b) {
  return amx::TileType::get({tile::kRegisterRows, tile::kRegisterRows}, b.getF32Type());
}

static Value offset(VectorBuilder &b, Value from, int64_t tiles) {
  return b.add(from, b.index(tiles * tile::kRegisterRows));
}

Value RegisterTiles::loadOperand(VectorBuilder &b, Value buffer, ValueRange at) {
  auto type = amx::TileType::get({tile::kRegisterRows, tile::kRegisterDepth}, b.getBF16Type());
  return amx::TileLoadOp::create(b, type, buffer, at);
}

RegisterTiles::Values RegisterTiles::zeros() {
  Values sums;
  for (int64_t i = 0; i < height * width; ++i)
    sums.push_back(amx::TileZeroOp::create(b, sumType(b)));
  return sums;
}

RegisterTiles::Values RegisterTiles::load(Value matrix, Value line, Value column) {
  Values sums;
  for (int64_t i = 0; i < height; ++i)
    for (int64_t j = 0; j < width; ++j)
      sums.push_back(amx::TileLoadOp::create(b, sumType(b), matrix,
                                             ValueRange{offset(b, line, i), offset(b, column, j)}));
  return sums;
}

void RegisterTiles::store(Value matrix, Value line, Value column, ValueRange sums) {
  for (int64_t i = 0; i < height; ++i)
    for (int64_t j = 0; j < width; ++j)
      amx::TileStoreOp::create(b, matrix, ValueRange{offset(b, line, i), offset(b, column, j)},
                               sums[i * width + j]);
}

RegisterTiles::Values RegisterTiles::multiply(ValueRange sums, function_ref<Value(int64_t)> left,
                                              function_ref<Value(int64_t)> right) {
  Values next, columns;
  for (int64_t i = 0; i < height; ++i) {
    Value line = left(i);
    for (int64_t j = 0; j < width; ++j) {
      if (i == 0) // as late as it can be: a third operand would be one register too many
        columns.push_back(right(j));
      Value sum = sums[i * width + j];
      next.push_back(amx::TileMulFOp::create(b, sum.getType(), line, columns[j], sum));
    }
  }
  return next;
}

void forEachTileBlock(VectorBuilder &b, Value lines, int64_t unit, Value columns,
                      function_ref<void(Value, Value, RegisterTiles)> body) {
  constexpr int64_t kSide = 2;
  Value size = b.index(tile::kRegisterRows);
  b.blocked(lines, kSide, unit, [&](Value line, int64_t height) {
    b.blocked(columns, kSide, 1, [&](Value column, int64_t width) {
      body(b.mul(line, size), b.mul(column, size), RegisterTiles(b, height, width));
    });
  });
}

} // namespace gqa
