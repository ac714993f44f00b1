// gqa-raise: every contraction is asked whether it ends an attention; every softmax gets an answer.
#include "gqa/Raise/LongChains.h"
#include "gqa/Raise/Passes.h"
#include "gqa/Raise/Report.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FormatVariadic.h"

namespace gqa {
#define GEN_PASS_DEF_GQARAISE
#include "gqa/Raise/Passes.h.inc"
} // namespace gqa

using namespace mlir;

namespace gqa {
namespace {

void eraseDeadOps(RewriterBase &rewriter, Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      rewriter.eraseOp(&op);
}

struct RaisePass : impl::GQARaiseBase<RaisePass> {
  void getDependentDialects(DialectRegistry &registry) const override {
    GQARaiseBase::getDependentDialects(registry);
    tensor::registerInferTypeOpInterfaceExternalModels(registry); // of reshapes, for resolveSizes
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function.isExternal() && failed(withStackFor(function, [&] { raise(function); })))
      signalPassFailure();
  }

private:
  void raise(func::FuncOp function) {
    normalize(function);
    resolveSizes(function);
    IRRewriter rewriter(&getContext());
    DominanceInfo dominance(function);
    eliminateCommonSubExpressions(rewriter, dominance, function); // what is computed twice is looked at once
    written += raiseIndexedAppends(rewriter, function);
    llvm::MapVector<Operation *, DictionaryAttr> candidates = findCandidates(function);
    raiseAll(function, candidates);
    rotations += raiseRotations(rewriter, function);
    function.walk([&](Block *block) { eraseDeadOps(rewriter, *block); });
    if (candidates.empty())
      return;
    llvm::DenseSet<Operation *> alive;
    function.walk([&](Operation *op) { alive.insert(op); });
    SmallVector<Attribute> entries;
    for (auto &[op, entry] : candidates) {
      bool isRaised = entry && entry.getAs<StringAttr>("status") == "raised";
      if (isRaised && alive.contains(op) && !isa<AttentionOp>(op))
        explainKept(op);
      if (entry && (isRaised || alive.contains(op)))
        entries.push_back(entry);
      else if (alive.contains(op))
        entries.push_back(decline({op, op, "no product of the probabilities with V was found"}));
      else // a part of what was raised: no entry, but its place
        entries.push_back(UnitAttr::get(&getContext()));
    }
    if (auto earlier = function->getAttrOfType<ArrayAttr>(kCandidatesAttr))
      entries.insert(entries.begin(), earlier.begin(), earlier.end());
    function->setAttr(kCandidatesAttr, ArrayAttr::get(&getContext(), entries));
  }

