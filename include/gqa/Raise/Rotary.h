// Rotary position embedding: the two elements of a pair as expressions, whatever slices, negations and
// concats made them.
#ifndef GQA_RAISE_ROTARY_H
#define GQA_RAISE_ROTARY_H

#include "gqa/Raise/Axes.h"

namespace gqa {

/// `sign * left * right`, one of which is an element of what is rotated and one of a table.
struct Term {
  bool negative;
  Expr left, right;
};

/// A rotated pair: `(x0, x1)` become `(c x0 - s x1, s x0 + c x1)`.
struct Pair {
  Expr x0 = nullptr, cos = nullptr, sin = nullptr; ///< loads, at the pair's variable
};

/// One way to pair elements: `t` counts pairs, `first` and `second` are the coordinates along the head
/// dimension.
struct Pairing {
  RotaryKind kind;
  int64_t dim; ///< R
  unsigned t;
  mlir::AffineExpr first, second;
};

class RotaryMatcher {
public:
  RotaryMatcher(Evaluator &evaluator, const Operand &tensor);

  /// The pairing under which the tensor is a rotation, and the pair.
  bool match();

  Pairing pairing;
  Pair pair;
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
  Expr factor(Expr expr, bool &negative);
  bool sumOfTwo(Expr expr, llvm::SmallVectorImpl<Term> &terms, bool negative = false);
  bool matchPair(const Pairing &candidate);
  bool isNextOf(Expr x1, Expr x0, const Pairing &candidate);
  bool sameTable(Expr a, Expr b);
  bool isOneTable(Expr a, Expr b);
  bool copiesTail(int64_t dim);
  llvm::SmallVector<int64_t> rotaryDims();

  Evaluator &evaluator;
  const Operand &tensor;
};

} // namespace gqa

#endif // GQA_RAISE_ROTARY_H
