// What the threads of a block know of each other, while they run the operations of a row. A number that a row
// has once stays in a register of every thread; barriers stand only where a thread uses what another one has
// stored, or the other way round.
#ifndef GQA_LIB_NVPTX_ROWORDER_H
#define GQA_LIB_NVPTX_ROWORDER_H

#include "gqa/Tile/IndexBuilder.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace gqa {

/// Whether loops of these sizes have one point.
bool isOnce(llvm::ArrayRef<mlir::Value> sizes);

class RowOrder {
public:
  /// Of operations whose first `rows` loops are the block's.
  RowOrder(IndexBuilder &b, unsigned rows) : b(b), rows(rows) {}

  /// Puts a barrier in front of `op` if it needs one. Its loops inside of a row have the given sizes, and
  /// threads take `width` neighbours.
  void wait(mlir::linalg::LinalgOp op, llvm::ArrayRef<mlir::Value> inside, int64_t width);

  /// The number of the row that is `operand`'s only one, if a register has it.
  mlir::Value inRegister(mlir::linalg::LinalgOp op, mlir::OpOperand &operand) const;
  void keep(mlir::Value buffer, mlir::Value number) { registers[buffer] = number; }
  void forget(mlir::Value buffer) { registers.erase(buffer); }

private:
  /// Who touches which element of a buffer: every thread at one place of the row, or each at those of its own
  /// points.
  struct Access {
    mlir::Value buffer;
    mlir::AffineMap map;
    llvm::SmallVector<mlir::Value> inside; // sizes; empty: at one place
    int64_t width;                         // of neighbours
    bool writes;
  };

  llvm::SmallVector<Access> accessesOf(mlir::linalg::LinalgOp op, llvm::ArrayRef<mlir::Value> inside,
                                       int64_t width) const;
  static bool areOrdered(const Access &a, const Access &c);

  IndexBuilder &b;
  unsigned rows;
  llvm::DenseMap<mlir::Value, mlir::Value> registers; // by the buffer that a number is stored in
  llvm::SmallVector<Access> pending;                  // since the last barrier
};

} // namespace gqa

#endif // GQA_LIB_NVPTX_ROWORDER_H
