// A block of threads for every row, which runs one operation after the other: a norm, or the softmax of
// scores that are kept, is one kernel. Threads stride over what is inside a row.
#include "Reduction.h"
#include "RowOrder.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32, kMostWarps = 32, kWarpsIfUnknown = 8;
constexpr int64_t kPerThread = 8; // points inside of a row for each thread, or there are no more threads
constexpr int64_t kMostUnrolled = 2;

/// What a block of threads does with one row.
class RowBody {
public:
  /// `sizes` are those of each member's loops; 0 `warps` are as many as there is use for.
  RowBody(IndexBuilder &b, const RowGroup &group, const KernelOperands &operands,
          ArrayRef<SmallVector<Value>> sizes, int64_t warps = 0)
      : b(b), members(group.members), rows(group.rows), operands(operands), sizes(sizes),
        warps(warps ? warps : wantedWarps()), order(b, rows) {
    chooseNeighbours();
  }

  int64_t numWarps() const { return warps; }

  void build(ValueRange row) {
    thread = threadOf(b);
    askForAlignment();
    for (auto [op, loops] : llvm::zip(members, sizes))
      buildMember(op, row, ArrayRef<Value>(loops).drop_front(rows));
  }

private:
  int64_t wantedWarps() {
    int64_t most = 1;
    for (const SmallVector<Value> &loops : sizes) {
      Value count = countPoints(b, ArrayRef<Value>(loops).drop_front(rows));
      most = std::max(most, getConstantIntValue(count).value_or(kWarpsIfUnknown * kLanes * kPerThread));
    }
    int64_t wanted = llvm::divideCeil(most, kLanes * kPerThread);
    return std::min<int64_t>(int64_t(llvm::PowerOf2Ceil(uint64_t(wanted))), kMostWarps);
  }

  /// As many as leave points for all threads, and if possible the same everywhere, so that each thread reads
  /// what it has written.
  void chooseNeighbours() {
    int64_t wanted = 1;
    for (bool isLast : {false, true})
      for (auto [op, loops] : llvm::zip(members, sizes)) {
        ArrayRef<Value> inside = ArrayRef<Value>(loops).drop_front(rows);
        if (isOnce(inside))
          continue;
        int64_t most = kPerThread;
        if (std::optional<int64_t> count = getConstantIntValue(countPoints(b, inside)))
          most = std::clamp<int64_t>(int64_t(llvm::bit_floor(uint64_t(*count / (warps * kLanes)))), 1, most);
        auto dims = llvm::to_vector(llvm::seq<unsigned>(rows, op.getNumLoops()));
        neighbours[op] = neighboursOf(op, dims, most, isLast ? wanted : 1);
        wanted = std::max(wanted, neighbours[op].width);
      }
  }

  /// All together: threads have the same points in each operation.
  void askForAlignment() {
    for (linalg::LinalgOp op : members)
      if (Neighbours of = neighbours.lookup(op); of.width > 1) {
        Value here = LoopBody(op, operands, b).isAligned(of);
        aligned = aligned ? Value(arith::AndIOp::create(b, aligned, here)) : here;
      }
  }

  void buildMember(linalg::LinalgOp op, ValueRange row, ArrayRef<Value> inside) {
    order.wait(op, inside, neighbours.lookup(op).width);
    if (op.getNumReductionLoops())
      buildReduction(op, row, inside);
    else if (isOnce(inside))
      buildOnce(op, row, inside.size());
    else
      buildPoints(op, row, inside);
  }

  Value load(LoopBody &body, linalg::LinalgOp op, OpOperand &operand, ValueRange point) {
    if (Value number = order.inRegister(op, operand))
      return number;
    return body.load(operand, point);
  }

  SmallVector<Value> loadInputs(LoopBody &body, linalg::LinalgOp op, ValueRange point) {
    return llvm::map_to_vector(op.getDpsInputOperands(),
                               [&](OpOperand *input) { return load(body, op, *input, point); });
  }

