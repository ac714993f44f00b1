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

int64_t alignmentOf(Value buffer, int64_t width) { return std::min(kMostBytes, width * bytesOf(buffer)); }

} // namespace

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

/// As many elements as `width`, one behind the other.
SmallVector<Value> LoopBody::loadRow(Value buffer, ValueRange indices, int64_t width) {
  auto type = VectorType::get({width}, cast<MemRefType>(buffer.getType()).getElementType());
  Value row = vector::LoadOp::create(b, type, buffer, indices, /*nontemporal=*/false,
                                     llvm::MaybeAlign(uint64_t(alignmentOf(buffer, width))));
  SmallVector<Value> elements;
  for (int64_t i = 0; i < width; ++i)
    elements.push_back(vector::ExtractOp::create(b, row, i));
  return elements;
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
  return loadRow(operands.lookup(operand.get()), indices(operand, point), neighbours.width);
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
                          llvm::MaybeAlign(uint64_t(alignmentOf(buffer, neighbours.width))));
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
  NeighbourBody shared(op, neighbours.loop);
  Block &body = op->getRegion(0).front();
  IRMapping ofFirst;
  llvm::DenseMap<Operation *, SmallVector<Value>> rows; // that loads have brought
  for (int64_t i = 0; i < neighbours.width; ++i) {
    IRMapping mapping = operands.values();
    SmallVector<Value> elements = llvm::map_to_vector(loaded, [&](auto &row) { return row[size_t(i)]; });
    llvm::append_range(elements, state);
    mapping.map(body.getArguments(), elements);
    for (Operation &inner : body.without_terminator())
      if (i > 0 && shared.common.contains(&inner))
        mapping.map(inner.getResults(), lookUp(ofFirst, inner.getResults()));
      else if (auto load = dyn_cast<memref::LoadOp>(inner); load && llvm::is_contained(shared.rows, load)) {
        SmallVector<Value> &row = rows[&inner];
        if (i == 0)
          row = loadRow(mapping.lookupOrDefault(load.getMemRef()), lookUp(mapping, load.getIndices()),
                        neighbours.width);
        mapping.map(load.getResult(), row[size_t(i)]);
      } else {
        clone(inner, mapping, neighbour(first, neighbours, i));
      }
    results.push_back(lookUp(mapping, body.getTerminator()->getOperands()));
    if (i == 0)
      ofFirst = mapping;
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
