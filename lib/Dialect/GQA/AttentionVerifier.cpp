// The constraints (C1) to (C20) of gqa.attention, in the order of its description.
#include "Verify.h"
#include "gqa/Dialect/GQA/GQA.h"

#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace mlir;

namespace gqa {
namespace {

RankedTensorType tensorType(Value value) { return cast<RankedTensorType>(value.getType()); }

LogicalResult verifyElementTypes(AttentionOp op) {
  Type element = tensorType(op.getQ()).getElementType();
  for (auto [name, value] : {std::pair("k", Value(op.getK())), std::pair("v", Value(op.getV())),
                             std::pair("the output", Value(op.getOutput()))})
    if (tensorType(value).getElementType() != element) // attention_c1
      return op.emitOpError("element type of ") << name << " is " << tensorType(value).getElementType()
                                                << ", expected that of q, " << element << "; cast it first";
  return success();
}

LogicalResult verifyLayouts(AttentionOp op) {
  for (auto [name, layout] : {std::pair("q", op.getQLayout()), std::pair("k", op.getKLayout()),
                              std::pair("v", op.getVLayout()), std::pair("o", op.getOLayout())})
    if (failed(verifyLayout(op, layout, name))) // attention_c2
      return failure();
  return success();
}

/// One equality between two sizes, each named for the message.
LogicalResult verifySame(AttentionOp op, StringRef what, StringRef left, int64_t a, StringRef right,
                         int64_t b) {
  if (!provablyDiffer(a, b))
    return success();
  return op.emitOpError(what) << " of " << left << " is " << a << ", but that of " << right << " is " << b;
}

LogicalResult verifySizes(AttentionOp op) {
  Value q = op.getQ(), k = op.getK(), v = op.getV();
  StringRef ql = op.getQLayout(), kl = op.getKLayout(), vl = op.getVLayout();
  if (failed(
          verifySame(op, "batch size", "q", sizeOf(q, ql, 'b'), "k", sizeOf(k, kl, 'b'))) || // attention_c3
      failed(verifySame(op, "batch size", "q", sizeOf(q, ql, 'b'), "v", sizeOf(v, vl, 'b'))) ||
      failed(verifySame(op, "number of heads", "k", sizeOf(k, kl, 'h'), "v",
                        sizeOf(v, vl, 'h')))) // attention_c4
    return failure();
  int64_t queryHeads = op.getQueryHeads(), kvHeads = op.getKvHeads();
  if (!ShapedType::isDynamic(kvHeads) && !ShapedType::isDynamic(queryHeads) &&
      (kvHeads == 0 ? queryHeads != 0 : queryHeads % kvHeads != 0)) // attention_c5
    return op.emitOpError("number of key/value heads, ")
           << kvHeads << ", does not divide the number of query heads, " << queryHeads;
  if (failed(
          verifySame(op, "number of keys", "k", sizeOf(k, kl, 's'), "v", sizeOf(v, vl, 's')))) // attention_c6
    return failure();
  return verifySame(op, "head dimension", "q", sizeOf(q, ql, 'd'), "k", sizeOf(k, kl, 'd')); // attention_c7
}

LogicalResult verifyResults(AttentionOp op) {
  SmallVector<int64_t> logical = {op.getBatch(), op.getQueryHeads(), op.getNumQueries(), op.getValueDim()};
  SmallVector<int64_t, 4> expected = toLayout(logical, op.getOLayout());
  if (provablyDiffer(tensorType(op.getOutput()).getShape(), expected)) // attention_c8
    return op.emitOpError("output is ")
           << op.getOutput().getType() << ", expected B x Hq x Sq x Dv in layout \"" << op.getOLayout()
           << "\", " << RankedTensorType::get(expected, tensorType(op.getQ()).getElementType());
  if (!op.getLse())
    return success();
  RankedTensorType lse = tensorType(op.getLse());
  if (provablyDiffer(lse.getShape(), ArrayRef(logical).take_front(3)) ||
      lse.getElementType() != op.getAccumulatorType()) // attention_c9
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
    if (!broadcastsTo(tensorType(value).getShape(), scores)) // attention_c10
      return op.emitOpError(name) << " is " << value.getType()
                                  << ", which does not broadcast to the scores, B x Hq x Sq x Skv = "
                                  << RankedTensorType::get(scores, tensorType(value).getElementType());
  }
  return verifyCount(op, scores, "score matrix B x Hq x Sq x Skv"); // attention_c20
}

LogicalResult verifyVectors(AttentionOp op) {
  for (auto [name, value] : {std::pair("kv_len", op.getKvLen()), std::pair("offset", op.getOffsets())})
    if (value && tensorType(value).getDimSize(0) != 1 &&
        provablyDiffer(tensorType(value).getDimSize(0), op.getBatch())) // attention_c11
      return op.emitOpError(name) << " has " << tensorType(value).getDimSize(0)
                                  << " elements, expected one or " << op.getBatch() << ", the batch size";
  if (op.getSinks() &&
      provablyDiffer(tensorType(op.getSinks()).getDimSize(0), op.getQueryHeads())) // attention_c12
    return op.emitOpError("sinks has ") << tensorType(op.getSinks()).getDimSize(0) << " elements, expected "
                                        << op.getQueryHeads() << ", the number of query heads";
  return success();
}

/// The value of a parameter in the type that scores are computed in, where a double may overflow or vanish.
APFloat inAccumulator(AttentionOp op, APFloat value) {
  bool losesInfo;
  value.convert(op.getAccumulatorType().getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  return value;
}

LogicalResult verifyScales(AttentionOp op) {
  if ((op.getScale() && op.getScaleValue()) || (op.getOffset() && op.getOffsets())) // attention_c13
    return op.emitOpError("scale and offset are each an attribute or an operand, not both");
  std::optional<APFloat> scale = op.getScale(), softcap = op.getSoftcap();
  if (scale && !isFiniteAs(op.getAccumulatorType(), *scale))
    return op.emitOpError("scale is ")
           << scale->convertToDouble() << ", expected a number that is finite as " << op.getAccumulatorType();
  if (!scale && !op.getScaleValue() && op.getKeyDim() == 0)
    return op.emitOpError(
        "scale is missing, and 1 / sqrt(Dk) is infinite because the head dimension of k is 0");
  if (!softcap)
    return success();
  APFloat cap = inAccumulator(op, *softcap);
  if (!cap.isFinite() || cap.isNegative() || cap.isZero()) // attention_c15
    return op.emitOpError("softcap is ")
           << softcap->convertToDouble() << ", expected a number that is positive and "
           << "finite as " << op.getAccumulatorType();
  return success();
}

LogicalResult verifyPositions(AttentionOp op) {
  std::optional<ArrayRef<int64_t>> window = op.getWindow();
  auto isReach = [](int64_t keys) { return keys >= -1 && keys < sizeLimit; };
  if (window && (window->size() != 2 || !llvm::all_of(*window, isReach))) // attention_c14
    return op.emitOpError("window is [")
           << *window << "], expected two numbers, how many keys to the left and to the "
           << "right, each -1 (unbounded) or more and below 2^60";
  if (std::optional<int64_t> offset = op.getOffset())
    if (*offset <= -sizeLimit || *offset >= sizeLimit) // attention_c14
      return op.emitOpError("offset is ") << *offset << ", expected a number between -2^60 and 2^60";
  bool positional = op.getCausal() || op.getWindow();
  int64_t queries = op.getNumQueries(), keys = op.getNumKeys();
  bool square = queries == keys && !ShapedType::isDynamic(queries);
  if (positional && !op.getOffset() && !op.getOffsets() && !square) // attention_c16
    return op.emitOpError(
        "causal or window with Sq not provably equal to Skv needs offset(...): 0 aligns the first "
        "query with the first key, Skv - Sq the last with the last");
  return success();
}

bool isScalar(Type type) { return type.isIntOrIndexOrFloat(); }

LogicalResult verifyCaptures(AttentionOp op) {
  if (!op.getCaptures().empty() && !op.hasScore()) // attention_c18
    return op.emitOpError("has captured values but no score region");
  for (Type type : op.getCaptures().getTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type); !isScalar(tensor ? tensor.getElementType() : type))
      return op.emitOpError("captures a value of type ")
             << type << ", expected a scalar or a ranked tensor of them";
  return success();
}

/// What a kernel can clone for every element of the score matrix.
LogicalResult verifyScoreOperation(Operation &op) {
  if (!isMemoryEffectFree(&op)) // attention_c19
    return op.emitOpError("has side effects, which a score region must not have");
  if (op.getNumRegions() != 0 || !llvm::all_of(op.getResultTypes(), isScalar))
    return op.emitOpError(
        "in a score region, expected operations on scalars without regions; capture tensors and use "
        "arith.select for control flow");
  return success();
}

} // namespace

