// Channels in shared memory: where their slots and barriers are, waits, arrivals, and copies into them.
#ifndef GQA_LIB_NVPTX_CHANNELS_H
#define GQA_LIB_NVPTX_CHANNELS_H

#include "TileLowering.h"

namespace gqa {

/// Of a channel: a slot is panels of whole lines or of halves, and two barriers for each slot stand behind
/// the last one.
constexpr int64_t kBarrierBytes = 8;
int64_t rowBytesOf(tile::ChannelType channel);
/// Bytes of what a tensor map counts in: elements of 8 bits go two by two.
constexpr int64_t kMapBytes = 2;
int64_t panelRowBytesOf(tile::ChannelType channel);
int64_t panelBytesOf(tile::ChannelType channel);
int64_t slotBytesOf(tile::ChannelType channel);

/// Where a slot of a channel is, and the barrier that says that it is full, or that it is free.
mlir::Value slotOf(NVVMBuilder &b, mlir::Value channel, mlir::Value slot, tile::ChannelType type);
mlir::Value barrierOf(NVVMBuilder &b, mlir::Value channel, mlir::Value slot, tile::ChannelType type,
                      bool full);
void waitFor(NVVMBuilder &b, mlir::Value barrier, mlir::Value phase);
void arriveAt(NVVMBuilder &b, mlir::Value barrier);
/// Of a channel whose rows belong to warps: the barrier of the rows of `warp` in a slot.
mlir::Value ownBarrierOf(NVVMBuilder &b, mlir::Value channel, mlir::Value slot, mlir::Value warp,
                         tile::ChannelType type);

/// Starts copies of a box of rows, which is at `position` of the tensor of `map`, into the panels from
/// `memory` on: `bytes` in all, which `full` will have counted.
void copyBox(NVVMBuilder &b, tile::ChannelType type, mlir::Value memory, mlir::Value full, mlir::Value bytes,
             mlir::Value map, mlir::ArrayRef<mlir::Value> position);

/// Asks for such a box: it is in the device's second cache soon.
void prefetchBox(NVVMBuilder &b, tile::ChannelType type, mlir::Value map,
                 mlir::ArrayRef<mlir::Value> position);

} // namespace gqa

#endif // GQA_LIB_NVPTX_CHANNELS_H
