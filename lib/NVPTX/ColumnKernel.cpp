// Reductions along loops that are not the innermost ones, such as the mean of a prompt's tokens: threads next
// to each other have points next to each other, and parts of a block's threads have parts of the reductions.
#include "Reduction.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32, kMostWarps = 32, kWarpsIfUnknown = 8;
constexpr int64_t kPerThread = 8; // points of the reductions for each thread, or there are no more threads

/// Whether each point of the parallel loops has a place of its own.
bool separatesPoints(linalg::LinalgOp op, AffineMap map) {
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  return llvm::all_of(parallel, [&](unsigned dim) {
    return llvm::is_contained(map.getResults(), getAffineDimExpr(dim, op.getContext()));
  });
}

/// Whether the operand that has most of the loops is contiguous along a reduction.
bool isAlongReduction(linalg::LinalgOp op) {
  AffineMap largest;
  for (OpOperand *input : op.getDpsInputOperands())
    if (AffineMap map = op.getMatchingIndexingMap(input);
        !largest || map.getNumResults() > largest.getNumResults())
      largest = map;
  if (!largest || !largest.getNumResults())
    return false;
  auto last = dyn_cast<AffineDimExpr>(largest.getResults().back());
  return last && linalg::isReductionIterator(op.getIteratorTypesArray()[last.getPosition()]);
}

class ColumnKernel {
public:
  ColumnKernel(IndexBuilder &b, linalg::LinalgOp op) : b(b), op(op) {
    op.getParallelDims(parallel);
    op.getReductionDims(reductions);
    for (Range range : op.createLoopRanges(b, op.getLoc()))
      sizes.push_back(getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
    columns = countPoints(b, sizesOf(parallel));
    count = countPoints(b, sizesOf(reductions));
    chooseThreads();
    LoopBody::collect(op, operands);
    operands.map(b);
  }

  void build() {
    buildKernel(
        b, {b.ceilDiv(columns, b.index(together))}, /*work=*/nullptr,
        [&](ValueRange task) {
          operands.enter(b);
          buildColumns(task[0]);
        },
        warps);
    tile::DeviceUnmapOp::create(b);
    op->erase();
  }

private:
  void chooseThreads() {
    if (std::optional<int64_t> known = getConstantIntValue(columns))
      together = std::clamp<int64_t>(int64_t(llvm::PowerOf2Ceil(uint64_t(*known))), 1, kLanes);
    warps = kWarpsIfUnknown;
    if (std::optional<int64_t> known = getConstantIntValue(count)) {
      int64_t wanted = llvm::divideCeil(*known * together, kLanes * kPerThread);
      warps = std::clamp<int64_t>(int64_t(llvm::PowerOf2Ceil(uint64_t(wanted))), 1, kMostWarps);
    }
    parts = warps * kLanes / together;
  }

  SmallVector<Value> sizesOf(ArrayRef<unsigned> dims) {
    return llvm::map_to_vector(dims, [&](unsigned dim) { return sizes[dim]; });
  }

  SmallVector<Value> pointOf(ValueRange column, ValueRange place) {
    SmallVector<Value> point(sizes.size());
    for (auto [dim, value] : llvm::zip_equal(parallel, column))
      point[dim] = value;
    for (auto [dim, value] : llvm::zip_equal(reductions, place))
      point[dim] = value;
    return point;
  }

  /// Threads whose column there is not have the last one as well, and store nothing.
  void buildColumns(Value block) {
    Value thread = threadOf(b), width = b.index(together);
    Value lane = b.rem(thread, width), part = b.div(thread, width);
    Value number = b.add(b.mul(block, width), lane);
    Value last = b.sub(columns, b.index(1));
    SmallVector<Value> column = delinearize(b, b.min(number, last), sizesOf(parallel));
    LoopBody body(op, operands, b);
    Reduction reduction(op, body, b);
    SmallVector<Value> state = buildPart(body, reduction, column, part);
    SharedState shared(b, state, {parts, together});
    shared.store(b, state, {part, lane});
    tile::BarrierOp::create(b);
    Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, number, columns);
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, part, b.index(0));
    auto branch = scf::IfOp::create(b, arith::AndIOp::create(b, exists, isFirst), /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenYield());
    finish(body, reduction, column, joinParts(reduction, shared, state, lane));
  }

  SmallVector<Value> loadInputs(LoopBody &body, ArrayRef<Value> point) {
    return llvm::map_to_vector(op.getDpsInputOperands(),
                               [&](OpOperand *input) { return body.load(*input, point); });
  }

  SmallVector<Value> buildPart(LoopBody &body, Reduction &reduction, ArrayRef<Value> column, Value part) {
    auto loop = scf::ForOp::create(b, part, count, b.index(parts), reduction.none());
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value place = loop.getInductionVar();
    SmallVector<Value> point = pointOf(column, delinearize(b, place, sizesOf(reductions)));
    scf::YieldOp::create(b, reduction.add(loop.getRegionIterArgs(), loadInputs(body, point), point, place));
    return loop.getResults();
  }

  SmallVector<Value> joinParts(Reduction &reduction, SharedState &shared, ArrayRef<Value> first, Value lane) {
    auto loop = scf::ForOp::create(b, b.index(1), b.index(parts), b.index(1), first);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> next = shared.load(b, {loop.getInductionVar(), lane});
    scf::YieldOp::create(b, reduction.join(loop.getRegionIterArgs(), next));
    return loop.getResults();
  }

  void finish(LoopBody &body, Reduction &reduction, ArrayRef<Value> column, ArrayRef<Value> state) {
    SmallVector<Value> stored = pointOf(column, SmallVector<Value>(reductions.size(), b.index(0))), initial;
    for (OpOperand &output : op.getDpsInitsMutable())
      initial.push_back(body.load(output, stored));
    auto atPlace = [&](Value place, ValueRange so) {
      SmallVector<Value> point = pointOf(column, delinearize(b, place, sizesOf(reductions)));
      SmallVector<Value> elements = loadInputs(body, point);
      llvm::append_range(elements, so);
      return body.evaluate(elements, point);
    };
    for (auto [output, result] :
         llvm::zip_equal(op.getDpsInitsMutable(), reduction.finish(initial, state, count, atPlace)))
      body.store(output, result, stored);
  }

  IndexBuilder &b;
  linalg::LinalgOp op;
  KernelOperands operands;
  SmallVector<unsigned> parallel, reductions;
  SmallVector<Value> sizes;                        // of all loops
  Value columns, count;                            // points of the parallel loops, and of the reductions
  int64_t together = kLanes, warps = 1, parts = 1; // columns of a block, and the threads of each
};

} // namespace

