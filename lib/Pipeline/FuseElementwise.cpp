// gqa-fuse-elementwise, gqa-separate-destinations and gqa-relax-reductions: the loops of everything that is
// not attention.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_FUSEELEMENTWISE
#define GEN_PASS_DEF_RELAXREDUCTIONS
#define GEN_PASS_DEF_SEPARATEDESTINATIONS
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// Named operations that stay: products go to the runtime, fills fold into what reads them.
bool staysNamed(linalg::LinalgOp op) {
  return isa<linalg::GenericOp, linalg::FillOp, linalg::MatmulOp, linalg::BatchMatmulOp, linalg::MatvecOp,
             linalg::VecmatOp, linalg::DotOp, linalg::BatchMatvecOp>(op.getOperation());
}

struct Generalize : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    if (staysNamed(op) || op->getNumRegions() != 1)
      return failure();
    return linalg::generalizeNamedOp(rewriter, op);
  }
};

/// A softmax, say, which recognition has not taken apart: it is none of the named operations, and has no
/// loops of its own.
struct TakeApart : OpInterfaceRewritePattern<linalg::AggregatedOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::AggregatedOpInterface op, PatternRewriter &rewriter) const override {
    FailureOr<SmallVector<Value>> results = op.decomposeOperation(rewriter);
    if (failed(results))
      return failure();
    rewriter.replaceOp(op, *results);
    return success();
  }
};

bool isExpensive(linalg::LinalgOp op) {
  return llvm::any_of(op->getRegion(0).front(), [](Operation &inner) {
    return isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, tensor::ExtractOp>(inner) ||
           inner.getName().getDialectNamespace() == "math";
  });
}

/// What the descriptors of an operation's tensors have, in words of 8 bytes: kernels of GPUs have them as
/// parameters.
int64_t countWords(linalg::LinalgOp op) {
  int64_t words = 0;
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<RankedTensorType>(operand.getType()))
      words += 3 + 2 * type.getRank();
  return words;
}

bool worthFusing(OpOperand *operand) {
  constexpr int64_t kMostWords = 440; // a kernel has room for 544, with sizes

  auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
  auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
  if (!producer || !consumer || !producer->hasOneUse() ||
      countWords(producer) + countWords(consumer) > kMostWords)
    return false;
  return producer.getNumLoops() >= consumer.getNumLoops() || !isExpensive(producer);
}

/// Whether `op` only widens the elements of a tensor, by an instruction.
bool isWidening(linalg::GenericOp op) {
  Block &body = *op.getBody();
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      !llvm::hasSingleElement(body.without_terminator()))
    return false;
  Operation &inner = body.front();
  return isa<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp>(inner) &&
         inner.getOperand(0) == body.getArgument(0) &&
         inner.getOperand(0).getType().getIntOrFloatBitWidth() >= 16;
}

/// Each reader gets a widening of its own: reading the narrow numbers again takes less than writing wide
/// ones.
void separateWidenings(Operation *root) {
  SmallVector<linalg::GenericOp> widenings;
  root->walk([&](linalg::GenericOp op) {
    if (op.hasPureTensorSemantics() && isWidening(op))
      widenings.push_back(op);
  });
  for (linalg::GenericOp op : widenings)
    for (OpOperand &use : llvm::make_early_inc_range(op.getResult(0).getUses()))
      if (isa<linalg::LinalgOp>(use.getOwner()) && !op->hasOneUse()) {
        OpBuilder builder(use.getOwner());
        use.set(builder.clone(*op)->getResult(0));
      }
}

/// Whether elements of its result are what they were although the computation does not read them.
bool keepsElements(linalg::GenericOp op) {
  return op.hasPureTensorSemantics() && llvm::any_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
           llvm::SmallDenseSet<AffineExpr> dims;
           auto isWhole = [&](auto place) {
             auto [expr, size] = place;
             return isa<AffineDimExpr>(expr) ? dims.insert(expr).second : size == 1;
           };
           AffineMap map = op.getMatchingIndexingMap(&init);
           return !op.payloadUsesValueFromOperand(&init) && !init.get().getDefiningOp<tensor::EmptyOp>() &&
                  !llvm::all_of(llvm::zip_equal(map.getResults(), op.getShape(&init)), isWhole);
         });
}

