// Verifiers of the operations inside a tile kernel; ProductVerifiers.cpp has those of operands and products.
// Comments name the constraint of TileOps.td that a line checks.
#include "Verify.h"

using namespace mlir;

namespace gqa::tile {
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

LogicalResult ScoreOp::verify() {
  // score_c1
  if (failed(verifyScale(*this, getScale(), getS(), "s")))
    return failure();
  // score_c2
  if (getSoftcap() && !(getSoftcap()->convertToDouble() > 0))
    return emitOpError("expects a positive softcap, found ") << getSoftcap()->convertToDouble();
  // score_c4
  return verifyIdentity(*this, getS(), "s");
}

LogicalResult ScoreOp::verifyRegions() {
  // score_c3
  return getScore().empty() ? success() : verifyScoreRegion(*this, getScore().front(), elementOf(getS()));
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
  if (failed(verifyIdentity(*this, getS(), "s")) ||
      (getP() && failed(verifyContiguousRows(*this, {getP()}, "p"))))
    return failure();
  // softmax_step_c3
  if (getP() && !elementOf(getS()).isF32())
    return emitOpError("stores into p, expected an s of f32, found ") << elementOf(getS());
  return success();
}

LogicalResult TransposeOp::verify() {
  // transpose_c1
  if (failed(verifySameElements(*this, {getOt(), getO()}, "ot and o")))
    return failure();
  // transpose_c2
  if (failed(verifyContiguousRows(*this, {getOt(), getO()}, "ot and o")))
    return failure();
  // transpose_c3
  return verifyMultiple(*this, getO(), {0, 1}, kRegisterRows, "o");
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
  if ((getDeadRow() == DeadRow::Uniform) == getValues().empty())
    return emitOpError("has dead_row = ")
           << stringifyDeadRow(getDeadRow()) << ", expected values exactly if it is uniform";
  // finish_c3
  return verifyContiguousRows(*this, {getO()}, "o");
}

} // namespace gqa::tile
