// Verifiers of the operations inside a tile kernel. Comments name the constraint of TileOps.td that a line
// checks.
#include "gqa/Dialect/Tile/Tile.h"

using namespace mlir;

namespace gqa::tile {
namespace {

Type elementOf(Value value) { return cast<MemRefType>(value.getType()).getElementType(); }

/// All of `values` have one element type.
LogicalResult verifySameElements(Operation *op, ArrayRef<Value> values, StringRef names) {
  for (Value value : values)
    if (elementOf(value) != elementOf(values.front()))
      return op->emitOpError("expects one element type for ")
             << names << ", found " << elementOf(values.front()) << " and " << elementOf(value);
  return success();
}

/// The last dimension of all of `values` is contiguous.
LogicalResult verifyContiguousRows(Operation *op, ArrayRef<Value> values, StringRef names) {
  for (Value value : values)
    if (!cast<MemRefType>(value.getType()).isLastDimUnitStride())
      return op->emitOpError("expects stride 1 in the last dimension of ")
             << names << ", found " << value.getType();
  return success();
}

} // namespace

LogicalResult ScratchOp::verify() {
  auto type = cast<MemRefType>(getMemory().getType());
  // scratch_c1
  if (static_cast<size_t>(type.getNumDynamicDims()) != getSizes().size())
    return emitOpError("has ") << getSizes().size() << " sizes, expected one for each of the "
                               << type.getNumDynamicDims() << " dynamic dimensions";
  // scratch_c2
  if (!type.getLayout().isIdentity())
    return emitOpError("expects the identity layout, found ") << type.getLayout();
  return success();
}

LogicalResult PackOp::verify() {
  // pack_c1
  if (failed(verifySameElements(*this, {getStorage(), getTile()}, "storage and tile")))
    return failure();
  if (elementOf(getSource()).getIntOrFloatBitWidth() > elementOf(getTile()).getIntOrFloatBitWidth())
    return emitOpError("would narrow ") << elementOf(getSource()) << " to " << elementOf(getTile())
                                        << ", expected a storage of at least the source's precision";
  // pack_c2
  return verifyContiguousRows(*this, {getStorage(), getTile()}, "storage and tile");
}

LogicalResult InitOp::verify() {
  // init_c1
  return verifySameElements(*this, {getO(), getM(), getL()}, "o, m and l");
}

LogicalResult QKOp::verify() {
  // qk_c1
  if (failed(verifySameElements(*this, {getQ(), getK(), getS()}, "q, k and s")))
    return failure();
  // qk_c2
  return verifyContiguousRows(*this, {getQ(), getK(), getS()}, "q, k and s");
}

LogicalResult ScoreOp::verify() {
  // score_c1
  if (getScale().getType() != elementOf(getS()))
    return emitOpError("expects a scale of type ") << elementOf(getS()) << ", found " << getScale().getType();
  // score_c2
  if (getSoftcap() && !(getSoftcap()->convertToDouble() > 0))
    return emitOpError("expects a positive softcap, found ") << getSoftcap()->convertToDouble();
  // score_c4
  return verifyContiguousRows(*this, {getS()}, "s");
}

LogicalResult ScoreOp::verifyRegions() {
  if (getScore().empty())
    return success();
  // score_c3
  Block &block = getScore().front();
  Type index = IndexType::get(getContext()), element = elementOf(getS());
  if (!llvm::equal(block.getArgumentTypes(), ArrayRef<Type>{element, index, index, index, index}))
    return emitOpError("expects a score region with the arguments (")
           << element << ", index, index, index, index), found (" << block.getArgumentTypes() << ")";
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
  if (!yield)
    return emitOpError("expects a score region that ends with tile.yield");
  TypeRange types = yield.getValues().getTypes();
  bool seen = types.size() == 2 && types[1].isInteger(1);
  if (types.empty() || types[0] != element || !(types.size() == 1 || seen))
    return emitOpError("expects its region to yield ")
           << element << " and optionally an i1, found (" << types << ")";
  return success();
}

LogicalResult SoftmaxStepOp::verify() {
  // softmax_step_c1
  if (failed(verifySameElements(*this, {getS(), getM(), getL(), getAlpha()}, "s, m, l and alpha")))
    return failure();
  // softmax_step_c2
  return verifyContiguousRows(*this, {getS()}, "s");
}

LogicalResult PVOp::verify() {
  // pv_c1
  if (failed(verifySameElements(*this, {getP(), getV(), getO(), getAlpha()}, "p, v, o and alpha")))
    return failure();
  // pv_c2
  return verifyContiguousRows(*this, {getP(), getV(), getO()}, "p, v and o");
}

LogicalResult FinishOp::verify() {
  // finish_c1
  SmallVector<Value> values = {getO(), getM(), getL()};
  if (getLse())
    values.push_back(getLse());
  if (failed(verifySameElements(*this, values, "o, m, l and lse")))
    return failure();
  // finish_c2
  if ((getDeadRow() == DeadRow::Uniform) != static_cast<bool>(getValues()))
    return emitOpError("has dead_row = ")
           << stringifyDeadRow(getDeadRow()) << ", expected values exactly if it is uniform";
  // finish_c3
  return verifyContiguousRows(*this, {getO()}, "o");
}

} // namespace gqa::tile
