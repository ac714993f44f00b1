// gqa-narrow-attention: an attention that was widened only to be narrowed again.
#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/Fuse/Passes.h"
#include "gqa/Raise/Build.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_GQANARROWATTENTION
#include "gqa/Fuse/Passes.h.inc"

namespace {

/// The operand of an elementwise `Cast`, or null.
template <typename Cast> Value castSource(Operation *op) {
  auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
  if (!generic || generic.getNumDpsInputs() != 1 || generic.getNumDpsInits() != 1 ||
      !llvm::all_of(generic.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); }))
    return nullptr;
  auto cast = generic.getBody()->getTerminator()->getOperand(0).template getDefiningOp<Cast>();
  return cast && cast.getIn() == generic.getBody()->getArgument(0) ? generic.getDpsInputOperand(0)->get()
                                                                   : Value();
}

/// What a tensor of f32 is widened from, or null.
Value widenedFrom(Value tensor) {
  if (auto dequantize = tensor.getDefiningOp<DequantizeOp>())
    return !dequantize.getScale() && !dequantize.getZero() ? dequantize.getX() : Value();
  return castSource<arith::ExtFOp>(tensor.getDefiningOp());
}

/// The cache with its new tokens behind it as both came, where each is widened for itself; else null. A
/// concatenation of the same two, which the graph returns as a rule, becomes this one: the cache is copied
/// once.
Value appendNarrow(IRRewriter &rewriter, AppendKVOp wide) {
  Value cache = widenedFrom(wide.getCache()), fresh = widenedFrom(wide.getFresh());
  if (!cache || !fresh || wide.getPositions())
    return nullptr;
  tensor::ConcatOp same;
  for (Operation *user : cache.getUsers())
    if (auto concat = dyn_cast<tensor::ConcatOp>(user);
        concat && concat->getBlock() == wide->getBlock() &&
        llvm::equal(concat.getInputs(), ArrayRef<Value>{cache, fresh}) &&
        concat.getDim() == dimOf(wide.getLayout(), 's'))
      same = concat;
  bool isBefore = same && same->isBeforeInBlock(wide);
  rewriter.setInsertionPoint(isBefore ? same.getOperation() : wide.getOperation());
  auto type = cast<RankedTensorType>(wide.getType()).clone(getElementTypeOrSelf(cache));
  auto append = AppendKVOp::create(rewriter, wide.getLoc(), type, cache, fresh, Value(), wide.getLayout());
  if (!whyInvalid(append).empty()) {
    rewriter.eraseOp(append);
    return nullptr;
  }
  if (same && same.getType() == type)
    rewriter.replaceOp(same, append.getOutput());
  return append.getOutput();
}

/// Whether the attention became one of the narrow type that q, k and v are widened from, and everybody rounds
/// the output to.
bool narrow(IRRewriter &rewriter, AttentionOp op) {
  Value wide[] = {op.getQ(), op.getK(), op.getV()}, sources[3];
  for (auto [from, source] : llvm::zip(wide, sources)) {
    auto append = from.getDefiningOp<AppendKVOp>();
    if (source = append ? appendNarrow(rewriter, append) : widenedFrom(from); !source)
      return false;
  }
  Type element = getElementTypeOrSelf(sources[0]);
  auto isOfType = [&](Value value) { return getElementTypeOrSelf(value) == element; };
  auto isRounded = [&](Operation *user) {
    return castSource<arith::TruncFOp>(user) && isOfType(user->getResult(0));
  };
  if (!(element.isBF16() || element.isF16()) || !llvm::all_of(sources, isOfType) ||
      !llvm::all_of(op.getOutput().getUsers(), isRounded))
    return false;
  auto set = [&](Value q, Value k, Value v, Type type) {
    op.getQMutable().assign(q);
    op.getKMutable().assign(k);
    op.getVMutable().assign(v);
    op.getOutput().setType(cast<RankedTensorType>(op.getOutput().getType()).clone(type));
  };
  Type before = getElementTypeOrSelf(op.getOutput());
  set(sources[0], sources[1], sources[2], element);
  if (!whyInvalid(op).empty()) {
    set(wide[0], wide[1], wide[2], before);
    return false;
  }
  for (Operation *user : llvm::make_early_inc_range(op.getOutput().getUsers())) {
    rewriter.setInsertionPoint(user); // what is rounded may say more of its sizes
    rewriter.replaceOp(user, rewriter.createOrFold<tensor::CastOp>(
                                 user->getLoc(), user->getResult(0).getType(), op.getOutput()));
  }
  remark::passed(op.getLoc(), remark::RemarkOpts::name("Narrowed").category("gqa-narrow-attention"))
      << remark::reason("q, k and v are of type {0}, and so is what is made of the output: it is computed as "
                        "such, with sums and softmax in f32",
                        element);
  return true;
}

struct NarrowAttentionPass : impl::GQANarrowAttentionBase<NarrowAttentionPass> {
  void runOnOperation() override {
    SmallVector<AttentionOp> operations;
    getOperation()->walk([&](AttentionOp op) { operations.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (AttentionOp op : operations)
      numNarrowed += narrow(rewriter, op);
  }
};

} // namespace
} // namespace gqa
