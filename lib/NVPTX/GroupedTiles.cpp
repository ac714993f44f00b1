// A kernel for rows of which many are of one group, as those of a prompt: blocks of both operands go through
// shared memory, and each is multiplied by all of the other.
#include "GroupedProducts.h"
#include "LoopKernel.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Kernel.h"

using namespace mlir;

namespace gqa {
namespace {

// Eight warps have 64 by 32 sums each, 64 registers. Two tasks that share a processor hide each other's
// waits, for which ptxas spills some numbers around the loop: 8 experts of 14336 x 4096 and 4096 rows
// take 1.72 ms on an H200, 2.28 one by one, and 2.01 in blocks of 32 elements in four slots.
constexpr int64_t kRows = 128, kColumns = 128, kDepth = 64, kSlots = 2, kResidentTasks = 2;
constexpr int64_t kWarps = 8, kWarpRows = 64, kWarpColumns = 32;
constexpr int64_t kFragments = kWarpRows / tile::kFragmentRows;
constexpr int64_t kPiece = 8; // elements of 16 bytes
// Tasks that run at the same time have so many tiles of rows, so that weights come from memory once for all
// of them, and so do the rows.
constexpr int64_t kRowTiles = 16;

class TilesKernel {
public:
  TilesKernel(NVVMBuilder &b, GroupedSum sum, GroupedResult result, KernelOperands operands)
      : b(b), sum(sum), result(result), operands(std::move(operands)), rows(b.size(result.buffer, 0)) {}

  void build() {
    Value rowTiles = b.ceilDiv(rows, b.index(kRows));
    Operation *kernel = buildKernel(
        b, {b.mul(rowTiles, b.index(columnTiles()))}, /*work=*/nullptr,
        [&](ValueRange task) {
          operands.enter(b);
          bindTile(task[0], rowTiles);
          bindMemory();
          forEachRun([&](Value first, Value end, Value group) { multiplyRun(first, end, group); });
        },
        kWarps);
    kernel->setAttr(kResident, b.getI64IntegerAttr(kResidentTasks));
  }

private:
  int64_t columnTiles() { return llvm::divideCeil(sum.columns(), kColumns); }

  Value load(Value buffer, Value index) { return memref::LoadOp::create(b, buffer, index); }

  /// Rows from `begin` on, `count` of them, and columns from `column` on.
  void bindTile(Value task, Value rowTiles) {
    Value ofSet = b.index(kRowTiles * columnTiles()),
          firstTile = b.mul(b.div(task, ofSet), b.index(kRowTiles));
    Value tiles = b.min(b.index(kRowTiles), b.sub(rowTiles, firstTile)), place = b.rem(task, ofSet);
    begin = b.mul(b.add(firstTile, b.rem(place, tiles)), b.index(kRows));
    count = b.min(b.index(kRows), b.sub(rows, begin));
    firstColumn = b.mul(b.div(place, tiles), b.index(kColumns));
    // Of weights across the sums, a row of memory is loaded as a whole.
    column = sum.alongSum ? firstColumn : b.min(firstColumn, b.index(sum.columns() - width()));
    Value warp = tile::WarpIdOp::create(b, b.getIndexType()), parts = b.index(kColumns / kWarpColumns);
    warpRow = b.mul(b.div(warp, parts), b.index(kWarpRows));
    warpColumn = b.mul(b.rem(warp, parts), b.index(kWarpColumns));
  }

  int64_t width() { return std::min(sum.columns(), kColumns); }

  void bindMemory() {
    Type element = sum.matrices().getElementType();
    auto ring = [&](int64_t rows, int64_t columns) -> Value {
      return tile::RingOp::create(b, tile::RingType::get(b.getContext(), kSlots, rows, columns, element));
    };
    left = ring(kRows, kDepth);
    right = sum.alongSum ? ring(kColumns, kDepth) : ring(kDepth, kColumns);
    groups = tile::ScratchOp::create(b, MemRefType::get({kRows}, b.getI32Type()), ValueRange());
  }

  /// Each thread finds out the group of a row; then all go along the rows.
  void forEachRun(function_ref<void(Value, Value, Value)> body) {
    Value thread = threadOf(b), one = b.index(1);
    b.branch(compare(arith::CmpIPredicate::slt, thread, count), [&] {
      Value group = sum.groupOf(b, operands, b.add(begin, thread));
      memref::StoreOp::create(b, arith::IndexCastOp::create(b, b.getI32Type(), group), groups, thread);
    });
    tile::BarrierOp::create(b);
    auto loop = scf::ForOp::create(b, b.index(0), count, one, b.index(0));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value row = loop.getInductionVar(), next = b.add(row, one), first = loop.getRegionIterArg(0);
    Value group = load(groups, row), other = load(groups, b.min(next, b.sub(count, one)));
    Value ends = arith::OrIOp::create(b, compare(arith::CmpIPredicate::eq, next, count),
                                      compare(arith::CmpIPredicate::ne, group, other));
    b.branch(ends, [&] {
      body(b.add(begin, first), b.add(begin, next), arith::IndexCastOp::create(b, b.getIndexType(), group));
    });
    scf::YieldOp::create(b, ValueRange(arith::SelectOp::create(b, ends, next, first)));
  }

  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, predicate, x, y);
  }

