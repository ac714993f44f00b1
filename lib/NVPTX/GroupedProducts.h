// Rows times the matrices of their groups, such as tokens times their experts'. Rows of one group that follow
// each other are a run, multiplied by its matrix where it lies: none is copied, and no row has another's.
#ifndef GQA_LIB_NVPTX_GROUPEDPRODUCTS_H
#define GQA_LIB_NVPTX_GROUPEDPRODUCTS_H

#include "KernelOperands.h"
#include "NVVMBuilder.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace gqa {

/// sum[row, column] += x[row, k] * matrices[group of the row's number, k, column], or [.., column, k].
struct GroupedSum {
  mlir::linalg::GenericOp op;
  mlir::memref::LoadOp weight;
  bool alongSum;

  mlir::Value left() { return op.getDpsInputs()[0]; }
  mlir::Value numbers() { return op.getDpsInputs()[1]; }
  mlir::Value group() { return weight.getIndices()[0]; }
  mlir::MemRefType matrices() { return weight.getMemRefType(); }
  int64_t depth() { return matrices().getDimSize(alongSum ? 2 : 1); }
  int64_t columns() { return matrices().getDimSize(alongSum ? 1 : 2); }

  /// Tells `operands` what a kernel of the sum uses, which writes to `result`.
  void collect(KernelOperands &operands, mlir::Value result);
  /// In the kernel: as the body computes it of the row's number, with what it asserts.
  mlir::Value groupOf(NVVMBuilder &b, KernelOperands &operands, mlir::Value row);
};

/// Where the kernel leaves the sums: instead of what is there, or onto it.
struct GroupedResult {
  mlir::Value buffer;
  bool accumulates;
};

/// For any rows: each has blocks of its own, which end at once where the row in front is of the same group.
/// `operands` have been mapped.
void buildGroupedRows(NVVMBuilder &b, GroupedSum sum, GroupedResult result, KernelOperands operands);

/// For many rows: blocks of 128, which multiply run by run, by 128 columns. Buffers begin at 16 bytes.
void buildGroupedTiles(NVVMBuilder &b, GroupedSum sum, GroupedResult result, KernelOperands operands);
bool suitsGroupedTiles(GroupedSum sum);

} // namespace gqa

#endif // GQA_LIB_NVPTX_GROUPEDPRODUCTS_H
