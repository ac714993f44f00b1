// gqa-lower-matmul: matrix products on memrefs become calls of the runtime's BLAS entry point.
#include "gqa/CPU/Passes.h"
#include "gqa/CPU/Products.h"
#include "gqa/Pipeline/Assertions.h"
#include "gqa/Pipeline/Buffers.h"
#include "gqa/Runtime/Runtime.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_LOWERMATMUL
#include "gqa/CPU/Passes.h.inc"

namespace {

using Operand = Product::Operand;

/// The loops of a product.
struct Loops {
  std::optional<unsigned> batch;
  unsigned m, n, k;
};

/// `value` read by `map` as rows x columns (or columns x rows), behind a batch dimension if there is one.
std::optional<Operand> matchOperand(Value value, AffineMap map, std::optional<unsigned> batch, unsigned row,
                                    unsigned column) {
  auto type = dyn_cast<MemRefType>(value.getType());
  unsigned rank = batch ? 3 : 2;
  if (!type || !map.isProjectedPermutation() || map.getNumResults() != rank)
    return std::nullopt;
  if (batch && map.getDimPosition(0) != *batch)
    return std::nullopt;
  std::optional<int32_t> code = typeCodeOf(type.getElementType());
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

/// Whether the body is out + x * y, of elements as they are or widened.
bool multipliesAndAdds(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || op->getNumRegions() != 1)
    return false;
  Block &body = op->getRegion(0).front();
  auto plain = [](Value value) {
    auto cast = value.getDefiningOp<arith::ExtFOp>();
    return cast ? cast.getIn() : value;
  };
  auto sum = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  for (unsigned side : {0u, 1u}) {
    auto product = sum ? sum->getOperand(side).getDefiningOp<arith::MulFOp>() : arith::MulFOp();
    if (!product || sum->getOperand(1 - side) != body.getArgument(2))
      continue;
    Value x = plain(product.getLhs()), y = plain(product.getRhs());
    return (x == body.getArgument(0) && y == body.getArgument(1)) ||
           (x == body.getArgument(1) && y == body.getArgument(0));
  }
  return false;
}

/// Each kind of loop once, a batch perhaps not.
std::optional<Loops> loopsOf(linalg::LinalgOp op, bool generic) {
  if (isa<linalg::MatmulOp>(op.getOperation()))
    return Loops{std::nullopt, 0, 1, 2};
  if (isa<linalg::BatchMatmulOp>(op.getOperation()))
    return Loops{0, 1, 2, 3};
  if (!generic || !multipliesAndAdds(op))
    return std::nullopt;
  FailureOr<linalg::ContractionDimensions> loops = linalg::inferContractionDims(op);
  if (failed(loops) || loops->m.size() != 1 || loops->n.size() != 1 || loops->k.size() != 1 ||
      loops->batch.size() > 1)
    return std::nullopt;
  std::optional<unsigned> batch;
  if (!loops->batch.empty())
    batch = loops->batch[0];
  return Loops{batch, loops->m[0], loops->n[0], loops->k[0]};
}

/// Whether an operation on buffers, and what its body loads, has nothing to do with `output`, which is memory
/// of its own.
bool isElsewhere(Operation *op, Value output) {
  Value root = rootOf(output);
  if (!isa<linalg::LinalgOp>(op) || !root.getDefiningOp<memref::AllocOp>())
    return false;
  WalkResult walk = op->walk([&](Operation *inner) {
    bool uses = llvm::any_of(inner->getOperands(), [&](Value operand) { return rootOf(operand) == root; });
    return uses ? WalkResult::interrupt() : WalkResult::advance();
  });
  return !walk.wasInterrupted();
}

/// The fill with zero that `op` would add to, if nothing comes in between.
linalg::FillOp zeroFill(linalg::LinalgOp op, Value output) {
  for (Operation *previous = op->getPrevNode(); previous; previous = previous->getPrevNode()) {
    if (auto fill = dyn_cast<linalg::FillOp>(previous); fill && fill.getOutputs()[0] == output)
      return matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) ? fill : nullptr;
    if (!isMemoryEffectFree(previous) && !isa<memref::AllocOp>(previous) && !onlyAsserts(previous) &&
        !isElsewhere(previous, output))
      return nullptr;
  }
  return nullptr;
}

/// The call's arguments and the function that it calls.
class Lowering {
public:
  Lowering(ImplicitLocOpBuilder &b, const Product &product, StringRef name)
      : b(b), product(product), name(name) {}

