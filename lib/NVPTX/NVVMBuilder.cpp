// Typed wrappers of the operations that kernels are made of.
#include "NVVMBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <limits>

using namespace mlir;

namespace gqa {

Value NVVMBuilder::i32(int64_t value) {
  return arith::ConstantOp::create(*this, getI32IntegerAttr(int32_t(value)));
}
Value NVVMBuilder::f32(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(float(value)));
}
Value NVVMBuilder::infinity(bool negative) {
  double value = std::numeric_limits<double>::infinity();
  return f32(negative ? -value : value);
}
Value NVVMBuilder::toI32(Value index) { return createOrFold<arith::IndexCastOp>(getI32Type(), index); }
Value NVVMBuilder::toIndex(Value value) { return createOrFold<arith::IndexCastOp>(getIndexType(), value); }
Value NVVMBuilder::bitAnd(Value x, int64_t mask) { return createOrFold<arith::AndIOp>(x, i32(mask)); }
Value NVVMBuilder::shiftRight(Value x, int64_t bits) { return createOrFold<arith::ShRUIOp>(x, i32(bits)); }

Value NVVMBuilder::compare(arith::CmpIPredicate predicate, Value x, Value y) {
  return createOrFold<arith::CmpIOp>(predicate, x, y);
}
Value NVVMBuilder::equal(Value x, Value y) {
  return arith::CmpFOp::create(*this, arith::CmpFPredicate::OEQ, x, y);
}
Value NVVMBuilder::select(Value condition, Value x, Value y) {
  return createOrFold<arith::SelectOp>(condition, x, y);
}

int64_t NVVMBuilder::numThreads() {
  auto kernel = getInsertionBlock()->getParentOp()->getParentOfType<func::FuncOp>();
  if (!kernel)
    kernel = cast<func::FuncOp>(getInsertionBlock()->getParentOp());
  return kernel->getAttrOfType<IntegerAttr>(kThreads).getInt();
}

Value NVVMBuilder::thread() {
  auto range = LLVM::ConstantRangeAttr::get(getContext(), APInt(32, 0), APInt(32, numThreads()));
  return NVVM::ThreadIdXOp::create(*this, getI32Type(), range);
}
Value NVVMBuilder::lane() { return bitAnd(thread(), 31); }
Value NVVMBuilder::laneRow() { return shiftRight(lane(), 2); }
Value NVVMBuilder::lanePair() { return laneColumn(/*quads=*/false); }
Value NVVMBuilder::laneColumn(bool quads) { return mul(bitAnd(lane(), 3), i32(quads ? 4 : 2)); }

Value NVVMBuilder::addF(Value x, Value y) { return createOrFold<arith::AddFOp>(x, y); }
Value NVVMBuilder::subF(Value x, Value y) { return createOrFold<arith::SubFOp>(x, y); }
Value NVVMBuilder::mulF(Value x, Value y) { return createOrFold<arith::MulFOp>(x, y); }
Value NVVMBuilder::fma(Value x, Value y, Value z) { return LLVM::FMAOp::create(*this, x, y, z); }
Value NVVMBuilder::maxF(Value x, Value y) { return LLVM::MaxNumOp::create(*this, x, y); }

Value NVVMBuilder::call(StringRef intrinsic, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(*this, operands[0].getType(), getStringAttr(intrinsic), operands)
      .getResult(0);
}
Value NVVMBuilder::mulTowardsZero(Value x, Value y) { return call("llvm.nvvm.mul.rz.f", {x, y}); }
Value NVVMBuilder::exp2(Value x) { return call("llvm.nvvm.ex2.approx.ftz.f", x); }
Value NVVMBuilder::log2(Value x) { return call("llvm.nvvm.lg2.approx.ftz.f", x); }
Value NVVMBuilder::permute(Value x, Value y, int64_t selector) {
  return call("llvm.nvvm.prmt", {x, y, i32(selector)});
}
Value NVVMBuilder::reciprocal(Value x) { return NVVM::RcpApproxFtzF32Op::create(*this, x.getType(), x); }

Value NVVMBuilder::exchange(Value x, int64_t mask) {
  return NVVM::ShflOp::create(*this, x.getType(), i32(-1), x, i32(mask), i32(31), NVVM::ShflKind::bfly,
                              UnitAttr());
}

