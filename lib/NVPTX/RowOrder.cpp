#include "RowOrder.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace gqa {

bool isOnce(ArrayRef<Value> sizes) {
  return llvm::all_of(sizes, [](Value size) { return getConstantIntValue(size) == 1; });
}

Value RowOrder::inRegister(linalg::LinalgOp op, OpOperand &operand) const {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  auto known = registers.find(operand.get());
  if (known == registers.end())
    return nullptr;
  // Beside the rows there are only places 0: constants, or loops of one iteration.
  for (AffineExpr expr : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    bool isRow = dim && dim.getPosition() < rows;
    bool isOne = dim && op.getStaticLoopRanges()[dim.getPosition()] == 1;
    if (!isRow && !isOne && expr != getAffineConstantExpr(0, op.getContext()))
      return nullptr;
  }
  return known->second;
}

SmallVector<RowOrder::Access> RowOrder::accessesOf(linalg::LinalgOp op, ArrayRef<Value> inside,
                                                   int64_t width) const {
  SmallVector<Access> accesses;
  bool once = isOnce(inside);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    bool writes = op.isDpsInit(&operand);
    bool reads = !writes || op.payloadUsesValueFromOperand(&operand);
    AffineMap map = op.getMatchingIndexingMap(&operand);
    bool atOnePlace = once || (writes && op.getNumReductionLoops());
    SmallVector<Value> points(atOnePlace ? ArrayRef<Value>() : inside);
    if (reads && !inRegister(op, operand))
      accesses.push_back({operand.get(), map, points, width, false});
    if (writes)
      accesses.push_back({operand.get(), map, points, width, true});
  }
  return accesses;
}

bool RowOrder::areOrdered(const Access &a, const Access &c) {
  if (a.buffer != c.buffer || (!a.writes && !c.writes))
    return true;
  bool haveSameSizes =
      a.inside.size() == c.inside.size() && llvm::all_of(llvm::zip(a.inside, c.inside), [](auto pair) {
        return isEqualConstantIntOrValue(std::get<0>(pair), std::get<1>(pair));
      });
  bool ofOwnPoints = !a.inside.empty() && a.map == c.map && haveSameSizes && a.width == c.width;
  return ofOwnPoints || (a.inside.empty() && c.inside.empty() && a.writes && c.writes); // thread 0 stores
}

void RowOrder::wait(linalg::LinalgOp op, ArrayRef<Value> inside, int64_t width) {
  SmallVector<Access> accesses = accessesOf(op, inside, width);
  for (const Access &now : accesses)
    if (!llvm::all_of(pending, [&](const Access &then) { return areOrdered(then, now); })) {
      tile::BarrierOp::create(b);
      pending.clear();
      break;
    }
  llvm::append_range(pending, accesses);
}

} // namespace gqa
