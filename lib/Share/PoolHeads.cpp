// gqa-pool-heads: multi-head attention to grouped attention, asked for and measured.
#include "Calibration.h"
#include "NewParameters.h"
#include "PoolReport.h"
#include "Site.h"
#include "gqa/Raise/LongChains.h"
#include "gqa/Share/Passes.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/RegionUtils.h"

namespace gqa {
#define GEN_PASS_DEF_GQAPOOLHEADS
#include "gqa/Share/Passes.h.inc"
} // namespace gqa

using namespace mlir;

namespace gqa {
namespace {

StringRef stringify(PoolMethod method) {
  switch (method) {
  case PoolMethod::First:
    return "first";
  case PoolMethod::Mean:
    return "mean";
  case PoolMethod::Subspace:
    return "subspace";
  }
  llvm_unreachable("a method of gqa-pool-heads");
}

bool allFinite(const Heads &heads) {
  return llvm::all_of(ArrayRef{&heads.q, &heads.k, &heads.v, &heads.o}, [](const auto *matrices) {
    return llvm::all_of(*matrices, [](const Matrix &matrix) { return matrix.allFinite(); });
  });
}

struct PoolHeadsPass : impl::GQAPoolHeadsBase<PoolHeadsPass> {
  using GQAPoolHeadsBase::GQAPoolHeadsBase;

  void runOnOperation() override {
    if (failed(withStackFor(getOperation(), [&] { pool(); })))
      signalPassFailure();
  }

private:
  void pool() {
    SmallVector<AttentionOp> ops;
    getOperation().walk([&](AttentionOp op) { ops.push_back(op); });
    if (failed(checkOptions(ops)) || failed(openFiles()))
      return signalPassFailure();
    std::vector<PoolEntry> entries;
    if (failed(weights.empty() ? convertAll(ops, entries, buildConstant) : convertToFile(ops, entries)))
      return signalPassFailure();
    if (llvm::Error error = writeReport(entries, stringify(method), report)) {
      emitError(getOperation().getLoc()) << llvm::toString(std::move(error));
      signalPassFailure();
    }
  }

  LogicalResult checkOptions(ArrayRef<AttentionOp> ops) {
    auto fail = [&](const Twine &message) {
      return emitError(getOperation().getLoc()) << "gqa-pool-heads: " << message;
    };
    if (kvHeads.empty() != (maxError >= 0))
      return fail("expected either kv-heads or max-error, found " +
                  Twine(kvHeads.empty() ? "neither" : "both"));
    if (kvHeads.size() > 1 && kvHeads.size() != ops.size())
      return fail("kv-heads has " + Twine(kvHeads.size()) +
                  " numbers, expected one, or one for each of the " + Twine(ops.size()) + " attentions");
    if (llvm::any_of(kvHeads, [](int64_t count) { return count < 1; }))
      return fail("kv-heads must be 1 or more");
    if (heal && moments.empty())
      return fail("heal fits output projections to calibration data: name the file of its second moments "
                  "with moments=");
    return success();
  }

  LogicalResult fail(llvm::Error error) {
    return emitError(getOperation().getLoc()) << "gqa-pool-heads: " << llvm::toString(std::move(error));
  }

  LogicalResult openFiles() {
    if (llvm::Error error = Parameters::open(getOperation(), directory).moveInto(parameters))
      return fail(std::move(error));
    if (llvm::Error error = Calibration::open(moments).moveInto(calibration))
      return fail(std::move(error));
    return success();
  }

  LogicalResult convertAll(ArrayRef<AttentionOp> ops, std::vector<PoolEntry> &entries, WeightSink sink) {
    for (auto [number, op] : llvm::enumerate(ops)) {
      entries.emplace_back(op);
      if (failed(convert(op, number, entries.back(), sink)))
        return failure();
    }
    IRRewriter rewriter(&getContext());
    getOperation().walk([&](func::FuncOp function) { (void)runRegionDCE(rewriter, function->getRegions()); });
    eraseUnusedParameters(getOperation());
    return success();
  }

  /// The same with new weights in a new file.
  LogicalResult convertToFile(ArrayRef<AttentionOp> ops, std::vector<PoolEntry> &entries) {
    llvm::Expected<NewParameters> file = NewParameters::create(weights, parameters, ops.size());
    if (!file)
      return fail(file.takeError());
    auto add = [&](OpBuilder &builder, Location loc, RankedTensorType type, ArrayRef<double> elements,
                   Value like) { return file->add(builder, loc, type, elements, like); };
    if (failed(convertAll(ops, entries, add)))
      return failure();
    if (llvm::Error error = file->finish(getOperation()))
      return fail(std::move(error));
    return success();
  }

