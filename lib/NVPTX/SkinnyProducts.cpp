// Products of one operand of few rows by several weights, as in a decode step, in one launch. Such a product
// takes as long as its weights take to arrive, and a launch on top. A block has the columns of one tile, of
// several products if an epilogue reads these together. Its warps have parts of the sums, which are added up
// in shared memory.
#include "SkinnyProducts.h"
#include "LoopKernel.h"
#include "SkinnyStep.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Kernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace gqa {
namespace {

/// The columns of products that a block has together, in a kernel of blocks that have at least as many warps
/// as they need.
class Columns {
public:
  Columns(NVVMBuilder &b, const FusedProducts &fused, const SkinnyForm &form)
      : b(b), members(fused.members), fused(fused), epilogue(fused.epilogue), form(form),
        batchDims(members[0].batchDims()), depth(depthOf(members[0])),
        each(SkinnySums::warpsOf(form, depth, int64_t(members.size()))) {
    Value result = members[0].result;
    batch = batchDims ? b.size(result, 0) : b.index(1);
    m = b.size(result, batchDims);
    n = b.size(result, batchDims + 1);
    tiles = b.ceilDiv(n, b.index(form.columns));
  }

  Value blocks() { return b.mul(batch, tiles); }
  int64_t warps() const { return each * int64_t(members.size()); }

  void collect(KernelOperands &operands) {
    for (const DeviceProduct &product : members) {
      operands.use(product.left());
      operands.use(product.right());
      if (!epilogue || product.accumulates)
        operands.use(product.result, /*written=*/!epilogue);
    }
    if (epilogue)
      LoopBody::collect(epilogue, operands,
                        [&](OpOperand &operand) { return fused.memberOf(operand).has_value(); });
  }

  /// What each lane sums, of a block of `all` warps: first those of the first member, and so on.
  SmallVector<Value> buildSums(const KernelOperands &operands, Value block, int64_t all) {
    Value warp = tile::WarpIdOp::create(b, b.getIndexType());
    if (members.size() == 1 && each == all)
      return sumOf(operands, members[0], block, warp);
    return buildSums(operands, block, all, warp, 0);
  }

  /// Of the sums of all warps the results.
  void buildResults(const KernelOperands &operands, Value block, SkinnySums &room) {
    Value first = firstColumn(block);
    room.forEach(m, [&](Value row, Value inTile, SkinnySums::Sum sum) {
      Value column = b.add(first, inTile);
      b.branch(arith::CmpIOp::create(b, arith::CmpIPredicate::slt, column, n), [&] {
        SmallVector<Value> indices = number(block);
        indices.append({row, column});
        if (epilogue)
          buildEpilogue(operands, indices, sum);
        else
          storeSum(b, sum(0, each), operands.lookup(members[0].result), indices, members[0].accumulates);
      });
    });
  }

private:
  /// Warps without a member have nothing to add, and wait for the others.
  SmallVector<Value> buildSums(const KernelOperands &operands, Value block, int64_t all, Value warp,
                               size_t member) {
    if (member == members.size())
      return SmallVector<Value>(size_t(form.sums()), b.f32(0));
    int64_t begin = int64_t(member) * each, end = begin + each;
    auto here = [&] { return sumOf(operands, members[member], block, b.sub(warp, b.index(begin))); };
    if (end == all)
      return here();
    SmallVector<Type> types(size_t(form.sums()), b.getF32Type());
    Value isOf = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, warp, b.index(end));
    return buildChoice(b, isOf, types, here,
                       [&] { return buildSums(operands, block, all, warp, member + 1); });
  }

  SmallVector<Value> sumOf(const KernelOperands &operands, const DeviceProduct &product, Value block,
                           Value warp) {
    Value k = b.index(depth);
    SkinnyRows x{operands.lookup(product.left()), number(block), m, k, /*alongSum=*/true};
    SkinnyRows weights{operands.lookup(product.right()), number(block), form.alongSum ? n : k,
                       form.alongSum ? k : n, form.alongSum};
    return SkinnyStep(b, form, x, weights, b.index(0), firstColumn(block)).sum(depth, warp, each);
  }

