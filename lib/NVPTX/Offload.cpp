// gqa-offload: what a graph does around its attentions, on the device as well.
#include "LoopKernel.h"
#include "gqa/CPU/Products.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Pipeline/Entry.h"
#include "gqa/Runtime/Runtime.h"
#include "gqa/Tile/Kernel.h"
#include "gqa/Tile/Target.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_OFFLOAD
#include "gqa/NVPTX/Passes.h.inc"

namespace {

bool isForKernel(Type type) {
  if (auto number = dyn_cast<ComplexType>(type))
    return number.getElementType().isF32() || number.getElementType().isF64();
  return type.isIndex() || (type.isIntOrFloat() && type.getIntOrFloatBitWidth() <= 64);
}

/// Why no kernel can do what `op` does, or "".
std::string whyOnHost(linalg::LinalgOp op) {
  std::string text;
  llvm::raw_string_ostream out(text);
  if (!op.hasPureBufferSemantics() || op->getNumRegions() != 1)
    return "it is not a loop over buffers";
  for (OpOperand &operand : op->getOpOperands())
    if (Type type = getElementTypeOrSelf(operand.get().getType()); !isForKernel(type))
      return out << "its operands are of type " << type, text;
  for (OpOperand &output : op.getDpsInitsMutable())
    if (!op.getMatchingIndexingMap(&output).isProjectedPermutation(/*allowZeroInResults=*/true))
      return "it writes to places that are not those of its loops";
  for (Operation &inner : op->getRegion(0).front()) {
    bool known = isa_and_nonnull<arith::ArithDialect, math::MathDialect, complex::ComplexDialect,
                                 affine::AffineDialect, index::IndexDialect>(inner.getDialect()) ||
                 isa<linalg::IndexOp, linalg::YieldOp, memref::LoadOp, memref::DimOp, cf::AssertOp>(inner);
    if (!known || inner.getNumRegions() || !hasDeviceLowering(inner))
      return out << "'" << inner.getName() << "' has no lowering for the device", text;
    for (Type type : inner.getResultTypes())
      if (!isForKernel(type))
        return out << "it computes numbers of type " << type, text;
  }
  return "";
}

/// What gqa_rt_cuda_matmul takes.
bool isForLibrary(const Product &product) {
  return product.a.type == product.b.type &&
         (product.c.type == product.a.type || product.c.type == GQA_RT_F32);
}

/// Whether `op` multiplies matrices: each operand has loops of its own, and a sum is over others.
bool isMatrixProduct(linalg::LinalgOp op) {
  FailureOr<linalg::ContractionDimensions> loops = linalg::inferContractionDims(op);
  return succeeded(loops) && linalg::isaContractionOpInterface(op) && !loops->m.empty() &&
         !loops->n.empty() && !loops->k.empty();
}

/// Why gqa_rt_cuda_matmul does not take a product of matrices.
std::string whyNotByLibrary(linalg::LinalgOp op) {
  std::string text;
  llvm::raw_string_ostream out(text);
  auto elementOf = [&](unsigned operand) { return getElementTypeOrSelf(op->getOperand(operand).getType()); };
  Type x = elementOf(0), y = elementOf(1), z = elementOf(2);
  bool areTypesTaken = typeCodeOf(x) && x == y && (z == x || (z.isF32() && !x.isF64()));
  if (!areTypesTaken)
    return out << "expected two operands of one type, f16, bf16, f32 or f64, "
                  "and a result of that type or f32; found "
               << x << " times " << y << " into " << z,
           text;
  for (auto [index, operand] : llvm::enumerate(op->getOperands()))
    if (auto type = dyn_cast<MemRefType>(operand.getType()); !type || !type.isLastDimUnitStride())
      return out << "expected contiguous rows; those of operand " << index << " are not", text;
  return "expected the loops of linalg.matmul or linalg.batch_matmul, with operands that may be transposed";
}

class Offload {
public:
  explicit Offload(func::FuncOp function) : function(function) {}

