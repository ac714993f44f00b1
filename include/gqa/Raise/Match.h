// The one match: contraction -> expression -> softmax over the keys -> contraction over the same keys.
#ifndef GQA_RAISE_MATCH_H
#define GQA_RAISE_MATCH_H

#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/Raise/Evaluator.h"

namespace gqa {

/// A condition for a key to be seen, an i1 expression of the coordinates.
struct Condition {
  Expr expr;
  bool negated = false;
};

/// An attention as mathematics, before anything is said about batches and heads: every expression is a
/// function of the coordinates of the output (`rows`, all but the value dimension), the key `key`, and the
/// contracted `keyDim`.
struct AttentionMatch {
  mlir::linalg::LinalgOp product;         ///< of the probabilities with V
  mlir::Operation *exponential = nullptr; ///< the operation that names the softmax
  llvm::SmallVector<unsigned>
      rows; ///< variables of the output's dimensions, the value dimension included, in order
  unsigned key = 0, valueDim = 0, keyDim = 0;
  Expr q = nullptr, k = nullptr, v = nullptr; ///< loads
  double scale = 1.0;
  std::optional<double> softcap;
  llvm::SmallVector<Condition> conditions;
  llvm::SmallVector<Expr> biases;
  DeadRow deadRow = DeadRow::NaN;
};

/// Why something that looks like attention is not raised.
struct Refusal {
  mlir::Operation *exponential = nullptr;
  mlir::Operation *where = nullptr;
  std::string reason;
};

class Matcher {
public:
  explicit Matcher(Evaluator &evaluator) : evaluator(evaluator), context(evaluator.context) {}

  /// Reads `product` as the last contraction of an attention. None, with `refusal.exponential` set if there
  /// is a softmax in front of it.
  std::optional<AttentionMatch> match(mlir::linalg::LinalgOp product, Refusal &refusal);

private:
  bool matchSoftmax(Expr probabilities, AttentionMatch &match, Expr &scores);
  /// A test for rows that see a key: `scores` at the reduction's variable are looked at; it holds where a key
  /// is `alive`, or where none is.
  struct Guard {
    Reduction reduction;
    Expr scores;
    bool alive;
  };
  std::optional<Guard> matchGuard(Expr condition);
  std::optional<Guard> takeGuard(Expr &probabilities);
  bool takeNaNGuard(Expr &probabilities);
  bool matchScores(Expr expr, AttentionMatch &match);
  bool matchProduct(Expr expr, const Reduction &product, AttentionMatch &match);
  bool matchMasked(Expr select, AttentionMatch &match);
  bool matchAdded(Expr term, AttentionMatch &match);
  bool matchSoftcap(Expr product, AttentionMatch &match);
  bool containsProduct(Expr expr);
  void countFill(double fill, mlir::Type type, bool added);
  Expr peelScores(Expr expr);
  bool sameOver(const Reduction &reduction, unsigned variable, Expr body, Expr expr);
  bool settleDeadRows(AttentionMatch &match);
  bool isNeverDead(const AttentionMatch &match);
  bool refuse(mlir::Operation *where, const llvm::Twine &reason);

  Evaluator &evaluator;
  ExprContext &context;
  Refusal *refusal = nullptr;
  /// Masks that hide keys by a large number, by one that the scores round, by -inf.
  unsigned finiteFills = 0, roundedFills = 0, infiniteFills = 0;
  double narrowest = 0;                ///< the largest number of the narrowest type that the scores pass
  llvm::DenseMap<Expr, bool> products; ///< what containsProduct was asked
  bool inner = false; ///< a factor or a cap applies to all that is still to come, so masks may not
};

/// True if adding `fill` to any score of the type, or selecting it, makes its probability exactly 0.
bool isAbsorbing(double fill, mlir::Type type);

/// The comparisons that a constant tensor of zeros and absorbing fills (or of i1) spells out: `j <= i + c`
/// and `j >= i - w`. None if it is anything else. `fill` is what hides, where a number does; `trueHides`
/// reads an i1 the other way round.
std::optional<llvm::SmallVector<Expr>> matchConstantMask(ExprContext &context, Expr load,
                                                         llvm::ArrayRef<unsigned> rows, unsigned key,
                                                         bool trueHides, double &fill);

} // namespace gqa

#endif // GQA_RAISE_MATCH_H