  /// Rows first to end, of one group.
  void multiplyRun(Value first, Value end, Value group) {
    for (int64_t block = 0; block < kSlots - 1; ++block)
      loadBlock(b.index(block), first, end, group);
    auto type = tile::FragmentType::get(b.getContext(), {tile::kFragmentRows, kWarpColumns}, b.getF32Type());
    SmallVector<Value> sums = zeros(type);
    auto loop = scf::ForOp::create(b, b.index(0), b.index(blocks()), b.index(1), sums);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value block = loop.getInductionVar(), slot = b.rem(block, b.index(kSlots));
      // Of what is on its way, the two loads of this block have to be there, and all have read the one
      // before.
      tile::AcquireOp::create(b, left, 2 * (kSlots - 2));
      loadBlock(b.add(block, b.index(kSlots - 1)), first, end, group);
      auto next =
          tile::WarpMultiplyOp::create(b, loop.getResultTypes(), left, slot, warpRow, right, slot, warpColumn,
                                       loop.getRegionIterArgs(), /*across=*/!sum.alongSum);
      scf::YieldOp::create(b, next.getResults());
    }
    tile::AcquireOp::create(b, left, 0); // slots are free for the next run
    Value to = b.withContiguousRows(operands.lookup(result.buffer));
    for (auto [i, fragment] : llvm::enumerate(loop.getResults())) {
      Value row = b.add(first, b.add(warpRow, b.index(int64_t(i) * tile::kFragmentRows)));
      tile::WarpWriteOp::create(b, fragment, to, row, b.add(column, warpColumn), end, firstColumn,
                                result.accumulates);
    }
  }

  int64_t blocks() { return llvm::divideCeil(sum.depth(), kDepth); }

  SmallVector<Value> zeros(Type type) {
    Type row = tile::FragmentType::get(b.getContext(), {tile::kFragmentRows}, b.getF32Type());
    Value none = tile::WarpInitOp::create(b, TypeRange{type, row, row}, Value(), Value()).getO();
    return SmallVector<Value>(kFragments, none);
  }

  /// Starts to load a block of both operands; behind the last there are none.
  void loadBlock(Value block, Value first, Value end, Value group) {
    int64_t whole = sum.depth() / kDepth, rest = sum.depth() % kDepth;
    if (!rest)
      return loadElements(block, kDepth, compare(arith::CmpIPredicate::slt, block, b.index(whole)), first,
                          end, group);
    b.branch(
        compare(arith::CmpIPredicate::slt, block, b.index(whole)),
        [&] { loadElements(block, kDepth, nullptr, first, end, group); },
        [&] {
          loadElements(block, rest, compare(arith::CmpIPredicate::eq, block, b.index(whole)), first, end,
                       group);
        });
  }

  /// `depth` elements of each sum, if there are some.
  void loadElements(Value block, int64_t depth, Value exists, Value first, Value end, Value group) {
    Value slot = b.rem(block, b.index(kSlots)), k = b.mul(block, b.index(kDepth)), elements = b.index(depth);
    auto ifThere = [&](Value size) -> Value {
      return exists ? Value(arith::SelectOp::create(b, exists, size, b.index(0))) : size;
    };
    Value x = b.view(operands.lookup(sum.left()), {first, k}, {ifThere(b.sub(end, first)), elements});
    tile::LoadOp::create(b, b.withContiguousRows(x), left, slot, /*own=*/false, /*joined=*/true);
    Value columns = b.min(b.index(kColumns), b.sub(b.index(sum.columns()), column));
    Value weights = operands.lookup(sum.weight.getMemRef());
    Value w = sum.alongSum
                  ? b.view(weights, {group, column, k}, {nullptr, ifThere(columns), elements})
                  : b.view(weights, {group, k, column}, {nullptr, ifThere(elements), b.index(width())});
    tile::LoadOp::create(b, b.withContiguousRows(w), right, slot, /*own=*/false, /*joined=*/false);
  }

  NVVMBuilder &b;
  GroupedSum sum;
  GroupedResult result;
  KernelOperands operands;
  Value rows;
  Value begin, count, column; // of the tile
  Value firstColumn;          // the first that no other tile has
  Value warpRow, warpColumn;  // in the tile
  Value left, right, groups;
};

} // namespace

/// Sums, and rows of weights and results, are whole pieces.
bool suitsGroupedTiles(GroupedSum sum) { return sum.depth() % kPiece == 0 && sum.columns() % kPiece == 0; }

void buildGroupedTiles(NVVMBuilder &b, GroupedSum sum, GroupedResult result, KernelOperands operands) {
  TilesKernel(b, sum, result, std::move(operands)).build();
}

} // namespace gqa
