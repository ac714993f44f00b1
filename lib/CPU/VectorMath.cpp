// exp, tanh and sums across lanes.
#include "VectorBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {

// With t = log2(e) * scale * x, e^(scale * x) = 2^n 2^f for n the integer nearest to t and |f| <= 1/2. 2^f is
// a polynomial fitted for the least relative error, 2e-9, so that the rounding of f32 is what remains. t is
// rounded to find n only: in f = t - n its rounding would be an error of 2^-24 |t|, where 2^-24 is that of p.
// From 2^-127 down, where the result would be denormal, it is zero.
SmallVector<Value> VectorBuilder::expF32(ArrayRef<Value> xs, Value scale) {
  // Adding 1.5 * 2^23 leaves the nearest integer in the low bits of a float; with 127 more these are the
  // exponent of 2^n.
  constexpr double kRound = 12582912.0 + 127.0, kLog2E = 1.44269504088896340736;
  auto number = [&](double value) { return floatLike(xs[0], value); };
  Type words = getI32Type();
  TypedAttr shift = getI32IntegerAttr(23);
  if (auto vector = dyn_cast<VectorType>(xs[0].getType())) {
    words = VectorType::get(vector.getShape(), words);
    shift = DenseElementsAttr::get(cast<VectorType>(words), Attribute(shift));
  }
  // Step by step for all of them: a processor looks ahead over a few chains of operations only.
  auto each = [](ArrayRef<Value> values, function_ref<Value(Value)> step) {
    return llvm::map_to_vector(values, step);
  };
  Value factor = mulF(scale, number(kLog2E)), least = divF(number(-127.0), factor), round = number(kRound);
  SmallVector<Value> cut = each(xs, [&](Value x) { return select(less(x, least), least, x); }),
                     fs; // NaN stays
  SmallVector<Value> shifted = each(cut, [&](Value x) { return fma(x, factor, round); });
  SmallVector<Value> whole = each(shifted, [&](Value s) { return subF(round, s); });
  for (auto [x, minusN] : llvm::zip(cut, whole))
    fs.push_back(fma(x, factor, minusN));
  SmallVector<Value> ps(xs.size(), number(1.53533514279e-4));
  for (double coefficient :
       {1.33988873416e-3, 9.61843748244e-3, 5.55033244026e-2, 2.40226479119e-1, 6.93147202868e-1, 1.0}) {
    Value c = number(coefficient);
    for (auto [p, f] : llvm::zip(ps, fs))
      p = fma(p, f, c);
  }
  Value places = arith::ConstantOp::create(*this, shift);
  for (auto [p, s] : llvm::zip(ps, shifted)) {
    Value bits = arith::ShLIOp::create(*this, arith::BitcastOp::create(*this, words, s), places);
    p = mulF(p, arith::BitcastOp::create(*this, p.getType(), bits));
  }
  return ps;
}

SmallVector<Value> VectorBuilder::exp(ArrayRef<Value> xs, Value scale) {
  if (element.isF32())
    return expF32(xs, scale);
  return llvm::map_to_vector(xs, [&](Value x) { return Value(math::ExpOp::create(*this, mulF(x, scale))); });
}

Value VectorBuilder::exp(Value x, Value scale) { return exp(ArrayRef(x), scale)[0]; }

// With t = e^(-2|x|) tanh |x| = (1 - t) / (1 + t); near zero, where this cancels, an odd polynomial fitted
// to a relative error of 3e-9.
Value VectorBuilder::tanh(Value x) {
  if (!element.isF32())
    return math::TanhOp::create(*this, x);
  auto number = [&](double value) { return floatLike(x, value); };
  Value negative = less(x, number(0.0));
  Value magnitude = select(negative, arith::NegFOp::create(*this, x), x);
  Value t = exp(arith::NegFOp::create(*this, magnitude), number(2.0));
  Value far = divF(subF(number(1.0), t), addF(number(1.0), t));
  Value square = mulF(x, x), p = number(-5.8951621885e-3);
  for (double coefficient : {2.0795975455e-2, -5.3783831501e-2, 1.3331924143e-1, -3.3333298003e-1})
    p = fma(p, square, number(coefficient));
  Value near = fma(mulF(p, square), magnitude, magnitude);
  Value result = select(less(magnitude, number(0.6)), near, far);
  return select(negative, arith::NegFOp::create(*this, result), result);
}

namespace {

/// Vectors whose lanes are segments of equal length, each the partial sums of one of the original vectors.
struct Partial {
  Value vector;
  SmallVector<int64_t> ids; // the original vector of each segment
};

} // namespace

/// Adds the halves of all segments. With two operands the result is as wide as each, and its segments are in
/// turn of the one and of the other, so that n vectors take n - 1 steps: the halves that stay where they are
/// are blended, and only the others are shuffled, within 128 bits wherever a segment is.
static Partial halve(VectorBuilder &b, const Partial &first, const Partial &second) {
  int64_t width = cast<VectorType>(first.vector.getType()).getDimSize(0), half = width / first.ids.size() / 2;
  SmallVector<int64_t> staying, moving;
  for (int64_t lane = 0; lane < width; ++lane) {
    bool isFirst = lane / half % 2 == 0;
    staying.push_back(isFirst ? lane : width + lane);
    moving.push_back(isFirst ? lane + half : width + lane - half);
  }
  SmallVector<int64_t> ids;
  for (auto [one, other] : llvm::zip(first.ids, second.ids))
    ids.append({one, other});
  Value sum = b.addF(vector::ShuffleOp::create(b, first.vector, second.vector, staying),
                     vector::ShuffleOp::create(b, first.vector, second.vector, moving));
  return {sum, ids};
}

SmallVector<Value> VectorBuilder::sums(ArrayRef<Value> vectors, int64_t width, int64_t ofVector) {
  SmallVector<Value> results;
  // One vector has room for `lanes` sums.
  size_t most = lanes / ofVector;
  for (size_t begin = 0; begin < vectors.size(); begin += most) {
    SmallVector<Partial> partials;
    for (auto [id, vector] :
         llvm::enumerate(vectors.slice(begin, std::min<size_t>(most, vectors.size() - begin))))
      partials.push_back({vector, {static_cast<int64_t>(id)}});
    int64_t count = partials.size();
    while (partials.size() > 1) {
      size_t half = partials.size() / 2; // the sums of pairs so far apart end up in order
      for (size_t i = 0; i < half; ++i)
        partials[i] = halve(*this, partials[i], partials[half + i]);
      partials.resize(half);
    }
    Partial total = partials.front();
    int64_t length = lanes / count; // of a segment
    for (int64_t distance = length / 2; distance >= ofVector; distance /= 2)
      total.vector = addF(total.vector, rotate(total.vector, distance));
    SmallVector<int64_t> position(count * ofVector);
    for (auto [segment, id] : llvm::enumerate(total.ids))
      for (int64_t i = 0; i < ofVector; ++i)
        position[id * ofVector + i] = segment * length + i;
    for (size_t sum = 0; sum < position.size(); sum += width) {
      ArrayRef<int64_t> lanesOfResult = ArrayRef(position).slice(sum, width);
      if (width == 1)
        results.push_back(vector::ExtractOp::create(*this, total.vector, lanesOfResult[0]));
      else
        results.push_back(vector::ShuffleOp::create(*this, total.vector, total.vector, lanesOfResult));
    }
  }
  return results;
}

} // namespace gqa
