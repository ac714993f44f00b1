// Elements that a body loads by itself: those of a row of a table, such as a token's of an embedding, are
// next to each other for neighbours as those of an operand are.
#include "LoopKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {
namespace {

/// Whether the table's rows go along the loop whose index is the load's last one, and to others by numbers
/// that `isCommon` to neighbours.
bool isAlongRow(memref::LoadOp load, unsigned loop, function_ref<bool(Value)> isCommon) {
  if (load.getIndices().empty())
    return false;
  auto index = load.getIndices().back().getDefiningOp<linalg::IndexOp>();
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  Type element = load.getType();
  bool isWholeBytes =
      element.isIntOrFloat() && llvm::is_contained({8u, 16u, 32u, 64u}, element.getIntOrFloatBitWidth());
  return index && index.getDim() == loop && isWholeBytes &&
         llvm::all_of(load.getIndices().drop_back(), isCommon) &&
         succeeded(load.getMemRefType().getStridesAndOffset(strides, offset)) && strides.back() == 1;
}

} // namespace

bool holdsEverywhere(linalg::LinalgOp op, arith::CmpIOp comparison) {
  auto index = comparison.getLhs().getDefiningOp<linalg::IndexOp>();
  std::optional<int64_t> bound = getConstantIntValue(comparison.getRhs());
  if (!index || !bound)
    return false;
  int64_t size = op.getStaticLoopRanges()[index.getDim()];
  switch (comparison.getPredicate()) {
  case arith::CmpIPredicate::sge:
    return *bound <= 0;
  case arith::CmpIPredicate::slt:
  case arith::CmpIPredicate::ult:
    return !ShapedType::isDynamic(size) && size <= *bound;
  default:
    return false;
  }
}

NeighbourBody::NeighbourBody(linalg::LinalgOp op, unsigned loop) {
  Block &body = op->getRegion(0).front();
  llvm::SmallDenseSet<Value> differ; // from neighbour to neighbour
  for (OpOperand &operand : op->getOpOperands()) {
    bool isSame = !isa<MemRefType>(operand.get().getType()) ||
                  !op.getMatchingIndexingMap(&operand).isFunctionOfDim(loop);
    if (!isSame || op.isDpsInit(&operand)) // a reduction's outputs change as well
      differ.insert(op.getMatchingBlockArgument(&operand));
  }
  auto isCommon = [&](Value value) { return !differ.contains(value); };
  for (Operation &inner : body.without_terminator()) {
    auto index = dyn_cast<linalg::IndexOp>(inner);
    auto comparison = dyn_cast<arith::CmpIOp>(inner);
    bool isSame = index ? index.getDim() != loop
                        : (comparison && holdsEverywhere(op, comparison)) ||
                              llvm::all_of(inner.getOperands(), isCommon);
    if (isSame) {
      common.insert(&inner);
      continue;
    }
    differ.insert_range(inner.getResults());
    if (auto load = dyn_cast<memref::LoadOp>(inner)) {
      if (isAlongRow(load, loop, isCommon))
        rows.push_back(load);
      else
        loadsApart = true;
    }
  }
}

} // namespace gqa
