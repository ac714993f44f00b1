// A number of every thread of a block as one: by exchanges within warps, then through shared memory.
#include "LoopKernel.h"
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

Value overLanes(IndexBuilder &b, Operation *combiner, Value x, int64_t lanes) {
  for (int64_t mask = lanes / 2; mask > 0; mask /= 2)
    x = combine(b, combiner, x, exchange(b, x, mask));
  return x;
}

} // namespace

Value combine(IndexBuilder &b, Operation *combiner, Value x, Value y) {
  IRMapping mapping;
  mapping.map(combiner->getOperand(0), x);
  mapping.map(combiner->getOperand(1), y);
  return b.clone(*combiner, mapping)->getResult(0);
}

Value reduceOverBlock(IndexBuilder &b, Operation *combiner, Value x, int64_t warps) {
  x = overLanes(b, combiner, x, kLanes);
  if (warps == 1)
    return x;
  bool isBit = x.getType().isInteger(1); // memory has bytes
  Type type = isBit ? b.getI8Type() : x.getType();
  auto room = tile::ScratchOp::create(b, MemRefType::get({warps}, type), ValueRange());
  Value lane = tile::WarpLaneOp::create(b, b.getIndexType()),
        warp = tile::WarpIdOp::create(b, b.getIndexType());
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, b.index(0));
  auto branch = scf::IfOp::create(b, isFirst, /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenYield());
    memref::StoreOp::create(b, isBit ? Value(arith::ExtUIOp::create(b, type, x)) : x, room, warp);
  }
  tile::BarrierOp::create(b);
  Value partial = memref::LoadOp::create(b, room, b.rem(lane, b.index(warps)));
  if (isBit)
    partial = arith::TruncIOp::create(b, x.getType(), partial);
  return overLanes(b, combiner, partial, warps);
}

} // namespace gqa
