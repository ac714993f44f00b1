// The score region on its way from tensors to buffers.
#include "AttentionFunction.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace gqa {
namespace {

/// Reads of single elements and sizes go to the buffer; every other use keeps a tensor, for bufferization to
/// resolve.
void readFromBuffer(Value tensor, Value buffer, IndexBuilder &b) {
  for (Operation *user : llvm::make_early_inc_range(tensor.getUsers())) {
    b.setInsertionPoint(user);
    if (auto extract = dyn_cast<tensor::ExtractOp>(user)) {
      Value element = memref::LoadOp::create(b, buffer, extract.getIndices());
      extract.getResult().replaceAllUsesWith(element);
      extract.erase();
    } else if (auto dim = dyn_cast<tensor::DimOp>(user)) {
      Value size = memref::DimOp::create(b, buffer, dim.getIndex());
      dim.getResult().replaceAllUsesWith(size);
      dim.erase();
    }
  }
  if (tensor.use_empty())
    return;
  b.setInsertionPointToStart(cast<BlockArgument>(tensor).getOwner());
  Value view = bufferization::ToTensorOp::create(b, tensor.getType(), buffer, /*restrict=*/true);
  tensor.replaceAllUsesWith(view);
}

/// The size that bounds an index argument of the region, or dynamic: any other index can be anything.
int64_t boundOf(AttentionOp op, Value index) {
  auto argument = dyn_cast<BlockArgument>(index);
  if (!argument || argument.getArgNumber() == 0 || argument.getArgNumber() > 4)
    return ShapedType::kDynamic;
  int64_t bounds[] = {op.getBatch(), op.getQueryHeads(), op.getNumQueries(), op.getNumKeys()};
  return bounds[argument.getArgNumber() - 1];
}

/// Moves the indices of a read into the tensor where they may be outside: a read there is undefined, and a
/// task cannot report an error, but no program may read other memory.
void clampIndices(AttentionOp op, tensor::ExtractOp extract, IndexBuilder &b) {
  b.setInsertionPoint(extract);
  RankedTensorType type = extract.getTensor().getType();
  for (auto [dim, operand] : llvm::enumerate(extract.getIndicesMutable())) {
    int64_t bound = boundOf(op, operand.get());
    if (!ShapedType::isDynamic(bound) && !type.isDynamicDim(dim) && bound <= type.getDimSize(dim))
      continue;
    Value last = b.sub(b.createOrFold<tensor::DimOp>(extract.getTensor(), int64_t(dim)), b.index(1));
    operand.set(b.max(b.min(operand.get(), last), b.index(0)));
  }
}

} // namespace

void copyScoreRegion(AttentionOp op, ValueRange captures, Region &region, IndexBuilder &b) {
  OpBuilder::InsertionGuard guard(b);
  IRMapping mapping;
  op.getScore().cloneInto(&region, mapping);
  Block &block = region.front();
  block.walk([&](tensor::ExtractOp extract) { clampIndices(op, extract, b); });
  constexpr unsigned kIndices = 5; // the score, b, h, i, j
  for (auto [argument, capture] : llvm::zip(block.getArguments().drop_front(kIndices), captures)) {
    if (isa<TensorType>(argument.getType())) {
      readFromBuffer(argument, capture, b);
      continue;
    }
    b.setInsertionPointToStart(&block);
    bool isBits = capture.getType() != argument.getType();
    argument.replaceAllUsesWith(isBits ? arith::BitcastOp::create(b, argument.getType(), capture) : capture);
  }
  block.eraseArguments(kIndices, captures.size());
  auto yield = cast<YieldOp>(block.getTerminator());
  b.setInsertionPoint(yield);
  tile::YieldOp::create(b, yield.getValues());
  yield.erase();
}

void buildWholeRegion(AttentionOp op, const AttentionValues &values, Region &region, IndexBuilder &b) {
  Type index = b.getIndexType(), f32 = b.getF32Type();
  OpBuilder::InsertionGuard guard(b);
  if (op.hasScore()) {
    copyScoreRegion(op, values.captures, region, b);
  } else {
    Block *block = b.createBlock(&region);
    for (Type type : {f32, index, index, index, index})
      block->addArgument(type, b.getLoc());
    tile::YieldOp::create(b, block->getArguments().take_front());
  }
  Block &block = region.front();
  Value x = block.getArgument(0);
  ValueRange at = block.getArguments().drop_front();
  if (values.bias) {
    b.setInsertionPointToStart(&block);
    Value bias = memref::LoadOp::create(b, values.bias, at);
    unsigned width = bias.getType().getIntOrFloatBitWidth();
    if (width != 32)
      bias = width < 32 ? Value(arith::ExtFOp::create(b, f32, bias)) : arith::TruncFOp::create(b, f32, bias);
    auto sum = arith::AddFOp::create(b, x, bias);
    x.replaceAllUsesExcept(sum, sum);
  }
  if (values.mask) {
    Operation *yield = block.getTerminator();
    b.setInsertionPoint(yield);
    SmallVector<Value> yielded(yield->getOperands());
    Value seen = memref::LoadOp::create(b, values.mask, at);
    if (yielded.size() > 1)
      seen = arith::AndIOp::create(b, seen, yielded[1]);
    tile::YieldOp::create(b, ValueRange{yielded[0], seen});
    yield->erase();
  }
}

} // namespace gqa
