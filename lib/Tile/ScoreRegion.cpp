// The score region on its way from tensors to buffers.
#include "AttentionFunction.h"
#include "gqa/Dialect/Tile/Tile.h"

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

} // namespace

void copyScoreRegion(AttentionOp op, ValueRange captures, Region &region, IndexBuilder &b) {
  OpBuilder::InsertionGuard guard(b);
  IRMapping mapping;
  op.getScore().cloneInto(&region, mapping);
  Block &block = region.front();
  constexpr unsigned kIndices = 5; // the score, b, h, i, j
  for (auto [argument, capture] : llvm::zip(block.getArguments().drop_front(kIndices), captures)) {
    if (isa<TensorType>(argument.getType()))
      readFromBuffer(argument, capture, b);
    else
      argument.replaceAllUsesWith(capture);
  }
  block.eraseArguments(kIndices, captures.size());
  auto yield = cast<YieldOp>(block.getTerminator());
  b.setInsertionPoint(yield);
  tile::YieldOp::create(b, yield.getValues());
  yield.erase();
}

} // namespace gqa
