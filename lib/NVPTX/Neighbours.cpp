// Points next to each other along a loop, which a thread computes together: what they load from contiguous
// rows comes 16 bytes at a time. What all of them share is loaded once. Whether rows begin where 16 bytes may
// be loaded, a kernel asks where it starts: arguments can be anywhere.
#include "LoopKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kMostBytes = 16, kMostNeighbours = 8;

/// How an operand's elements lie for neighbours.
enum class Lie {
  Same,       // one element for all
  Contiguous, // in a row
  Apart,      // in a row as well, but loaded one by one: bits, which are bytes in memory, and complex numbers
  Elsewhere,
};

int64_t bytesOf(OpOperand &operand) {
  Type type = getElementTypeOrSelf(operand.get().getType());
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

/// Distances between rows, and from the buffer to the first one: what decides where neighbours begin. Those
/// that are dynamic are so.
SmallVector<std::pair<unsigned, int64_t>> stridesOfRows(linalg::LinalgOp op, OpOperand &operand,
                                                        unsigned loop) {
  auto [strides, offset] = cast<MemRefType>(operand.get().getType()).getStridesAndOffset();
  AffineMap map = op.getMatchingIndexingMap(&operand);
  unsigned along = *dimensionOf(map, loop);
  SmallVector<int64_t> sizes(op.getStaticLoopRanges());
  SmallVector<std::pair<unsigned, int64_t>> result;
  for (unsigned i = 0; i < along; ++i) {
    AffineExpr expr = map.getResult(i);
    auto dim = dyn_cast<AffineDimExpr>(expr);
    bool isFirst =
        expr == getAffineConstantExpr(0, op.getContext()) || (dim && sizes[dim.getPosition()] == 1);
    if (!isFirst)
      result.push_back({i, strides[i]});
  }
  return result;
}

/// Whether what is known of the buffer lets groups of `width` begin at multiples of their size.
bool mayBeAligned(linalg::LinalgOp op, OpOperand &operand, unsigned loop, int64_t width) {
  auto isMultiple = [&](int64_t elements) {
    return ShapedType::isDynamic(elements) || elements % width == 0;
  };
  int64_t offset = cast<MemRefType>(operand.get().getType()).getStridesAndOffset().second;
  return isMultiple(offset) && llvm::all_of(stridesOfRows(op, operand, loop),
                                            [&](auto stride) { return isMultiple(stride.second); });
}

int64_t alignmentOf(OpOperand &operand, int64_t width) {
  return std::min(kMostBytes, width * bytesOf(operand));
}

} // namespace

Neighbours neighboursOf(linalg::LinalgOp op, ArrayRef<unsigned> loops, int64_t most, int64_t wanted) {
  SmallVector<int64_t> sizes(op.getStaticLoopRanges());
  while (!loops.empty() && sizes[loops.back()] == 1)
    loops = loops.drop_back();
  bool loadsInside =
      llvm::any_of(op->getRegion(0).front(), [](Operation &inner) { return isa<memref::LoadOp>(inner); });
  if (loops.empty() || loadsInside)
    return {};
  unsigned loop = loops.back();
  SmallVector<OpOperand *> rows;
  int64_t width = wanted;
  for (OpOperand &operand : op->getOpOperands()) {
    Lie lie = lieOf(op, operand, loop);
    bool isShared = lie == Lie::Same && op.isDpsInit(&operand) && op.getNumReductionLoops() == 0;
    if (lie == Lie::Elsewhere || isShared)
      return {};
    if (lie == Lie::Contiguous) {
      rows.push_back(&operand);
      width = std::max(width, std::min(kMostNeighbours, kMostBytes / bytesOf(operand)));
    }
  }
  width = rows.empty() ? 1 : std::min(width, most);
  auto fits = [&] {
    return (ShapedType::isDynamic(sizes[loop]) || width <= sizes[loop]) &&
           llvm::all_of(rows, [&](OpOperand *row) { return mayBeAligned(op, *row, loop, width); });
  };
  while (width > 1 && !fits())
    width /= 2;
  return {loop, width};
}

Value LoopBody::isAligned(Neighbours neighbours) {
  Value low = b.index(0);
  for (OpOperand &operand : op->getOpOperands()) {
    if (lieOf(op, operand, neighbours.loop) != Lie::Contiguous)
      continue;
    Value buffer = operands.lookup(operand.get()), bytes = b.index(bytesOf(operand));
    auto data = memref::ExtractStridedMetadataOp::create(b, buffer);
    int64_t known = cast<MemRefType>(buffer.getType()).getStridesAndOffset().second;
    Value offset = ShapedType::isDynamic(known) ? data.getOffset() : b.index(known);
    Value bits = b.add(memref::ExtractAlignedPointerAsIndexOp::create(b, buffer), b.mul(offset, bytes));
    for (auto [dim, stride] : stridesOfRows(op, operand, neighbours.loop))
      if (ShapedType::isDynamic(stride))
        bits = arith::OrIOp::create(b, bits, b.mul(data.getStrides()[dim], bytes));
    Value mask = b.index(alignmentOf(operand, neighbours.width) - 1);
    low = arith::OrIOp::create(b, low, arith::AndIOp::create(b, bits, mask));
  }
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, low, b.index(0));
}