/// What is computed of a slice, and put back: upstream takes what a result starts from for unused where the
/// computation does not read it, whatever of it is written.
LogicalResult writeSlice(linalg::GenericOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  AffineMap map = maps.back();
  bool isSlice = op.getNumDpsInits() == 1 && llvm::all_of(map.getResults(), [](AffineExpr expr) {
                   return isa<AffineDimExpr, AffineConstantExpr>(expr);
                 });
  llvm::SmallDenseSet<AffineExpr> known;
  SmallVector<AffineExpr> dims;
  SmallVector<int64_t> shape;
  Value init = op.getDpsInits().back();
  SmallVector<OpFoldResult> offsets, sizes = tensor::getMixedSizes(b, loc, init),
                                     strides(sizes.size(), b.getIndexAttr(1));
  for (auto [number, expr] : llvm::enumerate(map.getResults())) {
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    offsets.push_back(b.getIndexAttr(constant ? constant.getValue() : 0));
    if (constant) {
      sizes[number] = b.getIndexAttr(1);
      continue;
    }
    isSlice &= known.insert(expr).second;
    dims.push_back(expr);
    shape.push_back(op.getShape(op.getDpsInitOperand(0))[number]);
  }
  if (!isSlice)
    return op.emitError() << "writes a part of its result that is no slice, by " << AffineMapAttr::get(map)
                          << "; expected the computation to read what it keeps";
  auto type = RankedTensorType::get(shape, getElementTypeOrSelf(init));
  SmallVector<Value> operands(op.getDpsInputs());
  operands.push_back(tensor::ExtractSliceOp::create(b, loc, type, init, offsets, sizes, strides));
  auto piece = cast<linalg::GenericOp>(clone(b, op, type, operands));
  maps.back() = AffineMap::get(map.getNumDims(), 0, dims, op.getContext());
  piece.setIndexingMapsAttr(b.getAffineMapArrayAttr(maps));
  op.getResult(0).replaceAllUsesWith(
      tensor::InsertSliceOp::create(b, loc, piece.getResult(0), init, offsets, sizes, strides));
  op.erase();
  return success();
}

/// All of them under `root`.
LogicalResult writeSlices(Operation *root) {
  SmallVector<linalg::GenericOp> partial;
  root->walk([&](linalg::GenericOp op) {
    if (keepsElements(op))
      partial.push_back(op);
  });
  return failure(llvm::any_of(partial, [](linalg::GenericOp op) { return failed(writeSlice(op)); }));
}

struct FuseElementwisePass : impl::FuseElementwiseBase<FuseElementwisePass> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    if (failed(writeSlices(getOperation())))
      return signalPassFailure();
    separateWidenings(getOperation());
    RewritePatternSet patterns(context);
    patterns.add<Generalize, TakeApart>(context);
    linalg::populateElementwiseOpsFusionPatterns(patterns, [this](OpOperand *operand) {
      bool fuse = worthFusing(operand);
      numFused += fuse;
      return fuse;
    });
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
    affine::AffineApplyOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

/// Gives each operation that writes to what `op` makes a copy of `op`, and returns how many that were. All
/// stand in front of their user, as what is made earlier is memory in use all the while.
int64_t separate(Operation *op) {
  int64_t copies = 0;
  for (OpOperand &use : llvm::make_early_inc_range(op->getUses())) {
    auto user = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
    if (!user || !user.isDpsInit(&use))
      continue;
    if (!op->hasOneUse()) {
      use.set(OpBuilder(user).clone(*op)->getResult(0));
      ++copies;
    } else if (user->getBlock() == op->getBlock()) {
      op->moveBefore(user);
    }
  }
  return copies;
}

/// Writes an elementwise result over an operand that nobody else reads, where it is read next: memory that is
/// in the caches already. Slices and what the caller gets have places of their own.
bool writeOver(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1 || op.getNumLoops() != op.getNumParallelLoops() ||
      !op.hasPureTensorSemantics() || !op.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() ||
      !llvm::all_of(op->getUsers(), llvm::IsaPred<linalg::LinalgOp>))
    return false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    auto maker = input->get().getDefiningOp<linalg::LinalgOp>();
    if (!maker || maker->getBlock() != op->getBlock() || !input->get().hasOneUse() ||
        input->get().getType() != op->getResult(0).getType() ||
        !op.getMatchingIndexingMap(input).isIdentity())
      continue;
    op.getDpsInitsMutable()[0].set(input->get());
    return true;
  }
  return false;
}

struct SeparateDestinationsPass : impl::SeparateDestinationsBase<SeparateDestinationsPass> {
  void runOnOperation() override {
    SmallVector<Operation *> fills, empties;
    getOperation()->walk([&](linalg::FillOp fill) {
      if (fill.hasPureTensorSemantics() && fill.getOutputs()[0].getDefiningOp<tensor::EmptyOp>())
        fills.push_back(fill);
    });
    for (Operation *fill : fills)
      numSeparated += separate(fill);
    getOperation()->walk([&](linalg::GenericOp op) { numInPlace += writeOver(op); });
    getOperation()->walk([&](tensor::EmptyOp empty) { empties.push_back(empty); });
    for (Operation *empty : empties)
      numSeparated += separate(empty);
  }
};

/// Marks the last addition or multiplication of the accumulator, if that is how it is combined.
void relax(linalg::GenericOp op) {
  Block &body = op.getRegion().front();
  for (auto [index, yielded] : llvm::enumerate(body.getTerminator()->getOperands())) {
    Operation *combine = yielded.getDefiningOp();
    if (!isa_and_present<arith::AddFOp, arith::MulFOp>(combine))
      continue;
    BlockArgument accumulator = body.getArgument(op.getNumDpsInputs() + unsigned(index));
    if (!llvm::is_contained(combine->getOperands(), accumulator))
      continue;
    combine->setAttr("fastmath",
                     arith::FastMathFlagsAttr::get(op.getContext(), arith::FastMathFlags::reassoc));
  }
}

struct RelaxReductionsPass : impl::RelaxReductionsBase<RelaxReductionsPass> {
  void runOnOperation() override {
    getOperation()->walk([](linalg::GenericOp op) {
      if (op.getNumReductionLoops())
        relax(op);
    });
  }
};

} // namespace
} // namespace gqa
