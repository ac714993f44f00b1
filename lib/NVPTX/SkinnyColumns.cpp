// Warps of a block have parts of the sums of one product or of several. Behind the barrier a thread has all
// sums of its column, and computes the epilogue of them.
#include "SkinnyColumns.h"
#include "gqa/Dialect/Tile/Tile.h"

using namespace mlir;

namespace gqa {

SkinnyColumns::SkinnyColumns(NVVMBuilder &b, const FusedProducts &fused, const SkinnyForm &form,
                             int64_t warps)
    : b(b), fused(fused), epilogue(fused.epilogue), form(form), batchDims(fused.members[0].batchDims()),
      depth(depthOf(fused.members[0])), each(SkinnySums::warpsOf(form, depth, int64_t(fused.members.size()))),
      warps(warps) {
  Value result = fused.members[0].result;
  batch = batchDims ? b.size(result, 0) : b.index(1);
  m = b.size(result, batchDims);
  n = b.size(result, batchDims + 1);
  tiles = b.ceilDiv(n, b.index(form.columns));
}

void SkinnyColumns::collect(KernelOperands &operands, function_ref<bool(Value)> isKnown) {
  for (const DeviceProduct &product : fused.members) {
    if (!isKnown(product.left()))
      operands.use(product.left());
    operands.use(product.right());
    if (!epilogue || product.accumulates)
      operands.use(product.result, /*written=*/!epilogue);
  }
  if (epilogue)
    LoopBody::collect(epilogue, operands,
                      [&](OpOperand &operand) { return fused.memberOf(operand).has_value(); });
}

void SkinnyColumns::askFirst(const KernelOperands &operands, Value block) {
  byMembers(0, operands, block, {}, [&](SkinnyStep step, Value warp) {
    step.askFirst(depth, warp);
    return Values();
  });
}

SkinnyColumns::Values SkinnyColumns::sum(const KernelOperands &operands, Value block) {
  SmallVector<Type> types(size_t(form.sums()), b.getF32Type());
  return byMembers(0, operands, block, types,
                   [&](SkinnyStep step, Value warp) { return step.sum(depth, warp, each); });
}

/// What the lane's warp has, of `member` or a later one, zeros if it has none; `build` gets its number among
/// those of its product.
SkinnyColumns::Values SkinnyColumns::byMembers(size_t member, const KernelOperands &operands, Value block,
                                               TypeRange types, Build build) {
  if (member == fused.members.size())
    return Values(types.size(), b.f32(0));
  Value warp = tile::WarpIdOp::create(b, b.getIndexType());
  int64_t begin = int64_t(member) * each, end = begin + each;
  auto here = [&] {
    return build(stepOf(fused.members[member], operands, block), b.sub(warp, b.index(begin)));
  };
  if (end == warps)
    return here();
  return buildChoice(b, arith::CmpIOp::create(b, arith::CmpIPredicate::slt, warp, b.index(end)), types, here,
                     [&] { return byMembers(member + 1, operands, block, types, build); });
}

SkinnyStep SkinnyColumns::stepOf(const DeviceProduct &product, const KernelOperands &operands, Value block) {
  Value k = b.index(depth);
  SkinnyRows x{operands.lookup(product.left()), number(block), m, k, /*alongSum=*/true};
  SkinnyRows weights{operands.lookup(product.right()), number(block), form.alongSum ? n : k,
                     form.alongSum ? k : n, form.alongSum};
  return SkinnyStep(b, form, x, weights, b.index(0), firstColumn(block));
}

void SkinnyColumns::store(const KernelOperands &operands, Value block, SkinnySums &room) {
  Value first = firstColumn(block);
  const DeviceProduct &front = fused.members[0];
  room.forEach(m, [&](Value row, Value inTile, SkinnySums::Sum sum) {
    Value column = b.add(first, inTile);
    b.branch(arith::CmpIOp::create(b, arith::CmpIPredicate::slt, column, n), [&] {
      Values indices = number(block);
      indices.append({row, column});
      if (epilogue)
        storeEpilogue(operands, indices, sum);
      else
        storeSum(b, sum(0, each), operands.lookup(front.result), indices, front.accumulates);
    });
  });
}

/// At one place of the members' results, which are rounded as if they had been stored.
void SkinnyColumns::storeEpilogue(const KernelOperands &operands, ArrayRef<Value> indices,
                                  SkinnySums::Sum sum) {
  Values totals, point = pointAt(indices), elements;
  for (auto [i, product] : llvm::enumerate(fused.members)) {
    Value there;
    if (product.accumulates)
      there = memref::LoadOp::create(b, operands.lookup(product.result), indices);
    totals.push_back(roundSum(b, sum(int64_t(i) * each, each), getElementTypeOrSelf(product.result), there));
  }
  LoopBody body(epilogue, operands, b);
  for (OpOperand &operand : epilogue->getOpOperands())
    if (std::optional<size_t> member = fused.memberOf(operand))
      elements.push_back(totals[*member]);
    else
      elements.push_back(epilogue.payloadUsesValueFromOperand(&operand) ? body.load(operand, point)
                                                                        : body.zero(operand));
  for (auto [output, result] : llvm::zip(epilogue.getDpsInitsMutable(), body.evaluate(elements, point)))
    body.store(output, result, point);
}

/// The point of the epilogue's loops, which have the elements in the same order, if in another shape.
SkinnyColumns::Values SkinnyColumns::pointAt(ArrayRef<Value> indices) {
  Value row = batchDims ? b.add(b.mul(indices[0], m), indices[1]) : indices[0];
  Values sizes =
      llvm::map_to_vector(epilogue.getStaticLoopRanges(), [&](int64_t size) { return b.index(size); });
  if (getConstantIntValue(sizes.back()) != getConstantIntValue(n))
    return delinearize(b, b.add(b.mul(row, n), indices.back()), sizes);
  Values point = delinearize(b, row, ArrayRef<Value>(sizes).drop_back());
  point.push_back(indices.back());
  return point;
}

/// Of the block's matrix in the batch, or nothing.
SkinnyColumns::Values SkinnyColumns::number(Value block) {
  return batchDims ? Values{b.div(block, tiles)} : Values();
}

Value SkinnyColumns::firstColumn(Value block) {
  return b.mul(batchDims ? b.rem(block, tiles) : block, b.index(form.columns));
}

} // namespace gqa
