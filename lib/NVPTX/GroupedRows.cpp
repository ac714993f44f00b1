// A kernel for rows of which few are of one group, as those of a decode step.
#include "GroupedProducts.h"
#include "LoopKernel.h"
#include "SkinnyProducts.h"
#include "SkinnyStep.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Kernel.h"

using namespace mlir;

namespace gqa {
namespace {

/// A task has the columns of a tile and a row at which a run may begin; one ends at the latest where a
/// product's rows do.
class RowsKernel {
public:
  RowsKernel(NVVMBuilder &b, GroupedSum sum, GroupedResult result, KernelOperands operands)
      : b(b), sum(sum), result(result), operands(std::move(operands)), form(sum.alongSum, kMostSkinnyRows),
        rows(b.size(result.buffer, 0)) {
    tiles = b.index(llvm::divideCeil(sum.columns(), form.columns));
  }

  void build() {
    int64_t warps = SkinnySums::warpsOf(form, sum.depth());
    buildKernel(
        b, {b.mul(rows, tiles)}, /*work=*/nullptr,
        [&](ValueRange task) {
          operands.enter(b);
          SkinnySums room(b, form, warps);
          column = b.mul(b.rem(task[0], tiles), b.index(form.columns));
          Value first = b.div(task[0], tiles), group = sum.groupOf(b, operands, first);
          b.branch(beginsRun(first, group), [&] { multiplyRun(room, first, group); });
        },
        warps);
  }

private:
  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, predicate, x, y);
  }

  Value beginsTile(Value row) {
    return compare(arith::CmpIPredicate::eq, b.rem(row, b.index(form.rows)), b.index(0));
  }

  Value beginsRun(Value row, Value group) {
    Value before = sum.groupOf(b, operands, b.max(b.sub(row, b.index(1)), b.index(0)));
    return arith::OrIOp::create(b, beginsTile(row), compare(arith::CmpIPredicate::ne, before, group));
  }

  Value endOf(Value first, Value group) {
    auto loop = scf::WhileOp::create(
        b, b.getIndexType(), b.add(first, b.index(1)),
        [&](OpBuilder &, Location, ValueRange row) {
          Value exists = compare(arith::CmpIPredicate::slt, row[0], rows);
          Value other = sum.groupOf(b, operands, b.min(row[0], b.sub(rows, b.index(1))));
          Value ends =
              arith::OrIOp::create(b, beginsTile(row[0]), compare(arith::CmpIPredicate::ne, other, group));
          scf::ConditionOp::create(
              b, b.select(ends, arith::ConstantOp::create(b, b.getBoolAttr(false)), exists), row);
        },
        [&](OpBuilder &, Location, ValueRange row) { scf::YieldOp::create(b, b.add(row[0], b.index(1))); });
    return loop.getResult(0);
  }

  /// Rows behind the run are computed with it, and not stored.
  void multiplyRun(SkinnySums &room, Value first, Value group) {
    Value n = b.index(sum.columns()), k = b.index(sum.depth());
    SkinnyRows x{operands.lookup(sum.left()), {}, rows, k, /*alongSum=*/true};
    SkinnyRows weights{operands.lookup(sum.weight.getMemRef()),
                       {group},
                       form.alongSum ? n : k,
                       form.alongSum ? k : n,
                       form.alongSum};
    Value warp = tile::WarpIdOp::create(b, b.getIndexType());
    SmallVector<Value> sums =
        SkinnyStep(b, form, x, weights, first, column).sum(sum.depth(), warp, room.warps());
    room.keep(sums);
    tile::BarrierOp::create(b);
    Value to = operands.lookup(result.buffer);
    room.forEach(b.sub(endOf(first, group), first), [&](Value row, Value inTile, SkinnySums::Sum total) {
      Value at = b.add(column, inTile);
      b.branch(compare(arith::CmpIPredicate::slt, at, n),
               [&] { storeSum(b, total(0, room.warps()), to, {b.add(first, row), at}, result.accumulates); });
    });
  }

  NVVMBuilder &b;
  GroupedSum sum;
  GroupedResult result;
  KernelOperands operands;
  SkinnyForm form;
  Value rows, tiles, column;
};

} // namespace

void buildGroupedRows(NVVMBuilder &b, GroupedSum sum, GroupedResult result, KernelOperands operands) {
  RowsKernel(b, sum, result, std::move(operands)).build();
}

} // namespace gqa
