// Arithmetic on one boolean: a select in disguise.
#ifndef GQA_RAISE_TRUTH_H
#define GQA_RAISE_TRUTH_H

#include "gqa/Raise/Match.h"

namespace gqa {

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

/// `expr` where the i1 `truth`, wherever it stands in it, is `value`.
Expr assume(Evaluator &evaluator, Expr expr, Expr truth, bool value);

} // namespace gqa

#endif // GQA_RAISE_TRUTH_H
