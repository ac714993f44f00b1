// The operations around attention as their descriptions read, and how tensors are indexed.
#include "Reference.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa::reference {

Values at(StringRef layout, Value b, Value h, Value s, Value d) {
  Values permuted(4);
  for (auto [letter, value] : llvm::zip_equal(StringRef("bhsd"), Values{b, h, s, d}))
    permuted[dimOf(layout, letter)] = value;
  return permuted;
}

Values broadcast(Emitter &e, Value tensor, ValueRange full) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Values indices;
  for (auto [size, index] : llvm::zip_equal(type.getShape(), full.take_back(type.getRank())))
    indices.push_back(size == 1 ? e.index(0) : index);
  return indices;
}

/// The sizes of a tensor, outermost first.
static Values sizesOf(Emitter &e, Value tensor) {
  Values sizes;
  for (unsigned dim = 0; dim < cast<RankedTensorType>(tensor.getType()).getRank(); ++dim)
    sizes.push_back(e.size(tensor, dim));
  return sizes;
}

/// b, h, s, d of an element's indices in a layout.
static std::array<Value, 4> logical(StringRef layout, ValueRange indices) {
  return {indices[dimOf(layout, 'b')], indices[dimOf(layout, 'h')], indices[dimOf(layout, 's')],
          indices[dimOf(layout, 'd')]};
}

Values evaluate(Emitter &e, MergeOp op) {
  // exp(lse - m) of both parts at one query, their sum, and m.
  auto weights = [&](ValueRange query) -> std::array<Value, 4> {
    Value lse0 = e.read(op.getLse0(), query), lse1 = e.read(op.getLse1(), query), m = e.max(lse0, lse1);
    auto weight = [&](Value lse) {
      return e.select(e.equal(lse, e.negativeInfinity()), e.number(0), e.exp(e.sub(lse, m)));
    };
    Value w0 = weight(lse0), w1 = weight(lse1);
    return {w0, w1, e.add(w0, w1), m};
  };
  auto element = [&](ValueRange indices) {
    auto [b, h, s, d] = logical(op.getLayout(), indices);
    auto [w0, w1, sum, m] = weights({b, h, s});
    Value o = e.add(e.mul(w0, e.read(op.getO0(), indices)), e.mul(w1, e.read(op.getO1(), indices)));
    return e.select(e.equal(sum, e.number(0)), e.number(0), e.div(o, sum));
  };
  auto lse = [&](ValueRange query) {
    auto [w0, w1, sum, m] = weights(query);
    return e.add(m, e.log(sum));
  };
  return {e.generate(cast<RankedTensorType>(op.getOutput().getType()), sizesOf(e, op.getO0()), element),
          e.generate(cast<RankedTensorType>(op.getLse().getType()), sizesOf(e, op.getLse0()), lse)};
}

Values evaluate(Emitter &e, RotaryOp op) {
  Value rotated = e.index(op.getRotaryDim()), half = e.index(op.getRotaryDim() / 2), two = e.index(2);
  bool isHalf = op.getKind() == RotaryKind::Half;
  auto rotate = [&](Value b, Value h, Value s, Value d) {
    Value t = isHalf ? e.rem(d, half) : e.div(d, two);
    Value first = isHalf ? t : e.mul(t, two), second = e.add(first, isHalf ? half : e.index(1));
    Value x1 = e.read(op.getX(), at(op.getLayout(), b, h, s, first));
    Value x2 = e.read(op.getX(), at(op.getLayout(), b, h, s, second));
    Values angle = broadcast(e, op.getCos(), {b, h, s, t});
    Value cos = e.read(op.getCos(), angle),
          sin = e.read(op.getSin(), broadcast(e, op.getSin(), {b, h, s, t}));
    return e.select(e.equal(d, first), e.sub(e.mul(cos, x1), e.mul(sin, x2)),
                    e.add(e.mul(sin, x1), e.mul(cos, x2)));
  };
  auto element = [&](ValueRange indices) {
    auto [b, h, s, d] = logical(op.getLayout(), indices);
    return e.choose(
        e.less(d, rotated), [&, b = b, h = h, s = s, d = d] { return rotate(b, h, s, d); },
        [&] { return e.read(op.getX(), indices); });
  };
  if (op.getRotaryDim() == 0)
    return {op.getX()};
  return {e.generate(cast<RankedTensorType>(op.getOutput().getType()), sizesOf(e, op.getX()), element)};
}

