// The function on buffers that one gqa.attention becomes.
#ifndef GQA_LIB_TILE_ATTENTIONFUNCTION_H
#define GQA_LIB_TILE_ATTENTIONFUNCTION_H

#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/Tile/IndexBuilder.h"
#include "gqa/Tile/Schedule.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace gqa {

/// Keys or values: those of a cache, and the new ones behind it if they lie in a buffer of their own. A
/// narrow cache has what its numbers are made of, seen in its shape; where the last dimension is 1 they are
/// the same for all of a row.
struct TokenBuffers {
  mlir::Value cached, fresh, scale = nullptr, zero = nullptr;
  DequantizeOp dequantize = nullptr;
  /// Whether there is a scale for each token, and one for each channel: each element of a row.
  bool scaledByToken = false, scaledByChannel = false;
};

/// Values of the function around the kernels. Rank-4 buffers are in logical order (b, h, s, d), whatever
/// their layout was: a layout is strides. Operands that the attention does not have are null.
struct AttentionValues {
  mlir::Value q, output, lse;
  /// Of q, which is narrow where this is a value, until a kernel has widened it.
  DequantizeOp queryDequantize = nullptr;
  mlir::Value queryScale; // as those of k and v; or null
  TokenBuffers k, v;
  mlir::Value cos, sin;   // of the queries' rotation, seen as B x Hq x Sq x R/2
  mlir::Value mask, bias; // seen as B x Hq x Sq x Skv, with strides of zero where they broadcast
  mlir::Value kvLen, offsets, sinks;
  mlir::Value scale;                       // in the accumulator's type
  llvm::SmallVector<mlir::Value> captures; // buffers where the attention captures tensors; fp8 as its bits
  mlir::Value batch, kvHeads, group, queries, keys, keyDim, valueDim;
  mlir::Value unit; // what scores are multiplied with in exponentials: the scale, or 1
  bool scored;      // tile.score computes the scores, and the unit is 1

  // What the schedule makes of it:
  Schedule schedule;        // tile sizes
  mlir::IntegerAttr paired; // the vectors that columns of q and o are paired for, or null
  /// Into how many parts groups are cut that are larger than a tile: `group` and `kvHeads` are those of parts
  /// then.
  int64_t headParts = 1;
  mlir::Value period;               // queries per tile and head
  mlir::Value rows;                 // of a tile: of its queries and output
  mlir::Value stateRows;            // the same with padding: of its scores and state
  mlir::Value keyWidth, valueWidth; // head dimensions with padding
  mlir::Value blocks;               // tiles per key/value head
  mlir::Value splits;               // parts that the keys of a tile are split into
  mlir::Value isCluster;            // whether the tasks of a tile's parts merge them; null if they never do
  // States of the parts, (tile, part) x rows x ..., or on a GPU (tile, part, row) x ...; null if there is one
  // part.
  mlir::Value partialO, partialM, partialL;
  // What has to be computed again, per tile, fragment and, where parts are merged, row; null if nothing can.
  mlir::Value marks;
  mlir::Value panels; // all values as panels; null if no product reads them so, or tasks make them
};

/// How the copy engine of sm_90a finds boxes of an attention's operands.
struct TensorMaps {
  mlir::Value q, k, v;
  mlir::Value o = nullptr; // null where lanes store it
};

/// A float in another float type.
mlir::Value castFloat(IndexBuilder &b, mlir::Value value, mlir::Type type);

/// Boxes of `heads` x `rows` of a buffer.
mlir::Value mapTensor(mlir::Value buffer, int64_t heads, int64_t rows, IndexBuilder &b);

/// What the function takes, in order: the operands of `op`, but in place of a rotated q what it is rotated
/// from and by, in place of a cache with new tokens behind it both of them, in place of a widened cache
/// the narrow one, its scale and its zero, and on a device in place of a widened q the narrow one and its
/// scale.
llvm::SmallVector<mlir::Value> functionOperands(AttentionOp op, bool onDevice);

/// A private function `name` whose arguments are `functionOperands` as buffers, then the results; `kernels`
/// builds what it does.
mlir::func::FuncOp
buildAttentionFunction(AttentionOp op, bool onDevice, llvm::StringRef name, mlir::OpBuilder &builder,
                       llvm::function_ref<void(const AttentionValues &, IndexBuilder &)> kernels);

/// Assertions about operands whose sizes are not known before the program runs. Mask, bias, angles, scales
/// and zeros must not be broadcast yet: their own shapes are checked.
void buildRuntimeChecks(AttentionOp op, const AttentionValues &values, IndexBuilder &b);

/// Schedules the attention and builds its kernels, at the end of the function.
void buildKernels(AttentionOp op, const AttentionValues &values, const CPUTarget &target, IndexBuilder &b);

/// Whether a GPU's kernels can compute `op`; the error names what they cannot do.
mlir::LogicalResult checkDevice(AttentionOp op);

/// The same for a GPU: operands go to its memory, and results come back.
void buildDeviceKernels(AttentionOp op, const AttentionValues &values, const CUDATarget &target,
                        IndexBuilder &b);

/// On a GPU: whether no other kernel merges the parts, since there is one or their tasks do.
mlir::Value hasNoMerge(const AttentionValues &values, IndexBuilder &b);

/// The kernel that attends, and the one that merges parts of the keys, as work of warps. With `maps` the copy
/// engine brings keys and values.
void buildWarpAttention(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                        const TensorMaps *maps, IndexBuilder &b);
void buildWarpMerge(AttentionOp op, const AttentionValues &values, IndexBuilder &b);

/// The kernel that widens narrow keys or values in memory, which take their place; and the one for q.
void buildWidenKernel(AttentionOp op, const AttentionValues &values, TokenBuffers &tokens, IndexBuilder &b);
void buildWidenQueries(AttentionOp op, AttentionValues &values, IndexBuilder &b);

/// The kernel that attends, as work of groups of warps with roles of their own.
void buildGroupAttention(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                         IndexBuilder &b);

/// The kernel that computes row by row: all rows, or those of fragments that the kernels in front have
/// marked.
void buildRowKernel(AttentionOp op, const AttentionValues &values, IndexBuilder &b);
void buildMarkedRowKernel(AttentionOp op, const AttentionValues &values, IndexBuilder &b);

/// How the keys of tiles are split on a GPU.
struct WaveSplits {
  mlir::Value parts;
  mlir::Value isCluster; ///< whether the tasks of a tile's parts are a cluster; null if they never are
};

/// Into how many parts to split the keys of `tiles` tiles, by how long the waves of tasks take on a GPU.
WaveSplits buildWaveSplits(mlir::Value tiles, mlir::Value keyBlocks, const WarpSchedule &schedule,
                           IndexBuilder &b);

/// The kernel that lays the values out for interleaved products, if there are any and several tasks read
/// them.
void buildPanelKernel(AttentionOp op, AttentionValues &values, IndexBuilder &b);

/// The kernel that attends.
void buildAttentionKernel(AttentionOp op, const AttentionValues &values, IndexBuilder &b);

/// The kernel that merges the parts, if there may be several.
void buildMergeKernel(AttentionOp op, const AttentionValues &values, IndexBuilder &b);

/// Copies the score region of `op` to `region`, with captured tensors read from their buffers.
void copyScoreRegion(AttentionOp op, mlir::ValueRange captures, mlir::Region &region, IndexBuilder &b);
/// The same with bias and mask, which need not be there, in the region as well.
void buildWholeRegion(AttentionOp op, const AttentionValues &values, mlir::Region &region, IndexBuilder &b);

} // namespace gqa

#endif // GQA_LIB_TILE_ATTENTIONFUNCTION_H
