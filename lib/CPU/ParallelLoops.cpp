// gqa-parallel-loops: what is no attention and no matrix product runs in threads as well, row by row.
#include "LoopFunction.h"
#include "LoopGroups.h"

#include "gqa/CPU/Passes.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Runtime/Runtime.h"
#include "gqa/Tile/Kernel.h"

#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_PARALLELLOOPS
#include "gqa/CPU/Passes.h.inc"

namespace {

constexpr int64_t kWorthTask = GQA_RT_SMALL_WORK / 4; // multiply-adds
constexpr int64_t kUnknownSize = 256;                 // what a dynamic size is taken for

/// A group, and what stands between its members: memory that is freed, which the task may still use.
struct Candidate {
  LoopGroup group;
  SmallVector<Operation *> between;
};

class KernelBuilder {
public:
  explicit KernelBuilder(const LoopGroup &group) : KernelBuilder(group, linalg::LinalgOp(group.members[0])) {}

  void build() {
    chooseTiles();
    SmallVector<Value> grid;
    Value work = b.index(costOfRow);
    for (auto [range, tile] : llvm::zip(ranges, tiles)) {
      Value size = getValueOrCreateConstantIndexOp(b, b.getLoc(), range);
      grid.push_back(b.ceilDiv(size, b.index(tile)));
      work = b.mul(work, size);
    }
    buildKernel(b, grid, work, [&](ValueRange point) {
      for (linalg::LinalgOp member : group.members)
        buildRows(member, point);
    });
    for (linalg::LinalgOp member : group.members)
      member->erase();
  }

private:
  KernelBuilder(const LoopGroup &group, linalg::LinalgOp first)
      : group(group), b(first.getLoc(), first), ranges(rangesOf(first)) {}

  /// The sizes of the first loops.
  SmallVector<OpFoldResult> rangesOf(linalg::LinalgOp op) {
    SmallVector<Range, 4> ranges = op.createLoopRanges(b, b.getLoc());
    ranges.resize(group.rows);
    return llvm::map_to_vector(ranges, [](const Range &range) { return range.size; });
  }

  static int64_t known(int64_t size) { return ShapedType::isDynamic(size) ? kUnknownSize : size; }

  /// As many rows as make a task worth its start: of the last of the loops first.
  void chooseTiles() {
    for (linalg::LinalgOp member : group.members) {
      int64_t cost = costOfPoint(member);
      for (auto [loop, size] : llvm::enumerate(member.getStaticLoopRanges()))
        cost *= loop < group.rows ? 1 : known(size);
      costOfRow += cost;
    }
    costOfRow = std::max<int64_t>(costOfRow, 1);
    int64_t wanted = llvm::divideCeil(kWorthTask, costOfRow);
    for (OpFoldResult range : llvm::reverse(ranges)) {
      int64_t size = known(getConstantIntValue(range).value_or(ShapedType::kDynamic));
      int64_t tile = std::clamp<int64_t>(wanted, 1, std::max<int64_t>(size, 1));
      tiles.insert(tiles.begin(), tile);
      wanted = tile < size ? 1 : llvm::divideCeil(wanted, tile);
    }
  }

  /// The rows of a task, of one operation.
  void buildRows(linalg::LinalgOp op, ValueRange point) {
    SmallVector<OpFoldResult> begins, sizes(op.getNumLoops(), b.getIndexAttr(0)), bounds,
        offsets(op.getNumLoops(), b.getIndexAttr(0));
    for (auto [i, tile] : llvm::enumerate(tiles)) {
      begins.push_back(b.mul(point[i], b.index(tile)));
      offsets[i] = begins.back();
      sizes[i] = b.getIndexAttr(tile);
    }
    for (Range range : op.createLoopRanges(b, b.getLoc()))
      bounds.push_back(range.size);
    SmallVector<Value> operands = linalg::makeTiledShapes(b, b.getLoc(), op, op->getOperands(), begins, sizes,
                                                          bounds, /*omitPartialTileCheck=*/false);
    linalg::LinalgOp part = clone(b, op, TypeRange(), operands);
    linalg::offsetIndices(b, part, offsets);
    if (hasResultsApart(op))
      part->setAttr(kResultsApart, b.getUnitAttr());
  }

  const LoopGroup &group;
  IndexBuilder b;
  SmallVector<OpFoldResult> ranges;
  SmallVector<int64_t> tiles;
  int64_t costOfRow = 0;
};

/// Whether there is enough to do, as far as sizes are known.
bool isWorthThreads(const LoopGroup &group) {
  int64_t work = 0;
  for (linalg::LinalgOp member : group.members) {
    int64_t cost = costOfPoint(member);
    for (int64_t size : member.getStaticLoopRanges()) {
      if (ShapedType::isDynamic(size))
        return true;
      cost *= size;
    }
    work += cost;
  }
  linalg::LinalgOp first = group.members[0];
  auto isOne = [](int64_t size) { return size == 1; };
  SmallVector<int64_t> rows = first.getStaticLoopRanges();
  rows.resize(group.rows);
  return work >= GQA_RT_SMALL_WORK && !llvm::all_of(rows, isOne);
}

/// What may stand in front of the loops that it is between: it looks at no memory, or makes some.
bool mayGoInFront(Operation &op) {
  return isa<memref::AllocOp>(op) ||
         (isMemoryEffectFree(&op) && op.getNumRegions() == 0 && !op.hasTrait<OpTrait::IsTerminator>());
}

SmallVector<Candidate> findGroups(Block &block) {
  SmallVector<Candidate> found;
  std::optional<Candidate> open;
  auto close = [&] {
    if (open && isWorthThreads(open->group))
      found.push_back(std::move(*open));
    open.reset();
  };
  for (Operation &op : block) {
    if (auto loops = dyn_cast<linalg::LinalgOp>(op)) {
      if (open && addTo(open->group, loops))
        continue;
      close();
      if (std::optional<LoopGroup> group = groupOf(loops))
        open = Candidate{*group, {}};
    } else if (open && (isa<memref::DeallocOp>(op) || mayGoInFront(op))) {
      open->between.push_back(&op);
    } else {
      close();
    }
  }
  close();
  return found;
}

void buildTasks(const Candidate &candidate) {
  Operation *first = candidate.group.members.front(), *last = candidate.group.members.back();
  for (Operation *op : candidate.between)
    if (op->isBeforeInBlock(last) && !isa<memref::DeallocOp>(op))
      op->moveBefore(first);
  Operation *behind = last;
  for (Operation *op : candidate.between)
    if (isa<memref::DeallocOp>(op) && op->isBeforeInBlock(last)) {
      op->moveAfter(behind);
      behind = op;
    }
  KernelBuilder(candidate.group).build();
}

struct ParallelLoopsPass : impl::ParallelLoopsBase<ParallelLoopsPass> {
  void runOnOperation() override {
    SmallVector<Candidate> all;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](Block *block) {
        if (!block->getParentOp()->getParentOfType<linalg::LinalgOp>() &&
            !isa<linalg::LinalgOp>(block->getParentOp()))
          llvm::append_range(all, findGroups(*block));
      });
    for (const Candidate &candidate : all) {
      buildTasks(candidate);
      ++numKernels;
    }
  }
};

} // namespace
} // namespace gqa