Values evaluate(Emitter &e, RepeatHeadsOp op) {
  unsigned headDim = dimOf(op.getLayout(), 'h');
  Values sizes = sizesOf(e, op.getX());
  Value heads = sizes[headDim], groups = e.index(op.getGroups());
  sizes[headDim] = e.mul(heads, groups);
  auto element = [&](ValueRange indices) {
    auto [b, h, s, d] = logical(op.getLayout(), indices);
    Value source = op.getOrder() == HeadOrder::Block ? e.div(h, groups) : e.rem(h, heads);
    return e.read(op.getX(), at(op.getLayout(), b, source, s, d));
  };
  return {e.generate(cast<RankedTensorType>(op.getOutput().getType()), sizes, element)};
}

/// Token t of fresh in place of the cache's token at its position, for one batch.
static Value writeToken(Emitter &e, AppendKVOp op, Value cache, Value b, Value t) {
  StringRef layout = op.getLayout();
  Value heads = e.size(cache, dimOf(layout, 'h')), dim = e.size(cache, dimOf(layout, 'd'));
  bool perBatch = cast<RankedTensorType>(op.getPositions().getType()).getRank() == 2;
  Value position = e.read(op.getPositions(), perBatch ? Values{b, t} : Values{t});
  Value inside =
      e.both(e.notGreater(e.index(0), position), e.less(position, e.size(cache, dimOf(layout, 's'))));
  auto write = [&] {
    return e.fold(heads, cache, [&](Value h, Value cache) {
      return e.fold(dim, cache, [&](Value d, Value cache) {
        return e.write(e.read(op.getFresh(), at(layout, b, h, t, d)), cache, at(layout, b, h, position, d));
      });
    });
  };
  return e.choose(inside, write, [&] { return cache; });
}

Values evaluate(Emitter &e, AppendKVOp op) {
  StringRef layout = op.getLayout();
  Value fresh = e.size(op.getFresh(), dimOf(layout, 's'));
  if (op.getPositions())
    return {e.fold(e.size(op.getCache(), dimOf(layout, 'b')), op.getCache(), [&](Value b, Value cache) {
      return e.fold(fresh, cache, [&](Value t, Value cache) { return writeToken(e, op, cache, b, t); });
    })};
  Values sizes = sizesOf(e, op.getCache());
  Value cached = sizes[dimOf(layout, 's')];
  sizes[dimOf(layout, 's')] = e.add(cached, fresh);
  auto element = [&](ValueRange indices) {
    auto [b, h, s, d] = logical(layout, indices);
    return e.choose(
        e.less(s, cached), [&] { return e.read(op.getCache(), indices); },
        [&, b = b, h = h, s = s, d = d] {
          return e.read(op.getFresh(), at(layout, b, h, e.sub(s, cached), d));
        });
  };
  return {e.generate(cast<RankedTensorType>(op.getOutput().getType()), sizes, element)};
}

Values evaluate(Emitter &e, DequantizeOp op) {
  auto narrow = [&](ValueRange indices) -> Value {
    if (!cast<RankedTensorType>(op.getX().getType()).getElementType().isInteger())
      return e.read(op.getX(), indices);
    Value integer = tensor::ExtractOp::create(e, op.getX(), indices);
    return op.getIsUnsigned() ? arith::UIToFPOp::create(e, e.getF64Type(), integer).getResult()
                              : arith::SIToFPOp::create(e, e.getF64Type(), integer).getResult();
  };
  auto element = [&](ValueRange indices) {
    Value value = narrow(indices);
    if (Value zero = op.getZero())
      value = e.sub(value, e.read(zero, broadcast(e, zero, indices)));
    if (Value scale = op.getScale())
      value = e.mul(value, e.read(scale, broadcast(e, scale, indices)));
    return value;
  };
  return {e.generate(cast<RankedTensorType>(op.getOutput().getType()), sizesOf(e, op.getX()), element)};
}

} // namespace gqa::reference