  void run() {
    copiesToLoops();
    findNests();
    findHostBuffers();
    SmallVector<linalg::LinalgOp> products;
    function.walk([&](linalg::LinalgOp op) {
      if (matchProduct(op, /*generic=*/true))
        products.push_back(op);
    });
    for (linalg::LinalgOp op : products) {
      widenOperands(op);
      if (Product product = *matchProduct(op, /*generic=*/true); isForLibrary(product))
        offloadProduct(op, product);
    }
    SmallVector<Block *> blocks;
    function.walk([&](Block *block) {
      if (!isa<linalg::LinalgOp, tile::KernelOp>(block->getParentOp()) && !isInNest(block->getParentOp()))
        blocks.push_back(block);
    });
    llvm::for_each(blocks, [&](Block *block) { offloadLoops(*block); });
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
    });
  }

  bool isOnHost(Operation *op) {
    auto buffers = llvm::make_filter_range(op->getOperands(),
                                           [](Value operand) { return isa<MemRefType>(operand.getType()); });
    return llvm::all_of(buffers, [&](Value buffer) { return hostBuffers.contains(rootOf(buffer)); });
  }

  /// Of two operands of different types, those that are narrower than f32 become f32 in memory of their own.
  void widenOperands(linalg::LinalgOp op) {
    Type x = getElementTypeOrSelf(op->getOperand(0)), y = getElementTypeOrSelf(op->getOperand(1));
    if (x == y || x.isF64() || y.isF64() || !getElementTypeOrSelf(op->getOperand(2)).isF32())
      return;
    op.emitRemark("multiplies ") << x << " by " << y
                                 << ": what is narrower is widened in memory first, in each call";
    OpBuilder builder(op);
    for (OpOperand *operand : op.getDpsInputOperands())
      if (!getElementTypeOrSelf(operand->get()).isF32())
        widen(builder, op, *operand);
  }

  static void widen(OpBuilder &builder, linalg::LinalgOp op, OpOperand &operand) {
    Location loc = op.getLoc();
    Value narrow = operand.get();
    auto type = cast<MemRefType>(narrow.getType());
    SmallVector<Value> sizes;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (type.isDynamicDim(unsigned(dim)))
        sizes.push_back(memref::DimOp::create(builder, loc, narrow, dim));
    Value wide =
        memref::AllocOp::create(builder, loc, MemRefType::get(type.getShape(), builder.getF32Type()), sizes);
    AffineMap each = builder.getMultiDimIdentityMap(unsigned(type.getRank()));
    SmallVector<utils::IteratorType> parallel(size_t(type.getRank()), utils::IteratorType::parallel);
    linalg::GenericOp::create(
        builder, loc, narrow, wide, ArrayRef<AffineMap>{each, each}, parallel,
        [](OpBuilder &inner, Location at, ValueRange elements) {
          linalg::YieldOp::create(
              inner, at, arith::ExtFOp::create(inner, at, inner.getF32Type(), elements[0]).getResult());
        });
    operand.set(wide);
    OpBuilder behind(op->getBlock(), std::next(op->getIterator()));
    memref::DeallocOp::create(behind, loc, wide);
  }

  void offloadProduct(linalg::LinalgOp op, const Product &product) {
    bool accumulates = !takeZeroFill(op, product);
    IndexBuilder b(op.getLoc(), op);
    auto map = [&](Value buffer, bool written) -> Value {
      return tile::DeviceMapOp::create(b, buffer.getType(), buffer, /*write=*/false, /*update=*/written);
    };
    Value rounded = accumulates ? Value() : takeRounding(op, product.c.value);
    Value x = map(product.a.value, false), y = map(product.b.value, false),
          z = map(rounded ? rounded : product.c.value, true);
    tile::DeviceMatmulOp::create(b, product.a.transposed, product.b.transposed, accumulates, x, y, z);
    tile::DeviceUnmapOp::create(b);
    op->erase();
    ++numProducts;
  }

  /// Whether operations in front may be run behind `op` instead: of a call that an assertion ends nobody uses
  /// the results.
  static bool letsPass(Operation &op) {
    auto load = dyn_cast<memref::LoadOp>(op);
    if (isMemoryEffectFree(&op) || isa<memref::AllocOp>(op) || (load && readsArgument(load)))
      return true;
    auto checks = [](Operation &inner) { return isa<cf::AssertOp>(inner) || isMemoryEffectFree(&inner); };
    auto branch = dyn_cast<scf::IfOp>(op);
    return checks(op) || (branch && llvm::all_of(branch->getRegions(), [&](Region &region) {
                            return region.empty() || llvm::all_of(region.front(), checks);
                          }));
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
    Value condition = assertion.getArg();
    if (!readsArgument(condition))
      return;
    if (checked.insert(condition).second) {
      IndexBuilder b(assertion.getLoc(), assertion);
      buildKernelWith(b, {condition},
                      [&](const KernelOperands &operands) { buildAssertion(b, operands.lookup(condition)); });
    }
    assertion.erase();
  }

  bool isWanted(linalg::LinalgOp op) {
    if (isOnHost(op))
      return false;
    std::string why = whyOnHost(op);
    if (!why.empty())
      op.emitRemark("runs on the host, between kernels: ") << why;
    else if (isMatrixProduct(op))
      op.emitRemark("multiplies matrices without tensor cores, not by cuBLASLt: ") << whyNotByLibrary(op);
    return why.empty();
  }

  void offloadGroup(const RowGroup &group, const OpBuilder &where) {
    linalg::LinalgOp last = group.members.back();
    IndexBuilder b(last.getLoc(), where);
    if (llvm::any_of(group.members, isRowReduction))
      buildRowKernel(b, group);
    else
      buildPointKernel(b, group.members);
    ++numKernels;
  }

  /// A number of the host, as a parameter of a kernel that stores it.
  void offloadStore(memref::StoreOp store) {
    if (isOnHost(store) || !isForKernel(store.getValueToStore().getType()))
      return;
    IndexBuilder b(store.getLoc(), store);
    buildKernelWith(b, store->getOperands(), [&](const KernelOperands &operands) {
      Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, threadOf(b), b.index(0));
      auto branch = scf::IfOp::create(b, isFirst, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(branch.thenYield());
      IRMapping mapping = operands.values();
      b.clone(*store, mapping);
    });
    store.erase();
  }

  /// A kernel of one warp that uses `values`, of which it writes buffers.
  void buildKernelWith(IndexBuilder &b, ValueRange values, function_ref<void(const KernelOperands &)> body) {
    KernelOperands operands;
    for (Value value : values)
      operands.use(value, /*written=*/isa<MemRefType>(value.getType()));
    operands.map(b);
    buildKernel(
        b, {b.index(1)}, /*work=*/nullptr,
        [&](ValueRange) {
          operands.enter(b);
          body(operands);
        },
        /*warps=*/1);
    tile::DeviceUnmapOp::create(b);
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
} // namespace gqa
