// A thread for every point of the parallel loops. Threads are along the innermost loops, as many of them as
// fill a block and have static sizes, so that a thread divides by constants alone; the outer loops are the
// grid's. Where elements are contiguous, a thread computes as many neighbours as 16 bytes have. Several
// operations that know nothing of each other are one launch, each with blocks of its own.
#include "LoopKernel.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32, kMostThreads = 256, kMostNeighbours = 8;
constexpr int64_t kMostOfGroups = 128; // threads of a block, where each has neighbours

/// The loops of one operation.
class Points {
public:
  Points(linalg::LinalgOp op, IndexBuilder &b, KernelOperands &operands)
      : op(op), nest(nestOf(op)), b(b), operands(operands) {
    if (nest) // sizes are static, and operands not yet there
      for (int64_t size : op.getStaticLoopRanges())
        sizes.push_back(b.index(size));
    else
      for (Range range : op.createLoopRanges(b, op.getLoc()))
        sizes.push_back(getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
    op.getReductionDims(reductions);
    splitParallel();
    if (reductions.empty())
      neighbours = neighboursOf(op, inner, kMostNeighbours);
    inside = countPoints(b, sizesOf(inner));
    groupSizes = sizesOf(inner);
    for (auto [dim, size] : llvm::zip(inner, groupSizes))
      if (dim == neighbours.loop)
        size = b.ceilDiv(size, b.index(neighbours.width));
    groups = countPoints(b, groupSizes);
    if (nest)
      collectNest(nest, op, operands);
    else
      LoopBody::collect(op, operands);
  }

  /// As many threads as a block needs.
  int64_t threads() {
    int64_t most = neighbours.width > 1 ? kMostOfGroups : kMostThreads;
    if (std::optional<int64_t> known = getConstantIntValue(groups))
      return std::clamp<int64_t>(llvm::alignTo(*known, kLanes), kLanes, most);
    return most;
  }

  /// Blocks for each iteration around the operation that may be one, for each point of the outer loops, and
  /// for those within.
  SmallVector<Value> grid(int64_t threads) {
    SmallVector<Value> grid = sizesOf(outer);
    if (isNestApart())
      grid.insert(grid.begin(), nest.getUpperBound());
    grid.push_back(b.ceilDiv(groups, b.index(threads)));
    return grid;
  }

  /// What a thread of the block `task` does.
  void build(ValueRange task, int64_t threads) {
    if (!nest)
      return buildPoints(task, threads);
    bool isApart = isNestApart();
    buildNest(b, nest, isApart ? task[0] : Value(), operands,
              [&] { buildPoints(task.drop_front(isApart), threads); });
  }

private:
  bool isNestApart() { return nest && writesApart(nest, op); }

  /// Points that are not aligned a thread takes at a distance of a block's threads, so that those of a warp
  /// are next to each other.
  void buildPoints(ValueRange task, int64_t threads) {
    if (neighbours.width == 1)
      return buildIfInside(task, task.back(), threads, inside, sizesOf(inner), /*together=*/false);
    auto apart = [&]() -> SmallVector<Value> {
      Value count = b.index(neighbours.width);
      auto loop = scf::ForOp::create(b, b.index(0), count, b.index(1));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value block = b.add(b.mul(task.back(), count), loop.getInductionVar());
      buildIfInside(task, block, threads, inside, sizesOf(inner), /*together=*/false);
      return {};
    };
    auto together = [&]() -> SmallVector<Value> {
      buildIfInside(task, task.back(), threads, groups, groupSizes, /*together=*/true);
      return {};
    };
    buildChoice(b, LoopBody(op, operands, b).isAligned(neighbours), {}, together, apart);
  }

  SmallVector<Value> sizesOf(ArrayRef<unsigned> dims) {
    return llvm::map_to_vector(dims, [&](unsigned dim) { return sizes[dim]; });
  }

  void splitParallel() {
    SmallVector<unsigned> parallel;
    op.getParallelDims(parallel);
    int64_t points = 1;
    auto isFull = [&](unsigned dim) {
      std::optional<int64_t> size = getConstantIntValue(sizes[dim]);
      points *= size.value_or(kMostThreads);
      return points >= kMostThreads || !size;
    };
    size_t first = parallel.size();
    while (first > 0 && !isFull(parallel[--first]))
      ;
    llvm::copy_if(ArrayRef<unsigned>(parallel).take_front(first), std::back_inserter(outer),
                  [&](unsigned dim) { return getConstantIntValue(sizes[dim]) != 1; });
    inner.assign(parallel.begin() + first, parallel.end());
  }

  /// The point, or the neighbours, that are the thread's in the given block of `count`.
  void buildIfInside(ValueRange task, Value block, int64_t threads, Value count, ValueRange loops,
                     bool together) {
    Value index = b.add(b.mul(block, b.index(threads)), threadOf(b));
    Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, count);
    auto branch = scf::IfOp::create(b, exists, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenYield());
    SmallVector<Value> point(sizes.size(), b.index(0));
    for (auto [dim, value] : llvm::zip(outer, task.drop_back()))
      point[dim] = value;
    for (auto [dim, value] : llvm::zip(inner, delinearize(b, index, loops)))
      point[dim] = value;
    auto alone = [&](ArrayRef<Value> each, ValueRange) -> SmallVector<Value> {
      buildPoint(SmallVector<Value>(each));
      return {};
    };
    auto all = [&](ArrayRef<Value> first, ValueRange) -> SmallVector<Value> {
      LoopBody(op, operands, b).compute(first, neighbours, [](OpOperand &) { return Value(); });
      return {};
    };
    if (together)
      buildNeighbours(b, neighbours, sizes[neighbours.loop], point, {}, all, alone);
    else
      alone(point, {});
  }

