// gqa-raise: every contraction is asked whether it ends an attention; every softmax gets an answer.
#include "gqa/Raise/Passes.h"
#include "gqa/Raise/Report.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/RegionUtils.h"

namespace gqa {
#define GEN_PASS_DEF_GQARAISE
#include "gqa/Raise/Passes.h.inc"
} // namespace gqa

using namespace mlir;

namespace gqa {
namespace {

/// True if `op` computes exp(s - max s): what makes a softmax.
bool isSoftmaxLike(Evaluator &evaluator, linalg::LinalgOp op) {
  if (op.getNumParallelLoops() != op.getNumLoops() || op->getNumResults() != 1 ||
      op.getBlock()->getOps<math::ExpOp>().empty())
    return false;
  SmallVector<AffineExpr> coordinates;
  for (int64_t size : cast<ShapedType>(op->getResult(0).getType()).getShape())
    coordinates.push_back(evaluator.context.space.addVariable(size));
  Expr e = evaluator.peelCasts(evaluator.context.load(op->getResult(0), coordinates));
  Expr argument = e->isApply("math.exp") ? evaluator.peelCasts(e->operands[0]) : nullptr;
  if (!argument || !argument->isApply("arith.subf"))
    return false;
  std::optional<Reduction> maximum = evaluator.reduction(evaluator.peelCasts(argument->operands[1]));
  return maximum && maximum->kind == Reduction::Kind::Max;
}

/// `value`, laid out as `from`, in another layout.
Value transpose(RewriterBase &rewriter, const Operand &operand, StringRef layout) {
  if (operand.layout == layout)
    return operand.tensor;
  Location loc = operand.tensor.getLoc();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, operand.tensor), permuted;
  SmallVector<int64_t> permutation;
  for (char letter : layout) {
    permutation.push_back(dimOf(operand.layout, letter));
    permuted.push_back(sizes[permutation.back()]);
  }
  Type element = cast<RankedTensorType>(operand.tensor.getType()).getElementType();
  Value empty = tensor::EmptyOp::create(rewriter, loc, permuted, element);
  return linalg::TransposeOp::create(rewriter, loc, operand.tensor, empty, permutation)->getResult(0);
}

/// Replaces a rotated tensor by gqa.rotary for all its users.
std::optional<RotaryOp> replaceRotary(RewriterBase &rewriter, const Operand &tensor) {
  ExprContext context(rewriter.getContext());
  Evaluator evaluator(context);
  std::optional<Operand> rotated = raiseRotary(rewriter, evaluator, tensor);
  if (!rotated)
    return std::nullopt;
  rewriter.setInsertionPointAfter(rotated->tensor.getDefiningOp());
  rewriter.replaceAllUsesWith(tensor.tensor, transpose(rewriter, *rotated, tensor.layout));
  return rotated->tensor.getDefiningOp<RotaryOp>();
}

/// The tensor under a repeat of heads.
Operand underRepeat(Value value, StringRef layout) {
  if (auto repeat = value.getDefiningOp<RepeatHeadsOp>())
    value = repeat.getX();
  return {value, layout.str()};
}

/// Rotations and appends in front of a raised attention.
void raiseAround(RewriterBase &rewriter, AttentionOp op, Findings &findings) {
  auto rotate = [&](const Operand &operand) {
    if (std::optional<RotaryOp> rotary = replaceRotary(rewriter, operand)) {
      findings.rotary = stringifyRotaryKind(rotary->getKind());
      findings.rotaryDim = rotary->getRotaryDim();
    }
  };
  auto append = [&](const Operand &cached) {
    std::optional<AppendKVOp> append = raiseAppend(rewriter, cached);
    if (append)
      findings.cache = "concat";
    return append ? Operand{append->getFresh(), cached.layout} : cached;
  };
  append(underRepeat(op.getV(), op.getVLayout()));
  rotate(append(underRepeat(op.getK(), op.getKLayout())));
  rotate({op.getQ(), op.getQLayout().str()});
}

void eraseDeadOps(RewriterBase &rewriter, Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      rewriter.eraseOp(&op);
}

struct RaisePass : impl::GQARaiseBase<RaisePass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    llvm::MapVector<Operation *, DictionaryAttr> candidates = findCandidates(function);
    if (candidates.empty())
      return;
    raiseAll(function, candidates);
    SmallVector<Attribute> entries;
    for (auto &[op, entry] : candidates)
      entries.push_back(entry ? entry
                              : decline({op, op, "no product of the probabilities with V was found"}));
    if (auto earlier = function->getAttrOfType<ArrayAttr>(kCandidatesAttr))
      entries.insert(entries.begin(), earlier.begin(), earlier.end());
    function->setAttr(kCandidatesAttr, ArrayAttr::get(&getContext(), entries));
    IRRewriter rewriter(&getContext());
    function.walk([&](Block *block) { eraseDeadOps(rewriter, *block); });
  }

