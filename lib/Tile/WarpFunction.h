// What an attention's function on a GPU asks and prepares before it builds kernels.
#ifndef GQA_LIB_TILE_WARPFUNCTION_H
#define GQA_LIB_TILE_WARPFUNCTION_H

#include "AttentionFunction.h"

namespace gqa {

constexpr int64_t kCopyBytes = 16; ///< that one copy moves

TokenBytes bytesOf(const AttentionValues &values);

/// Why the tensor cores' tiles cannot hold an attention, or "".
std::string whyRowByRow(AttentionOp op);
/// Of a group whose size is known in the call alone: more heads than fit into a tile are computed row by row,
/// as the parts of larger groups are static.
int64_t mostHeadsOfUnknownGroup(AttentionOp op);
/// Why no tile reads narrow keys, or values, as they are; or "".
llvm::StringRef whyWidened(AttentionOp op, const TokenBuffers &tokens, bool isKey);
/// Why no kernel multiplies queries of 8 bits; or "". A call on another chip widens them all the same.
llvm::StringRef whyWideQueries(AttentionOp op, const AttentionValues &values, const CUDATarget &target);

/// The values' operands in the device's memory.
AttentionValues mapOperands(AttentionValues values, IndexBuilder &b);
/// Tiles of queries, parts of the keys with memory for their states, and marks of fragments. Keys behind the
/// last one are zeros, but with `wholeBlocks` those behind kv_len are what they are.
void bindTiles(AttentionValues &values, const WarpSchedule &schedule, IndexBuilder &b);
void bindSplits(AttentionValues &values, const WarpSchedule &schedule, IndexBuilder &b);
void bindMarks(AttentionOp op, AttentionValues &values, const WarpSchedule &schedule, bool wholeBlocks,
               IndexBuilder &b);

} // namespace gqa

#endif // GQA_LIB_TILE_WARPFUNCTION_H
