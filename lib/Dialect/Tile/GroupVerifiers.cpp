// Verifiers of the operations of groups of warps. Comments name the constraint of GroupOps.td that a line
// checks.
#include "Verify.h"

using namespace mlir;

namespace gqa::tile {
namespace {

/// A product in flight is a value that nobody may look at but an await.
LogicalResult verifyAwaited(Operation *op) {
  if (op->hasOneUse() && isa<GroupAwaitOp>(*op->user_begin()))
    return success();
  return op->emitOpError("expects one use of its result, a tile.group.await");
}

/// Whether the tasks around `op` are in clusters.
LogicalResult verifyInCluster(Operation *op) {
  auto kernel = op->getParentOfType<KernelOp>();
  if (kernel && kernel.getCluster())
    return success();
  return op->emitOpError("expects a kernel with clusters around it");
}

} // namespace

LogicalResult GroupRolesOp::verifyRegions() {
  // group.roles_c1
  int64_t wanted = kGroupWarps * (int64_t(getConsumers()) + 1);
  auto kernel = cast<KernelOp>((*this)->getParentOp());
  if (int64_t(kernel.getWarps().value_or(0)) != wanted)
    return emitOpError("expects a kernel of ")
           << wanted << " warps, found " << int64_t(kernel.getWarps().value_or(0));
  // group.roles_c2
  Block &consumer = getConsumer().front();
  bool converterHas = !getConverter().empty() && getConverter().front().getNumArguments() != 0;
  if (getProducer().front().getNumArguments() != 0 || converterHas || consumer.getNumArguments() != 1 ||
      !consumer.getArgument(0).getType().isIndex())
    return emitOpError("expects one index as argument of the consumers' region and none of the others");
  return success();
}

LogicalResult GroupFillOp::verify() {
  // group.fill_c1
  ChannelType channel = getChannel().getType();
  MapType map = getMap().getType();
  if (channel.getColumns() == map.getColumns() && channel.getElementType() == map.getElementType())
    return success();
  return emitOpError("expects a map of the channel's columns, found ") << channel << " and " << map;
}

LogicalResult GroupWidenOp::verify() {
  if (failed(verifyWidening(*this)))
    return failure();
  // group.widen_c4
  auto roles = (*this)->getParentOfType<GroupRolesOp>();
  if (roles && roles.getConverter().isAncestor((*this)->getParentRegion()))
    return success();
  return emitOpError("expects the region that converts around it");
}

LogicalResult GroupQKOp::verify() {
  // group.qk_c1
  ChannelType queries = getQueries().getType(), keys = getKeys().getType();
  if (queries.getColumns() != keys.getColumns() || queries.getElementType() != keys.getElementType())
    return emitOpError("expects queries and keys of the same columns, found ") << queries << " and " << keys;
  if (!isa<FloatType>(keys.getElementType()))
    return emitOpError("expects queries and keys of a float, found ") << keys.getElementType();
  // group.qk_c2
  if (getS().getType().getColumns() != keys.getRows())
    return emitOpError("expects a column of s for each of the ")
           << keys.getRows() << " rows of a slot, found " << getS().getType();
  // group.qk_c3
  return verifyAwaited(*this);
}

LogicalResult GroupPVOp::verify() {
  // group.pv_c1
  ChannelType values = getValues().getType();
  FragmentType p = getP().getType(), o = getO().getType();
  if (p.getElementType() != values.getElementType() || p.getColumns() != values.getRows() ||
      o.getColumns() > values.getColumns() || (!getColumn() && o.getColumns() < values.getColumns()))
    return emitOpError("expects p with a column for each row of a slot and o with the columns of one, found ")
           << p << ", " << o << " and " << values;
  // group.pv_c2
  return verifyAwaited(*this);
}

LogicalResult GroupStoreOp::verify() {
  // group.store_c1
  ChannelType rows = getRows().getType();
  MapType map = getMap().getType();
  auto panelRowBytes = [](int64_t columns) { return panelRowBytesFor(2 * columns); };
  if (rows.getElementType() == map.getElementType() && bytesOf(map.getElementType()) == 2 &&
      map.getColumns() <= rows.getColumns() &&
      panelRowBytes(map.getColumns()) == panelRowBytes(rows.getColumns()))
    return success();
  return emitOpError("expects a map of 16 bits with panels like the channel's and no more columns, found ")
         << rows << " and " << map;
}

LogicalResult DeviceMapTensorOp::verify() {
  // device.map_tensor_c1
  auto type = cast<MemRefType>(getBuffer().getType());
  MapType map = getMap().getType();
  if (type.getDimSize(3) == map.getColumns() && type.getElementType() == map.getElementType())
    return success();
  return emitOpError("expects a buffer with the map's columns, found ") << type << " and " << map;
}

// cluster.barrier_c1
LogicalResult ClusterBarrierOp::verify() { return verifyInCluster(*this); }

LogicalResult ClusterPeerOp::verify() {
  // cluster.peer_c1
  if (failed(verifyInCluster(*this)))
    return failure();
  // cluster.peer_c2
  if (!getOwn().getDefiningOp<ScratchOp>())
    return emitOpError("expects memory of a tile.scratch");
  return success();
}

} // namespace gqa::tile
