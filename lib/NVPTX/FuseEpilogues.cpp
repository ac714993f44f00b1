// Which operations behind products of few rows are their epilogues: point-wise ones that are the only readers
// of results, such as an activation times its partner, a bias or a residual. A block of the products computes
// them of its sums, and what they read goes through no memory.
#include "Fusion.h"
#include "LoopKernel.h"
#include "Offload.h"
#include "SkinnyProducts.h"
#include "gqa/Pipeline/Assertions.h"
#include "gqa/Pipeline/Makers.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {
namespace {

/// With several products a block takes longer. If there are too few for a chip's multiprocessors, that many
/// further elements of a sum take as long as the launch that is saved.
constexpr int64_t kMostFurther = 1024;

/// Of all epilogues of a kernel, beside its products.
constexpr size_t kMostOfEpilogues = kMostParameters / 3;

/// What `buffer` is in another shape, with the same elements in the same order.
Value unshaped(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (!isa<memref::ExpandShapeOp, memref::CollapseShapeOp>(op))
      break;
    buffer = op->getOperand(0);
  }
  return buffer;
}

/// The operation that alone reads the product's result, which is memory in one piece, made beside it; or
/// null.
linalg::LinalgOp onlyReaderOf(const DeviceProduct &product) {
  auto made = unshaped(product.result).getDefiningOp<memref::AllocOp>();
  if (!made || made->getBlock() != product.op->getBlock() || !made.getType().getLayout().isIdentity() ||
      !made.getType().hasStaticShape())
    return nullptr;
  llvm::SetVector<Operation *> readers = usersOf(made);
  readers.remove_if([&](Operation *user) { // what is there at first
    return user == product.op || (isa<linalg::LinalgOp>(user) && user->getBlock() == product.op->getBlock() &&
                                  user->isBeforeInBlock(product.op));
  });
  return readers.size() == 1 ? dyn_cast<linalg::LinalgOp>(readers[0]) : linalg::LinalgOp();
}

/// Whether each point has elements of its own, and stores them in order.
bool isPointwise(linalg::LinalgOp op) {
  return isPlain(op) && op.getNumParallelLoops() == op.getNumLoops() &&
         llvm::all_of(op.getDpsInitsMutable(),
                      [&](OpOperand &output) { return op.getMatchingIndexingMap(&output).isIdentity(); });
}

bool isBuffer(Value value) { return isa<BaseMemRefType>(value.getType()); }

bool mayMove(Operation *op) { return letsPass(*op) && !onlyAsserts(op); }

class Epilogues {
public:
  explicit Epilogues(ArrayRef<DeviceProduct> group) : group(group), last(group.back().op) {
    for (const DeviceProduct &product : group)
      readers.push_back(onlyReaderOf(product));
  }

  SmallVector<FusedProducts> run() {
    SmallVector<FusedProducts> result;
    llvm::SmallPtrSet<Operation *, 4> fused;
    for (auto [product, reader] : llvm::zip(group, readers)) {
      if (reader && fused.contains(reader))
        continue;
      FusedProducts together{{product}, nullptr};
      if (reader && isEpilogue(reader) && moveInFront(reader)) {
        together = productsOf(reader);
        fused.insert(reader);
        epilogues.push_back(reader);
      }
      result.push_back(std::move(together));
    }
    return result;
  }

private:
  FusedProducts productsOf(linalg::LinalgOp op) {
    FusedProducts fused{{}, op};
    for (auto [product, reader] : llvm::zip(group, readers))
      if (reader == op)
        fused.members.push_back(product);
    return fused;
  }

  bool isEpilogue(linalg::LinalgOp op) {
    if (op->getBlock() != last->getBlock() || !last->isBeforeInBlock(op) || !isPointwise(op))
      return false;
    FusedProducts fused = productsOf(op);
    return pays(fused) && hasRoomFor(op) &&
           llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) { return isTaken(fused, operand); }) &&
           llvm::all_of(epilogues, [&](linalg::LinalgOp other) { return areIndependent(op, other); });
  }

  static bool pays(const FusedProducts &fused) {
    const DeviceProduct &front = fused.members.front();
    int64_t further = int64_t(fused.members.size() - 1) * depthOf(front);
    return countBlocks(front) >= kLeastBlocks || further <= kMostFurther;
  }

  bool hasRoomFor(linalg::LinalgOp op) {
    SmallVector<linalg::LinalgOp> all(epilogues);
    all.push_back(op);
    return countParameters(all) <= kMostOfEpilogues;
  }

  /// Whether a block has what the operand has: of a member the same element, else what nobody writes
  /// meanwhile; and whether what it writes there is nobody else's.
  bool isTaken(const FusedProducts &fused, OpOperand &operand) {
    if (fused.memberOf(operand))
      return true;
    linalg::LinalgOp op = fused.epilogue;
    bool isWritten = op.isDpsInit(&operand);
    for (const DeviceProduct &product : group)
      for (Value other : {product.result, product.left(), product.right()})
        if (isBuffer(operand.get()) && (isWritten || other == product.result) &&
            mayBeSame(operand.get(), other))
          return false;
    return !isWritten || llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *input) {
      bool isSame = input->get() == operand.get() && op.getMatchingIndexingMap(input).isIdentity();
      return !isBuffer(input->get()) || isSame || !mayBeSame(input->get(), operand.get());
    });
  }

  /// What the operation uses, if it may run as early as the last product.
  bool moveInFront(linalg::LinalgOp op) {
    llvm::SetVector<Operation *> needed;
    if (!collectMakers(last, op, mayMove, needed) || !mayPass(op, last, op))
      return false;
    for (Operation *each : needed)
      each->moveBefore(last);
    return true;
  }

  ArrayRef<DeviceProduct> group;
  Operation *last;
  SmallVector<linalg::LinalgOp> readers; // of each product, or null
  SmallVector<linalg::LinalgOp> epilogues;
};

} // namespace

std::optional<size_t> FusedProducts::memberOf(OpOperand &operand) const {
  linalg::LinalgOp op = epilogue;
  if (op.isDpsInput(&operand) && op.getMatchingIndexingMap(&operand).isIdentity())
    for (auto [i, product] : llvm::enumerate(members))
      if (unshaped(operand.get()) == unshaped(product.result))
        return i;
  return std::nullopt;
}

SmallVector<FusedProducts> fuseEpilogues(ArrayRef<DeviceProduct> group) { return Epilogues(group).run(); }

} // namespace gqa
