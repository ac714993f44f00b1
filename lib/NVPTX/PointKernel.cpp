// A thread for every point of the parallel loops. Threads are along the innermost loops, as many of them as
// fill a block and have static sizes, so that a thread divides by constants alone; the outer loops are the
// grid's.
#include "LoopKernel.h"
#include "gqa/Tile/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32, kMostThreads = 256;

class PointKernel {
public:
  explicit PointKernel(linalg::LinalgOp op) : op(op), b(op.getLoc(), op) {}

  void build() {
    for (Range range : op.createLoopRanges(b, op.getLoc()))
      sizes.push_back(getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
    op.getReductionDims(reductions);
    splitParallel();
    LoopBody::collect(op, operands);
    operands.map(b);
    Value inside = countPoints(b, sizesOf(inner));
    int64_t threads = kMostThreads;
    if (std::optional<int64_t> known = getConstantIntValue(inside))
      threads = std::clamp<int64_t>(llvm::alignTo(*known, kLanes), kLanes, kMostThreads);
    SmallVector<Value> grid = sizesOf(outer);
    grid.push_back(b.ceilDiv(inside, b.index(threads)));
    buildKernel(
        b, grid, /*work=*/nullptr,
        [&](ValueRange task) {
          operands.enter(b);
          Value index = b.add(b.mul(task.back(), b.index(threads)), threadOf(b));
          Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, inside);
          auto branch = scf::IfOp::create(b, exists, /*withElseRegion=*/false);
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(branch.thenYield());
          buildPoint(task.drop_back(), index);
        },
        threads / kLanes);
    finishKernel(op);
    op->erase();
  }

private:
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
    outer.assign(parallel.begin(), parallel.begin() + first);
    inner.assign(parallel.begin() + first, parallel.end());
  }

  void buildPoint(ValueRange task, Value index) {
    SmallVector<Value> point(sizes.size());
    for (auto [dim, value] : llvm::zip(outer, task))
      point[dim] = value;
    for (auto [dim, value] : llvm::zip(inner, delinearize(b, index, sizesOf(inner))))
      point[dim] = value;
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
        elements.push_back(result ? result : zero(output));
      return body.evaluate(elements, point);
    }
    SmallVector<Value> carried;
    for (auto [output, result] : llvm::zip(op.getDpsInitsMutable(), results))
      carried.push_back(result ? result : zero(output));
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

  Value zero(OpOperand &output) {
    Type type = getElementTypeOrSelf(output.get().getType());
    return arith::ConstantOp::create(b, cast<TypedAttr>(b.getZeroAttr(type)));
  }

  linalg::LinalgOp op;
  IndexBuilder b;
  KernelOperands operands;
  SmallVector<Value> sizes;
  SmallVector<unsigned> outer, inner, reductions;
};

} // namespace

void buildPointKernel(linalg::LinalgOp op) { PointKernel(op).build(); }

} // namespace gqa