  SmallVector<Value> evaluate(LoopBody &body, linalg::LinalgOp op, ValueRange point) {
    SmallVector<Value> elements = loadInputs(body, op, point);
    for (OpOperand &output : op.getDpsInitsMutable())
      elements.push_back(op.payloadUsesValueFromOperand(&output) ? load(body, op, output, point)
                                                                 : body.zero(output));
    return body.evaluate(elements, point);
  }

  SmallVector<Value> pointOf(ValueRange row, ArrayRef<Value> inside) {
    SmallVector<Value> point(row);
    llvm::append_range(point, inside);
    return point;
  }

  /// What becomes of `state` at a thread's points inside of a row: `together` takes neighbours, `alone` one.
  SmallVector<Value> overPoints(linalg::LinalgOp op, ValueRange row, ArrayRef<Value> inside, ValueRange state,
                                BuildPoint together, BuildPoint alone) {
    int64_t threads = warps * kLanes;
    auto overLoops = [&](ArrayRef<Value> loops, BuildPoint build) -> SmallVector<Value> {
      Value count = countPoints(b, loops);
      std::optional<int64_t> known = getConstantIntValue(count);
      if (known && *known % threads == 0 && *known / threads <= kMostUnrolled) {
        SmallVector<Value> next(state);
        for (int64_t first = 0; first < *known; first += threads) // all loads may be on their way together
          next = build(pointOf(row, delinearize(b, b.add(thread, b.index(first)), loops)), next);
        return next;
      }
      auto loop = scf::ForOp::create(b, thread, count, b.index(threads), state);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      SmallVector<Value> next =
          build(pointOf(row, delinearize(b, loop.getInductionVar(), loops)), loop.getRegionIterArgs());
      if (!next.empty()) // without results it has a yield
        scf::YieldOp::create(b, next);
      return loop.getResults();
    };
    Neighbours of = neighbours.lookup(op);
    if (of.width == 1)
      return overLoops(inside, alone);
    SmallVector<Value> groups(inside);
    Value size = groups[of.loop - rows];
    groups[of.loop - rows] = b.ceilDiv(size, b.index(of.width));
    auto groupOrRest = [&](ArrayRef<Value> group, ValueRange so) {
      return buildNeighbours(b, of, size, group, so, together, alone);
    };
    return buildChoice(
        b, aligned, TypeRange(state), [&] { return overLoops(groups, groupOrRest); },
        [&] { return overLoops(inside, alone); });
  }

  void buildPoints(linalg::LinalgOp op, ValueRange row, ArrayRef<Value> inside) {
    for (Value output : op.getDpsInits())
      order.forget(output);
    LoopBody body(op, operands, b);
    auto together = [&](ArrayRef<Value> first, ValueRange) -> SmallVector<Value> {
      body.compute(first, neighbours.lookup(op),
                   [&](OpOperand &operand) { return order.inRegister(op, operand); });
      return {};
    };
    auto alone = [&](ArrayRef<Value> point, ValueRange) -> SmallVector<Value> {
      for (auto [output, result] : llvm::zip(op.getDpsInitsMutable(), evaluate(body, op, point)))
        body.store(output, result, point);
      return {};
    };
    overPoints(op, row, inside, {}, together, alone);
  }

  /// Every thread computes what a row has once, and one stores it.
  void buildOnce(linalg::LinalgOp op, ValueRange row, size_t loopsInside) {
    SmallVector<Value> zeros(loopsInside, b.index(0));
    LoopBody body(op, operands, b);
    storeOnce(op, body, evaluate(body, op, pointOf(row, zeros)), pointOf(row, zeros));
  }

