// The body of a structured operation at one point of its loops, and the points of loops.
#include "LoopKernel.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {

void LoopBody::collect(linalg::LinalgOp op, KernelOperands &operands,
                       function_ref<bool(OpOperand &)> isKnown) {
  for (OpOperand &operand : op->getOpOperands())
    if (!isKnown || !isKnown(operand))
      operands.use(operand.get(), op.isDpsInit(&operand));
  Block &body = op->getRegion(0).front();
  for (Operation &inner : body)
    for (Value value : inner.getOperands())
      if (value.getParentRegion() != &op->getRegion(0))
        operands.use(value);
}

SmallVector<Value> LoopBody::indices(OpOperand &operand, ValueRange point) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  SmallVector<OpFoldResult> operands(point.begin(), point.end());
  SmallVector<Value> result;
  for (unsigned i = 0; i < map.getNumResults(); ++i) {
    OpFoldResult index = affine::makeComposedFoldedAffineApply(b, b.getLoc(), map.getSubMap({i}), operands);
    result.push_back(getValueOrCreateConstantIndexOp(b, b.getLoc(), index));
  }
  return result;
}

Value LoopBody::load(OpOperand &operand, ValueRange point) {
  Value value = operands.lookup(operand.get());
  return isa<MemRefType>(value.getType()) ? memref::LoadOp::create(b, value, indices(operand, point)) : value;
}

void LoopBody::store(OpOperand &output, Value value, ValueRange point) {
  memref::StoreOp::create(b, value, operands.lookup(output.get()), indices(output, point));
}

SmallVector<Value> LoopBody::evaluate(ValueRange elements, ValueRange point, ValueRange wanted) {
  IRMapping mapping = operands.values();
  Block &body = op->getRegion(0).front();
  mapping.map(body.getArguments(), elements);
  for (Operation &inner : body.without_terminator())
    clone(inner, mapping, point);
  return lookUp(mapping, wanted.empty() ? ValueRange(body.getTerminator()->getOperands()) : wanted);
}

SmallVector<Value> lookUp(const IRMapping &mapping, ValueRange values) {
  return llvm::map_to_vector(values, [&](Value value) { return mapping.lookupOrDefault(value); });
}

Value LoopBody::zero(OpOperand &output) {
  Type type = getElementTypeOrSelf(output.get().getType());
  if (auto number = dyn_cast<ComplexType>(type)) {
    Attribute part = b.getZeroAttr(number.getElementType());
    return complex::ConstantOp::create(b, type, b.getArrayAttr({part, part}));
  }
  return arith::ConstantOp::create(b, cast<TypedAttr>(b.getZeroAttr(type)));
}

/// An instruction with a predicate: a branch that ends in a trap would be a way out of the kernel, past its
/// barriers. The predicate is the assembly's own, as one that LLVM knows to be false would be no register.
void buildAssertion(IndexBuilder &b, Value condition) {
  Value holds = arith::ExtUIOp::create(b, b.getI32Type(), condition);
  StringRef text = "{\n.reg .pred p;\nsetp.eq.u32 p, $0, 0;\n@p trap;\n}";
  auto dialect = LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT);
  LLVM::InlineAsmOp::create(b, TypeRange(), ValueRange(holds), b.getStringAttr(text), b.getStringAttr("r"),
                            /*has_side_effects=*/true, /*is_align_stack=*/false,
                            LLVM::tailcallkind::TailCallKind::None, dialect, /*operand_attrs=*/ArrayAttr());
}

void LoopBody::clone(Operation &inner, IRMapping &mapping, ValueRange point) {
  if (auto index = dyn_cast<linalg::IndexOp>(inner))
    mapping.map(index.getResult(), point[index.getDim()]);
  else if (auto comparison = dyn_cast<arith::CmpIOp>(inner); comparison && holdsEverywhere(op, comparison))
    mapping.map(comparison.getResult(), arith::ConstantOp::create(b, b.getBoolAttr(true)).getResult());
  else if (auto assertion = dyn_cast<cf::AssertOp>(inner))
    buildAssertion(b, mapping.lookupOrDefault(assertion.getArg()));
  else
    b.clone(inner, mapping);
}

Value countPoints(IndexBuilder &b, ValueRange sizes) {
  Value count = b.index(1);
  for (Value size : sizes)
    count = b.mul(count, size);
  return count;
}

SmallVector<Value> delinearize(IndexBuilder &b, Value index, ValueRange sizes) {
  SmallVector<Value> point(sizes.size());
  for (size_t dim = sizes.size(); dim-- > 1;) {
    point[dim] = b.rem(index, sizes[dim]);
    index = b.div(index, sizes[dim]);
  }
  if (!point.empty())
    point[0] = index;
  return point;
}

Value linearize(IndexBuilder &b, ValueRange point, ValueRange sizes) {
  Value index = b.index(0);
  for (auto [place, size] : llvm::zip_equal(point, sizes))
    index = b.add(b.mul(index, size), place);
  return index;
}

Value threadOf(IndexBuilder &b) {
  constexpr int64_t kLanes = 32;
  Value warp = tile::WarpIdOp::create(b, b.getIndexType()),
        lane = tile::WarpLaneOp::create(b, b.getIndexType());
  return b.add(b.mul(warp, b.index(kLanes)), lane);
}

Operation *wholeOf(linalg::LinalgOp op) {
  scf::ForOp nest = nestOf(op);
  return nest ? nest : op.getOperation();
}

} // namespace gqa
