// Products of one operand of few rows by several weights, as in a decode step, in one launch. Such a product
// takes as long as its weights take to arrive, and a launch on top. A block has the columns of one tile, and
// its warps have parts of the sum, which they add up in shared memory.
#include "SkinnyProducts.h"
#include "LoopKernel.h"
#include "SkinnyStep.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Kernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace gqa {
namespace {

/// How many elements a sum has.
int64_t depthOf(const DeviceProduct &product) {
  return cast<MemRefType>(product.right().getType())
      .getShape()[product.batchDims() + product.product.b.transposed];
}

class Member {
public:
  Member(NVVMBuilder &b, const DeviceProduct &product, const SkinnyForm &form)
      : b(b), product(product), form(form), batchDims(product.batchDims()) {
    batch = batchDims ? b.size(product.result, 0) : b.index(1);
    m = b.size(product.result, batchDims);
    n = b.size(product.result, batchDims + 1);
    k = b.index(depthOf(product));
    tiles = b.ceilDiv(n, b.index(form.columns));
  }

  Value blocks() { return b.mul(batch, tiles); }

  /// What each lane sums, of a block.
  SmallVector<Value> buildSums(const KernelOperands &operands, Value block, int64_t warps) {
    SmallVector<Value> number;
    if (batchDims)
      number.push_back(b.div(block, tiles));
    SkinnyRows x{operands.lookup(product.left()), number, m, k, /*alongSum=*/true};
    SkinnyRows weights{operands.lookup(product.right()), number, form.alongSum ? n : k, form.alongSum ? k : n,
                       form.alongSum};
    return SkinnyStep(b, form, x, weights, b.index(0), firstColumn(block)).sum(depthOf(product), warps);
  }

  /// Of the sums of all warps the results.
  void buildResults(const KernelOperands &operands, Value block, SkinnySums &room) {
    Value result = operands.lookup(product.result), first = firstColumn(block);
    room.forEach(m, [&](Value row, Value column, function_ref<Value()> sum) {
      Value at = b.add(first, column);
      b.branch(arith::CmpIOp::create(b, arith::CmpIPredicate::slt, at, n), [&] {
        SmallVector<Value> indices;
        if (batchDims)
          indices.push_back(b.div(block, tiles));
        indices.append({row, at});
        storeSum(b, sum(), result, indices, product.accumulates);
      });
    });
  }

private:
  Value firstColumn(Value block) {
    return b.mul(batchDims ? b.rem(block, tiles) : block, b.index(form.columns));
  }

  NVVMBuilder &b;
  const DeviceProduct &product;
  const SkinnyForm &form;
  unsigned batchDims;
  Value batch, m, n, k, tiles;
};

class SkinnyKernel {
public:
  SkinnyKernel(NVVMBuilder &b, ArrayRef<DeviceProduct> products)
      : b(b), form(/*alongSum=*/products[0].product.b.transposed) {
    for (const DeviceProduct &product : products) {
      members.emplace_back(b, product, form);
      Value blocks = members.back().blocks();
      ends.push_back(ends.empty() ? blocks : b.add(ends.back(), blocks));
      operands.use(product.left());
      operands.use(product.right());
      operands.use(product.result, /*written=*/true);
    }
    warps = SkinnySums::warpsOf(form, depthOf(products[0]));
    operands.map(b);
  }

  void build() {
    buildKernel(
        b, {ends.back()}, /*work=*/nullptr,
        [&](ValueRange task) {
          operands.enter(b);
          SkinnySums room(b, form, warps);
          room.keep(buildSums(task[0], 0));
          tile::BarrierOp::create(b);
          buildResults(task[0], 0, room);
        },
        warps);
    tile::DeviceUnmapOp::create(b);
  }

private:
  Value blockOf(Value task, size_t member) { return member ? b.sub(task, ends[member - 1]) : task; }

  Value isOf(Value task, size_t member) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, task, ends[member]);
  }

  SmallVector<Value> buildSums(Value task, size_t member) {
    auto here = [&] { return members[member].buildSums(operands, blockOf(task, member), warps); };
    if (member + 1 == members.size())
      return here();
    SmallVector<Type> types(size_t(form.sums()), b.getF32Type());
    return buildChoice(b, isOf(task, member), types, here, [&] { return buildSums(task, member + 1); });
  }

  void buildResults(Value task, size_t member, SkinnySums &room) {
    auto here = [&] { members[member].buildResults(operands, blockOf(task, member), room); };
    if (member + 1 == members.size())
      return here();
    b.branch(isOf(task, member), here, [&] { buildResults(task, member + 1, room); });
  }

  NVVMBuilder &b;
  SkinnyForm form;
  SmallVector<Member, 1> members;
  SmallVector<Value> ends; // behind the last block of each
  KernelOperands operands;
  int64_t warps = 1;
};

} // namespace

void buildSkinnyKernel(OpBuilder &builder, Location loc, ArrayRef<DeviceProduct> products) {
  NVVMBuilder b(loc, builder.getInsertionBlock(), builder.getInsertionPoint());
  SkinnyKernel(b, products).build();
}

} // namespace gqa
