// gqa-offload: what a graph does around its attentions, on the device as well.
#include "Offload.h"
#include "BufferUses.h"
#include "LoopKernel.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Pipeline/Assertions.h"
#include "gqa/Pipeline/Entry.h"

#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_OFFLOAD
#include "gqa/NVPTX/Passes.h.inc"

namespace {

class Offload {
public:
  explicit Offload(func::FuncOp function) : function(function) {}

  void run() {
    copiesToLoops();
    orderLoops(function);
    findNests();
    findHostBuffers();
    numProducts = offloadProducts(function) + offloadGroupedProducts(function);
    SmallVector<Block *> blocks;
    function.walk([&](Block *block) {
      Operation *parent = block->getParentOp();
      bool isInKernel = isa<tile::KernelOp>(parent) || parent->getParentOfType<tile::KernelOp>();
      if (!isa<linalg::LinalgOp>(parent) && !isInKernel && !isInNest(parent))
        blocks.push_back(block);
    });
    llvm::for_each(blocks, [&](Block *block) { offloadLoops(*block); });
    explainHostLoops(function);
  }

  int64_t numKernels = 0, numProducts = 0;

private:
  /// Those over arguments that are read until then stay behind all others.
  void copiesToLoops() {
    SmallVector<memref::CopyOp> copies;
    function.walk([&](memref::CopyOp copy) { copies.push_back(copy); });
    for (memref::CopyOp copy : copies)
      if (!isLast(copy))
        toLoops(copy);
  }

  bool isLast(memref::CopyOp copy) {
    auto argument = dyn_cast<BlockArgument>(copy.getTarget());
    return argument && function.isPublic() && argument.getOwner() == &function.getBody().front() &&
           function.getArgAttr(argument.getArgNumber(), kWrittenLastAttr);
  }

  static linalg::LinalgOp toLoops(memref::CopyOp copy) {
    OpBuilder builder(copy);
    auto loops = linalg::makeMemRefCopyOp(builder, copy.getLoc(), copy.getSource(), copy.getTarget());
    copy.erase();
    return loops;
  }

  /// Loops that a kernel can have.
  void findNests() {
    function.walk<WalkOrder::PreOrder>([&](scf::ForOp loop) {
      linalg::LinalgOp op = findNested(loop);
      if (!op || !whyOnHost(op).empty())
        return WalkResult::advance();
      nests[loop] = op;
      return WalkResult::skip();
    });
  }

  bool isInNest(Operation *op) {
    return llvm::any_of(nests, [&](const auto &nest) { return nest.first->isAncestor(op); });
  }

  /// What the host reads by itself stays there, and so does what is computed from such buffers alone: sizes.
  void findHostBuffers() {
    function.walk([&](Operation *op) {
      if (isa<linalg::LinalgOp>(op->getParentOp()) || isInNest(op))
        return;
      if (auto load = dyn_cast<memref::LoadOp>(op); load && !readsArgument(load))
        hostBuffers.insert(rootOf(load.getMemRef()));
      if (auto reshape = dyn_cast<memref::ReshapeOp>(op))
        hostBuffers.insert(rootOf(reshape.getShape()));
      if (auto call = dyn_cast<func::CallOp>(op))
        if (auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
            callee && isForDeallocation(callee)) // addresses
          for (Value buffer : call.getOperands())
            hostBuffers.insert(rootOf(buffer));
    });
  }

  /// Arithmetic of sizes and shapes, for which no kernel would pay.
  bool isOnHost(Operation *op) {
    auto buffers = llvm::make_filter_range(op->getOperands(),
                                           [](Value operand) { return isa<MemRefType>(operand.getType()); });
    return llvm::all_of(buffers, [&](Value buffer) { return hostBuffers.contains(rootOf(buffer)); });
  }

  void offloadLoops(Block &block) {
    SmallVector<linalg::LinalgOp> run;
    llvm::DenseSet<Value> checked; // conditions of this block
    auto flush = [&] {
      if (run.empty())
        return;
      OpBuilder behind(wholeOf(run.back())->getNextNode()); // all operands are there
      for (const RowGroup &group : groupRows(run))
        offloadGroup(group, behind);
      run.clear();
    };
    for (Operation &op : llvm::make_early_inc_range(block)) {
      auto nest = nests.find(&op);
      linalg::LinalgOp loops = nest == nests.end() ? dyn_cast<linalg::LinalgOp>(op) : nest->second;
      if (loops && isWanted(loops)) {
        run.push_back(loops);
      } else if (auto assertion = dyn_cast<cf::AssertOp>(op)) {
        offloadAssertion(assertion, checked);
      } else if (!letsPass(op)) {
        flush();
        if (auto store = dyn_cast<memref::StoreOp>(op))
          offloadStore(store);
        else if (auto copy = dyn_cast<memref::CopyOp>(op))
          if (linalg::LinalgOp loops = toLoops(copy); isWanted(loops))
            offloadGroup({{loops}, 0}, OpBuilder(loops));
      }
    }
    flush();
  }

  /// What is asserted of a position that the host does not know, once for each condition.
  void offloadAssertion(cf::AssertOp assertion, llvm::DenseSet<Value> &checked) {
    if (!readsArgument(assertion.getArg()))
      return;
    if (checked.insert(assertion.getArg()).second) {
      buildAssertionKernel(assertion);
      ++numKernels;
    }
    assertion.erase();
  }

  void offloadStore(memref::StoreOp store) {
    if (isOnHost(store))
      return;
    Type type = store.getValueToStore().getType();
    if (!isForKernel(type)) {
      store.emitRemark("stores on the host, between kernels: its number is of type ") << type;
      return;
    }
    buildStoreKernel(store);
    ++numKernels;
  }

  bool isWanted(linalg::LinalgOp op) {
    if (isOnHost(op))
      return false;
    std::string why = whyOnHost(op);
    if (!why.empty())
      op.emitRemark("runs on the host, between kernels: ") << why;
    else if (isMatrixProduct(op))
      op.emitRemark("multiplies matrices without tensor cores, not by cuBLASLt: ") << whyNotByLibrary(op);
    else if (std::string slow = whyReducedAlone(op); !slow.empty())
      op.emitRemark("reduces by one thread, not a block of them: ") << slow;
    return why.empty();
  }

  void offloadGroup(const RowGroup &group, const OpBuilder &where) {
    linalg::LinalgOp last = group.members.back();
    IndexBuilder b(last.getLoc(), where);
    if (llvm::any_of(group.members, isRowReduction))
      buildRowKernel(b, group);
    else if (isColumnReduction(last))
      buildColumnKernel(b, last);
    else
      buildPointKernel(b, group.members);
    ++numKernels;
  }

  func::FuncOp function;
  llvm::MapVector<Operation *, linalg::LinalgOp> nests;
  llvm::DenseSet<Value> hostBuffers;
};

struct OffloadPass : impl::OffloadBase<OffloadPass> {
  using OffloadBase::OffloadBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal() ||
          function.walk([](tile::KernelOp) { return WalkResult::interrupt(); }).wasInterrupted())
        continue;
      Offload offload(function);
      offload.run();
      numKernels += offload.numKernels;
      numProducts += offload.numProducts;
    }
  }
};

} // namespace

bool letsPass(Operation &op) {
  auto load = dyn_cast<memref::LoadOp>(op);
  return isMemoryEffectFree(&op) || isa<memref::AllocOp>(op) || (load && readsArgument(load)) ||
         onlyAsserts(&op);
}

} // namespace gqa
