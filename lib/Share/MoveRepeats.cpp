// Repeats of heads move towards the attention, where they fold: across whatever treats all heads alike.
#include "Patterns.h"
#include "gqa/Raise/Build.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace gqa {
namespace {

/// A repeat of `x`, laid out as `layout`, with the result type `type`.
Value repeatLike(RewriterBase &rewriter, RepeatHeadsOp repeat, Type type, Value x, StringRef layout) {
  return RepeatHeadsOp::create(rewriter, repeat.getLoc(), type, x, repeat.getGroups(), repeat.getOrder(),
                               layout);
}

/// The repeat that `value` is, of the heads in dimension `dim`; null if it is none.
RepeatHeadsOp repeatAlong(Value value, unsigned dim) {
  auto repeat = value.getDefiningOp<RepeatHeadsOp>();
  return repeat && dimOf(repeat.getLayout(), 'h') == dim ? repeat : RepeatHeadsOp();
}

bool areAlike(RepeatHeadsOp a, RepeatHeadsOp b) {
  return a.getGroups() == b.getGroups() && a.getOrder() == b.getOrder();
}

/// Whether heads of `type` can be repeated: what is computed of them may be no number that attention reads.
bool holdsHeads(Type type) {
  Type element = getElementTypeOrSelf(type);
  return isa<RankedTensorType>(type) && isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(element);
}

/// `type` with the size that `like` has in dimension `dim`.
RankedTensorType withHeadsOf(Type type, Value like, unsigned dim) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  shape[dim] = cast<RankedTensorType>(like.getType()).getDimSize(dim);
  return tensor.clone(shape);
}

/// All heads at one position are turned alike.
struct MoveAcrossRotary : OpRewritePattern<RotaryOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(RotaryOp op, PatternRewriter &rewriter) const override {
    RepeatHeadsOp repeat = repeatAlong(op.getX(), dimOf(op.getLayout(), 'h'));
    auto cos = cast<RankedTensorType>(op.getCos().getType());
    if (!repeat || (cos.getRank() > 2 && cos.getDimSize(cos.getRank() - 3) != 1))
      return rewriter.notifyMatchFailure(op, "no repeat, or angles of each head");
    Value turned = RotaryOp::create(rewriter, op.getLoc(), repeat.getX(), op.getCos(), op.getSin(),
                                    op.getKind(), op.getLayout());
    rewriter.replaceOp(op, repeatLike(rewriter, repeat, op.getType(), turned, op.getLayout()));
    return success();
  }
};

/// A cache of repeated heads, to which repeated heads are appended.
struct MoveAcrossAppend : OpRewritePattern<AppendKVOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AppendKVOp op, PatternRewriter &rewriter) const override {
    unsigned dim = dimOf(op.getLayout(), 'h');
    RepeatHeadsOp cache = repeatAlong(op.getCache(), dim), fresh = repeatAlong(op.getFresh(), dim);
    if (!cache || !fresh || !areAlike(cache, fresh))
      return rewriter.notifyMatchFailure(op, "cache and fresh tokens are not repeated alike");
    Value longer = AppendKVOp::create(rewriter, op.getLoc(), withHeadsOf(op.getType(), cache.getX(), dim),
                                      cache.getX(), fresh.getX(), op.getPositions(), op.getLayout());
    rewriter.replaceOp(op, repeatLike(rewriter, cache, op.getType(), longer, op.getLayout()));
    return success();
  }
};

/// Casts, transposes and other elementwise operations on tensors of rank 4, whose other operands are the same
/// for all heads.
struct MoveAcrossElementwise : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    std::optional<RepeatedInput> found = findRepeatedInput(op);
    if (!found || !holdsHeads(op->getResult(0).getType()))
      return rewriter.notifyMatchFailure(op, "no input is repeated, or no heads come of it");
    RepeatHeadsOp first = found->repeat;
    unsigned head = found->headLoop;
    bool readsHead = llvm::any_of(op.getBlock()->getOps<linalg::IndexOp>(),
                                  [&](linalg::IndexOp index) { return index.getDim() == head; });
    SmallVector<Value> operands;
    for (OpOperand *input : op.getDpsInputOperands()) {
      operands.push_back(input->get());
      AffineMap map = op.getMatchingIndexingMap(input);
      if (!map.isFunctionOfDim(head))
        continue;
      auto place = map.getResultPosition(getAffineDimExpr(head, op.getContext()));
      RepeatHeadsOp repeat = place ? repeatAlong(input->get(), *place) : RepeatHeadsOp();
      if (!repeat || !areAlike(repeat, first))
        return rewriter.notifyMatchFailure(op, "an input has heads of its own");
      operands.back() = repeat.getX();
    }
    if (readsHead)
      return rewriter.notifyMatchFailure(op, "it computes with the number of the head");
    std::string layout;
    for (AffineExpr expr : op.getIndexingMapMatchingResult(op->getResult(0)).getResults())
      layout.push_back(found->letters[cast<AffineDimExpr>(expr).getPosition()]);
    unsigned dim = dimOf(layout, 'h');
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, op.getLoc(), op.getDpsInitOperand(0)->get());
    sizes[dim] = tensor::getMixedSize(rewriter, op.getLoc(), first.getX(), dimOf(first.getLayout(), 'h'));
    Value empty = tensor::EmptyOp::create(rewriter, op.getLoc(), sizes, type.getElementType());
    operands.push_back(empty);
    Operation *smaller = clone(rewriter, op, empty.getType(), operands);
    rewriter.replaceOp(op, repeatLike(rewriter, first, type, smaller->getResult(0), layout));
    return success();
  }
};

