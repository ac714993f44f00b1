// The four projections of an attention together.
#include "Site.h"
#include "Parameters.h"
#include "Patterns.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {
namespace {

/// Something behind the product of K or V that is not on its way to the attention; null if there is nothing.
Operation *findOtherReader(AttentionOp op, linalg::LinalgOp q, linalg::LinalgOp k, linalg::LinalgOp v) {
  llvm::SetVector<Operation *> onTheWay;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.filter = [&](Operation *producer) { return producer != q && producer != k && producer != v; };
  for (Value operand : {op.getQ(), op.getK(), op.getV()})
    (void)getBackwardSlice(operand, &onTheWay, options);
  SmallVector<Operation *> worklist = {k, v};
  llvm::DenseSet<Operation *> seen;
  while (!worklist.empty()) {
    Operation *producer = worklist.pop_back_val();
    for (Operation *user : producer->getUsers()) {
      // A cache is what the caller passes on.
      if (user == op || (isa<func::ReturnOp>(user) && isa<AppendKVOp>(producer)) ||
          isa<tensor::DimOp>(user) || isOpTriviallyDead(user) || !seen.insert(user).second)
        continue;
      if (!onTheWay.contains(user))
        return user;
      worklist.push_back(user);
    }
  }
  return nullptr;
}

} // namespace

/// Why the cache that `append` writes to must stay as it is; empty if it may change.
static std::string whyCacheStays(AppendKVOp append, AttentionOp op, bool mayChangeSignature) {
  if (!mayChangeSignature)
    return "it is appended to a cache, an argument of the function, whose signature stays without "
           "change-signature";
  auto function = op->getParentOfType<func::FuncOp>();
  if (isCalled(function) || !function.getBody().hasOneBlock())
    return "it is appended to a cache of a function that is called, by callers whose caches hold other heads";
  if (cast<BlockArgument>(append.getCache()).getOwner() != &function.getBody().front())
    return "it is appended to a cache that a loop carries";
  for (Operation *user : append.getCache().getUsers())
    if (user != append && !isa<tensor::DimOp>(user))
      return ("its cache is also read by " + user->getName().getStringRef()).str();
  return "";
}

std::optional<Site> Site::find(AttentionOp op, WeightSource source, bool mayChangeSignature,
                               Unreachable &why) {
  auto refuse = [&](Operation *where, const Twine &reason) {
    why = {where, reason.str()};
    return std::nullopt;
  };
  Site site;
  site.op = op;
  for (auto [name, operand, layout, projection] : {std::tuple("Q", op.getQ(), op.getQLayout(), &site.q),
                                                   std::tuple("K", op.getK(), op.getKLayout(), &site.k),
                                                   std::tuple("V", op.getV(), op.getVLayout(), &site.v)}) {
    std::optional<InputProjection> found = InputProjection::find(operand, layout, source, why);
    if (!found)
      return refuse(why.where, Twine(name) + ": " + why.reason);
    *projection = std::move(*found);
    AppendKVOp append = projection->getAppend();
    if (std::string stays = append ? whyCacheStays(append, op, mayChangeSignature) : ""; !stays.empty())
      return refuse(append, Twine(name) + ": " + stays);
  }
  if (site.hasCache() && site.k.getAppend() == site.v.getAppend())
    return refuse(op, "K and V are one cache");
  if (site.q.getAppend())
    return refuse(op, "Q: it comes from a cache");
  RotaryOp q = site.q.getRotary(), k = site.k.getRotary();
  if (site.v.getRotary())
    return refuse(site.v.getRotary(), "V: its heads are rotated");
  if (bool(q) != bool(k) || (q && (q.getKind() != k.getKind() || q.getRotaryDim() != k.getRotaryDim())))
    return refuse(op, "Q and K are rotated differently");
  if (Operation *reader = findOtherReader(op, site.q.getProduct(), site.k.getProduct(), site.v.getProduct()))
    return refuse(reader, "K or V is also read by " + reader->getName().getStringRef() +
                              ", which would see fewer heads");
  std::optional<OutputProjection> o = OutputProjection::find(op, source, why);
  if (!o)
    return refuse(why.where, why.reason);
  site.o = std::move(*o);
  return site;
}

Heads Site::read(WeightSource source) const {
  return {q.read(source), k.read(source), v.read(source), o.read(source)};
}

void Site::write(RewriterBase &rewriter, const Heads &heads, WeightSink sink) {
  rewriter.setInsertionPoint(op);
  Type element = cast<RankedTensorType>(op.getQ().getType()).getElementType();
  Operand newQ = q.build(rewriter, heads.q, element, sink), newK = k.build(rewriter, heads.k, element, sink),
          newV = v.build(rewriter, heads.v, element, sink);
  rewriter.modifyOpInPlace(op, [&] {
    op.getQMutable().assign(newQ.tensor);
    op.getKMutable().assign(newK.tensor);
    op.getVMutable().assign(newV.tensor);
    op.setQLayout(newQ.layout);
    op.setKLayout(newK.layout);
    op.setVLayout(newV.layout);
  });
  o.write(rewriter, heads.o, sink);
  if (!hasCache())
    return;
  auto function = op->getParentOfType<func::FuncOp>();
  Block &body = function.getBody().front();
  function.setFunctionType(
      rewriter.getFunctionType(body.getArgumentTypes(), body.getTerminator()->getOperandTypes()));
}

bool Site::needsOrder() { return dependsOnHead(op) || (op.getLse() && !op.getLse().use_empty()); }

} // namespace gqa
