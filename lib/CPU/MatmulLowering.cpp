// gqa-lower-matmul: matrix products on memrefs become calls of the runtime's BLAS entry point.
#include "gqa/CPU/Passes.h"
#include "gqa/Runtime/Runtime.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_LOWERMATMUL
#include "gqa/CPU/Passes.h.inc"

namespace {

std::optional<int32_t> typeCode(Type type) {
  if (type.isF32())
    return GQA_RT_F32;
  if (type.isF64())
    return GQA_RT_F64;
  if (type.isF16())
    return GQA_RT_F16;
  if (type.isBF16())
    return GQA_RT_BF16;
  return std::nullopt;
}

/// Which loop dimensions a product's operand has, and how it lies in memory.
struct Operand {
  Value value;
  int32_t type = 0;
  bool transposed = false;
};

/// `value` read by `map` as rows x columns (or columns x rows), behind a batch dimension if there is one.
std::optional<Operand> matchOperand(Value value, AffineMap map, unsigned batchDims, unsigned row,
                                    unsigned column) {
  auto type = dyn_cast<MemRefType>(value.getType());
  unsigned rank = batchDims + 2;
  if (!type || !map.isProjectedPermutation() || map.getNumResults() != rank)
    return std::nullopt;
  for (unsigned i = 0; i < batchDims; ++i)
    if (map.getDimPosition(i) != i)
      return std::nullopt;
  std::optional<int32_t> code = typeCode(type.getElementType());
  SmallVector<int64_t> strides;
  int64_t offset;
  if (!code || failed(type.getStridesAndOffset(strides, offset)) || strides.back() != 1)
    return std::nullopt;
  Operand operand{value, *code, false};
  unsigned first = map.getDimPosition(rank - 2), second = map.getDimPosition(rank - 1);
  if (first == column && second == row)
    operand.transposed = true;
  else if (first != row || second != column)
    return std::nullopt;
  return operand;
}

struct Match {
  unsigned batchDims;
  Operand a, b, c;
};

std::optional<Match> match(linalg::LinalgOp op) {
  if (!isa<linalg::MatmulOp, linalg::BatchMatmulOp>(op.getOperation()) || !op.hasPureBufferSemantics())
    return std::nullopt;
  unsigned batch = isa<linalg::BatchMatmulOp>(op.getOperation()) ? 1 : 0, m = batch, n = batch + 1,
           k = batch + 2;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  auto a = matchOperand(op->getOperand(0), maps[0], batch, m, k);
  auto b = matchOperand(op->getOperand(1), maps[1], batch, k, n);
  auto c = matchOperand(op->getOperand(2), maps[2], batch, m, n);
  if (!a || !b || !c || c->transposed)
    return std::nullopt;
  bool doubles = c->type == GQA_RT_F64;
  if ((a->type == GQA_RT_F64) != doubles || (b->type == GQA_RT_F64) != doubles)
    return std::nullopt;
  return Match{batch, *a, *b, *c};
}

/// The fill with zero that `op` would add to, if nothing comes in between.
linalg::FillOp zeroFill(linalg::LinalgOp op, Value output) {
  for (Operation *previous = op->getPrevNode(); previous; previous = previous->getPrevNode()) {
    if (auto fill = dyn_cast<linalg::FillOp>(previous)) {
      if (fill.getOutputs()[0] != output)
        return nullptr;
      return matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) ? fill : nullptr;
    }
    if (!isMemoryEffectFree(previous) && !isa<memref::AllocOp>(previous))
      return nullptr;
  }
  return nullptr;
}

class Lowering {
public:
  explicit Lowering(ModuleOp module) : module(module) {}

  void lower(linalg::LinalgOp op, const Match &match) {
    ImplicitLocOpBuilder b(op.getLoc(), op);
    int32_t flags = GQA_RT_TYPES(match.a.type, match.b.type, match.c.type);
    flags |= match.a.transposed ? GQA_RT_TRANSPOSE_A : 0;
    flags |= match.b.transposed ? GQA_RT_TRANSPOSE_B : 0;
    if (linalg::FillOp fill = zeroFill(op, match.c.value))
      fill.erase();
    else
      flags |= GQA_RT_ACCUMULATE;
    unsigned rows = match.batchDims, columns = rows + 1;
    Value one = arith::ConstantIndexOp::create(b, 1);
    SmallVector<Value> arguments{arith::ConstantIntOp::create(b, flags, 32)};
    arguments.push_back(wide(b, rows ? size(b, match.c.value, 0) : one));
    arguments.push_back(wide(b, size(b, match.c.value, rows)));
    arguments.push_back(wide(b, size(b, match.c.value, columns)));
    arguments.push_back(wide(b, size(b, match.a.value, match.a.transposed ? rows : columns)));
    for (const Operand &operand : {match.a, match.b, match.c})
      addOperand(b, operand.value, match.batchDims, arguments);
    LLVM::CallOp::create(b, matmulFunction(), arguments);
    op->erase();
  }

private:
  static Value wide(ImplicitLocOpBuilder &b, Value index) {
    return arith::IndexCastOp::create(b, b.getI64Type(), index);
  }

  static Value size(ImplicitLocOpBuilder &b, Value memref, unsigned dim) {
    return memref::DimOp::create(b, memref, int64_t(dim));
  }

  /// Address of the first element, row stride, batch stride.
  static void addOperand(ImplicitLocOpBuilder &b, Value memref, unsigned batchDims,
                         SmallVectorImpl<Value> &arguments) {
    auto metadata = memref::ExtractStridedMetadataOp::create(b, memref);
    Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, metadata.getBaseBuffer());
    int64_t bytes = cast<MemRefType>(memref.getType()).getElementTypeBitWidth() / 8;
    Value scaled = arith::MulIOp::create(b, metadata.getOffset(), arith::ConstantIndexOp::create(b, bytes));
    Value address = wide(b, arith::AddIOp::create(b, base, scaled));
    arguments.push_back(LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), address));
    arguments.push_back(wide(b, metadata.getStrides()[batchDims]));
    arguments.push_back(batchDims ? wide(b, metadata.getStrides()[0])
                                  : Value(arith::ConstantIntOp::create(b, 0, 64)));
  }

  LLVM::LLVMFuncOp matmulFunction() {
    if (auto known = module.lookupSymbol<LLVM::LLVMFuncOp>("gqa_rt_matmul"))
      return known;
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    Type i64 = b.getI64Type(), pointer = LLVM::LLVMPointerType::get(b.getContext());
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(b.getContext()),
        {b.getI32Type(), i64, i64, i64, i64, pointer, i64, i64, pointer, i64, i64, pointer, i64, i64});
    return LLVM::LLVMFuncOp::create(b, module.getLoc(), "gqa_rt_matmul", type);
  }

  ModuleOp module;
};

struct LowerMatmulPass : impl::LowerMatmulBase<LowerMatmulPass> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> products;
    getOperation().walk([&](linalg::LinalgOp op) { products.push_back(op); });
    Lowering lowering(getOperation());
    for (linalg::LinalgOp op : products)
      if (std::optional<Match> found = match(op)) {
        lowering.lower(op, *found);
        ++numLowered;
      }
  }
};

} // namespace
} // namespace gqa
