// Which operations are products of rows by the matrices of their groups, and the kernels for them.
#include "GroupedProducts.h"
#include "LoopKernel.h"
#include "Offload.h"
#include "SkinnyProducts.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Runtime/Runtime.h"

using namespace mlir;

namespace gqa {
namespace {

/// As many rows as a decode step has: of those few are of one group, and each may be a block's of its own.
constexpr int64_t kMostApart = 64;

/// What the body yields is the accumulator plus this; null if it is not.
arith::MulFOp productOf(linalg::GenericOp op) {
  Block &body = *op.getBody();
  auto sum = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  Value accumulator = body.getArguments().back();
  if (!sum || !llvm::is_contained(sum->getOperands(), accumulator))
    return nullptr;
  return (sum.getLhs() == accumulator ? sum.getRhs() : sum.getLhs()).getDefiningOp<arith::MulFOp>();
}

std::optional<GroupedSum> matchGroupedSum(linalg::GenericOp op) {
  auto map = [&](ArrayRef<unsigned> dims) {
    return AffineMap::getMultiDimMapWithTargets(3, dims, op.getContext());
  };
  if (!op.hasPureBufferSemantics() || op.getNumParallelLoops() != 2 || op.getNumReductionLoops() != 1 ||
      op.getIndexingMapsArray() != SmallVector<AffineMap>{map({0, 2}), map({0}), map({0, 1})})
    return std::nullopt;
  arith::MulFOp product = productOf(op);
  auto narrow = [](Value value) {
    auto widening = value.getDefiningOp<arith::ExtFOp>();
    return widening ? widening.getIn() : value;
  };
  if (!product || narrow(product.getLhs()) != op.getBody()->getArgument(0))
    return std::nullopt;
  auto weight = narrow(product.getRhs()).getDefiningOp<memref::LoadOp>();
  auto isLoop = [&](unsigned index, unsigned loop) {
    auto own = weight.getIndices()[index].getDefiningOp<linalg::IndexOp>();
    return own && own.getDim() == loop;
  };
  if (!weight || weight.getMemRefType().getRank() != 3 || !weight.getMemRefType().hasStaticShape())
    return std::nullopt;
  bool alongSum = isLoop(1, 1) && isLoop(2, 2), across = isLoop(1, 2) && isLoop(2, 1);
  GroupedSum found{op, weight, alongSum};
  Type element = getElementTypeOrSelf(found.left().getType());
  bool isTaken = (alongSum || across) && (element.isF16() || element.isBF16()) &&
                 element == found.matrices().getElementType() && hasWholePieces(found.left()) &&
                 hasWholePieces(weight.getMemRef());
  return isTaken ? std::optional(found) : std::nullopt;
}

/// Whether a buffer begins at 16 bytes where it is on the device; false if only the kernel finds that out.
Value isAligned(NVVMBuilder &b, const KernelOperands &operands, Value buffer) {
  Value there = operands.lookup(buffer);
  if (there == buffer)
    return arith::ConstantOp::create(b, b.getBoolAttr(false));
  auto data = memref::ExtractStridedMetadataOp::create(b, there);
  Value begin = memref::ExtractAlignedPointerAsIndexOp::create(b, there);
  begin =
      b.add(begin, b.mul(data.getOffset(), b.index(tile::bytesOf(getElementTypeOrSelf(buffer.getType())))));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, b.rem(begin, b.index(16)), b.index(0));
}

/// As far as the call knows.
void buildGroupedProduct(GroupedSum sum, GroupedResult result) {
  NVVMBuilder b(sum.op.getLoc(), sum.op);
  KernelOperands operands;
  sum.collect(operands, result.buffer);
  operands.map(b);
  Value rows = b.size(result.buffer, 0);
  std::optional<int64_t> count = getConstantIntValue(rows);
  bool isFew = count && *count <= kMostApart;
  bool isSuited = suitsGroupedTiles(sum) && hasWholePieces(result.buffer);
  if (!isFew && !isSuited)
    sum.op.emitRemark(
        "multiplies many rows by the matrices of their groups one by one: expected sums and rows "
        "of the result of a multiple of 8 elements, found ")
        << sum.depth() << " and " << sum.columns();
  if (isFew || !isSuited) {
    buildGroupedRows(b, sum, result, operands);
  } else {
    Value isTiled = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, rows, b.index(kMostApart));
    for (Value buffer : {sum.left(), sum.weight.getMemRef(), result.buffer})
      isTiled = arith::AndIOp::create(b, isTiled, isAligned(b, operands, buffer));
    b.branch(
        isTiled, [&] { buildGroupedTiles(b, sum, result, operands); },
        [&] { buildGroupedRows(b, sum, result, operands); });
  }
  tile::DeviceUnmapOp::create(b);
}

} // namespace

void GroupedSum::collect(KernelOperands &operands, Value result) {
  operands.use(left());
  operands.use(numbers());
  operands.use(result, /*written=*/true);
  for (Operation &inner : *op.getBody())
    for (Value value : inner.getOperands())
      if (value.getParentRegion() != &op.getRegion())
        operands.use(value);
}

Value GroupedSum::groupOf(NVVMBuilder &b, KernelOperands &operands, Value row) {
  LoopBody body(op, operands, b);
  Value number = body.load(*op.getDpsInputOperand(1), {row, b.index(0), b.index(0)});
  Value elements[] = {body.zero(*op.getDpsInputOperand(0)), number, body.zero(*op.getDpsInitOperand(0))};
  return body.evaluate(elements, {row, b.index(0), b.index(0)}, group())[0];
}

int64_t offloadGroupedProducts(func::FuncOp function) {
  SmallVector<GroupedSum> sums;
  function.walk([&](linalg::GenericOp op) {
    if (std::optional<GroupedSum> sum = matchGroupedSum(op))
      sums.push_back(*sum);
  });
  for (GroupedSum &sum : sums) {
    Value result = sum.op.getDpsInits()[0];
    bool accumulates = !takeZeroFill(sum.op, {0, {}, {}, {result, GQA_RT_F32}});
    if (Value rounded = accumulates ? Value() : takeRounding(sum.op, result))
      result = rounded;
    buildGroupedProduct(sum, {result, accumulates});
    sum.op->erase();
  }
  return int64_t(sums.size());
}

} // namespace gqa