  void buildPoint(SmallVector<Value> point) {
    LoopBody body(op, operands, b);
    MutableArrayRef<OpOperand> outputs = op.getDpsInitsMutable();
    SmallVector<Value> results;
    for (OpOperand &output : outputs) {
      bool isRead = op.payloadUsesValueFromOperand(&output);
      results.push_back(isRead ? body.load(output, storedPoint(point)) : Value());
    }
    results = reduce(body, 0, point, results);
    for (auto [output, result] : llvm::zip(outputs, results))
      body.store(output, result, storedPoint(point));
  }

  /// Where outputs are: they have no reduction's index.
  SmallVector<Value> storedPoint(ArrayRef<Value> point) {
    SmallVector<Value> stored(point);
    for (unsigned dim : reductions)
      stored[dim] = b.index(0);
    return stored;
  }

  /// The reductions from `depth` on, as loops that carry the results.
  SmallVector<Value> reduce(LoopBody &body, size_t depth, SmallVector<Value> &point,
                            ArrayRef<Value> results) {
    if (depth == reductions.size()) {
      SmallVector<Value> elements;
      for (OpOperand *input : op.getDpsInputOperands())
        elements.push_back(body.load(*input, point));
      for (auto [output, result] :
           llvm::zip(op.getDpsInitsMutable(), results)) // what is not read may be anything
        elements.push_back(result ? result : body.zero(output));
      return body.evaluate(elements, point);
    }
    SmallVector<Value> carried;
    for (auto [output, result] : llvm::zip(op.getDpsInitsMutable(), results))
      carried.push_back(result ? result : body.zero(output));
    auto loop = scf::ForOp::create(b, b.index(0), sizes[reductions[depth]], b.index(1), carried);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    point[reductions[depth]] = loop.getInductionVar();
    ValueRange state = loop.getRegionIterArgs();
    SmallVector<Value> next = reduce(body, depth + 1, point, SmallVector<Value>(state.begin(), state.end()));
    b.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(b, next);
    return loop.getResults();
  }

  linalg::LinalgOp op;
  scf::ForOp nest; // around it, in the kernel as well
  IndexBuilder &b;
  KernelOperands &operands;
  SmallVector<Value> sizes;
  SmallVector<unsigned> outer, inner, reductions;
  Value inside; // how many points the inner loops have
  Neighbours neighbours;
  SmallVector<Value> groupSizes; // of the inner loops, one of them in groups of neighbours
  Value groups;
};

/// Runs each of `parts` in blocks of its own, those of the first one in front.
void buildTogether(IndexBuilder &b, MutableArrayRef<Points> parts, KernelOperands &operands,
                   int64_t threads) {
  SmallVector<SmallVector<Value>> grids;
  SmallVector<Value> ends; // behind the last block of each
  for (Points &part : parts) {
    grids.push_back(part.grid(threads));
    Value count = countPoints(b, grids.back());
    ends.push_back(ends.empty() ? count : b.add(ends.back(), count));
  }
  buildKernel(
      b, {ends.back()}, /*work=*/nullptr,
      [&](ValueRange task) {
        operands.enter(b);
        for (size_t i = 0; i < parts.size(); ++i) {
          Value begin = i ? ends[i - 1] : b.index(0);
          Value isHere =
              arith::AndIOp::create(b, arith::CmpIOp::create(b, arith::CmpIPredicate::sge, task[0], begin),
                                    arith::CmpIOp::create(b, arith::CmpIPredicate::slt, task[0], ends[i]));
          auto branch = scf::IfOp::create(b, isHere, /*withElseRegion=*/false);
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(branch.thenYield());
          parts[i].build(delinearize(b, b.sub(task[0], begin), grids[i]), threads);
        }
      },
      threads / kLanes);
}

} // namespace

void buildPointKernel(IndexBuilder &b, ArrayRef<linalg::LinalgOp> ops) {
  KernelOperands operands;
  SmallVector<Points, 1> parts;
  int64_t threads = kLanes;
  for (linalg::LinalgOp op : ops) {
    Points &part = parts.emplace_back(op, b, operands);
    threads = std::max(threads, part.threads());
  }
  operands.map(b);
  if (parts.size() > 1)
    buildTogether(b, parts, operands, threads);
  else
    buildKernel(
        b, parts[0].grid(threads), /*work=*/nullptr,
        [&](ValueRange task) {
          operands.enter(b);
          parts[0].build(task, threads);
        },
        threads / kLanes);
  tile::DeviceUnmapOp::create(b);
  for (linalg::LinalgOp op : ops)
    wholeOf(op)->erase();
}

} // namespace gqa
