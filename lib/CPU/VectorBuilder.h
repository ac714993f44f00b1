// A builder for loops and rank-1 vectors, and the pieces of arithmetic that tile operations share.
#ifndef GQA_LIB_CPU_VECTORBUILDER_H
#define GQA_LIB_CPU_VECTORBUILDER_H

#include "gqa/Tile/IndexBuilder.h"
#include "gqa/Tile/Target.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"

namespace gqa {

/// Of a line of the cache.
constexpr int64_t kLineBits = 512;

/// Lines of a row of `buffer`, whose width is known.
int64_t linesOfRow(mlir::Value buffer);

class VectorBuilder : public IndexBuilder {
public:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;

  /// Builds in front of `op`, with vectors of `element` (f32 or f64).
  VectorBuilder(mlir::Operation *op, const CPUTarget &target, mlir::Type element);

  const CPUTarget &target;
  mlir::FloatType element;
  /// Elements of a vector.
  int64_t lanes;

  mlir::VectorType vectorOf(mlir::Type type) { return mlir::VectorType::get(lanes, type); }

  /// A float constant of the type of `like`, scalar or vector.
  Value floatLike(Value like, double value);
  Value scalar(double value);
  Value splat(Value scalar);
  Value splat(double value) { return splat(scalar(value)); }

  Value load(Value buffer, ValueRange at);
  void store(Value value, Value buffer, ValueRange at);
  /// `lanes` consecutive elements of the last dimension.
  Value loadVector(Value buffer, ValueRange at);
  void storeVector(Value value, Value buffer, ValueRange at);

  /// a / by and a % by of an `a` that is not negative: fewer instructions where nothing else says so.
  Value divPositive(Value a, int64_t by) { return createOrFold<mlir::arith::DivUIOp>(a, index(by)); }
  Value remPositive(Value a, int64_t by) { return createOrFold<mlir::arith::RemUIOp>(a, index(by)); }

  /// True at run time if the elements of a row are next to each other.
  Value isContiguous(Value buffer);

  /// A contiguous buffer of rank 2 as one of rank 1.
  Value flat(Value buffer);

  /// The first elements of a vector; a short vector as often as the lanes have room for it; a vector whose
  /// lanes have moved down by `distance`, around its end.
  Value first(Value vector, int64_t count);
  Value repeat(Value vector);
  Value rotate(Value vector, int64_t distance);
  /// As many vectors as each has lanes: lane j of vector i is lane i of vector j.
  llvm::SmallVector<Value> transposed(llvm::SmallVector<Value> vectors);
  /// Every lane has changed places with the one whose number differs in `bit`.
  Value exchange(Value vector, int64_t bit);

  /// A float, scalar or vector, widened to or rounded to the element type `type`.
  Value widen(Value value, mlir::Type type);
  Value narrow(Value value, mlir::Type type);
  /// One or the other.
  Value converted(Value value, mlir::Type type);

  /// `lanes` pairs of bf16 numbers: the even ones and the odd ones as f32.
  std::pair<Value, Value> loadPairs(Value buffer, ValueRange at) {
    return splitPairs(loadHalves(buffer, at));
  }
  /// `2 lanes` bf16 numbers, pairs of neighbours; one pair, as often as there are lanes.
  Value loadHalves(Value buffer, ValueRange at);
  Value splatPair(Value buffer, ValueRange at);
  /// The even and the odd ones of `2 lanes` bf16 numbers as f32.
  std::pair<Value, Value> splitPairs(Value halves);
  /// Two vectors of `2 lanes` bf16 numbers as pairs of one of each: of the even ones, then of the odd ones.
  llvm::SmallVector<Value> pairUp(Value first, Value second);
  /// sum + a[2i] * b[2i] + a[2i + 1] * b[2i + 1] in each lane, for targets that multiply pairs.
  Value addPairs(Value a, Value b, Value sum);
  /// Where column `d` is if columns are paired (see the `tile` dialect); `d` itself if they are not.
  Value pairedColumn(Value d, bool paired);

  /// a < b, a == b: false for NaN. Select keeps the order of the words.
  Value less(Value a, Value b);
  Value equal(Value a, Value b);
  Value select(Value condition, Value a, Value b);
  /// The larger, the smaller; the first if they do not compare.
  Value maxKeepFirst(Value a, Value b);
  Value minKeepFirst(Value a, Value b);
  Value addF(Value a, Value b);
  Value subF(Value a, Value b);
  Value mulF(Value a, Value b);
  Value divF(Value a, Value b);
  /// a * b + c, in one rounding where the processor can.
  Value fma(Value a, Value b, Value c);

  /// e^(scale * x) for a positive scale and an x that is not, scalars or vectors; NaN stays NaN.
  Value exp(Value x, Value scale);
  /// The same of several, whose chains of operations are woven into each other.
  llvm::SmallVector<Value> exp(llvm::ArrayRef<Value> xs, Value scale);
  Value tanh(Value x);

  /// The sum of each of `vectors`, 1 to 16 of them, a power of two: as vectors of `width` sums in order, or
  /// as scalars if width is 1. With `ofVector` each has so many, its lanes in turn.
  llvm::SmallVector<Value> sums(llvm::ArrayRef<Value> vectors, int64_t width, int64_t ofVector = 1);

  /// Sets of `count` values, one behind the other, added up to one.
  llvm::SmallVector<Value> addSets(llvm::SmallVector<Value> values, int64_t count);

  void forEach(Value begin, Value end, int64_t step, llvm::function_ref<void(Value)> body);
  /// A loop that carries values.
  llvm::SmallVector<Value> fold(Value begin, Value end, int64_t step, ValueRange init,
                                llvm::function_ref<llvm::SmallVector<Value>(Value, ValueRange)> body);
  /// The second of two conditions is computed only where the first holds.
  Value andThen(Value condition, llvm::function_ref<Value()> second);
  /// From 0 to `count` in blocks of `block`, then what is left: in one block if `count` is known, else in
  /// blocks of `rest`, of which `count` is a multiple. `body` gets a position and the size of its block.
  /// Whole blocks from `used` on may be left out.
  void blocked(Value count, int64_t block, int64_t rest, llvm::function_ref<void(Value, int64_t)> body,
               Value used = nullptr);
  /// Loads from before this place are not reused after it. No code results.
  void keepOrder();

private:
  llvm::SmallVector<Value> expF32(llvm::ArrayRef<Value> xs, Value scale);
};

} // namespace gqa

#endif // GQA_LIB_CPU_VECTORBUILDER_H
