// gqa-order-loops: windows slide along memory, all of a row's for one element of the window, and then for the
// next.
#include "gqa/CPU/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_ORDERLOOPS
#include "gqa/CPU/Passes.h.inc"

namespace {

constexpr int64_t kLongSum = 32; // that a loop of its own is fast for
constexpr int64_t kShortRow = 8; // that is not worth vectors

/// The last dimension of a buffer that has more than one element, as its map has it.
AffineExpr lastOf(AffineMap map, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  for (unsigned i = map.getNumResults(); i-- > 0;)
    if (type.getDimSize(i) != 1)
      return map.getResult(i);
  return nullptr;
}

/// Whether neighbours along `loop` are neighbours in the buffer, or all are one element.
bool followsMemory(AffineMap map, Value buffer, unsigned loop) {
  AffineExpr last = lastOf(map, buffer);
  for (AffineExpr result : map.getResults()) {
    if (!result.isFunctionOfDim(loop))
      continue;
    auto dim = getAffineDimExpr(loop, map.getContext());
    auto step = simplifyAffineExpr(result.replace(dim, dim + 1) - result, map.getNumDims(), 0);
    if (result != last || step != getAffineConstantExpr(1, map.getContext()))
      return false;
  }
  return true;
}

/// The order of the loops of a short sum: those of the result, but the sum stands in front of the last one.
/// None if they are in a good order, or that would be none.
std::optional<SmallVector<unsigned>> betterOrder(linalg::GenericOp op) {
  if (!op.hasPureBufferSemantics() || op.getNumDpsInits() != 1)
    return std::nullopt;
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  SmallVector<unsigned> sums;
  op.getReductionDims(sums);
  int64_t elements = 1;
  for (unsigned loop : sums)
    elements *= ShapedType::isDynamic(sizes[loop]) ? kLongSum : sizes[loop];
  bool isShort = !sums.empty() && elements > 1 && !ShapedType::isDynamic(sizes[sums.back()]) &&
                 sizes[sums.back()] < kLongSum;
  if (!isShort || !result.isProjectedPermutation() || result.getNumResults() != op.getNumParallelLoops())
    return std::nullopt;
  SmallVector<unsigned> order;
  for (AffineExpr dim : result.getResults())
    order.push_back(cast<AffineDimExpr>(dim).getPosition());
  auto row = llvm::find_if(llvm::reverse(order), [&](unsigned loop) { return sizes[loop] != 1; });
  if (row == order.rend() || (!ShapedType::isDynamic(sizes[*row]) && sizes[*row] < kShortRow))
    return std::nullopt;
  unsigned last = *row;
  for (OpOperand &operand : op->getOpOperands())
    if (isa<MemRefType>(operand.get().getType()) &&
        !followsMemory(op.getMatchingIndexingMap(&operand), operand.get(), last))
      return std::nullopt;
  llvm::erase(order, last);
  order.append(sums.begin(), sums.end());
  order.push_back(last);
  return order;
}

struct OrderLoopsPass : impl::OrderLoopsBase<OrderLoopsPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::GenericOp> all;
    getOperation().walk([&](linalg::GenericOp op) { all.push_back(op); });
    for (linalg::GenericOp op : all)
      if (std::optional<SmallVector<unsigned>> order = betterOrder(op)) {
        rewriter.setInsertionPoint(op);
        if (succeeded(linalg::interchangeGenericOp(rewriter, op, *order)))
          ++numOrdered;
      }
  }
};

} // namespace
} // namespace gqa
