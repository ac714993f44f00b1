// Verifiers of a warp's operations and of rings. Comments name the constraint of WarpOps.td that a line
// checks.
#include "Verify.h"

using namespace mlir;

namespace gqa::tile {
namespace {

/// A ring or a fragment of 16 bits holds elements of `expected`.
LogicalResult verifyElement(Operation *op, Type found, Type expected, StringRef names) {
  if (found == expected)
    return success();
  return op->emitOpError("expects one element type for ")
         << names << ", found " << expected << " and " << found;
}

/// Rows of a tensor that are copied 16 bytes at a time: into `columns`, whole pieces, and contiguous.
LogicalResult verifyCopied(Operation *op, Value source, int64_t columns) {
  auto type = cast<MemRefType>(source.getType());
  int64_t width = type.getShape().back(), multiple = 16 / bytesOf(type.getElementType());
  if (ShapedType::isDynamic(width) || width % multiple != 0 || width > columns)
    return op->emitOpError("expects a source of at most ")
           << columns << " columns, a multiple of " << multiple << ", found " << type;
  return verifyContiguousRows(op, {source}, "the source");
}

/// A slot of a ring or of a channel.
struct Slot {
  int64_t rows, columns;
  Type element;

  explicit Slot(Value slots) {
    if (auto ring = dyn_cast<RingType>(slots.getType()))
      std::tie(rows, columns, element) = std::tuple(ring.getRows(), ring.getColumns(), ring.getElementType());
    else if (auto channel = cast<ChannelType>(slots.getType()))
      std::tie(rows, columns, element) =
          std::tuple(channel.getRows(), channel.getColumns(), channel.getElementType());
  }
};

/// A warp's `columns` of scores are rows of a slot.
LogicalResult verifyKeysOfWarp(Operation *op, int64_t columns, const Slot &slot) {
  if (columns % 16 == 0 && columns <= slot.rows)
    return success();
  return op->emitOpError("expects a multiple of 16 keys, at most the ")
         << slot.rows << " of a slot, found " << columns;
}

/// Slots hold what the `other` operand of their product does, or codes of 8 bits that a lane finds four of in
/// a word; then the matrix that has their columns is in quads.
LogicalResult verifyProduct(Operation *op, const Slot &slot, Type other, FragmentType matrix, bool isUnsigned,
                            StringRef names) {
  if (isUnsigned && !slot.element.isInteger())
    return op->emitOpError("expects unsigned of integers only, found ") << slot.element;
  bool isNarrow = bytesOf(slot.element) == 1;
  if (isNarrow != matrix.getQuads())
    return op->emitOpError("expects a fragment in quads exactly where slots have 8 bits, found ")
           << matrix << " and " << slot.element;
  return isNarrow ? success() : verifyElement(op, other, slot.element, names);
}

/// Some columns of slots are those of a ring of 16 bits.
LogicalResult verifyParted(Operation *op, Value column, const Slot &slot, Type slots) {
  if (!column || (isa<RingType>(slots) && bytesOf(slot.element) == 2))
    return success();
  return op->emitOpError("expects a ring of 16 bits, of which it takes some columns, found ") << slots;
}

/// A row of a buffer has the numbers of a fragment.
LogicalResult verifyRoom(Operation *op, Value room, FragmentType fragment) {
  int64_t wanted = kFragmentRows * fragment.getColumns();
  if (cast<MemRefType>(room.getType()).getDimSize(1) == wanted)
    return verifyContiguousRows(op, {room}, "the buffer");
  return op->emitOpError("expects a buffer with rows of ") << wanted << " numbers, found " << room.getType();
}

/// Each warp fills rows of its own.
LogicalResult verifyOwn(Operation *op, Value channel) {
  auto made = channel.getDefiningOp<GroupChannelOp>();
  if (made && made.getOwn())
    return success();
  return op->emitOpError("expects a channel that is own");
}

} // namespace

LogicalResult RingOp::verify() {
  // ring_c1
  auto has = [&](auto isWanted) { return llvm::any_of(getRing().getUsers(), isWanted); };
  bool isRead = has([](Operation *user) { return isa<WarpQKOp, WarpPVOp>(user); });
  bool isWidened = llvm::any_of(getRing().getUsers(), [&](Operation *user) {
    auto widen = dyn_cast<WidenOp>(user);
    return widen && widen.getNumbers() == getRing();
  });
  if (isRead && !isWidened && !has([](Operation *user) { return isa<LoadOp>(user); }))
    return emitOpError("is read, expected a tile.load or a tile.widen that fills it");
  if (isRead && !isWidened && !has([](Operation *user) { return isa<AcquireOp>(user); }))
    return emitOpError("is read, expected a tile.acquire that waits for it");
  // ring_c2
  auto isOwn = [](Operation *user) { return user->hasAttr("own"); };
  auto isShared = [](Operation *user) { return isa<LoadOp, AcquireOp>(user) && !user->hasAttr("own"); };
  if (has(isOwn) && has(isShared))
    return emitOpError("expects all of its loads and acquires to be own, or none");
  return success();
}

LogicalResult LoadOp::verify() {
  RingType ring = getRing().getType();
  // load_c1
  if (failed(verifyElement(*this, elementOf(getSource()), ring.getElementType(), "ring and source")))
    return failure();
  // load_c2
  if (failed(verifyCopied(*this, getSource(), ring.getColumns())))
    return failure();
  // load_c3
  int64_t rows = cast<MemRefType>(getSource().getType()).getDimSize(0);
  if (!ShapedType::isDynamic(rows) && rows > ring.getRows())
    return emitOpError("expects a source of at most the ")
           << ring.getRows() << " rows of a slot, found " << getSource().getType();
  // load_c4
  auto kernel = (*this)->getParentOfType<KernelOp>();
  int64_t warps = kernel ? int64_t(kernel.getWarps().value_or(1)) : 1;
  if (getOwn() && ring.getRows() % warps != 0)
    return emitOpError("expects the rows of a slot to be a multiple of ")
           << warps << " warps, found " << ring;
  return success();
}

LogicalResult WidenOp::verify() { return verifyWidening(*this); }

LogicalResult WarpQueriesOp::verify() {
  FragmentType type = getQ().getType();
  // queries_c1
  if (failed(verifyElement(*this, elementOf(getSource()), type.getElementType(), "fragment and source")))
    return failure();
  // queries_c2
  int64_t most = getColumn() ? cast<MemRefType>(getSource().getType()).getDimSize(2) : type.getColumns();
  return verifyCopied(*this, getSource(), most);
}

LogicalResult WarpInitOp::verify() {
  // warp.init_c1
  if (static_cast<bool>(getSinks()) != static_cast<bool>(getHead()))
    return emitOpError("expects heads exactly if there are sinks");
  return success();
}

LogicalResult WarpQKOp::verify() {
  Slot slot(getKeys());
  // warp.qk_c1, warp.qk_c3
  if (failed(verifyProduct(*this, slot, getQ().getType().getElementType(), getQ().getType(), getIsUnsigned(),
                           "keys and q")))
    return failure();
  int64_t columns = getQ().getType().getColumns();
  if (getColumn() ? columns > slot.columns : columns != slot.columns)
    return emitOpError(getColumn() ? "expects q with at most the " : "expects q with the ")
           << slot.columns << " columns of the keys, found " << getQ().getType();
  // warp.qk_c4
  if (failed(verifyParted(*this, getColumn(), slot, getKeys().getType())))
    return failure();
  // warp.qk_c2
  return verifyKeysOfWarp(*this, getS().getType().getColumns(), slot);
}

LogicalResult WarpMultiplyOp::verify() {
  RingType left = getLeft().getType(), right = getRight().getType();
  // warp.multiply_c1
  if (bytesOf(left.getElementType()) != 2)
    return emitOpError("expects elements of 16 bits, found ") << left.getElementType();
  if (failed(verifyElement(*this, right.getElementType(), left.getElementType(), "both slots")))
    return failure();
  // warp.multiply_c2
  int64_t depth = getAcross() ? right.getRows() : right.getColumns();
  if (left.getColumns() % 16 != 0 || depth != left.getColumns())
    return emitOpError("expects sums over a multiple of 16 elements, as many of both slots, found ")
           << left.getColumns() << " and " << depth;
  // warp.multiply_c3
  for (Value sum : getSums()) {
    int64_t columns = cast<FragmentType>(sum.getType()).getColumns();
    if (columns % 16 != 0 || columns != cast<FragmentType>(getSums()[0].getType()).getColumns())
      return emitOpError("expects sums of the same columns, a multiple of 16, found ") << sum.getType();
  }
  return success();
}

LogicalResult WarpShareOp::verify() {
  return verifyRoom(*this, getRoom(), getS().getType());
} // warp.share_c1
LogicalResult WarpTotalOp::verify() {
  return verifyRoom(*this, getRoom(), getTotal().getType());
} // warp.total_c1

LogicalResult WarpScoreOp::verify() {
  // warp.score_c1
  if (getSoftcap() && !(getSoftcap()->convertToDouble() > 0))
    return emitOpError("expects a positive softcap, found ") << getSoftcap()->convertToDouble();
  return success();
}

LogicalResult WarpScoreOp::verifyRegions() {
  // warp.score_c2
  return getScore().empty() ? success()
                            : verifyScoreRegion(*this, getScore().front(), Float32Type::get(getContext()));
}

LogicalResult WarpToOperandOp::verify() {
  // warp.to_operand_c1
  if (getSums().getType().getShape() == getLeft().getType().getShape())
    return success();
  return emitOpError("expects one shape, found ") << getSums().getType() << " and " << getLeft().getType();
}

LogicalResult WarpPVOp::verify() {
  Slot slot(getValues());
  // warp.pv_c1, warp.pv_c3
  if (failed(verifyProduct(*this, slot, getP().getType().getElementType(), getO().getType(), getIsUnsigned(),
                           "values and p")))
    return failure();
  // warp.pv_c2
  int64_t columns = getO().getType().getColumns();
  if (getColumn() ? columns > slot.columns : columns != slot.columns)
    return emitOpError(getColumn() ? "expects o with at most the " : "expects o with the ")
           << slot.columns << " columns of the values, found " << getO().getType();
  // warp.pv_c4
  if (failed(verifyParted(*this, getColumn(), slot, getValues().getType())))
    return failure();
  return verifyKeysOfWarp(*this, getP().getType().getColumns(), slot);
}

template <typename Op> static LogicalResult verifyMapped(Op op) {
  // warp.fill_c1, warp.prefetch_c1
  ChannelType channel = op.getChannel().getType();
  MapType map = op.getMap().getType();
  if (channel.getColumns() != map.getColumns() || channel.getElementType() != map.getElementType())
    return op.emitOpError("expects a map of the channel's columns, found ") << channel << " and " << map;
  // warp.fill_c2, warp.prefetch_c2
  return verifyOwn(op, op.getChannel());
}

LogicalResult WarpFillOp::verify() { return verifyMapped(*this); }
LogicalResult WarpPrefetchOp::verify() { return verifyMapped(*this); }

LogicalResult WarpWaitOp::verify() { return verifyOwn(*this, getChannel()); }  // warp.wait_c1
LogicalResult WarpClearOp::verify() { return verifyOwn(*this, getChannel()); } // warp.clear_c1

LogicalResult WarpScaleOp::verify() {
  // warp.scale_c1
  auto x = cast<FragmentType>(getX().getType());
  FragmentType factors = getFactors().getType();
  if (x.getColumns() == factors.getColumns() && x.getQuads() == factors.getQuads())
    return success();
  return emitOpError("expects factors for the columns of x, found ") << x << " and " << factors;
}

LogicalResult WarpStoreOp::verify() {
  // warp.store_c1
  if (cast<MemRefType>(getOs().getType()).getDimSize(1) < getO().getType().getColumns())
    return emitOpError("expects a buffer with at least the columns of o, found ") << getOs().getType();
  return verifyContiguousRows(*this, {getOs()}, "os");
}

LogicalResult WarpFinishOp::verify() {
  // warp.finish_c1
  bool marks = static_cast<bool>(getMarks());
  if (marks != static_cast<bool>(getMark()) || (getDeadRow() == DeadRow::Uniform && !marks))
    return emitOpError("expects marks with the index of one, and needs them for dead_row = uniform");
  // warp.finish_c2
  if (!getChannel())
    return success();
  ChannelType channel = getChannel().getType();
  Type element = cast<MemRefType>(getOut().getType()).getElementType();
  if (channel.getElementType() != element || channel.getColumns() < getO().getType().getColumns() ||
      getO().getType().getQuads())
    return emitOpError("expects a channel of ")
           << element << " with the columns of o, which is not in quads, found " << channel << " and "
           << getO().getType();
  return success();
}

} // namespace gqa::tile
