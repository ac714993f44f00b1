// The states of all threads of a block as one: by exchanges within warps, then through shared memory.
#include "Reduction.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32;

Value exchangeWord(IndexBuilder &b, Value x, int64_t mask) {
  auto number = [&](int64_t value) -> Value { return arith::ConstantIntOp::create(b, value, 32); };
  return NVVM::ShflOp::create(b, x.getType(), number(-1), x, number(mask), number(kLanes - 1),
                              NVVM::ShflKind::bfly, UnitAttr());
}

/// Of 64 bits, half by half.
Value exchangePair(IndexBuilder &b, Value x, int64_t mask) {
  auto pair = VectorType::get({2}, b.getI32Type());
  Value halves = LLVM::BitcastOp::create(b, pair, x), result = LLVM::PoisonOp::create(b, pair);
  for (int64_t half = 0; half < 2; ++half) {
    Value place = arith::ConstantIntOp::create(b, half, 32);
    Value moved = exchangeWord(b, LLVM::ExtractElementOp::create(b, halves, place), mask);
    result = LLVM::InsertElementOp::create(b, result, moved, place);
  }
  return LLVM::BitcastOp::create(b, x.getType(), result);
}

/// The number of the lane whose own one differs in the bits of `mask`.
Value exchange(IndexBuilder &b, Value x, int64_t mask) {
  Type type = x.getType();
  unsigned width = type.getIntOrFloatBitWidth();
  if (width >= 32)
    return width == 32 ? exchangeWord(b, x, mask) : exchangePair(b, x, mask);
  Type bits = b.getIntegerType(width);
  auto as = [&](Type to, Value value) -> Value {
    return value.getType() == to ? value : Value(arith::BitcastOp::create(b, to, value));
  };
  Value word = arith::ExtUIOp::create(b, b.getI32Type(), as(bits, x));
  return as(type, arith::TruncIOp::create(b, bits, exchangeWord(b, word, mask)));
}

SmallVector<Value> overLanes(IndexBuilder &b, ValueRange state, int64_t lanes, Join join) {
  SmallVector<Value> x(state);
  for (int64_t mask = lanes / 2; mask > 0; mask /= 2)
    x = join(x, llvm::map_to_vector(x, [&](Value each) { return exchange(b, each, mask); }));
  return x;
}

} // namespace

SharedState::SharedState(IndexBuilder &b, ValueRange state, ArrayRef<int64_t> shape) {
  for (Value each : state) {
    types.push_back(each.getType());
    Type type = each.getType().isInteger(1) ? Type(b.getI8Type()) : each.getType(); // memory has bytes
    rooms.push_back(tile::ScratchOp::create(b, MemRefType::get(shape, type), ValueRange()));
  }
}

void SharedState::store(IndexBuilder &b, ValueRange state, ValueRange at) {
  for (auto [each, room] : llvm::zip(state, rooms)) {
    bool isBit = each.getType().isInteger(1);
    memref::StoreOp::create(b, isBit ? Value(arith::ExtUIOp::create(b, b.getI8Type(), each)) : each, room,
                            at);
  }
}

SmallVector<Value> SharedState::load(IndexBuilder &b, ValueRange at) {
  SmallVector<Value> state;
  for (auto [type, room] : llvm::zip(types, rooms)) {
    Value each = memref::LoadOp::create(b, room, at);
    state.push_back(type.isInteger(1) ? Value(arith::TruncIOp::create(b, type, each)) : each);
  }
  return state;
}

SmallVector<Value> reduceOverBlock(IndexBuilder &b, ValueRange state, int64_t warps, Join join) {
  SmallVector<Value> x = overLanes(b, state, kLanes, join);
  if (warps == 1)
    return x;
  SharedState shared(b, x, {warps});
  Value lane = tile::WarpLaneOp::create(b, b.getIndexType()),
        warp = tile::WarpIdOp::create(b, b.getIndexType());
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, b.index(0));
  auto branch = scf::IfOp::create(b, isFirst, /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenYield());
    shared.store(b, x, warp);
  }
  tile::BarrierOp::create(b);
  return overLanes(b, shared.load(b, b.rem(lane, b.index(warps))), warps, join);
}

} // namespace gqa