LogicalResult AttentionOp::verify() {
  if (failed(verifyTensors(*this)) || failed(verifyElementTypes(*this)) || failed(verifyLayouts(*this)) ||
      failed(verifySizes(*this)) || failed(verifyResults(*this)) || failed(verifyBroadcasts(*this)) ||
      failed(verifyVectors(*this)) || failed(verifyScales(*this)) || failed(verifyPositions(*this)))
    return failure();
  return verifyCaptures(*this);
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
           << block.getArgumentTypes() << "), expected the score, b, h, i, j and the captured values: ("
           << expected << ")";
  auto yield = dyn_cast_if_present<YieldOp>(block.empty() ? nullptr : &block.back());
  if (!yield)
    return emitOpError("score region must end with gqa.yield");
  TypeRange yielded = yield.getValues().getTypes();
  bool seen = yielded.size() == 2 && yielded[1].isInteger(1);
  if (yielded.empty() || yielded[0] != expected[0] || (yielded.size() != 1 && !seen))
    return yield.emitOpError("yields (") << yielded << "), expected the score, " << expected[0]
                                         << ", and optionally an i1 that says whether the key is seen";
  for (Operation &op : block.without_terminator())
    if (failed(verifyScoreOperation(op)))
      return failure();
  return success();
}

} // namespace gqa