private:
  llvm::MapVector<Operation *, DictionaryAttr> findCandidates(func::FuncOp function) {
    llvm::MapVector<Operation *, DictionaryAttr> candidates;
    ExprContext context(&getContext());
    Evaluator evaluator(context);
    function.walk([&](linalg::LinalgOp op) {
      if (isSoftmaxLike(evaluator, op))
        candidates[op] = nullptr;
    });
    return candidates;
  }

  void raiseAll(func::FuncOp function, llvm::MapVector<Operation *, DictionaryAttr> &candidates) {
    SmallVector<linalg::LinalgOp> contractions;
    function.walk([&](linalg::LinalgOp op) {
      if (op.getNumReductionLoops() == 1)
        contractions.push_back(op);
    });
    int64_t earlier = 0;
    if (auto entries = function->getAttrOfType<ArrayAttr>(kCandidatesAttr))
      earlier = entries.size();
    for (linalg::LinalgOp product : contractions) {
      Refusal refusal;
      Findings findings;
      std::optional<AttentionOp> op = raise(product, findings, refusal);
      auto candidate = candidates.find(refusal.exponential);
      if (op) {
        ++raised;
        if (candidate == candidates.end())
          candidate = candidates.insert({refusal.exponential, nullptr}).first;
        candidate->second = describeRaised(*op, findings, refusal.exponential);
        Builder builder(&getContext());
        (*op)->setAttr(kCandidateAttr, builder.getI64IntegerAttr(earlier + (candidate - candidates.begin())));
      } else if (candidate != candidates.end() && !candidate->second && !refusal.reason.empty()) {
        candidate->second = decline(refusal);
      }
    }
  }

  std::optional<AttentionOp> raise(linalg::LinalgOp product, Findings &findings, Refusal &refusal) {
    ExprContext context(&getContext());
    Evaluator evaluator(context);
    std::optional<AttentionMatch> match = Matcher(evaluator).match(product, refusal);
    if (!match)
      return std::nullopt;
    std::optional<Axes> axes = findAxes(context, evaluator, *match, refusal);
    if (!axes)
      return std::nullopt;
    IRRewriter rewriter(&getContext());
    std::optional<AttentionOp> op = buildAttention(rewriter, evaluator, *axes, findings, refusal);
    if (op)
      raiseAround(rewriter, *op, findings);
    return op;
  }

  DictionaryAttr decline(const Refusal &refusal) {
    ++declined;
    Operation *where = refusal.where;
    while (isa<UnknownLoc>(where->getLoc()) && isa<linalg::LinalgOp>(where->getParentOp()))
      where = where->getParentOp(); // named operations have bodies that nobody wrote
    remark::missed(where->getLoc(), remark::RemarkOpts::name("NotRaised").category("gqa-raise"))
        << remark::reason("{0}", refusal.reason)
        << remark::metric("Operation", where->getName().getStringRef());
    return describeDeclined(refusal);
  }
};

} // namespace
} // namespace gqa
