// Products of one operand of few rows by several weights, as in a decode step, in one launch. Such a product
// takes as long as its weights take to arrive, and a launch on top: what is in front of them and behind them,
// a norm or an activation, is computed by their blocks, where that is possible.
#include "SkinnyProducts.h"
#include "LoopKernel.h"
#include "SkinnyColumns.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Kernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;

namespace gqa {
namespace {

class SkinnyKernel {
public:
  SkinnyKernel(NVVMBuilder &b, ArrayRef<FusedProducts> products, const RowGroup &prologue)
      : b(b), form(/*alongSum=*/products[0].members[0].product.b.transposed), prologue(prologue),
        left(products[0].members[0].left()), warps(countWarps(products)) {
    for (linalg::LinalgOp op : prologue.members)
      for (Value output : op.getDpsInits())
        rooms.insert(rootOf(output));
    auto isKnown = [&](Value value) { return rooms.contains(rootOf(value)); };
    for (linalg::LinalgOp op : prologue.members)
      LoopBody::collect(op, operands, [&](OpOperand &operand) { return isKnown(operand.get()); });
    for (const FusedProducts &fused : products) {
      Value blocks = parts.emplace_back(b, fused, form, warps).countBlocks();
      ends.push_back(ends.empty() ? blocks : b.add(ends.back(), blocks));
      parts.back().collect(operands, isKnown);
    }
    operands.map(b);
  }

  void build() {
    buildKernel(
        b, {ends.back()}, /*work=*/nullptr,
        [&](ValueRange task) {
          operands.enter(b);
          SkinnySums room(b, form, warps);
          buildPrologue(task[0]);
          SmallVector<Type> types(size_t(form.sums()), b.getF32Type());
          room.keep(byParts(task[0], types,
                            [&](SkinnyColumns &part, Value block) { return part.sum(operands, block); }));
          // Blocks that come while others still have to begin find room beside some of them alone.
          tile::LaunchDependentsOp::create(b);
          tile::BarrierOp::create(b);
          byParts(task[0], {}, [&](SkinnyColumns &part, Value block) {
            part.store(operands, block, room);
            return SmallVector<Value>();
          });
        },
        warps);
    tile::DeviceUnmapOp::create(b);
  }

private:
  using Build = function_ref<SmallVector<Value>(SkinnyColumns &, Value)>;

  /// What the part has whose block the task is.
  SmallVector<Value> byParts(Value task, TypeRange types, Build build, size_t part = 0) {
    auto here = [&] { return build(parts[part], part ? b.sub(task, ends[part - 1]) : task); };
    if (part + 1 == parts.size())
      return here();
    Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, task, ends[part]);
    return buildChoice(b, isHere, types, here, [&] { return byParts(task, types, build, part + 1); });
  }

  /// Computes the left operand in shared memory, row by row, while the weights that come first are on their
  /// way.
  void buildPrologue(Value task) {
    if (prologue.members.empty())
      return;
    for (Value room : rooms)
      operands.define(room, tile::ScratchOp::create(b, cast<MemRefType>(room.getType()), ValueRange()));
    for (linalg::LinalgOp op : prologue.members)
      for (Value operand : op->getOperands())
        defineView(operand);
    defineView(left);
    byParts(task, {}, [&](SkinnyColumns &part, Value block) {
      part.askFirst(operands, block);
      return SmallVector<Value>();
    });
    linalg::LinalgOp front = prologue.members[0];
    SmallVector<int64_t> sizes(front.getStaticLoopRanges());
    sizes.resize(prologue.rows);
    for (int64_t row = 0, rows = llvm::product_of(sizes); row < rows; ++row) {
      SmallVector<Value> point;
      for (int64_t index : mlir::delinearize(row, computeStrides(sizes)))
        point.push_back(b.index(index));
      buildRow(b, prologue, operands, point, warps);
    }
    tile::BarrierOp::create(b);
  }

  /// Makes the view of a room that `buffer` is outside. Other shapes are views by strides, as folding
  /// reshapes into what loads many elements would forget where these begin.
  void defineView(Value buffer) {
    if (!rooms.contains(rootOf(buffer)) || operands.lookup(buffer) != buffer)
      return;
    Operation *view = buffer.getDefiningOp();
    defineView(view->getOperand(0));
    auto type = cast<MemRefType>(buffer.getType());
    if (!isa<memref::ExpandShapeOp, memref::CollapseShapeOp>(view) || !type.getLayout().isIdentity())
      return operands.clone(b, *view);
    SmallVector<int64_t> strides = computeStrides(type.getShape());
    operands.define(buffer, memref::ReinterpretCastOp::create(b, type, operands.lookup(view->getOperand(0)),
                                                              /*offset=*/0, type.getShape(), strides));
  }

  NVVMBuilder &b;
  SkinnyForm form;
  const RowGroup &prologue;
  Value left;
  int64_t warps;
  llvm::SetVector<Value> rooms; // of what the prologue writes
  SmallVector<SkinnyColumns, 1> parts;
  SmallVector<Value> ends; // behind the last block of each
  KernelOperands operands;
};

} // namespace

int64_t countWarps(ArrayRef<FusedProducts> products) {
  int64_t warps = 1;
  for (const FusedProducts &fused : products) {
    const DeviceProduct &front = fused.members.front();
    int64_t count = int64_t(fused.members.size());
    SkinnyForm form(front.product.b.transposed);
    warps = std::max(warps, count * SkinnySums::warpsOf(form, depthOf(front), count));
  }
  return warps;
}

void buildSkinnyKernel(OpBuilder &builder, Location loc, ArrayRef<FusedProducts> products,
                       const RowGroup &prologue) {
  NVVMBuilder b(loc, builder.getInsertionBlock(), builder.getInsertionPoint());
  SkinnyKernel(b, products, prologue).build();
}

} // namespace gqa
