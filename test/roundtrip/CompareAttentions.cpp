// Parameters by value; operands and regions by whether they are there.
#include "CompareAttentions.h"

#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;

namespace gqa::roundtrip {

Facts factsOf(AttentionOp op) {
  bool uniform = op.getDeadRow() == DeadRow::Uniform && !op.getSinks();
  if (op.getSinks())
    return {true, uniform};
  if (op.getMask() || op.getBias() || op.getKvLen() || op.getOffsets() || op.hasScore())
    return {false, uniform};
  if (!op.getCausal() && !op.getWindow())
    return {true, uniform};
  int64_t queries = op.getNumQueries(), keys = op.getNumKeys(), offset = *op.getConstantOffset();
  ArrayRef<int64_t> window = op.getWindow().value_or(ArrayRef<int64_t>{-1, -1});
  if (ShapedType::isDynamic(queries)) // is key 0 seen by all?
    return {window[0] == -1 && offset >= 0, uniform};
  if (ShapedType::isDynamic(keys))
    keys = 1;
  for (int64_t i = 0; i < queries; ++i) {
    int64_t stand = i + offset, low = window[0] == -1 ? 0 : stand - window[0];
    int64_t high = op.getCausal() ? stand : keys - 1;
    if (window[1] != -1)
      high = std::min(high, stand + window[1]);
    if (std::max<int64_t>(low, 0) > std::min(high, keys - 1))
      return {false, uniform};
  }
  return {true, uniform};
}

/// How far apart two constants may be that were rounded on the way, as factors of q and of k.
static double roundingOf(AttentionOp op) {
  Type element = cast<RankedTensorType>(op.getQ().getType()).getElementType();
  return element.isF16() ? 2e-3 : element.isBF16() ? 2e-2 : 1e-5;
}

/// How many sequences of keys there are: of one head in each batch, or of a single batch, nothing tells heads
/// from batches.
static int64_t keysOf(AttentionOp op) {
  int64_t batch = op.getBatch(), heads = op.getKvHeads();
  return ShapedType::isDynamic(batch) ? (ShapedType::isDynamic(heads) ? -1 : -heads) : batch * heads;
}

std::string compareAttentions(AttentionOp original, AttentionOp raised) {
  auto positions = [](AttentionOp op) { return op.getCausal() || op.getWindow(); };
  // Score mathematics may become operands, and masks and factors around it a part of it; never the other way
  // round.
  bool region = original.hasScore();
  // Of one query a length and a position say the same.
  bool single = original.getNumQueries() == 1;
  for (auto [name, was, is, same] :
       {std::tuple("a score region", region, raised.hasScore(), region),
        std::tuple("a mask", bool(original.getMask()), bool(raised.getMask()), region),
        std::tuple("a bias", bool(original.getBias()), bool(raised.getBias()), region),
        std::tuple("kv_len", bool(original.getKvLen()), bool(raised.getKvLen()), single),
        std::tuple("sinks", bool(original.getSinks()), bool(raised.getSinks()), false),
        std::tuple("causal or window", positions(original), positions(raised),
                   single && original.getKvLen())})
    if (is && !was && !same)
      return llvm::formatv("{0} appeared", name);
  if (keysOf(original) != keysOf(raised))
    return llvm::formatv("{0} KV heads instead of {1}", raised.getKvHeads(), original.getKvHeads());
  if (original.getDeadRow() != raised.getDeadRow() && !factsOf(original).neverDead)
    return llvm::formatv("dead_row {0} instead of {1}", stringifyDeadRow(raised.getDeadRow()),
                         stringifyDeadRow(original.getDeadRow()));
  if (region)
    return "";
  std::optional<double> scale = original.getConstantScale(), other = raised.getConstantScale();
  if (scale.has_value() != other.has_value() ||
      (scale && std::abs(*scale - *other) > roundingOf(original) * std::abs(*scale)))
    return llvm::formatv("scale {0} instead of {1}", other.value_or(NAN), scale.value_or(NAN));
  auto softcap = [](AttentionOp op) { return op.getSoftcap() ? op.getSoftcap()->convertToDouble() : 0; };
  if (std::abs(softcap(original) - softcap(raised)) > 1e-5 * softcap(original))
    return llvm::formatv("softcap {0} instead of {1}", softcap(raised), softcap(original));
  return "";
}

} // namespace gqa::roundtrip
