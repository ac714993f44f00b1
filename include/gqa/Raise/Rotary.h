// Rotary position embedding: the two elements of a pair as expressions, whatever slices, negations and
// concats made them.
#ifndef GQA_RAISE_ROTARY_H
#define GQA_RAISE_ROTARY_H

#include "gqa/Raise/Axes.h"

namespace gqa {

/// A factor of a product: where it is read, and the element that it was moved from.
struct Factor {
  Expr read = nullptr, source = nullptr;
  bool operator==(const Factor &other) const { return source == other.source; }
};

/// `sign * left * right`, one of which is an element of what is rotated and one of a table.
struct Term {
  bool negative;
  Factor left, right;
};

/// A rotated pair: `(x0, x1)` become `(c x0 - s x1, s x0 + c x1)`.
struct Pair {
  Factor x0;
  Expr cos = nullptr, sin = nullptr; ///< at the pair's variable
};

/// One way to pair elements: `t` counts pairs, `first` and `second` are the coordinates along the head
/// dimension of the result. In what is rotated they may stand otherwise: `from`.
struct Pairing {
  RotaryKind kind, from;
  int64_t dim; ///< R
  unsigned t;
  mlir::AffineExpr first, second;

  /// How far the coordinate of x0 moves with `t`, and how far x1 is from x0.
  int64_t stride() const { return from == RotaryKind::Interleaved ? 2 : 1; }
  int64_t distance() const { return from == RotaryKind::Interleaved ? 1 : dim / 2; }
};

class RotaryMatcher {
public:
  /// The tensor's layout may lack letters other than `d`.
  RotaryMatcher(Evaluator &evaluator, Operand tensor);

  /// The pairing under which the tensor is a rotation, and the pair.
  bool match();

  Pairing pairing;
  Pair pair;
  /// The tensor that is rotated, `read` being its element at t, at the coordinate `position` along the head
  /// dimension.
  Expr rotatedAt(Expr read, mlir::AffineExpr position);
  /// The two elements of a pair read places of the tables that are not known to hold the same numbers: a
  /// rotation in form only.
  bool tablesMayDiffer = false;
  llvm::SmallVector<mlir::AffineExpr, 4> coordinates; // of the tensor, the head dimension to be filled in
  unsigned headDim, variables[4];                     // by letter position b, h, s, d

private:
  Expr at(mlir::AffineExpr d) {
    auto indices = coordinates;
    indices[headDim] = d;
    return evaluator.context.load(tensor.tensor, indices);
  }
  Factor factor(Expr expr, bool &negative);
  bool sumOfTwo(Expr expr, llvm::SmallVectorImpl<Term> &terms, bool negative = false);
  bool matchPair(const Pairing &candidate);
  bool isNextOf(Expr x1, Expr x0, const Pairing &candidate);
  bool sameTable(Expr a, Expr b);
  bool isOneTable(Expr a, Expr b);
  bool copiesTail(int64_t dim);
  llvm::SmallVector<int64_t> rotaryDims();

  Evaluator &evaluator;
  Operand tensor;
};

} // namespace gqa

#endif // GQA_RAISE_ROTARY_H