Value NVVMBuilder::anyLane(Value condition) {
  return NVVM::VoteSyncOp::create(*this, getI1Type(), i32(-1), condition, NVVM::VoteSyncKind::any);
}

Value NVVMBuilder::overRow(Value x, function_ref<Value(Value, Value)> combine) {
  for (int64_t mask : {1, 2})
    x = combine(x, exchange(x, mask));
  return x;
}

Value NVVMBuilder::advance(Value pointer, Value bytes) {
  return LLVM::GEPOp::create(*this, pointer.getType(), getI8Type(), pointer, ArrayRef<LLVM::GEPArg>{bytes});
}
Value NVVMBuilder::advance(Value pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  return LLVM::GEPOp::create(*this, pointer.getType(), getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{int32_t(bytes)});
}

Value NVVMBuilder::addressOf(Value buffer, ValueRange indices) {
  auto data = memref::ExtractStridedMetadataOp::create(*this, buffer);
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(*this, buffer), element = data.getOffset();
  for (auto [position, stride] : llvm::zip(indices, data.getStrides()))
    element = add(element, mul(position, stride));
  int64_t bytes = llvm::divideCeil(cast<MemRefType>(buffer.getType()).getElementTypeBitWidth(), 8);
  Value address = add(base, mul(element, index(bytes)));
  Value integer = arith::IndexCastOp::create(*this, getI64Type(), address);
  return LLVM::IntToPtrOp::create(*this, LLVM::LLVMPointerType::get(getContext(), kGlobalSpace), integer);
}

Value NVVMBuilder::pack(Value low, Value high, Type element) {
  Value pair = vector::FromElementsOp::create(*this, VectorType::get(2, getF32Type()), ValueRange{low, high});
  pair = arith::TruncFOp::create(*this, VectorType::get(2, element), pair);
  return LLVM::BitcastOp::create(*this, getI32Type(), pair);
}

static NVVMBuilder::Values unpack(NVVMBuilder &b, Value structure) {
  NVVMBuilder::Values values;
  for (int64_t i = 0; i < 4; ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, structure, i));
  return values;
}

NVVMBuilder::Values NVVMBuilder::loadMatrices(Value pointer, bool transposed) {
  SmallVector<Type> words(4, getI32Type());
  auto type = LLVM::LLVMStructType::getLiteral(getContext(), words);
  auto shape = NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8);
  auto layout = transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row;
  return unpack(*this, NVVM::LdMatrixOp::create(*this, type, pointer, /*num=*/4, layout, shape,
                                                NVVM::LdStMatrixEltType::B16));
}

void NVVMBuilder::storeMatrices(Value pointer, ValueRange words) {
  NVVM::StMatrixOp::create(*this, pointer, words, NVVM::MMALayout::row,
                           NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8), NVVM::LdStMatrixEltType::B16);
}

void NVVMBuilder::fenceForAsyncProxy() {
  NVVM::FenceProxyOp::create(*this, NVVM::ProxyKindAttr::get(getContext(), NVVM::ProxyKind::async_shared),
                             NVVM::SharedSpaceAttr::get(getContext(), NVVM::SharedSpace::shared_cta));
}

NVVMBuilder::Values NVVMBuilder::multiply(ValueRange a, ValueRange b, ValueRange c, Type element) {
  auto toOperand = [&](Value word) -> Value {
    if (element.isBF16())
      return word;
    return LLVM::BitcastOp::create(*this, VectorType::get(2, element), word);
  };
  Values left = llvm::map_to_vector(a, toOperand), right = llvm::map_to_vector(b, toOperand);
  SmallVector<Type> sums(4, getF32Type());
  auto type = LLVM::LLVMStructType::getLiteral(getContext(), sums);
  auto kind = element.isBF16() ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  return unpack(*this, NVVM::MmaOp::create(*this, type, left, right, c, ArrayRef<int64_t>{16, 8, 16},
                                           std::nullopt, std::nullopt, std::array{kind, kind},
                                           std::array{NVVM::MMALayout::row, NVVM::MMALayout::col}));
}

} // namespace gqa
