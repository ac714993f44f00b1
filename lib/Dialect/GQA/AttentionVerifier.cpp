// The constraints (C1) to (C19) of gqa.attention, in the order of its description.
#include "gqa/Dialect/GQA/GQA.h"

#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace mlir;

namespace gqa {
namespace {

bool mayDiffer(int64_t a, int64_t b) {
  return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b;
}

RankedTensorType tensorType(Value value) { return cast<RankedTensorType>(value.getType()); }

LogicalResult verifyElementTypes(AttentionOp op) {
  Type element = tensorType(op.getQ()).getElementType();
  for (auto [name, value] : {std::pair("k", Value(op.getK())), std::pair("v", Value(op.getV())),
                             std::pair("the output", Value(op.getOutput()))})
    if (tensorType(value).getElementType() != element) // attention_c1
      return op.emitOpError("element type of ")
             << name << " is " << tensorType(value).getElementType() << ", expected that of q, " << element
             << "; cast it first";
  return success();
}

LogicalResult verifyLayouts(AttentionOp op) {
  for (auto [name, layout] : {std::pair("q", op.getQLayout()), std::pair("k", op.getKLayout()),
                              std::pair("v", op.getVLayout()), std::pair("o", op.getOLayout())})
    if (!isLayout(layout)) // attention_c2
      return op.emitOpError("layout of ")
             << name << " is \"" << layout << "\", expected a permutation of \"bhsd\"";
  return success();
}

/// One equality between two sizes, each named for the message.
LogicalResult verifySame(AttentionOp op, StringRef what, StringRef left, int64_t a, StringRef right, int64_t b) {
  if (!mayDiffer(a, b))
    return success();
  return op.emitOpError(what) << " of " << left << " is " << a << ", but that of " << right << " is " << b;
}

LogicalResult verifySizes(AttentionOp op) {
  Value q = op.getQ(), k = op.getK(), v = op.getV();
  StringRef ql = op.getQLayout(), kl = op.getKLayout(), vl = op.getVLayout();
  if (failed(verifySame(op, "batch size", "q", sizeOf(q, ql, 'b'), "k", sizeOf(k, kl, 'b'))) || // attention_c3
      failed(verifySame(op, "batch size", "q", sizeOf(q, ql, 'b'), "v", sizeOf(v, vl, 'b'))) ||
      failed(verifySame(op, "number of heads", "k", sizeOf(k, kl, 'h'), "v", sizeOf(v, vl, 'h')))) // attention_c4
    return failure();
  int64_t queryHeads = op.getQueryHeads(), kvHeads = op.getKvHeads();
  if (!ShapedType::isDynamic(kvHeads) && !ShapedType::isDynamic(queryHeads) &&
      (kvHeads == 0 ? queryHeads != 0 : queryHeads % kvHeads != 0)) // attention_c5
    return op.emitOpError("number of key/value heads, ")
           << kvHeads << ", does not divide the number of query heads, " << queryHeads;
  if (failed(verifySame(op, "number of keys", "k", sizeOf(k, kl, 's'), "v", sizeOf(v, vl, 's')))) // attention_c6
    return failure();
  return verifySame(op, "head dimension", "q", sizeOf(q, ql, 'd'), "k", sizeOf(k, kl, 'd')); // attention_c7
}

LogicalResult verifyResults(AttentionOp op) {
  SmallVector<int64_t> logical = {op.getBatch(), op.getQueryHeads(), op.getNumQueries(), op.getValueDim()};
  SmallVector<int64_t, 4> expected = toLayout(logical, op.getOLayout());
  if (llvm::any_of(llvm::zip_equal(tensorType(op.getOutput()).getShape(), expected),
                   [](auto sizes) { return mayDiffer(std::get<0>(sizes), std::get<1>(sizes)); })) // attention_c8
    return op.emitOpError("output is ")
           << op.getOutput().getType() << ", expected B x Hq x Sq x Dv in layout \"" << op.getOLayout() << "\", "
           << RankedTensorType::get(expected, tensorType(op.getQ()).getElementType());
  if (!op.getLse())
    return success();
  RankedTensorType lse = tensorType(op.getLse());
  bool shapeDiffers = llvm::any_of(llvm::zip(lse.getShape(), logical), [](auto sizes) {
    return mayDiffer(std::get<0>(sizes), std::get<1>(sizes));
  });
  if (shapeDiffers || lse.getElementType() != op.getAccumulatorType()) // attention_c9
    return op.emitOpError("lse is ") << lse << ", expected B x Hq x Sq, "
                                     << RankedTensorType::get(ArrayRef(logical).take_front(3),
                                                              op.getAccumulatorType());
  return success();
}

LogicalResult verifyBroadcasts(AttentionOp op) {
  SmallVector<int64_t> scores = {op.getBatch(), op.getQueryHeads(), op.getNumQueries(), op.getNumKeys()};
  for (auto [name, value] : {std::pair("mask", op.getMask()), std::pair("bias", op.getBias())}) {
    if (!value)
      continue;
    ArrayRef<int64_t> shape = tensorType(value).getShape();
    for (auto [size, full] : llvm::zip(llvm::reverse(shape), llvm::reverse(scores)))
      if (size != 1 && mayDiffer(size, full)) // attention_c10
        return op.emitOpError(name) << " is " << value.getType()
                                    << ", which does not broadcast to the scores, B x Hq x Sq x Skv = "
                                    << RankedTensorType::get(scores, tensorType(value).getElementType());
  }
  return success();
}

LogicalResult verifyVectors(AttentionOp op) {
  for (auto [name, value] : {std::pair("kv_len", op.getKvLen()), std::pair("offset", op.getOffsets())})
    if (value && tensorType(value).getDimSize(0) != 1 &&
        mayDiffer(tensorType(value).getDimSize(0), op.getBatch())) // attention_c11
      return op.emitOpError(name) << " has " << tensorType(value).getDimSize(0) << " elements, expected one or "
                                  << op.getBatch() << ", the batch size";
  if (op.getSinks() && mayDiffer(tensorType(op.getSinks()).getDimSize(0), op.getQueryHeads())) // attention_c12
    return op.emitOpError("sinks has ") << tensorType(op.getSinks()).getDimSize(0) << " elements, expected "
                                        << op.getQueryHeads() << ", the number of query heads";
  return success();
}

LogicalResult verifyAttributes(AttentionOp op) {
  if ((op.getScale() && op.getScaleValue()) || (op.getOffset() && op.getOffsets())) // attention_c13
    return op.emitOpError("scale and offset are each an attribute or an operand, not both");
  if (op.getScale() && !op.getScale()->isFinite())
    return op.emitOpError("scale is not finite");
  if (std::optional<ArrayRef<int64_t>> window = op.getWindow())
    if (window->size() != 2 || (*window)[0] < -1 || (*window)[1] < -1) // attention_c14
      return op.emitOpError("window is two numbers, keys to the left and to the right, each -1 (unbounded) or more");
  if (std::optional<APFloat> softcap = op.getSoftcap())
    if (!softcap->isFinite() || softcap->isNegative() || softcap->isZero()) // attention_c15
      return op.emitOpError("softcap is ") << softcap->convertToDouble() << ", expected a positive finite number";
  bool positional = op.getCausal() || op.getWindow();
  int64_t queries = op.getNumQueries(), keys = op.getNumKeys();
  bool square = queries == keys && !ShapedType::isDynamic(queries);
  if (positional && !op.getOffset() && !op.getOffsets() && !square) // attention_c16
    return op.emitOpError("causal or window with Sq not provably equal to Skv needs offset(...): 0 aligns the first "
                          "query with the first key, Skv - Sq the last with the last");
  return success();
}

} // namespace

LogicalResult AttentionOp::verify() {
  if (failed(verifyElementTypes(*this)) || failed(verifyLayouts(*this)) || failed(verifySizes(*this)) ||
      failed(verifyResults(*this)) || failed(verifyBroadcasts(*this)) || failed(verifyVectors(*this)) ||
      failed(verifyAttributes(*this)))
    return failure();
  if (!getCaptures().empty() && !hasScore()) // attention_c18
    return emitOpError("has captured values but no score region");
  return success();
}

LogicalResult AttentionOp::verifyRegions() {
  if (!hasScore())
    return success();
  Block &block = getScoreBlock();
  SmallVector<Type> expected = {getAccumulatorType()};
  expected.append(4, IndexType::get(getContext()));
  llvm::append_range(expected, getCaptures().getTypes());
  if (!llvm::equal(block.getArgumentTypes(), expected)) // attention_c17
    return emitOpError("score region takes (")
           << block.getArgumentTypes() << "), expected the score, b, h, i, j and the captured values: (" << expected
           << ")";
  auto yield = dyn_cast_if_present<YieldOp>(block.empty() ? nullptr : &block.back());
  if (!yield)
    return emitOpError("score region must end with gqa.yield");
  TypeRange yielded = yield.getValues().getTypes();
  bool seen = yielded.size() == 2 && yielded[1].isInteger(1);
  if (yielded.empty() || yielded[0] != expected[0] || (yielded.size() != 1 && !seen))
    return yield.emitOpError("yields (") << yielded << "), expected the score, " << expected[0]
                                         << ", and optionally an i1 that says whether the key is seen";
  for (Operation &op : block.without_terminator())
    if (!isMemoryEffectFree(&op)) // attention_c19
      return op.emitOpError("has side effects, which a score region must not have");
  return success();
}

} // namespace gqa
