// gqa-emulate-amx: tile registers as buffers of a task, their instructions as loops.
#include "VectorBuilder.h"
#include "gqa/CPU/Passes.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_EMULATEAMX
#include "gqa/CPU/Passes.h.inc"

namespace {

class Emulator {
public:
  Emulator(func::FuncOp function, const CPUTarget &target) : function(function), target(target) {}

  LogicalResult run() {
    SmallVector<Operation *> operations;
    function.walk([&](Operation *op) {
      if (isa_and_nonnull<amx::AMXDialect>(op->getDialect()))
        operations.push_back(op);
    });
    // Before anything is rewritten: a product overwrites its sum, which nobody else may want then.
    for (Operation *op : operations)
      if (auto product = dyn_cast<amx::TileMulFOp>(op); product && !product.getAcc().hasOneUse())
        return product.emitOpError(
            "adds to a tile that is used elsewhere, which cannot be emulated in place");
    function.walk([&](scf::ForOp loop) { carryBuffers(loop); });
    for (Operation *op : operations)
      rewrite(op);
    return success();
  }

private:
  static MemRefType bufferType(Type tile) {
    auto type = cast<amx::TileType>(tile);
    return MemRefType::get(type.getShape(), type.getElementType());
  }

  /// Tiles that a loop carries are buffers: from here on the types of values and operations do not agree,
  /// until the last operation is rewritten.
  static void carryBuffers(scf::ForOp loop) {
    for (auto [argument, result] : llvm::zip(loop.getRegionIterArgs(), loop.getResults()))
      if (isa<amx::TileType>(result.getType())) {
        result.setType(bufferType(result.getType()));
        argument.setType(result.getType());
      }
  }

  /// Room for a tile, once for each operation that makes one: the tile of an iteration is dead in the next.
  Value allocate(Type tile) {
    OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
    return memref::AllocaOp::create(builder, function.getLoc(), bufferType(tile),
                                    builder.getI64IntegerAttr(64));
  }

  void rewrite(Operation *op) {
    VectorBuilder b(op, target, Float32Type::get(op->getContext()));
    Value result = TypeSwitch<Operation *, Value>(op)
                       .Case([&](amx::TileZeroOp op) { return zero(op, b); })
                       .Case([&](amx::TileLoadOp op) { return load(op, b); })
                       .Case([&](amx::TileMulFOp op) { return multiply(op, b); })
                       .Case([&](amx::TileStoreOp op) { return store(op, b); });
    if (op->getNumResults())
      op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }

  Value zero(amx::TileZeroOp op, VectorBuilder &b) {
    Value tile = allocate(op.getType());
    b.forEach(b.index(0), b.size(tile, 0), 1, [&](Value row) {
      b.forEach(b.index(0), b.size(tile, 1), b.lanes,
                [&](Value column) { b.storeVector(b.splat(0.0), tile, {row, column}); });
    });
    return tile;
  }

  Value load(amx::TileLoadOp op, VectorBuilder &b) {
    Value tile = allocate(op.getType()), zero = b.index(0);
    copy(b, tile, op.getBase(), op.getIndices(), tile, {zero, zero});
    return tile;
  }

  Value store(amx::TileStoreOp op, VectorBuilder &b) {
    Value tile = op.getVal(), zero = b.index(0);
    copy(b, tile, tile, {zero, zero}, op.getBase(), op.getIndices());
    return nullptr;
  }

  /// As much as a tile has, from one place to another.
  static void copy(VectorBuilder &b, Value tile, Value from, ValueRange fromBase, Value to,
                   ValueRange toBase) {
    Value columns = b.size(tile, 1), whole = b.roundDown(columns, b.lanes);
    auto behind = [&](ValueRange base, Value row, Value column) {
      SmallVector<Value> at(base);
      at[at.size() - 2] = b.add(at[at.size() - 2], row);
      at.back() = b.add(at.back(), column);
      return at;
    };
    b.forEach(b.index(0), b.size(tile, 0), 1, [&](Value row) {
      b.forEach(b.index(0), whole, b.lanes, [&](Value column) {
        b.storeVector(b.loadVector(from, behind(fromBase, row, column)), to, behind(toBase, row, column));
      });
      b.forEach(whole, columns, 1, [&](Value column) {
        b.store(b.load(from, behind(fromBase, row, column)), to, behind(toBase, row, column));
      });
    });
  }

  /// What the instruction takes a number for: denormals are zero, operands and results alike.
  static Value flush(VectorBuilder &b, Value value) {
    Value small = b.less(math::AbsFOp::create(b, value), b.floatLike(value, 0x1p-126));
    return b.select(small, b.floatLike(value, 0.0), value);
  }

  /// TDPBF16PS: for every word of a row the even product, then the odd one.
  Value multiply(amx::TileMulFOp op, VectorBuilder &b) {
    Value left = op.getLhs(), right = op.getRhs(), sums = op.getAcc(), two = b.index(2);
    b.forEach(b.index(0), b.size(sums, 0), 1, [&](Value row) {
      b.forEach(b.index(0), b.size(sums, 1), b.lanes, [&](Value column) {
        Value init = flush(b, b.loadVector(sums, {row, column}));
        auto step = [&](Value word, ValueRange so) -> SmallVector<Value> {
          auto [even, odd] = b.loadPairs(right, {word, b.mul(column, two)});
          auto factor = [&](int64_t part) {
            Value number = b.load(left, {row, b.add(b.mul(word, two), b.index(part))});
            return b.splat(flush(b, b.widen(number, b.element)));
          };
          Value sum = flush(b, b.fma(factor(0), flush(b, even), so[0]));
          return {flush(b, b.fma(factor(1), flush(b, odd), sum))};
        };
        b.storeVector(b.fold(b.index(0), b.size(right, 0), 1, init, step)[0], sums, {row, column});
      });
    });
    return sums;
  }

  func::FuncOp function;
  const CPUTarget &target;
};

struct EmulateAMXPass : impl::EmulateAMXBase<EmulateAMXPass> {
  using EmulateAMXBase::EmulateAMXBase;

  void runOnOperation() override {
    llvm::Expected<CPUTarget> description = describeCPU(target);
    if (!description) {
      emitError(getOperation().getLoc(), llvm::toString(description.takeError()));
      return signalPassFailure();
    }
    if (!description->emulateAMX)
      return;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && failed(Emulator(function, *description).run()))
        return signalPassFailure();
  }
};

} // namespace
} // namespace gqa