SmallVector<Value> LoopBody::load(OpOperand &operand, ValueRange point, Neighbours neighbours) {
  SmallVector<Value> elements;
  Lie lie = lieOf(op, operand, neighbours.loop);
  if (lie == Lie::Same)
    return SmallVector<Value>(size_t(neighbours.width), load(operand, point));
  if (lie == Lie::Apart) {
    for (int64_t i = 0; i < neighbours.width; ++i)
      elements.push_back(load(operand, neighbour(point, neighbours, i)));
    return elements;
  }
  Value buffer = operands.lookup(operand.get());
  auto type = VectorType::get({neighbours.width}, cast<MemRefType>(buffer.getType()).getElementType());
  Value row = vector::LoadOp::create(b, type, buffer, indices(operand, point), /*nontemporal=*/false,
                                     llvm::MaybeAlign(uint64_t(alignmentOf(operand, neighbours.width))));
  for (int64_t i = 0; i < neighbours.width; ++i)
    elements.push_back(vector::ExtractOp::create(b, row, i));
  return elements;
}

void LoopBody::store(OpOperand &output, ArrayRef<Value> values, ValueRange point, Neighbours neighbours) {
  if (lieOf(op, output, neighbours.loop) == Lie::Apart) {
    for (auto [i, value] : llvm::enumerate(values))
      store(output, value, neighbour(point, neighbours, int64_t(i)));
    return;
  }
  Value buffer = operands.lookup(output.get());
  auto type = VectorType::get({neighbours.width}, values[0].getType());
  Value row = vector::FromElementsOp::create(b, type, values);
  vector::StoreOp::create(b, row, buffer, indices(output, point), /*nontemporal=*/false,
                          llvm::MaybeAlign(uint64_t(alignmentOf(output, neighbours.width))));
}

SmallVector<SmallVector<Value>> LoopBody::evaluate(ValueRange first, Neighbours neighbours,
                                                   function_ref<Value(OpOperand &)> known,
                                                   ValueRange carried) {
  SmallVector<SmallVector<Value>> loaded, results;
  for (OpOperand &operand : op->getOpOperands()) {
    bool isOutput = op.isDpsInit(&operand), isRead = !isOutput || op.payloadUsesValueFromOperand(&operand);
    if (isOutput && !carried.empty())
      break;
    if (Value number = isRead ? known(operand) : zero(operand))
      loaded.emplace_back(size_t(neighbours.width), number);
    else
      loaded.push_back(load(operand, first, neighbours));
  }
  SmallVector<Value> state(carried);
  for (int64_t i = 0; i < neighbours.width; ++i) {
    SmallVector<Value> elements = llvm::map_to_vector(loaded, [&](auto &row) { return row[size_t(i)]; });
    llvm::append_range(elements, state);
    results.push_back(evaluate(elements, neighbour(first, neighbours, i)));
    if (!carried.empty())
      state = results.back();
  }
  return results;
}

void LoopBody::compute(ValueRange first, Neighbours neighbours, function_ref<Value(OpOperand &)> known) {
  SmallVector<SmallVector<Value>> results = evaluate(first, neighbours, known);
  for (OpOperand &output : op.getDpsInitsMutable()) {
    size_t number = output.getOperandNumber() - size_t(op.getNumDpsInputs());
    store(output, llvm::map_to_vector(results, [&](auto &each) { return each[number]; }), first, neighbours);
  }
}

SmallVector<Value> LoopBody::neighbour(ValueRange point, Neighbours neighbours, int64_t number) {
  SmallVector<Value> result(point);
  result[neighbours.loop] = b.add(result[neighbours.loop], b.index(number));
  return result;
}

SmallVector<Value> buildChoice(IndexBuilder &b, Value condition, TypeRange types, BuildBranch yes,
                               BuildBranch no) {
  auto branch = scf::IfOp::create(b, types, condition, /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  for (auto [block, build] : {std::pair(branch.thenBlock(), yes), std::pair(branch.elseBlock(), no)}) {
    b.setInsertionPointToEnd(block);
    scf::YieldOp::create(b, build());
  }
  return branch.getResults();
}

SmallVector<Value> buildNeighbours(IndexBuilder &b, Neighbours neighbours, Value size, ArrayRef<Value> group,
                                   ValueRange state, BuildPoint together, BuildPoint alone) {
  SmallVector<Value> point(group), carried(state);
  Value width = b.index(neighbours.width), &place = point[neighbours.loop];
  place = b.mul(place, width);
  if (std::optional<int64_t> known = getConstantIntValue(size); known && *known % neighbours.width == 0)
    return together(point, carried);
  Value exist = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, b.add(place, width), size);
  auto rest = [&]() -> SmallVector<Value> {
    auto loop = scf::ForOp::create(b, place, size, b.index(1), carried);
    OpBuilder::InsertionGuard guard(b);
    SmallVector<Value> each(point), inside(loop.getRegionIterArgs());
    each[neighbours.loop] = loop.getInductionVar();
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> next = alone(each, inside);
    if (!next.empty()) // without results it has a yield
      scf::YieldOp::create(b, next);
    return loop.getResults();
  };
  return buildChoice(b, exist, TypeRange(state), [&] { return together(point, carried); }, rest);
}

} // namespace gqa