  /// Computes the epilogue at one place of the members' results, which are rounded as if they had been
  /// stored.
  void buildEpilogue(const KernelOperands &operands, ArrayRef<Value> indices, SkinnySums::Sum sum) {
    SmallVector<Value> totals;
    for (auto [i, product] : llvm::enumerate(members)) {
      Value there;
      if (product.accumulates)
        there = memref::LoadOp::create(b, operands.lookup(product.result), indices);
      totals.push_back(
          roundSum(b, sum(int64_t(i) * each, each), getElementTypeOrSelf(product.result), there));
    }
    LoopBody body(epilogue, operands, b);
    SmallVector<Value> point = pointAt(indices), elements;
    for (OpOperand &operand : epilogue->getOpOperands())
      if (std::optional<size_t> member = fused.memberOf(operand))
        elements.push_back(totals[*member]);
      else
        elements.push_back(epilogue.payloadUsesValueFromOperand(&operand) ? body.load(operand, point)
                                                                          : body.zero(operand));
    SmallVector<Value> results = body.evaluate(elements, point);
    for (auto [output, result] : llvm::zip(epilogue.getDpsInitsMutable(), results))
      body.store(output, result, point);
  }

  /// The point of the epilogue's loops, which have the elements in the same order, if in another shape.
  SmallVector<Value> pointAt(ArrayRef<Value> indices) {
    SmallVector<Value> shape{batch, m}, sizes;
    Value row = linearize(b, indices.drop_back(), ArrayRef<Value>(shape).take_back(indices.size() - 1));
    for (int64_t size : epilogue.getStaticLoopRanges())
      sizes.push_back(b.index(size));
    if (getConstantIntValue(sizes.back()) != getConstantIntValue(n))
      return delinearize(b, b.add(b.mul(row, n), indices.back()), sizes);
    SmallVector<Value> point = delinearize(b, row, ArrayRef<Value>(sizes).drop_back());
    point.push_back(indices.back());
    return point;
  }

  /// Of the block's matrix in the batch, or nothing.
  SmallVector<Value> number(Value block) {
    return batchDims ? SmallVector<Value>{b.div(block, tiles)} : SmallVector<Value>();
  }

  Value firstColumn(Value block) {
    return b.mul(batchDims ? b.rem(block, tiles) : block, b.index(form.columns));
  }

  NVVMBuilder &b;
  ArrayRef<DeviceProduct> members;
  const FusedProducts &fused;
  linalg::LinalgOp epilogue;
  const SkinnyForm &form;
  unsigned batchDims;
  int64_t depth, each; // elements of a sum, and warps of a product
  Value batch, m, n, tiles;
};

class SkinnyKernel {
public:
  SkinnyKernel(NVVMBuilder &b, ArrayRef<FusedProducts> products)
      : b(b), form(/*alongSum=*/products[0].members[0].product.b.transposed) {
    for (const FusedProducts &fused : products) {
      Columns &part = parts.emplace_back(b, fused, form);
      Value blocks = part.blocks();
      ends.push_back(ends.empty() ? blocks : b.add(ends.back(), blocks));
      warps = std::max(warps, part.warps());
      part.collect(operands);
    }
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
  Value blockOf(Value task, size_t part) { return part ? b.sub(task, ends[part - 1]) : task; }

  Value isOf(Value task, size_t part) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, task, ends[part]);
  }

  SmallVector<Value> buildSums(Value task, size_t part) {
    auto here = [&] { return parts[part].buildSums(operands, blockOf(task, part), warps); };
    if (part + 1 == parts.size())
      return here();
    SmallVector<Type> types(size_t(form.sums()), b.getF32Type());
    return buildChoice(b, isOf(task, part), types, here, [&] { return buildSums(task, part + 1); });
  }

  void buildResults(Value task, size_t part, SkinnySums &room) {
    auto here = [&] { parts[part].buildResults(operands, blockOf(task, part), room); };
    if (part + 1 == parts.size())
      return here();
    b.branch(isOf(task, part), here, [&] { buildResults(task, part + 1, room); });
  }

  NVVMBuilder &b;
  SkinnyForm form;
  SmallVector<Columns, 1> parts;
  SmallVector<Value> ends; // behind the last block of each
  KernelOperands operands;
  int64_t warps = 1;
};

} // namespace

void buildSkinnyKernel(OpBuilder &builder, Location loc, ArrayRef<FusedProducts> products) {
  NVVMBuilder b(loc, builder.getInsertionBlock(), builder.getInsertionPoint());
  SkinnyKernel(b, products).build();
}

} // namespace gqa
