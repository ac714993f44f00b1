// gqa.append_kv: slices inserted behind the cache, or at the positions.
#include "gqa/Dialect/GQA/Transforms/Decompose.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace gqa {
namespace {

using Sizes = SmallVector<OpFoldResult>;

/// Cache and fresh, one behind the other in a new tensor: bufferization writes each into its place.
Value concatenate(OpBuilder &builder, AppendKVOp op) {
  Location loc = op.getLoc();
  unsigned tokens = dimOf(op.getLayout(), 's');
  if (sizeOf(op.getFresh(), op.getLayout(), 's') ==
      0) // a slice behind the end is not one, even without elements
    return op.getCache();
  ReifiedRankedShapedTypeDims shapes;
  (void)op.reifyResultShapes(builder, shapes);
  Value result = emptyTensor(builder, loc, cast<RankedTensorType>(op.getOutput().getType()), shapes[0]);
  Sizes offsets(4, builder.getIndexAttr(0)), strides(4, builder.getIndexAttr(1));
  Sizes cached = tensor::getMixedSizes(builder, loc, op.getCache());
  result = tensor::InsertSliceOp::create(builder, loc, op.getCache(), result, offsets, cached, strides);
  offsets[tokens] = cached[tokens];
  Sizes fresh = tensor::getMixedSizes(builder, loc, op.getFresh());
  return tensor::InsertSliceOp::create(builder, loc, op.getFresh(), result, offsets, fresh, strides);
}

/// Writes tokens of a cache at their positions, all heads of one token at a time.
class IndexedAppend {
public:
  IndexedAppend(OpBuilder &builder, AppendKVOp op)
      : builder(builder), op(op), loc(op.getLoc()), tokenDim(dimOf(op.getLayout(), 's')),
        batchDim(dimOf(op.getLayout(), 'b')),
        perBatch(cast<RankedTensorType>(op.getPositions().getType()).getRank() == 2) {}

  Value emit() {
    if (!perBatch)
      return forEach(op.getFresh(), tokenDim, op.getCache(),
                     [&](Value token, Value cache) { return writeInside(cache, Value(), token); });
    return forEach(op.getFresh(), batchDim, op.getCache(), [&](Value batch, Value outer) {
      return forEach(op.getFresh(), tokenDim, outer,
                     [&](Value token, Value cache) { return writeInside(cache, batch, token); });
    });
  }

private:
  /// A loop over a dimension of `over` that passes the cache on. In order, so that the last write of a
  /// position wins.
  template <typename Body> Value forEach(Value over, unsigned dim, Value cache, Body body) {
    Value zero = constant(0), one = constant(1);
    Value size = getValueOrCreateConstantIndexOp(builder, loc, tensor::getMixedSize(builder, loc, over, dim));
    auto loop = scf::ForOp::create(builder, loc, zero, size, one, cache,
                                   [&](OpBuilder &, Location, Value index, ValueRange carried) {
                                     scf::YieldOp::create(builder, loc, body(index, carried[0]));
                                   });
    return loop.getResult(0);
  }

  /// The cache with one token written, if its position is one of the cache.
  Value writeInside(Value cache, Value batch, Value token) {
    SmallVector<Value> at = {token};
    if (perBatch)
      at.insert(at.begin(), batch);
    Value position = positionOf(at);
    position = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), position);
    Value size =
        getValueOrCreateConstantIndexOp(builder, loc, tensor::getMixedSize(builder, loc, cache, tokenDim));
    Value notBefore = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge, position, constant(0));
    Value notBehind = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, position, size);
    Value inside = arith::AndIOp::create(builder, loc, notBefore, notBehind);
    if (sizeOf(op.getCache(), op.getLayout(), 's') > 0) {
      Value last = arith::SubIOp::create(builder, loc, size, constant(1));
      Value nearest = arith::MaxSIOp::create(
          builder, loc, arith::MinSIOp::create(builder, loc, position, last), constant(0));
      return write(cache, batch, token, nearest, inside);
    }
    // There may be no place at all.
    auto branch = scf::IfOp::create(
        builder, loc, inside,
        [&](OpBuilder &, Location) {
          scf::YieldOp::create(builder, loc, write(cache, batch, token, position, /*inside=*/Value()));
        },
        [&](OpBuilder &, Location) { scf::YieldOp::create(builder, loc, cache); });
    return branch.getResult(0);
  }

  /// A position; of those that are computed one by one, what is computed, so that a kernel of a GPU can do it
  /// where it writes the token.
  Value positionOf(ValueRange at) {
    auto generic = op.getPositions().getDefiningOp<linalg::GenericOp>();
    bool isPlain = generic && generic.getNumDpsInputs() == 0 && generic.getNumDpsInits() == 1 &&
                   generic.getNumReductionLoops() == 0 && generic.getIndexingMapsArray()[0].isIdentity() &&
                   generic.getBody()->getArgument(0).use_empty();
    if (!isPlain)
      return tensor::ExtractOp::create(builder, loc, op.getPositions(), at);
    IRMapping inside;
    for (Operation &inner : generic.getBody()->without_terminator())
      if (auto index = dyn_cast<linalg::IndexOp>(inner))
        inside.map(index.getResult(), at[index.getDim()]);
      else
        builder.clone(inner, inside);
    return inside.lookupOrDefault(generic.getBody()->getTerminator()->getOperand(0));
  }

  /// The cache with a token at a position that it has. Where `inside` is there, and false, the position keeps
  /// what it has: bufferization sees one write in place, where after a branch it would copy the cache in each
  /// arm.
  Value write(Value cache, Value batch, Value token, Value position, Value inside) {
    Sizes from(4, builder.getIndexAttr(0)), to = from, strides(4, builder.getIndexAttr(1));
    Sizes sizes = tensor::getMixedSizes(builder, loc, op.getFresh());
    from[tokenDim] = token;
    to[tokenDim] = position;
    sizes[tokenDim] = builder.getIndexAttr(1);
    if (perBatch) {
      from[batchDim] = to[batchDim] = batch;
      sizes[batchDim] = builder.getIndexAttr(1);
    }
    Value slice = tensor::ExtractSliceOp::create(builder, loc, op.getFresh(), from, sizes, strides);
    if (inside) {
      Value row = tensor::ExtractSliceOp::create(builder, loc, cache, to, sizes, strides);
      AffineMap each = builder.getMultiDimIdentityMap(4);
      SmallVector<utils::IteratorType> parallel(4, utils::IteratorType::parallel);
      auto body = [&](OpBuilder &b, Location, ValueRange in) {
        Value kept = arith::SelectOp::create(b, loc, inside, in[0], in[1]);
        linalg::YieldOp::create(b, loc, kept);
      };
      slice = linalg::GenericOp::create(builder, loc, row.getType(), slice, row,
                                        ArrayRef<AffineMap>{each, each}, parallel, body)
                  .getResult(0);
    }
    return tensor::InsertSliceOp::create(builder, loc, slice, cache, to, sizes, strides);
  }

  Value constant(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }

  OpBuilder &builder;
  AppendKVOp op;
  Location loc;
  unsigned tokenDim, batchDim;
  bool perBatch;
};

} // namespace

SmallVector<Value> decompose(OpBuilder &builder, AppendKVOp op) {
  return {op.getPositions() ? IndexedAppend(builder, op).emit() : concatenate(builder, op)};
}

} // namespace gqa