  void storeOnce(linalg::LinalgOp op, LoopBody &body, ArrayRef<Value> results, ArrayRef<Value> point) {
    bool waits = false;
    for (auto [output, result] : llvm::zip(op.getDpsInitsMutable(), results)) {
      waits |= op.payloadUsesValueFromOperand(&output) && !order.inRegister(op, output);
      waits |= llvm::is_contained(op.getDpsInputs(), output.get());
    }
    if (waits) // for threads that read what is stored now
      tile::BarrierOp::create(b);
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, b.index(0));
    auto branch = scf::IfOp::create(b, isFirst, /*withElseRegion=*/false);
    for (auto [output, result] : llvm::zip(op.getDpsInitsMutable(), results))
      order.keep(output.get(), result);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenYield());
    for (auto [output, result] : llvm::zip(op.getDpsInitsMutable(), results))
      body.store(output, result, point);
  }

  void buildReduction(linalg::LinalgOp op, ValueRange row, ArrayRef<Value> inside) {
    SmallVector<Value> zeros(inside.size(), b.index(0)), stored = pointOf(row, zeros), initial;
    LoopBody body(op, operands, b);
    Reduction reduction(op, body, b);
    for (OpOperand &output : op.getDpsInitsMutable())
      initial.push_back(load(body, op, output, stored));
    auto placeOf = [&](ArrayRef<Value> point) { return linearize(b, point.drop_front(rows), inside); };
    auto together = [&](ArrayRef<Value> first, ValueRange so) {
      auto known = [&](OpOperand &operand) { return order.inRegister(op, operand); };
      return reduction.add(so, first, neighbours.lookup(op), known, placeOf(first));
    };
    auto alone = [&](ArrayRef<Value> point, ValueRange so) {
      return reduction.add(so, loadInputs(body, op, point), point, placeOf(point));
    };
    SmallVector<Value> partial = overPoints(op, row, inside, reduction.none(), together, alone);
    SmallVector<Value> state =
        reduceOverBlock(b, partial, warps, [&](ValueRange x, ValueRange y) { return reduction.join(x, y); });
    auto atPlace = [&](Value place, ValueRange so) {
      SmallVector<Value> point = pointOf(row, delinearize(b, place, inside));
      SmallVector<Value> elements = loadInputs(body, op, point);
      llvm::append_range(elements, so);
      return body.evaluate(elements, point);
    };
    storeOnce(op, body, reduction.finish(initial, state, countPoints(b, inside), atPlace), stored);
  }

  IndexBuilder &b;
  SmallVector<linalg::LinalgOp> members;
  unsigned rows;
  const KernelOperands &operands;
  ArrayRef<SmallVector<Value>> sizes;
  int64_t warps;
  llvm::DenseMap<Operation *, Neighbours> neighbours;
  Value thread, aligned;
  RowOrder order;
};

SmallVector<SmallVector<Value>> sizesOf(IndexBuilder &b, const RowGroup &group) {
  SmallVector<SmallVector<Value>> sizes;
  for (linalg::LinalgOp op : group.members) {
    SmallVector<Value> &loops = sizes.emplace_back();
    for (Range range : op.createLoopRanges(b, op.getLoc()))
      loops.push_back(getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
  }
  return sizes;
}

} // namespace

void buildRowKernel(IndexBuilder &b, const RowGroup &group) {
  KernelOperands operands;
  SmallVector<SmallVector<Value>> sizes = sizesOf(b, group);
  for (linalg::LinalgOp op : group.members)
    LoopBody::collect(op, operands);
  operands.map(b);
  RowBody body(b, group, operands, sizes);
  SmallVector<Value> grid(sizes[0].begin(), sizes[0].begin() + group.rows);
  if (grid.empty())
    grid.push_back(b.index(1));
  buildKernel(
      b, grid, /*work=*/nullptr,
      [&](ValueRange task) {
        operands.enter(b);
        body.build(task.take_front(group.rows));
      },
      body.numWarps());
  tile::DeviceUnmapOp::create(b);
  for (linalg::LinalgOp op : group.members)
    op->erase();
}

void buildRow(IndexBuilder &b, const RowGroup &group, const KernelOperands &operands, ValueRange row,
              int64_t warps) {
  SmallVector<SmallVector<Value>> sizes = sizesOf(b, group);
  RowBody(b, group, operands, sizes, warps).build(row);
}

} // namespace gqa
