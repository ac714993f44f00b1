// Which rows a kernel of few-row products computes by itself: those of a norm in front, say. Each block
// computes all of them, while its first weights are on their way, and keeps them in shared memory.
#include "Fusion.h"
#include "LoopKernel.h"
#include "Offload.h"
#include "SkinnyProducts.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kMostRows = 2;
constexpr int64_t kMostBytes = 16 << 10; // of shared memory: three blocks of a processor have room for them

/// Each block reads what its rows are computed of, from L2. So many blocks run at a time, a few times; where
/// there are more, the launch that is saved is little of what the products take.
constexpr int64_t kMostBlocks = 1024;

/// The operations in front of a product, with no other kernel in between.
SmallVector<linalg::LinalgOp> runInFrontOf(Operation *product) {
  SmallVector<linalg::LinalgOp> run;
  for (Operation *op = product->getPrevNode(); op; op = op->getPrevNode()) {
    auto loops = dyn_cast<linalg::LinalgOp>(op);
    if (loops && !matchProduct(loops, /*generic=*/true) && whyOnHost(loops).empty())
      run.push_back(loops);
    else if (loops || !letsPass(*op))
      break;
  }
  return SmallVector<linalg::LinalgOp>(llvm::reverse(run));
}

class Prologue {
public:
  Prologue(const RowGroup &rows, ArrayRef<DeviceProduct> group, ArrayRef<FusedProducts> products)
      : rows(rows), group(group), products(products) {}

  bool isTaken() {
    return llvm::any_of(rows.members, isRowReduction) && llvm::all_of(rows.members, isPlain) &&
           countParameters(rows.members) <= kMostParameters / 3 && countRows() <= kMostRows && isReadHere() &&
           llvm::all_of(rows.members, [&](linalg::LinalgOp op) { return mayWait(op) && isSteady(op); });
  }

private:
  int64_t countRows() {
    linalg::LinalgOp front = rows.members[0];
    SmallVector<int64_t> sizes(front.getStaticLoopRanges());
    int64_t count = 1;
    for (int64_t size : ArrayRef<int64_t>(sizes).take_front(rows.rows))
      count *= size;
    return count;
  }

  bool isMember(Operation *op) { return llvm::is_contained(rows.members, op); }

  /// Whether what is written is memory that is made beside the products, and nobody else reads; as the left
  /// operand, by products.
  bool isReadHere() {
    llvm::SmallDenseSet<Value> seen;
    int64_t bytes = 0;
    for (linalg::LinalgOp op : rows.members)
      for (Value output : op.getDpsInits()) {
        auto made = rootOf(output).getDefiningOp<memref::AllocOp>();
        if (!made || made->getBlock() != op->getBlock() || !made.getType().hasStaticShape() ||
            !made.getType().getLayout().isIdentity() || !isOfHere(made))
          return false;
        if (seen.insert(made).second)
          bytes += made.getType().getNumElements() *
                   int64_t(llvm::divideCeil(made.getType().getElementTypeBitWidth(), 8));
      }
    return bytes <= kMostBytes;
  }

  bool isOfHere(memref::AllocOp made) {
    return llvm::all_of(usersOf(made), [&](Operation *user) {
      return isMember(user) || llvm::any_of(group, [&](const DeviceProduct &product) {
               return user == product.op && rootOf(product.right()) != made && rootOf(product.result) != made;
             });
    });
  }

  /// Whether it may run as late as the last product.
  bool mayWait(linalg::LinalgOp op) {
    return mayPass(op, op, group.back().op, [&](Operation *between) {
      return isMember(between) ||
             llvm::any_of(group, [&](const DeviceProduct &product) { return between == product.op; });
    });
  }

  /// Whether no block writes what others have yet to read.
  bool isSteady(linalg::LinalgOp op) {
    auto isApart = [&](Value written) {
      return llvm::none_of(op->getOperands(), [&](Value operand) {
        return isa<BaseMemRefType>(operand.getType()) && mayBeSame(operand, written);
      });
    };
    return llvm::all_of(products, [&](const FusedProducts &fused) {
      linalg::LinalgOp epilogue = fused.epilogue;
      return epilogue ? llvm::all_of(epilogue.getDpsInits(), isApart) : isApart(fused.members.front().result);
    });
  }

  const RowGroup &rows;
  ArrayRef<DeviceProduct> group;
  ArrayRef<FusedProducts> products;
};

} // namespace

RowGroup findPrologue(ArrayRef<DeviceProduct> group, ArrayRef<FusedProducts> products) {
  const DeviceProduct &front = group.front();
  int64_t blocks = 0;
  for (const FusedProducts &fused : products)
    blocks += countBlocks(fused.members.front());
  if (front.batchDims() || blocks > kMostBlocks || !llvm::isPowerOf2_64(uint64_t(countWarps(products))))
    return {};
  for (const RowGroup &rows : groupRows(runInFrontOf(front.op))) {
    bool writesLeft = llvm::any_of(rows.members, [&](linalg::LinalgOp op) {
      return llvm::any_of(op.getDpsInits(),
                          [&](Value output) { return rootOf(output) == rootOf(front.left()); });
    });
    if (writesLeft)
      return Prologue(rows, group, products).isTaken() ? rows : RowGroup();
  }
  return {};
}

} // namespace gqa
