// What the points of a reduction's loops become together, in parts that threads have: a sum, say, or a
// maximum and the place where it is.
#ifndef GQA_LIB_NVPTX_REDUCTION_H
#define GQA_LIB_NVPTX_REDUCTION_H

#include "LoopKernel.h"

namespace gqa {

/// A reduction that looks for one of its points: the one with the largest number of all, or the smallest.
/// What the results are is what the body yields there. torch.max and argmax are such.
struct Search {
  unsigned result;    // that is the number
  mlir::Value number; // of a point, in the body
  bool isLargest, isSigned;
  bool takesLast; // of equal ones
};

/// Nothing unless the body keeps all that it has or takes all from its point, whichever has the better
/// number.
std::optional<Search> matchSearch(mlir::linalg::LinalgOp op);

/// Whether threads may do parts of a reduction: it is a search, or each result is combined by an operation
/// that may be done in any order and has a neutral element.
bool isShared(mlir::linalg::LinalgOp op);

/// What is known of the points of two states together.
using Join = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ValueRange, mlir::ValueRange)>;

/// Room for states in the shared memory of a block.
class SharedState {
public:
  SharedState(IndexBuilder &b, mlir::ValueRange state, llvm::ArrayRef<int64_t> shape);

  void store(IndexBuilder &b, mlir::ValueRange state, mlir::ValueRange at);
  llvm::SmallVector<mlir::Value> load(IndexBuilder &b, mlir::ValueRange at);

private:
  llvm::SmallVector<mlir::Type> types;
  llvm::SmallVector<mlir::Value> rooms;
};

/// The states of all threads of a block together, which all have it afterwards. `warps` is a power of two.
llvm::SmallVector<mlir::Value> reduceOverBlock(IndexBuilder &b, mlir::ValueRange state, int64_t warps,
                                               Join join);

/// A reduction that is shared, in a kernel. A state is what a thread knows of its points, to which it comes
/// in order; the place of a point is its number in that order.
class Reduction {
public:
  Reduction(mlir::linalg::LinalgOp op, LoopBody &body, IndexBuilder &b);

  /// The state of no point.
  llvm::SmallVector<mlir::Value> none();

  /// With a point more, where inputs have these elements.
  llvm::SmallVector<mlir::Value> add(mlir::ValueRange state, mlir::ValueRange elements,
                                     mlir::ValueRange point, mlir::Value place);

  /// With neighbours, the first one at `point`. `known` is as in LoopBody::evaluate.
  llvm::SmallVector<mlir::Value> add(mlir::ValueRange state, mlir::ValueRange point, Neighbours neighbours,
                                     llvm::function_ref<mlir::Value(mlir::OpOperand &)> known,
                                     mlir::Value place);

  /// Of the points of both.
  llvm::SmallVector<mlir::Value> join(mlir::ValueRange x, mlir::ValueRange y);

  /// What becomes of results that are `so`, at one place.
  using AtPlace = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value place, mlir::ValueRange so)>;

  /// The results, from what they are at first and the state of all `count` points.
  llvm::SmallVector<mlir::Value> finish(mlir::ValueRange initial, mlir::ValueRange state, mlir::Value count,
                                        AtPlace atPlace);

private:
  mlir::Value isBetter(mlir::Value x, mlir::Value place, mlir::Value than, mlir::Value itsPlace);
  mlir::Value isNaN(mlir::Value number);
  llvm::SmallVector<mlir::Value> addNumber(mlir::ValueRange state, mlir::Value number, mlir::Value place);

  mlir::linalg::LinalgOp op;
  LoopBody &body;
  IndexBuilder &b;
  std::optional<Search> search;
  llvm::SmallVector<mlir::Operation *> combiners; // one for each result, unless it is a search
};

} // namespace gqa

#endif // GQA_LIB_NVPTX_REDUCTION_H
