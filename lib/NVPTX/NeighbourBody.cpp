// What a thread does with its neighbours: what they load from contiguous rows comes 16 bytes at a time, and
// what all of them share once.
#include "Neighbours.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {

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
                                                   function_ref<Value(OpOperand &)> known, ValueRange carried,
                                                   ValueRange wanted) {
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
    for (Operation &inner : body.without_terminator()) {
      auto load = dyn_cast<memref::LoadOp>(inner);
      if (i > 0 && shared.common.contains(&inner)) {
        mapping.map(inner.getResults(), lookUp(ofFirst, inner.getResults()));
      } else if (load && llvm::is_contained(shared.rows, load)) {
        SmallVector<Value> &row = rows[&inner];
        if (i == 0)
          row = loadRow(mapping.lookupOrDefault(load.getMemRef()), lookUp(mapping, load.getIndices()),
                        neighbours.width);
        mapping.map(load.getResult(), row[size_t(i)]);
      } else {
        clone(inner, mapping, neighbour(first, neighbours, i));
      }
    }
    results.push_back(
        lookUp(mapping, wanted.empty() ? ValueRange(body.getTerminator()->getOperands()) : wanted));
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
