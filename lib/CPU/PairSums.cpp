// Loads, products and stores of tile registers, and of vectors in their place.
#include "PairSums.h"
#include "RegisterBlocks.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;

namespace gqa {

static amx::TileType sumType(OpBuilder &b) {
  return amx::TileType::get({tile::kRegisterRows, tile::kRegisterRows}, b.getF32Type());
}

/// Lines, and columns, of a register.
static int64_t linesOf(const CPUTarget &target) { return target.amx ? tile::kRegisterRows : 1; }
static int64_t columnsOf(VectorBuilder &b) { return b.target.amx ? tile::kRegisterRows : b.lanes; }

int64_t PairSums::depth(const CPUTarget &target) { return target.amx ? tile::kRegisterDepth : 2; }

Value PairSums::line(Value from, int64_t i) { return b.add(from, b.index(i * linesOf(b.target))); }

Value PairSums::column(Value from, int64_t j) { return b.add(from, b.index(j * columnsOf(b))); }

static Value loadTile(VectorBuilder &b, Value buffer, ValueRange at, ArrayRef<int64_t> shape) {
  return amx::TileLoadOp::create(b, amx::TileType::get(shape, b.getBF16Type()), buffer, at);
}

Value PairSums::loadLeft(Value buffer, ValueRange at, int64_t depth) {
  return b.target.amx ? loadTile(b, buffer, at, {tile::kRegisterRows, depth}) : b.splatPair(buffer, at);
}

Value PairSums::loadRight(Value buffer, ValueRange at, int64_t depth) {
  return b.target.amx ? loadTile(b, buffer, at, {depth / 2, 2 * tile::kRegisterRows})
                      : b.loadHalves(buffer, at);
}

PairSums::Values PairSums::zeros() {
  Values sums;
  for (int64_t i = 0; i < height * width; ++i)
    sums.push_back(b.target.amx ? amx::TileZeroOp::create(b, sumType(b)).getResult() : b.splat(0.0));
  return sums;
}

PairSums::Values PairSums::load(Value matrix, Value line, Value column) {
  Values sums;
  for (int64_t i = 0; i < height; ++i)
    for (int64_t j = 0; j < width; ++j) {
      Value at[] = {this->line(line, i), this->column(column, j)};
      sums.push_back(b.target.amx ? amx::TileLoadOp::create(b, sumType(b), matrix, at).getResult()
                                  : b.loadVector(matrix, at));
    }
  return sums;
}

void PairSums::store(Value matrix, Value line, Value column, ValueRange sums) {
  for (int64_t i = 0; i < height; ++i)
    for (int64_t j = 0; j < width; ++j) {
      Value sum = sums[i * width + j], at[] = {this->line(line, i), this->column(column, j)};
      if (b.target.amx)
        amx::TileStoreOp::create(b, matrix, at, sum);
      else
        b.storeVector(sum, matrix, at);
    }
}

PairSums::Values PairSums::multiply(ValueRange sums, function_ref<Value(int64_t)> left,
                                    function_ref<Value(int64_t)> right) {
  Values next, columns;
  for (int64_t i = 0; i < height; ++i) {
    Value line = left(i);
    for (int64_t j = 0; j < width; ++j) {
      if (i == 0) // as late as it can be: a third operand would be one tile register too many
        columns.push_back(right(j));
      Value sum = sums[i * width + j];
      next.push_back(b.target.amx
                         ? amx::TileMulFOp::create(b, sum.getType(), line, columns[j], sum).getResult()
                         : b.addPairs(line, columns[j], sum));
    }
  }
  return next;
}

PairBlocks::PairBlocks(VectorBuilder &b, Value lines, int64_t multiple, Value columns)
    : b(b), ofRegister(linesOf(b.target)), height(2),
      width(2), // beside two operands each way: all eight tiles
      down(b.div(lines, b.index(ofRegister))), across(b.div(columns, b.index(columnsOf(b)))) {
  if (!b.target.amx) {
    RegisterBlock block = chooseRegisterBlock(b.target, getConstantIntValue(across), std::nullopt);
    height = block.scalars;
    width = block.vectors;
  }
  rest = std::gcd(height, multiple / ofRegister);
}

void PairBlocks::forEach(function_ref<void(Value, Value, PairSums)> body) {
  b.blocked(down, height, rest, [&](Value line, int64_t height) {
    b.blocked(across, width, 1, [&](Value column, int64_t width) {
      body(b.mul(line, b.index(ofRegister)), b.mul(column, b.index(columnsOf(b))),
           PairSums(b, height, width));
    });
  });
}

Value PairBlocks::number(Value line, Value column) {
  Value row = b.div(line, b.index(height * ofRegister)), inRow = b.div(column, b.index(width * columnsOf(b)));
  return b.add(b.mul(row, b.ceilDiv(across, b.index(width))), inRow);
}

int64_t PairBlocks::count(int64_t lines) {
  std::optional<int64_t> columns = getConstantIntValue(across);
  return columns ? llvm::divideCeil(lines, height * ofRegister) * llvm::divideCeil(*columns, width) : 0;
}

} // namespace gqa
