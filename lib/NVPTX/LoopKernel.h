// Kernels made of structured operations on memrefs.
#ifndef GQA_LIB_NVPTX_LOOPKERNEL_H
#define GQA_LIB_NVPTX_LOOPKERNEL_H

#include "KernelOperands.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace gqa {

/// A kernel in which every thread computes one point of an operation's parallel loops, or neighbours, and the
/// others one after the other, in the loops of the host around it if `nestOf` has some. No operation uses
/// what another one writes.
void buildPointKernel(IndexBuilder &b, llvm::ArrayRef<mlir::linalg::LinalgOp> ops);

/// The one operation in loops of the host that a kernel can run with it: with points that every iteration
/// has, and no reductions. Null if there is something else that is no arithmetic.
mlir::linalg::LinalgOp findNested(mlir::scf::ForOp nest);

/// The outermost such loop around an operation, or null.
mlir::scf::ForOp nestOf(mlir::linalg::LinalgOp op);

/// Of a loop whose iterations may run in any order, or at the same time: any of those that write to one place
/// may be the last.
constexpr llvm::StringLiteral kUnorderedAttr = "gqa.unordered";

/// Whether each iteration of the outermost loop writes to places of its own, or might as well.
bool writesApart(mlir::scf::ForOp nest, mlir::linalg::LinalgOp op);

/// Tells `operands` what the loops use.
void collectNest(mlir::scf::ForOp nest, mlir::linalg::LinalgOp op, KernelOperands &operands);

/// The loops inside a kernel, with `atOperation` where they have the operation. With `place` this is the
/// number of the outermost one's iteration.
void buildNest(IndexBuilder &b, mlir::scf::ForOp nest, mlir::Value place, KernelOperands &operands,
               llvm::function_ref<void()> atOperation);

/// Operations that share a kernel. Around a reduction: those whose first `rows` loops are the same, parallel
/// ones; the others are all parallel, or all reductions that `isRowReduction` knows.
struct RowGroup {
  llvm::SmallVector<mlir::linalg::LinalgOp> members;
  unsigned rows = 0;
};

/// Parameters of a kernel of `ops`, in words of 8 bytes: the descriptors of buffers, and sizes. Before
/// PTX 8.1 there is room for 544 in all.
size_t countParameters(llvm::ArrayRef<mlir::linalg::LinalgOp> ops);
constexpr size_t kMostParameters = 480;

/// Whether no operation uses what the other one writes.
bool areIndependent(mlir::linalg::LinalgOp a, mlir::linalg::LinalgOp b);

/// If the product's `result`, of f32, is only rounded to the type of its operands: where the rounded numbers
/// go, in front of the product; the operation that rounds them is erased. Else null.
mlir::Value takeRounding(mlir::linalg::LinalgOp op, mlir::Value result);

/// Whether the loops are parallel ones and then reductions, of which threads may do parts.
bool isRowReduction(mlir::linalg::LinalgOp op);

/// How many points reductions have, kDynamic if that is not known, and whether those are many for one thread.
int64_t countReduced(mlir::linalg::LinalgOp op);
bool reducesMany(mlir::linalg::LinalgOp op);

/// Whether threads may do parts of the reductions, which are many, but have parallel loops behind them.
bool isColumnReduction(mlir::linalg::LinalgOp op);

/// Puts the parallel loops of reductions in front where elements are contiguous along a reduction.
void orderLoops(mlir::Operation *root);

/// A kernel in which every block of threads runs all members for one point of the common loops.
void buildRowKernel(IndexBuilder &b, const RowGroup &group);

/// The same of one row of static sizes, in a kernel whose blocks have so many warps, a power of two.
void buildRow(IndexBuilder &b, const RowGroup &group, const KernelOperands &operands, mlir::ValueRange row,
              int64_t warps);

/// A kernel in which the warps of a block do parts of the reductions of neighbouring points, one for each
/// lane.
void buildColumnKernel(IndexBuilder &b, mlir::linalg::LinalgOp op);

/// Splits operations that follow each other into groups around reductions, and groups of others that are
/// independent of each other, in the order in which they run.
llvm::SmallVector<RowGroup> groupRows(llvm::ArrayRef<mlir::linalg::LinalgOp> run);

/// Points next to each other along a loop, for one thread; `width` is a power of two.
struct Neighbours {
  unsigned loop = 0;
  int64_t width = 1;
};

/// Whether a comparison of a loop's index with a constant holds at all points.
bool holdsEverywhere(mlir::linalg::LinalgOp op, mlir::arith::CmpIOp comparison);

/// What neighbours along a loop have in common in an operation's body.
struct NeighbourBody {
  NeighbourBody(mlir::linalg::LinalgOp op, unsigned loop);

  llvm::SmallPtrSet<mlir::Operation *, 16> common; // the same for all of them
  llvm::SmallVector<mlir::memref::LoadOp> rows;    // which load from one row of a table
  bool loadsApart = false;                         // others load from anywhere
};