int64_t countReduced(linalg::LinalgOp op) {
  int64_t count = 1;
  for (auto [size, type] : llvm::zip_equal(op.getStaticLoopRanges(), op.getIteratorTypesArray())) {
    if (!linalg::isReductionIterator(type))
      continue;
    if (ShapedType::isDynamic(size))
      return size;
    count *= size;
  }
  return count;
}

bool reducesMany(linalg::LinalgOp op) {
  constexpr int64_t kMany = 256;
  int64_t count = op.getNumReductionLoops() ? countReduced(op) : 0;
  return ShapedType::isDynamic(count) || count >= kMany;
}

bool isColumnReduction(linalg::LinalgOp op) {
  return reducesMany(op) && !isRowReduction(op) && isShared(op) &&
         llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &output) {
           return separatesPoints(op, op.getMatchingIndexingMap(&output));
         });
}

void orderLoops(Operation *root) {
  SmallVector<linalg::GenericOp> found;
  root->walk([&](linalg::GenericOp op) {
    if (isColumnReduction(op) && isAlongReduction(op))
      found.push_back(op);
  });
  for (linalg::GenericOp op : found) {
    SmallVector<unsigned> order, reductions;
    op.getParallelDims(order);
    op.getReductionDims(reductions);
    llvm::append_range(order, reductions);
    IRRewriter rewriter(op);
    (void)linalg::interchangeGenericOp(rewriter, op, order);
  }
}

void buildColumnKernel(IndexBuilder &b, linalg::LinalgOp op) { ColumnKernel(b, op).build(); }

} // namespace gqa
