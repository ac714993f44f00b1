// Verifiers of the operands and products of a tile. Comments name the constraint of TileOps.td that a line
// checks.
#include "Verify.h"

using namespace mlir;

namespace gqa::tile {
namespace {

/// Keys or values of a product: of the other operands' type, or narrower where that is read in place.
LogicalResult verifyKeys(Operation *op, Value keys, Value other, bool mayBeNarrower, StringRef name) {
  Type found = elementOf(keys), expected = elementOf(other);
  bool narrower = found.getIntOrFloatBitWidth() < expected.getIntOrFloatBitWidth();
  if (found == expected || (narrower && mayBeNarrower))
    return success();
  return op->emitOpError("expects ") << name << " of type " << expected
                                     << (mayBeNarrower ? " or narrower" : "") << ", found " << found;
}

/// Keys or values in pairs: bf16, and `other` has whole pairs of vectors as columns.
LogicalResult verifyPairs(Operation *op, std::optional<uint64_t> paired, Value keys, Value other,
                          StringRef name) {
  if (!paired)
    return success();
  if (!elementOf(keys).isBF16())
    return op->emitOpError("is paired, expected ") << name << " of type bf16, found " << elementOf(keys);
  int64_t columns = cast<MemRefType>(other.getType()).getDimSize(1);
  if (*paired == 0 || ShapedType::isDynamic(columns) || columns % (2 * int64_t(*paired)) != 0)
    return op->emitOpError("is paired for vectors of ")
           << *paired << ", expected a multiple of " << 2 * *paired << " columns";
  return success();
}

/// Of an interleaved product: bf16 operands and f32 results.
LogicalResult verifyInterleaved(Operation *op, ArrayRef<Value> operands, ArrayRef<Value> results) {
  for (Value operand : operands)
    if (!elementOf(operand).isBF16())
      return op->emitOpError("is interleaved, expected operands of bf16, found ") << elementOf(operand);
  for (Value result : results)
    if (!elementOf(result).isF32())
      return op->emitOpError("is interleaved, expected results of f32, found ") << elementOf(result);
  return success();
}

/// A source of rank 2 that becomes panels, and nothing else does.
LogicalResult verifyPanels(PackOp op, bool transposes) {
  auto source = cast<MemRefType>(op.getSource().getType());
  for (Value value : {op.getStorage(), op.getTile()}) {
    auto type = cast<MemRefType>(value.getType());
    if ((type.getRank() == 3) != transposes)
      return op.emitOpError("expects panels, of rank 3, exactly for a transposed source of rank 2, found ")
             << type;
    bool same = type.getElementType() == source.getElementType() && type.getElementTypeBitWidth() == 16;
    if (transposes && (!same || type.getDimSize(2) != kRegisterDepth))
      return op.emitOpError("expects panels of ")
             << kRegisterDepth << " keys, in the source's type of 16 bits, found " << type;
  }
  return success();
}

/// What comes behind the rows of the source.
LogicalResult verifyRest(PackOp op) {
  if (!op.getRest())
    return success();
  auto source = cast<MemRefType>(op.getSource().getType()), rest = cast<MemRefType>(op.getRest().getType());
  bool rows = source.getRank() == 2 && !op.getTransposed();
  unsigned sourceBits = source.getElementTypeBitWidth(), bits = rest.getElementTypeBitWidth();
  bool fits = source.getElementType() == rest.getElementType() ||
              (sourceBits < bits && bits <= elementOf(op.getTile()).getIntOrFloatBitWidth());
  if (rows && fits && succeeded(verifyCompatibleShape({source.getDimSize(1)}, {rest.getDimSize(1)})))
    return success();
  return op.emitOpError("has more rows in ")
         << rest << ", expected those of keys or values, as in the source, " << source;
}

/// What the numbers of a narrow cache are made of.
LogicalResult verifyFactors(PackOp op) {
  auto source = cast<MemRefType>(op.getSource().getType());
  bool rows = source.getRank() == 2 && !op.getTransposed();
  if (op.isDequantizing() && !rows)
    return op.emitOpError("widens ") << source << ", expected rows of keys or values";
  for (auto [name, value] : {std::pair("scale", op.getScale()), std::pair("zero", op.getZero())}) {
    auto type = value ? cast<MemRefType>(value.getType()) : MemRefType();
    if (type && (failed(verifyCompatibleShape({type.getDimSize(0)}, {source.getDimSize(0)})) ||
                 (type.getDimSize(1) != 1 &&
                  failed(verifyCompatibleShape({type.getDimSize(1)}, {source.getDimSize(1)})))))
      return op.emitOpError(name) << " is " << type << ", expected the rows of " << source
                                  << ", and its columns or one";
  }
  return success();
}

} // namespace

void PackOp::build(OpBuilder &builder, OperationState &state, Type tile, Value source, Value storage) {
  build(builder, state, tile, source, storage, /*rest=*/Value(), /*scale=*/Value(), /*zero=*/Value(),
        /*queries=*/Value(), /*is_unsigned=*/UnitAttr(), /*transposed=*/UnitAttr(),
        /*interleaved=*/UnitAttr(), /*paired=*/IntegerAttr(), /*crossed=*/UnitAttr(),
        /*multiple=*/IntegerAttr());
}

LogicalResult RotateOp::verify() {
  auto x = cast<MemRefType>(getX().getType()), cos = cast<MemRefType>(getCos().getType());
  // rotate_c1
  if (failed(verifyCompatibleShape(x, getRotated().getType())) ||
      x.getElementTypeBitWidth() > elementOf(getRotated()).getIntOrFloatBitWidth())
    return emitOpError("rotates ") << x << ", expected a result of the same shape and precision, found "
                                   << getRotated().getType();
  // rotate_c2
  int64_t half = cos.getDimSize(2), dim = x.getDimSize(2);
  bool fits = !ShapedType::isDynamic(half) && (ShapedType::isDynamic(dim) || 2 * half <= dim);
  if (!fits || failed(verifyCompatibleShape(cos.getShape().drop_back(), x.getShape().drop_back())))
    return emitOpError("has angles in ") << cos << ", expected heads x queries x half of at most the head "
                                         << "dimension of " << x;
  if (elementOf(getSin()) != cos.getElementType() || failed(verifyCompatibleShape(cos, getSin().getType())))
    return emitOpError("expects cos and sin of one type, found ") << cos << " and " << getSin().getType();
  // rotate_c3
  return verifyContiguousRows(*this, {getRotated()}, "rotated");
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
  // pack_c4
  if (failed(verifyPanels(*this, getTransposed() && !holdsQueries)))
    return failure();
  // pack_c5
  if (getInterleaved() && !(getTransposed() && holdsQueries && elementOf(getTile()).isBF16()))
    return emitOpError("is interleaved, expected a transposed tile of queries in bf16");
  // pack_c6
  if (getMultiple() && (*getMultiple() <= 0 || holdsQueries || getTransposed()))
    return emitOpError("has a multiple of ")
           << int64_t(*getMultiple()) << ", expected a positive one, of rows of keys or values";
  // pack_c7
  if (failed(verifyRest(*this)))
    return failure();
  // pack_c8
  if (failed(verifyFactors(*this)))
    return failure();
  // pack_c9
  Type element = elementOf(getTile());
  if (getCrossed() && (!holdsQueries || getTransposed() || !(element.isF32() || element.isBF16())))
    return emitOpError("is crossed, expected a tile of queries in f32 or bf16 that is not transposed");
  return success();
}

bool PackOp::isDequantizing() {
  Type element = elementOf(getSource());
  return getScale() || getZero() || element.getIntOrFloatBitWidth() < 16 ||
         (getRest() && elementOf(getRest()) != element);
}

/// The parts of a product that are left out.
template <typename Product> static LogicalResult verifyParts(Product op, bool mayLeaveOut) {
  if ((op.getRows() || op.getPeriod()) && !mayLeaveOut)
    return op.emitOpError(
        "leaves out rows or a diagonal, expected rows in lanes and no interleaved operands");
  if (static_cast<bool>(op.getPeriod()) != static_cast<bool>(op.getLast()))
    return op.emitOpError("has half a diagonal, expected a period and the last key of its first row");
  return success();
}

LogicalResult QKOp::verify() {
  // qk_c1
  if (!getInterleaved() && (failed(verifySameElements(*this, {getQ(), getS()}, "q and s")) ||
                            failed(verifyKeys(*this, getK(), getS(), !getTransposed(), "k"))))
    return failure();
  // qk_c2
  if (failed(verifyContiguousRows(*this, {getQ(), getK(), getS()}, "q, k and s")))
    return failure();
  // qk_c3
  if (getPaired() && getTransposed())
    return emitOpError("is paired, expected no transposed q");
  if (failed(verifyPairs(*this, getPaired(), getK(), getQ(), "k")))
    return failure();
  // qk_c5
  auto q = cast<MemRefType>(getQ().getType()), s = cast<MemRefType>(getS().getType());
  int64_t rows = q.getDimSize(getTransposed() ? 1 : 0) / (getInterleaved() && getTransposed() ? 2 : 1);
  if (!q.isDynamicDim(getTransposed() ? 1 : 0) && !s.isDynamicDim(1) && s.getDimSize(1) < rows)
    return emitOpError("expects a column of s for each of the ") << rows << " rows of q, found " << s;
  // qk_c6
  if (failed(verifyParts(*this, getTransposed() && !getInterleaved())))
    return failure();
  // qk_c7
  if (getCrossed() && (getTransposed() || !s.getElementType().isF32()))
    return emitOpError("is crossed, expected no transposed q, and scores of f32");
  // qk_c4
  if (!getInterleaved())
    return success();
  if (getPaired())
    return emitOpError("is interleaved, expected columns of q that are not paired");
  int64_t columns = getTransposed() ? 2 : kRegisterDepth;
  return failure(failed(verifyInterleaved(*this, {getQ(), getK()}, {getS()})) ||
                 failed(verifyMultiple(*this, getK(), {1}, columns, "k")) ||
                 (getTransposed() && failed(verifyMultiple(*this, getK(), {0}, kRegisterDepth, "k"))) ||
                 failed(verifyMultiple(*this, getQ(), {1}, 2 * kRegisterRows, "q")));
}

LogicalResult PVOp::verify() {
  // pv_c1
  if (!getInterleaved() &&
      (failed(verifySameElements(*this, {getP(), getO(), getAlpha()}, "p, o and alpha")) ||
       failed(verifyKeys(*this, getV(), getO(), /*mayBeNarrower=*/true, "v"))))
    return failure();
  // pv_c2
  if (failed(verifyContiguousRows(*this, {getP(), getV(), getO()}, "p, v and o")))
    return failure();
  // pv_c3
  if (failed(verifyPairs(*this, getPaired(), getV(), getO(), "v")))
    return failure();
  // pv_c4
  bool hasPanels = cast<MemRefType>(getV().getType()).getRank() == 3;
  SmallVector<unsigned> whole = hasPanels ? SmallVector<unsigned>{0, 1} : SmallVector<unsigned>{1};
  if (getInterleaved() && (failed(verifyInterleaved(*this, {getP(), getV()}, {getO(), getAlpha()})) ||
                           failed(verifyMultiple(*this, getO(), whole, kRegisterRows, "o"))))
    return failure();
  // pv_c6
  if (failed(verifyParts(*this, !getInterleaved())))
    return failure();
  // pv_c5
  auto type = cast<MemRefType>(getV().getType());
  if (hasPanels && (!getInterleaved() || type.getDimSize(2) != kRegisterDepth))
    return emitOpError("expects panels of ")
           << kRegisterDepth << " keys as v only if it is interleaved, found " << type;
  if (getInterleaved() && hasPanels == getPaired().has_value())
    return emitOpError("is interleaved, expected either panels as v or columns of o that are paired, found ")
           << type;
  return success();
}

} // namespace gqa::tile