/// The same for arithmetic on whole tensors.
struct MoveAcrossTensorCast : RewritePattern {
  MoveAcrossTensorCast(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!OpTrait::hasElementwiseMappableTraits(op) || op->getNumOperands() != 1 || op->getNumResults() != 1)
      return failure();
    auto repeat = op->getOperand(0).getDefiningOp<RepeatHeadsOp>();
    Type type = op->getResult(0).getType();
    if (!repeat || !holdsHeads(type))
      return failure();
    unsigned dim = dimOf(repeat.getLayout(), 'h');
    OperationState state(op->getLoc(), op->getName(), repeat.getX(), withHeadsOf(type, repeat.getX(), dim),
                         op->getAttrs());
    Operation *smaller = rewriter.create(state);
    rewriter.replaceOp(op, repeatLike(rewriter, repeat, type, smaller->getResult(0), repeat.getLayout()));
    return success();
  }
};

/// Heads of a narrow cache that are widened alike, or by factors that are repeated as they are.
struct MoveAcrossDequantize : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DequantizeOp op, PatternRewriter &rewriter) const override {
    auto repeat = op.getX().getDefiningOp<RepeatHeadsOp>();
    if (!repeat)
      return rewriter.notifyMatchFailure(op, "no repeat");
    std::optional<Value> scale = factorOf(op.getScale(), repeat), zero = factorOf(op.getZero(), repeat);
    if (!scale || !zero)
      return rewriter.notifyMatchFailure(op, "a factor of each head");
    Type type = withHeadsOf(op.getType(), repeat.getX(), dimOf(repeat.getLayout(), 'h'));
    Value wide =
        DequantizeOp::create(rewriter, op.getLoc(), type, repeat.getX(), *scale, *zero, op.getIsUnsigned());
    rewriter.replaceOp(op, repeatLike(rewriter, repeat, op.getType(), wide, repeat.getLayout()));
    return success();
  }

  /// The factor (null for none) of what was repeated; nothing if query heads have their own.
  static std::optional<Value> factorOf(Value factor, RepeatHeadsOp repeat) {
    if (!factor)
      return factor;
    auto type = cast<RankedTensorType>(factor.getType());
    unsigned dim = dimOf(repeat.getLayout(), 'h'), missing = 4 - type.getRank(); // in front
    if (dim < missing || type.getDimSize(dim - missing) == 1)
      return factor;
    RepeatHeadsOp other = missing == 0 ? repeatAlong(factor, dim) : RepeatHeadsOp();
    return other && areAlike(other, repeat) ? std::optional<Value>(other.getX()) : std::nullopt;
  }
};

/// The first copy of each head, taken out of the copies, is what was copied.
struct SliceOfRepeat : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op, PatternRewriter &rewriter) const override {
    auto repeat = op.getSource().getDefiningOp<RepeatHeadsOp>();
    if (!repeat || op.getType() != repeat.getX().getType() || !isFirstCopies(op, repeat))
      return failure();
    rewriter.replaceOp(op, repeat.getX());
    return success();
  }

  /// Type and strides say that the slice has as many heads as were repeated; of sizes that are not known it
  /// must be all.
  static bool isFirstCopies(tensor::ExtractSliceOp op, RepeatHeadsOp repeat) {
    unsigned dim = dimOf(repeat.getLayout(), 'h');
    int64_t stride = repeat.getOrder() == HeadOrder::Block ? repeat.getGroups() : 1;
    for (auto [k, size] : llvm::enumerate(op.getMixedSizes())) {
      auto extent = dyn_cast<Value>(size);
      auto known = extent ? extent.getDefiningOp<tensor::DimOp>() : tensor::DimOp();
      if (extent && !(known && known.getSource() == op.getSource() && known.getConstantIndex() == int64_t(k)))
        return false;
    }
    return llvm::all_of(op.getStaticOffsets(), [](int64_t offset) { return offset == 0; }) &&
           llvm::all_of(llvm::enumerate(op.getStaticStrides()),
                        [&](auto each) { return each.value() == (each.index() == dim ? stride : 1); });
  }
};

} // namespace

void populateMoveRepeatPatterns(RewritePatternSet &patterns) {
  patterns.add<MoveAcrossAppend, MoveAcrossDequantize, MoveAcrossElementwise, MoveAcrossRotary,
               MoveAcrossTensorCast, SliceOfRepeat>(patterns.getContext());
}

} // namespace gqa
