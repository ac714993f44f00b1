// How many points next to each other along a loop a thread computes together. Whether rows begin where 16
// bytes may be loaded, a kernel asks where it starts: arguments can be anywhere.
#include "Neighbours.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kMostBytes = 16, kMostNeighbours = 8;

int64_t bytesOf(Value buffer) {
  Type type = getElementTypeOrSelf(buffer.getType());
  return type.isIndex() ? 8 : int64_t(llvm::divideCeil(type.getIntOrFloatBitWidth(), 8));
}

bool isWholeBytes(Type type) {
  return type.isIndex() ||
         (type.isIntOrFloat() && llvm::is_contained({8u, 16u, 32u, 64u}, type.getIntOrFloatBitWidth()));
}

/// The dimension of the buffer that is loop `loop`.
std::optional<unsigned> dimensionOf(AffineMap map, unsigned loop) {
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    if (map.getResult(i).isFunctionOfDim(loop))
      return i;
  return std::nullopt;
}

/// Contiguous elements that neighbours load or store together.
struct Row {
  Value buffer;
  SmallVector<std::pair<unsigned, int64_t>> strides; // to other rows, by dimension; dynamic ones are so
};

Row rowOf(linalg::LinalgOp op, OpOperand &operand, unsigned loop) {
  auto [strides, offset] = cast<MemRefType>(operand.get().getType()).getStridesAndOffset();
  AffineMap map = op.getMatchingIndexingMap(&operand);
  unsigned along = *dimensionOf(map, loop);
  SmallVector<int64_t> sizes(op.getStaticLoopRanges());
  Row row{operand.get(), {}};
  for (unsigned i = 0; i < along; ++i) {
    AffineExpr expr = map.getResult(i);
    auto dim = dyn_cast<AffineDimExpr>(expr);
    bool isFirst =
        expr == getAffineConstantExpr(0, op.getContext()) || (dim && sizes[dim.getPosition()] == 1);
    if (!isFirst)
      row.strides.push_back({i, strides[i]});
  }
  return row;
}

Row rowOf(memref::LoadOp load) {
  auto [strides, offset] = load.getMemRefType().getStridesAndOffset();
  Row row{load.getMemRef(), {}};
  for (unsigned i = 0; i + 1 < strides.size(); ++i)
    row.strides.push_back({i, strides[i]});
  return row;
}

/// All that the neighbours of an operation have.
SmallVector<Row> rowsOf(linalg::LinalgOp op, unsigned loop) {
  SmallVector<Row> rows;
  for (OpOperand &operand : op->getOpOperands())
    if (lieOf(op, operand, loop) == Lie::Contiguous)
      rows.push_back(rowOf(op, operand, loop));
  for (memref::LoadOp load : NeighbourBody(op, loop).rows)
    rows.push_back(rowOf(load));
  return rows;
}

/// Whether what is known of the buffer lets groups of `width` begin at multiples of their size.
bool mayBeAligned(const Row &row, int64_t width) {
  auto isMultiple = [&](int64_t elements) {
    return ShapedType::isDynamic(elements) || elements % width == 0;
  };
  int64_t offset = cast<MemRefType>(row.buffer.getType()).getStridesAndOffset().second;
  return isMultiple(offset) &&
         llvm::all_of(row.strides, [&](auto stride) { return isMultiple(stride.second); });
}

} // namespace

Lie lieOf(linalg::LinalgOp op, OpOperand &operand, unsigned loop) {
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  AffineMap map = op.getMatchingIndexingMap(&operand);
  std::optional<unsigned> dim = type ? dimensionOf(map, loop) : std::nullopt;
  if (!dim)
    return Lie::Same;
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (map.getResult(*dim) != getAffineDimExpr(loop, op.getContext()) ||
      failed(type.getStridesAndOffset(strides, offset)) || strides[*dim] != 1)
    return Lie::Elsewhere;
  for (unsigned i = *dim + 1; i < map.getNumResults(); ++i)
    if (map.getResult(i).isFunctionOfDim(loop) || type.getDimSize(i) != 1)
      return Lie::Elsewhere;
  return isWholeBytes(type.getElementType()) ? Lie::Contiguous : Lie::Apart;
}

int64_t alignmentOf(Value buffer, int64_t width) { return std::min(kMostBytes, width * bytesOf(buffer)); }

Neighbours neighboursOf(linalg::LinalgOp op, ArrayRef<unsigned> loops, int64_t most, int64_t wanted) {
  SmallVector<int64_t> sizes(op.getStaticLoopRanges());
  while (!loops.empty() && sizes[loops.back()] == 1)
    loops = loops.drop_back();
  if (loops.empty() || NeighbourBody(op, loops.back()).loadsApart)
    return {};
  unsigned loop = loops.back();
  for (OpOperand &operand : op->getOpOperands()) {
    Lie lie = lieOf(op, operand, loop);
    bool isShared = lie == Lie::Same && op.isDpsInit(&operand) && op.getNumReductionLoops() == 0;
    if (lie == Lie::Elsewhere || isShared)
      return {};
  }
  SmallVector<Row> rows = rowsOf(op, loop);
  int64_t width = wanted;
  for (const Row &row : rows)
    width = std::max(width, std::min(kMostNeighbours, kMostBytes / bytesOf(row.buffer)));
  width = rows.empty() ? 1 : std::min(width, most);
  auto fits = [&] {
    return (ShapedType::isDynamic(sizes[loop]) || width <= sizes[loop]) &&
           llvm::all_of(rows, [&](const Row &row) { return mayBeAligned(row, width); });
  };
  while (width > 1 && !fits())
    width /= 2;
  return {loop, width};
}

Value LoopBody::isAligned(Neighbours neighbours) {
  Value low = b.index(0);
  for (const Row &row : rowsOf(op, neighbours.loop)) {
    Value buffer = operands.lookup(row.buffer), bytes = b.index(bytesOf(row.buffer));
    auto data = memref::ExtractStridedMetadataOp::create(b, buffer);
    int64_t known = cast<MemRefType>(buffer.getType()).getStridesAndOffset().second;
    Value offset = ShapedType::isDynamic(known) ? data.getOffset() : b.index(known);
    Value bits = b.add(memref::ExtractAlignedPointerAsIndexOp::create(b, buffer), b.mul(offset, bytes));
    for (auto [dim, stride] : row.strides)
      if (ShapedType::isDynamic(stride))
        bits = arith::OrIOp::create(b, bits, b.mul(data.getStrides()[dim], bytes));
    Value mask = b.index(alignmentOf(row.buffer, neighbours.width) - 1);
    low = arith::OrIOp::create(b, low, arith::AndIOp::create(b, bits, mask));
  }
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, low, b.index(0));
}

} // namespace gqa