/// Along the last of `loops` that is one, as many as 16 bytes of the narrowest contiguous operand have, or
/// `wanted` if those are more, at most 8 and `most`; fewer where rows are known to begin in between, and 1
/// where an operand's elements are not contiguous.
Neighbours neighboursOf(mlir::linalg::LinalgOp op, llvm::ArrayRef<unsigned> loops, int64_t most,
                        int64_t wanted = 1);

/// One operation inside a kernel.
class LoopBody {
public:
  LoopBody(mlir::linalg::LinalgOp op, const KernelOperands &operands, IndexBuilder &b)
      : op(op), operands(operands), b(b) {}

  /// Tells `operands` what the operation uses; `isKnown` are operands that need no load.
  static void collect(mlir::linalg::LinalgOp op, KernelOperands &operands,
                      llvm::function_ref<bool(mlir::OpOperand &)> isKnown = nullptr);

  /// An operand's element at a point of the loops.
  mlir::Value load(mlir::OpOperand &operand, mlir::ValueRange point);
  void store(mlir::OpOperand &output, mlir::Value value, mlir::ValueRange point);

  /// The same for neighbours, the first one at `point`, where `isAligned` holds.
  llvm::SmallVector<mlir::Value> load(mlir::OpOperand &operand, mlir::ValueRange point,
                                      Neighbours neighbours);
  void store(mlir::OpOperand &output, llvm::ArrayRef<mlir::Value> values, mlir::ValueRange point,
             Neighbours neighbours);

  /// Whether contiguous operands begin, with each of their rows, where so many elements can be loaded at
  /// once.
  mlir::Value isAligned(Neighbours neighbours);

  /// What the body yields at each of the neighbours, with `carried` as the outputs' elements of the first
  /// one, and what it yields as those of the next; by default each has what is loaded. `known` has elements
  /// that need no load, or null. With `wanted`, what these values of the body are instead.
  llvm::SmallVector<llvm::SmallVector<mlir::Value>>
  evaluate(mlir::ValueRange first, Neighbours neighbours,
           llvm::function_ref<mlir::Value(mlir::OpOperand &)> known, mlir::ValueRange carried = {},
           mlir::ValueRange wanted = {});

  /// Evaluates at the neighbours, each by itself, and stores what comes out.
  void compute(mlir::ValueRange first, Neighbours neighbours,
               llvm::function_ref<mlir::Value(mlir::OpOperand &)> known);

  /// Of an output that the body does not read.
  mlir::Value zero(mlir::OpOperand &output);

  /// What the body yields at a point where the operands have these elements, or what its values `wanted` are.
  llvm::SmallVector<mlir::Value> evaluate(mlir::ValueRange elements, mlir::ValueRange point,
                                          mlir::ValueRange wanted = {});

private:
  llvm::SmallVector<mlir::Value> neighbour(mlir::ValueRange point, Neighbours neighbours, int64_t number);
  llvm::SmallVector<mlir::Value> indices(mlir::OpOperand &operand, mlir::ValueRange point);
  void clone(mlir::Operation &inner, mlir::IRMapping &mapping, mlir::ValueRange point);
  llvm::SmallVector<mlir::Value> loadRow(mlir::Value buffer, mlir::ValueRange indices, int64_t width);

  mlir::linalg::LinalgOp op;
  const KernelOperands &operands;
  IndexBuilder &b;
};

/// What `values` are in a kernel.
llvm::SmallVector<mlir::Value> lookUp(const mlir::IRMapping &mapping, mlir::ValueRange values);

/// A branch with results.
using BuildBranch = llvm::function_ref<llvm::SmallVector<mlir::Value>()>;
llvm::SmallVector<mlir::Value> buildChoice(IndexBuilder &b, mlir::Value condition, mlir::TypeRange types,
                                           BuildBranch yes, BuildBranch no);

/// What becomes of a state at a point.
using BuildPoint =
    llvm::function_ref<llvm::SmallVector<mlir::Value>(llvm::ArrayRef<mlir::Value>, mlir::ValueRange)>;

/// Neighbours of a loop of `size` points, whose number along the loop is in `group`: `together` where all of
/// them exist, else `alone` for each one that does.
llvm::SmallVector<mlir::Value> buildNeighbours(IndexBuilder &b, Neighbours neighbours, mlir::Value size,
                                               llvm::ArrayRef<mlir::Value> group, mlir::ValueRange state,
                                               BuildPoint together, BuildPoint alone);

/// The loops of the given dimensions as one: how many points, and where one lies. All sizes but the first
/// divide.
mlir::Value countPoints(IndexBuilder &b, mlir::ValueRange sizes);
llvm::SmallVector<mlir::Value> delinearize(IndexBuilder &b, mlir::Value index, mlir::ValueRange sizes);
mlir::Value linearize(IndexBuilder &b, mlir::ValueRange point, mlir::ValueRange sizes);

/// Ends the kernel where the condition does not hold; the host learns of it by the stream's error.
void buildAssertion(IndexBuilder &b, mlir::Value condition);

/// The number of the thread in its block.
mlir::Value threadOf(IndexBuilder &b);

/// The operation, or the loops around it that a kernel has as well.
mlir::Operation *wholeOf(mlir::linalg::LinalgOp op);

} // namespace gqa

#endif // GQA_LIB_NVPTX_LOOPKERNEL_H