  /// Attentions that the front end kept are refined first: what is found is theirs.
  llvm::DenseMap<Operation *, Findings> refineAll(func::FuncOp function) {
    SmallVector<AttentionOp> kept;
    function.walk([&](AttentionOp op) {
      if (!op->hasAttr(kCandidateAttr))
        kept.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    llvm::DenseMap<Operation *, Findings> findings;
    for (AttentionOp op : kept) {
      Findings found;
      op = refineKept(rewriter, op, found);
      raiseAround(rewriter, op, found);
      findings[op] = found;
    }
    return findings;
  }

  /// Sizes are asked of what results are written to and moved from, so that what is replaced has no other
  /// users left.
  void resolveSizes(func::FuncOp function) {
    IRRewriter rewriter(&getContext());
    llvm::SetVector<tensor::DimOp> worklist;
    function.walk([&](tensor::DimOp op) { worklist.insert(op); });
    while (!worklist.empty()) {
      tensor::DimOp op = worklist.pop_back_val();
      std::optional<int64_t> dim = op.getConstantIndex();
      auto type = dyn_cast<RankedTensorType>(op.getSource().getType());
      if (!dim || !type || *dim < 0 || *dim >= type.getRank())
        continue;
      Value tensor = op.getSource();
      while (auto destination = tensor.getDefiningOp<DestinationStyleOpInterface>())
        tensor = destination.getTiedOpOperand(cast<OpResult>(tensor))->get();
      rewriter.modifyOpInPlace(op, [&] { op.getSourceMutable().assign(tensor); });
      Operation *def = tensor.getDefiningOp();
      if (!isa_and_present<tensor::EmptyOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(
              def))
        continue;
      rewriter.setInsertionPoint(op);
      FailureOr<OpFoldResult> size = reifyDimOfResult(rewriter, def, /*resultIndex=*/0, *dim);
      if (failed(size))
        continue;
      Value value = getValueOrCreateConstantIndexOp(rewriter, op.getLoc(), *size);
      rewriter.replaceOp(op, value);
      auto product = value.getDefiningOp<affine::AffineApplyOp>(); // of collapsed dimensions
      for (Value part : product ? product.getOperands() : ValueRange(value))
        if (auto inner = part.getDefiningOp<tensor::DimOp>())
          worklist.insert(inner);
    }
  }

  llvm::MapVector<Operation *, DictionaryAttr> findCandidates(func::FuncOp function) {
    llvm::DenseMap<Operation *, Findings> findings = refineAll(function);
    llvm::MapVector<Operation *, DictionaryAttr> candidates;
    ExprContext context(&getContext());
    Evaluator evaluator(context);
    function.walk([&](Operation *op) {
      if (auto kept = dyn_cast<AttentionOp>(op); kept && !op->hasAttr(kCandidateAttr))
        candidates[op] = describeRaised(kept, findings[op], op);
      auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
      if (Operation *exponential = linalgOp ? softmaxOf(evaluator, linalgOp) : nullptr)
        candidates[exponential] = nullptr;
    });
    expressions += context.getNumExpressions();
    return candidates;
  }

  void raiseAll(func::FuncOp function, llvm::MapVector<Operation *, DictionaryAttr> &candidates) {
    SmallVector<linalg::LinalgOp> contractions;
    function.walk([&](linalg::LinalgOp op) {
      if (op.getNumReductionLoops() > 0)
        contractions.push_back(op);
    });
    for (auto [place, candidate] : llvm::enumerate(candidates))
      if (auto kept = dyn_cast<AttentionOp>(candidate.first))
        link(kept, place);
    hasLogarithms = function
                        .walk([](Operation *op) {
                          bool isOne = isa<math::LogOp, math::Log1pOp, math::Log2Op>(op);
                          return isOne ? WalkResult::interrupt() : WalkResult::advance();
                        })
                        .wasInterrupted();
    DenseSet<Operation *> done; // products of attentions that were found from another one
    for (linalg::LinalgOp product : contractions) {
      if (done.contains(product))
        continue;
      Refusal refusal;
      SmallVector<Findings, 1> findings;
      if (SmallVector<AttentionOp> ops = raise(product, findings, refusal, done); !ops.empty())
        record(ops, findings, refusal.exponential, candidates);
      else if (auto candidate = candidates.find(refusal.exponential);
               candidate != candidates.end() && !candidate->second && !refusal.reason.empty())
        candidate->second = decline(refusal);
    }
  }

  /// Ties the operation to the entry at `place` of this run's candidates.
  void link(AttentionOp op, int64_t place) {
    int64_t earlier = 0;
    if (auto entries = op->getParentOfType<func::FuncOp>()->getAttrOfType<ArrayAttr>(kCandidatesAttr))
      earlier = entries.size();
    auto number = IntegerType::get(&getContext(), 64);
    op->setAttr(kCandidateAttr, IntegerAttr::get(number, place == kNoPlace ? place : earlier + place));
  }

  /// The entry of a softmax that was raised. Of several sets of keys the one is described that has most of
  /// them.
  void record(ArrayRef<AttentionOp> ops, ArrayRef<Findings> findings, Operation *exponential,
              llvm::MapVector<Operation *, DictionaryAttr> &candidates) {
    raised += ops.size();
    const AttentionOp *most = llvm::max_element(ops, [](AttentionOp a, AttentionOp b) {
      return a.getNumKeys() < b.getNumKeys(); // what is not known is a negative number
    });
    AttentionOp op = *most;
    const Findings &found = findings[most - ops.begin()];
    auto candidate = candidates.find(exponential);
    bool isSecond = candidate != candidates.end() && candidate->second &&
                    candidate->second.getAs<StringAttr>("status") == "raised";
    if (candidate == candidates.end() || isSecond) // of two products with one softmax each is an attention
      candidate = candidates.insert({isSecond ? op.getOperation() : exponential, nullptr}).first;
    candidate->second = describeRaised(op, found, exponential);
    for (AttentionOp each : ops)
      link(each, each == op ? candidate - candidates.begin() : kNoPlace);
    remark::passed(op.getLoc(), remark::RemarkOpts::name("Raised").category("gqa-raise"))
        << remark::reason("{0}", summarize(candidate->second));
    if (found.joinsKeys)
      remark::missed(op.getLoc(), remark::RemarkOpts::name("KeysJoined").category("gqa-raise"))
          << remark::reason("the two parts of k are in tensors of their own: they are put side by side in "
                            "memory in each call");
  }

  SmallVector<AttentionOp> raise(linalg::LinalgOp product, SmallVectorImpl<Findings> &findings,
                                 Refusal &refusal, DenseSet<Operation *> &done) {
    ExprContext context(&getContext());
    llvm::scope_exit count([&] { expressions += context.getNumExpressions(); });
    Evaluator evaluator(context);
    SmallVector<Axes, 1> parts;
    for (AttentionMatch &match : Matcher(evaluator, hasLogarithms).match(product, refusal)) {
      std::optional<Axes> axes = findAxes(context, evaluator, match, refusal);
      if (!axes)
        return {};
      parts.push_back(*axes);
    }
    if (parts.empty())
      return {};
    IRRewriter rewriter(&getContext());
    findings.resize(parts.size());
    SmallVector<AttentionOp> ops;
    if (parts.size() > 1)
      ops = buildParts(rewriter, evaluator, parts, findings, refusal);
    else if (auto op = buildAttention(rewriter, evaluator, parts.front(), findings.front(), refusal))
      ops.push_back(*op);
    for (auto [op, found] : llvm::zip(ops, findings))
      raiseAround(rewriter, op, found);
    for (const Axes &part : parts)
      if (!ops.empty()) {
        done.insert(part.match.product);
        done.insert_range(part.match.products);
      }
    return ops;
  }

  /// What of a raised attention something else reads as well, and so is computed as before, beside it.
  void explainKept(Operation *exponential) {
    Value kept = exponential->getNumResults() == 1 ? exponential->getResult(0) : Value();
    auto type = kept ? dyn_cast<RankedTensorType>(kept.getType()) : RankedTensorType();
    std::string cost = "one number for each pair of query and key";
    if (type && type.hasStaticShape() && type.getElementType().isIntOrFloat())
      cost = llvm::formatv("{0} numbers, {1} bytes", type.getNumElements(),
                           type.getNumElements() * type.getElementType().getIntOrFloatBitWidth() / 8);
    remark::missed(exponential->getLoc(), remark::RemarkOpts::name("KeptScores").category("gqa-raise"))
        << remark::reason(
               "the attention is raised, but its scores or probabilities are read elsewhere as well: "
               "they are computed beside it and written to memory, {0}",
               cost);
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

  bool hasLogarithms = false;
};

} // namespace
} // namespace gqa