  void run(bool accumulates) {
    int32_t flags = GQA_RT_TYPES(product.a.type, product.b.type, product.c.type);
    flags |= product.a.transposed ? GQA_RT_TRANSPOSE_A : 0;
    flags |= product.b.transposed ? GQA_RT_TRANSPOSE_B : 0;
    flags |= accumulates ? GQA_RT_ACCUMULATE : 0;
    unsigned rows = product.batchDims, columns = rows + 1;
    Value one = arith::ConstantIndexOp::create(b, 1);
    SmallVector<Value> arguments{arith::ConstantIntOp::create(b, flags, 32)};
    arguments.push_back(wide(rows ? size(product.c.value, 0) : one));
    arguments.push_back(wide(size(product.c.value, rows)));
    arguments.push_back(wide(size(product.c.value, columns)));
    arguments.push_back(wide(size(product.a.value, product.a.transposed ? rows : columns)));
    for (const Operand &operand : {product.a, product.b, product.c})
      addOperand(operand.value, arguments);
    LLVM::CallOp::create(b, function(), arguments);
  }

private:
  Value wide(Value index) { return arith::IndexCastOp::create(b, b.getI64Type(), index); }
  Value size(Value memref, unsigned dim) { return memref::DimOp::create(b, memref, int64_t(dim)); }

  /// Address of the first element, row stride, batch stride.
  void addOperand(Value memref, SmallVectorImpl<Value> &arguments) {
    auto metadata = memref::ExtractStridedMetadataOp::create(b, memref);
    Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, metadata.getBaseBuffer());
    int64_t bytes = cast<MemRefType>(memref.getType()).getElementTypeBitWidth() / 8;
    Value scaled = arith::MulIOp::create(b, metadata.getOffset(), arith::ConstantIndexOp::create(b, bytes));
    Value address = wide(arith::AddIOp::create(b, base, scaled));
    arguments.push_back(LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), address));
    arguments.push_back(wide(metadata.getStrides()[product.batchDims]));
    arguments.push_back(product.batchDims ? wide(metadata.getStrides()[0])
                                          : Value(arith::ConstantIntOp::create(b, 0, 64)));
  }

  LLVM::LLVMFuncOp function() {
    auto module = b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
    if (auto known = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
      return known;
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    Type i64 = b.getI64Type(), pointer = LLVM::LLVMPointerType::get(b.getContext());
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(b.getContext()),
        {b.getI32Type(), i64, i64, i64, i64, pointer, i64, i64, pointer, i64, i64, pointer, i64, i64});
    return LLVM::LLVMFuncOp::create(builder, module.getLoc(), name, type);
  }

  ImplicitLocOpBuilder &b;
  const Product &product;
  StringRef name;
};

struct LowerMatmulPass : impl::LowerMatmulBase<LowerMatmulPass> {
  void runOnOperation() override {
    struct Call {
      linalg::LinalgOp op;
      Product product;
      bool accumulates;
    };
    SmallVector<Call> calls; // made when all fills have been found: nobody knows what a call does
    getOperation().walk([&](linalg::LinalgOp op) {
      if (std::optional<Product> product = matchProduct(op))
        calls.push_back({op, *product, false});
    });
    for (Call &call : calls)
      call.accumulates = !takeZeroFill(call.op, call.product);
    for (Call &call : calls) {
      ImplicitLocOpBuilder b(call.op.getLoc(), call.op);
      callProduct(b, call.product, call.accumulates, "gqa_rt_matmul");
      call.op->erase();
      ++numLowered;
    }
  }
};

} // namespace

std::optional<Product> matchProduct(linalg::LinalgOp op, bool generic) {
  std::optional<Loops> loops = op.hasPureBufferSemantics() ? loopsOf(op, generic) : std::nullopt;
  if (!loops)
    return std::nullopt;
  auto [batch, m, n, k] = *loops;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  unsigned left = 0, right = 1;
  if (maps[2].getNumResults() == (batch ? 3 : 2) && maps[2].isProjectedPermutation() &&
      maps[2].getDimPosition(batch ? 1 : 0) == n) { // C^T = B^T A^T
    std::swap(left, right);
    std::swap(m, n);
  }
  auto a = matchOperand(op->getOperand(left), maps[left], batch, m, k);
  auto b = matchOperand(op->getOperand(right), maps[right], batch, k, n);
  auto c = matchOperand(op->getOperand(2), maps[2], batch, m, n);
  if (!a || !b || !c || c->transposed)
    return std::nullopt;
  bool doubles = c->type == GQA_RT_F64;
  if ((a->type == GQA_RT_F64) != doubles || (b->type == GQA_RT_F64) != doubles)
    return std::nullopt;
  return Product{batch ? 1u : 0u, *a, *b, *c};
}

bool takeZeroFill(linalg::LinalgOp op, const Product &product) {
  linalg::FillOp fill = zeroFill(op, product.c.value);
  if (fill)
    fill.erase();
  return bool(fill);
}

std::optional<int32_t> typeCodeOf(Type type) {
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

void callProduct(ImplicitLocOpBuilder &b, const Product &product, bool accumulates, StringRef function) {
  Lowering(b, product, function).run(accumulates);
}

} // namespace gqa
