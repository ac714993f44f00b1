// Arithmetic on one boolean: a select in disguise.
#ifndef GQA_RAISE_TRUTH_H
#define GQA_RAISE_TRUTH_H

#include "gqa/Raise/Match.h"

namespace gqa {

/// The i1s that `expr` is computed from; what those are computed from is not looked at.
llvm::SetVector<Expr> truthsOf(Evaluator &evaluator, Expr expr);

/// `expr` where the i1 `truth` is `value`; what does not depend on it stays as it is. Zero times anything is
/// zero here: of numbers that are chosen by products all are taken to be finite.
Expr choose(Evaluator &evaluator, Expr expr, Expr truth, bool value);

/// An expression with two values.
struct OfTruth {
  Expr truth; ///< an i1
  double whenTrue, whenFalse;
};

/// `expr` as a function of one i1: `(1 - float(seen)) * min`, `select(seen, 0, min)`. None if it depends on
/// anything else.
std::optional<OfTruth> matchOfTruth(Evaluator &evaluator, Expr expr);

/// A comparison of such numbers as the i1 that decides it: `select(seen, 0, min) == 0` is `seen`.
std::optional<Condition> simplifyTruth(Evaluator &evaluator, Expr condition);

/// What one of several i1s says of an expression by itself: where `truth` is `value`, it is a number, and
/// where it is not, `rest`.
struct Decided {
  Expr truth;
  bool value;
  double number;
  Expr rest;
};

/// An i1 of `expr` that alone makes it a number such as is `wanted`: in `float(a) * float(b) != 0`, of which
/// a zero is wanted, each of the two. None where there are too many to try.
std::optional<Decided> matchDecided(Evaluator &evaluator, Expr expr, llvm::function_ref<bool(double)> wanted);

/// `expr` where the i1 `truth`, wherever it stands in it, is `value`.
Expr assume(Evaluator &evaluator, Expr expr, Expr truth, bool value);

} // namespace gqa

#endif // GQA_RAISE_TRUTH_H
