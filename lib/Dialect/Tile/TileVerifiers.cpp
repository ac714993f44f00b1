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

/// Keys or values of a product: of the other operands' type, or narrower where that is read in place.
LogicalResult verifyKeys(Operation *op, Value keys, Value other, bool transposed, StringRef name) {
  Type found = elementOf(keys), expected = elementOf(other);
  bool narrower = found.getIntOrFloatBitWidth() < expected.getIntOrFloatBitWidth();
  if (found == expected || (narrower && !transposed))
    return success();
  return op->emitOpError("expects ") << name << " of type " << expected << (transposed ? "" : " or narrower")
                                     << ", found " << found;
}

/// Keys or values in pairs: bf16, and `other` has whole pairs of vectors as columns.
LogicalResult verifyPairs(Operation *op, std::optional<uint64_t> paired, Value keys, Value other,
                          bool transposed, StringRef name) {
  if (!paired)
    return success();
  if (!elementOf(keys).isBF16() || transposed)
    return op->emitOpError("is paired, expected ") << name << " of type bf16 and no transposed tile, found "
                                                   << elementOf(keys) << (transposed ? ", transposed" : "");
  int64_t columns = cast<MemRefType>(other.getType()).getDimSize(1);
  if (*paired == 0 || ShapedType::isDynamic(columns) || columns % (2 * int64_t(*paired)) != 0)
    return op->emitOpError("is paired for vectors of ")
           << *paired << ", expected a multiple of " << 2 * *paired << " columns";
  return success();
}

/// The scale has the type of the elements of `values`.
LogicalResult verifyScale(Operation *op, Value scale, Value values, StringRef name) {
  if (scale.getType() == elementOf(values))
    return success();
  return op->emitOpError("expects a scale of the type of ")
         << name << ", " << elementOf(values) << ", found " << scale.getType();
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
  if (failed(verifyContiguousRows(*this, {getStorage(), getTile()}, "storage and tile")))
    return failure();
  // pack_c3
  bool holdsQueries = cast<MemRefType>(getSource().getType()).getRank() == 3;
  if (holdsQueries != static_cast<bool>(getQueries()))
    return emitOpError("has a source of rank ")
           << (holdsQueries ? 3 : 2) << ", expected queries exactly for rank 3";
  if (getTransposed() && !holdsQueries)
    return emitOpError("is transposed and has a source of rank 2, expected rank 3");
  return success();
}

LogicalResult InitOp::verify() {
  // init_c1
  if (failed(verifySameElements(*this, {getO(), getM(), getL()}, "o, m and l")))
    return failure();
  if (getScale() && failed(verifyScale(*this, getScale(), getO(), "o")))
    return failure();
  // init_c2
  bool sinks = static_cast<bool>(getSinks());
  if (sinks != static_cast<bool>(getQueries()) || sinks != static_cast<bool>(getScale()))
    return emitOpError("expects queries and scale exactly if there are sinks");
  return success();
}

LogicalResult QKOp::verify() {
  // qk_c1
  if (failed(verifySameElements(*this, {getQ(), getS()}, "q and s")) ||
      failed(verifyKeys(*this, getK(), getS(), getTransposed(), "k")))
    return failure();
  // qk_c2
  if (failed(verifyContiguousRows(*this, {getQ(), getK(), getS()}, "q, k and s")))
    return failure();
  // qk_c3
  return verifyPairs(*this, getPaired(), getK(), getQ(), getTransposed(), "k");
}

LogicalResult ScoreOp::verify() {
  // score_c1
  if (failed(verifyScale(*this, getScale(), getS(), "s")))
    return failure();
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

LogicalResult MaskOp::verify() {
  // mask_c1
  return verifyContiguousRows(*this, {getS()}, "s");
}

LogicalResult SoftmaxStepOp::verify() {
  // softmax_step_c1
  if (failed(verifySameElements(*this, {getS(), getM(), getL(), getAlpha()}, "s, m, l and alpha")) ||
      failed(verifyScale(*this, getScale(), getS(), "s")))
    return failure();
  // softmax_step_c2
  return verifyContiguousRows(*this, {getS()}, "s");
}

LogicalResult PVOp::verify() {
  // pv_c1
  if (failed(verifySameElements(*this, {getP(), getO(), getAlpha()}, "p, o and alpha")) ||
      failed(verifyKeys(*this, getV(), getO(), getTransposed(), "v")))
    return failure();
  // pv_c2
  if (failed(verifyContiguousRows(*this, {getP(), getV(), getO()}, "p, v and o")))
    return failure();
  // pv_c3
  return verifyPairs(*this, getPaired(), getV(), getO(), getTransposed(), "v");
}

LogicalResult MergeOp::verify() {
  // merge_c1
  if (failed(verifySameElements(*this, {getO(), getM(), getL(), getO0(), getM0(), getL0()},
                                "o, m, l, o0, m0 and l0")) ||
      failed(verifyScale(*this, getScale(), getO(), "o")))
    return failure();
  // merge_c2
  return verifyContiguousRows(*this, {getO(), getO0()}, "o and o0");
}

LogicalResult FinishOp::verify() {
  // finish_c1
  SmallVector<Value> values = {getO(), getM(), getL()};
  if (getLse())
    values.push_back(getLse());
  if (failed(verifySameElements(*this, values, "o, m, l and lse")) ||
      failed(verifyScale(*this, getScale(), getO(), "o")))
    return failure();
  // finish_c2
  if ((getDeadRow() == DeadRow::Uniform) != static_cast<bool>(getValues()))
    return emitOpError("has dead_row = ")
           << stringifyDeadRow(getDeadRow()) << ", expected values exactly if it is uniform";
  // finish_c3
  return verifyContiguousRows(*this, {getO()}, "o");
}

} // namespace gqa::tile