  LogicalResult convert(AttentionOp op, size_t number, PoolEntry &entry, WeightSink sink) {
    auto source = [&](Value value) { return parameters.lookup(value); };
    auto function = op->getParentOfType<func::FuncOp>();
    if (!function)
      return decline(entry, op, "it is in no function");
    Unreachable why;
    std::optional<Site> site = Site::find(op, source, changeSignature, why);
    if (!site)
      return decline(entry, why.where, why.reason);
    if (!weights.empty() && isCalled(function))
      return decline(
          entry, op,
          "weights= makes new weights parameters of its function, which has callers that do not pass "
          "them; inline it, or leave weights= out");
    if (groups == Grouping::Search && site->needsOrder())
      return decline(
          entry, op,
          "sinks, a mask, a bias, the score or a use of lse depends on the query head, which keeps heads in "
          "their order; use groups=adjacent");
    Heads heads = site->read(source);
    if (!allFinite(heads))
      return decline(entry, op, "its weights hold NaN or infinities");
    Matrix moment;
    if (llvm::Error error = calibration.inputMoment(number, heads.k.front().rows()).moveInto(moment))
      return op.emitError() << "gqa-pool-heads: " << llvm::toString(std::move(error));
    if (moment.size() && !site->sharesInput())
      return decline(entry, op,
                     "queries are projected from other tokens than keys, and moments= has one for both");
    FailureOr<SmallVector<int64_t>> counts = candidates(op, number, heads.k.size());
    if (failed(counts))
      return failure();
    Importance importance(heads, moment);
    Rotation rotation = site->getRotation();
    if (RotaryOp rotary = site->getRotary())
      entry.rotary = stringifyRotaryKind(rotary.getKind()).str();
    for (int64_t count : *counts) {
      if (count == int64_t(heads.k.size()))
        break;
      HeadGroups chosen = groups == Grouping::Adjacent
                              ? adjacentGroups(heads.k.size(), count)
                              : searchGroups(heads, importance, rotation, count, seed);
      Pooled pooled = poolHeads(heads, chosen, importance, rotation, method);
      entry.energyK = pooled.keptK;
      entry.energyV = pooled.keptV;
      if (maxError >= 0 && std::max(entry.errorK(), entry.errorV()) > maxError)
        continue;
      entry.kvHeads = count;
      entry.groups = chosen;
      return write(*site, number, pooled.heads, entry, sink);
    }
    entry.energyK = entry.energyV = 1;
    remark::missed(op.getLoc(), remark::RemarkOpts::name("NotPooled").category("gqa-pool-heads"))
        << remark::reason("keeps its {0} key/value heads", heads.k.size());
    return success();
  }

  /// Numbers of heads to try, in turn.
  FailureOr<SmallVector<int64_t>> candidates(AttentionOp op, size_t number, int64_t heads) {
    SmallVector<int64_t> counts;
    if (maxError >= 0) {
      for (int64_t count = 1; count <= heads; ++count)
        if (heads % count == 0)
          counts.push_back(count);
      return counts;
    }
    counts.push_back(kvHeads[kvHeads.size() == 1 ? 0 : number]);
    if (heads % counts.front() != 0)
      return op.emitError() << "gqa-pool-heads: kv-heads=" << counts.front() << " does not divide its "
                            << heads << " key/value heads";
    return counts;
  }

  LogicalResult write(Site &site, size_t number, Heads &heads, PoolEntry &entry, WeightSink sink) {
    AttentionOp op = site.getOp();
    if (heal) {
      if (llvm::Error error = calibration.heal(number, heads))
        return op.emitError() << "gqa-pool-heads: " << llvm::toString(std::move(error));
      entry.healed = true;
    }
    IRRewriter rewriter(&getContext());
    site.write(rewriter, heads, sink);
    ++pooled;
    remark::passed(op.getLoc(), remark::RemarkOpts::name("Pooled").category("gqa-pool-heads")) << remark::add(
        "{0} -> {1} key/value heads, {2} -> {3} bytes per token; relative error of K {4:e2}, of V {5:e2}",
        entry.kvHeadsBefore, entry.kvHeads, entry.bytesBefore(), entry.bytes(), entry.errorK(),
        entry.errorV());
    if (site.hasCache()) {
      auto function = op->getParentOfType<func::FuncOp>();
      std::string type;
      llvm::raw_string_ostream(type) << function.getFunctionType();
      remark::passed(function.getLoc(),
                     remark::RemarkOpts::name("SignatureChanged").category("gqa-pool-heads"))
          << remark::add("@{0} has another signature: {1}", function.getName().str(), type);
    }
    return success();
  }

  LogicalResult decline(PoolEntry &entry, Operation *where, const Twine &reason) {
    ++declined;
    entry.reason = reason.str();
    remark::missed(where->getLoc(), remark::RemarkOpts::name("NotPooled").category("gqa-pool-heads"))
        << remark::reason("{0}", entry.reason)
        << remark::metric("Operation", where->getName().getStringRef());
    return success();
  }

  Parameters parameters;
  Calibration calibration;
};

} // namespace
} // namespace gqa
