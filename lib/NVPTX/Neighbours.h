// How operands lie for points next to each other along a loop.
#ifndef GQA_LIB_NVPTX_NEIGHBOURS_H
#define GQA_LIB_NVPTX_NEIGHBOURS_H

#include "LoopKernel.h"

namespace gqa {

/// How an operand's elements lie for neighbours.
enum class Lie {
  Same,       // one element for all
  Contiguous, // in a row
  Apart,      // in a row as well, but loaded one by one: bits, which are bytes in memory, and complex numbers
  Elsewhere,
};

Lie lieOf(mlir::linalg::LinalgOp op, mlir::OpOperand &operand, unsigned loop);

/// Bytes that so many contiguous elements of a buffer are loaded at a multiple of.
int64_t alignmentOf(mlir::Value buffer, int64_t width);

} // namespace gqa

#endif // GQA_LIB_NVPTX_NEIGHBOURS_H
