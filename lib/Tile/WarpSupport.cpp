// What an attention's kernels on a GPU can do, and why not what they cannot.
#include "WarpFunction.h"
#include "gqa/Dialect/Tile/Tile.h"

using namespace mlir;

namespace gqa {

constexpr int64_t kChunk = 8;          // elements of 16 bits that one copy moves
constexpr int64_t kMostKeyDim = 576;   // of a tile, whose queries are in registers
constexpr int64_t kMostValueDim = 512; // of the output's in those of four warps
constexpr int64_t kMostRowDim = 1024;  // of a row, of which a lane has every 32nd number in a register

std::string whyRowByRow(AttentionOp op) {
  Type type = cast<RankedTensorType>(op.getQ().getType()).getElementType();
  std::string text;
  llvm::raw_string_ostream out(text);
  if (!type.isF16() && !type.isBF16())
    return out << "its type is " << type, text;
  for (auto [dim, most, name] :
       {std::tuple(op.getKeyDim(), kMostKeyDim, "key"), std::tuple(op.getValueDim(), kMostValueDim, "value")})
    if (dim > most || dim % kChunk != 0)
      return out << "the " << name << " head dimension is " << dim << ", not a multiple of " << kChunk
                 << " and at most " << most,
             text;
  for (auto [layout, name] : {std::pair(op.getQLayout(), "q"), std::pair(op.getKLayout(), "k"),
                              std::pair(op.getVLayout(), "v"), std::pair(op.getOLayout(), "the output")})
    if (layout.back() != 'd')
      return out << "layout \"" << layout << "\" of " << name << " does not keep a head contiguous", text;
  return text;
}

int64_t mostHeadsOfUnknownGroup(AttentionOp op) { return chooseWarpSchedule(op, ShapedType::kDynamic).rows; }

StringRef whyWidened(AttentionOp op, const TokenBuffers &tokens, bool isKey) {
  if (tokens.zero)
    return "they have a zero point";
  if (tokens.scaledByToken && tokens.scaledByChannel)
    return "each element has a scale of its own";
  if (std::max(op.getKeyDim(), op.getValueDim()) > kMostDimOfWarp)
    return "heads have more than 256 numbers";
  if ((isKey ? op.getKeyDim() : op.getValueDim()) % kCopyBytes != 0)
    return "rows are no multiple of 16 bytes";
  // The scales of channels are multiplied into queries, whose exponents f16 has no room for.
  bool isHalf = cast<RankedTensorType>(op.getQ().getType()).getElementType().isF16();
  if (isKey && tokens.scaledByChannel && isHalf)
    return "queries of f16 cannot take the scales of channels";
  return "";
}

StringRef whyWideQueries(AttentionOp op, const AttentionValues &values, const CUDATarget &target) {
  if (!target.groups)
    return "only sm_90a multiplies floats of 8 bits";
  return chooseGroupSchedule(op, op.getNumQueries(), bytesOf(values))
             ? ""
             : "a tile has few of them, or heads are no multiple of 64 up to 256";
}

LogicalResult checkDevice(AttentionOp op) {
  if (op.getKeyAppend() || op.getValueAppend() || op.getQueryRotary())
    return op.emitOpError("cannot be compiled for cuda with an append or a rotation in front; run "
                          "gqa-decompose=keep=narrow");
  Type type = cast<RankedTensorType>(op.getQ().getType()).getElementType();
  if (type.isF64())
    return op.emitOpError("cannot be compiled for cuda: expected f16, bf16 or f32, found f64");
  for (auto [dim, name] : {std::pair(op.getKeyDim(), "key"), std::pair(op.getValueDim(), "value")})
    if (ShapedType::isDynamic(dim) || dim == 0 || dim > kMostRowDim)
      return op.emitOpError("cannot be compiled for cuda: expected a known ")
             << name << " head dimension from 1 to " << kMostRowDim << ", found "
             << (ShapedType::isDynamic(dim) ? "a dynamic one" : std::to_string(dim));
  if (op.hasScore())
    for (Operation &inner : op.getScoreBlock())
      if (!hasDeviceLowering(inner))
        return inner.emitOpError("in a score region cannot be compiled for cuda");
  if (std::string why = whyRowByRow(op); !why.empty())
    op.emitRemark("attention runs without tensor cores on cuda: ") << why;
  else if (ShapedType::isDynamic(op.getGroupSize()))
    op.emitRemark("attention runs without tensor cores on cuda where more than ")
        << mostHeadsOfUnknownGroup(op)
        << " query heads share a key/value head: how many do is known in the call alone";
  return success();
}

} // namespace gqa
