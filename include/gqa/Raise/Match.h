// The one match: contraction -> expression -> softmax over the keys -> contraction over the same keys.
#ifndef GQA_RAISE_MATCH_H
#define GQA_RAISE_MATCH_H

#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/Raise/ConstantMask.h"
#include "gqa/Raise/Evaluator.h"

#include "llvm/ADT/SetVector.h"

namespace gqa {

/// A condition for a key to be seen, an i1 expression of the coordinates.
struct Condition {
  Expr expr;
  bool negated = false;
};

/// `factor * expr`, added to the scores.
struct Bias {
  Expr expr;
  double factor = 1.0;
};

/// An attention as mathematics, before anything is said about batches and heads: every expression is a
/// function of the coordinates of the output (`rows`, all but the value dimension), the key `key`, and the
/// contracted `keyDim`.
struct AttentionMatch {
  mlir::Operation *product = nullptr; ///< of the probabilities with V, or an attention that stands for it
  llvm::SmallVector<mlir::Operation *, 1> products; ///< of keys that come in several sets, all of them
  mlir::Value output; ///< what the attention is: the product, or the product divided by the sums
  mlir::Operation *exponential = nullptr; ///< the operation that names the softmax
  llvm::SmallVector<unsigned>
      rows; ///< variables of the output's dimensions, the value dimension included, in order
  unsigned key = 0, keyDim = 0;
  Expr q = nullptr, k = nullptr, v = nullptr; ///< loads, or what is computed of them in the contraction
  Expr factoredK = nullptr; ///< k with the constants that multiply it: what the contraction reads
  double scale = 1.0;
  Expr scaleValue = nullptr; ///< a further factor, known at run time, the same for all scores
  bool scaleDivides = false; ///< that is a divisor
  std::optional<double> softcap;
  llvm::SmallVector<Condition> conditions;
  llvm::SmallVector<Bias> biases;
  Expr sink = nullptr; ///< a logit that adds to the sum and has no value
  Expr dot = nullptr;  ///< the product of q and k, or the sum of two
  /// Any other mathematics: the score as an expression of `plain`, what scale, softcap and biases make of
  /// `dot`.
  Expr score = nullptr, plain = nullptr;
  llvm::SmallVector<Expr> lses; ///< elements of tensors that hold the logarithm of its sum
  DeadRow deadRow = DeadRow::NaN;
  unsigned parts = 1;     ///< sets of keys that one softmax runs over, of which this is one
  bool mayBeDead = false; ///< and a row may see no key of any of them

  /// Calls `change` with every expression.
  void forEach(llvm::function_ref<void(Expr &)> change);
};

/// Why something that looks like attention is not raised.
struct Refusal {
  mlir::Operation *exponential = nullptr;
  mlir::Operation *where = nullptr;
  std::string reason;
};

/// What a softmax is made of: exp(scores - shift) / (sum of that over the keys + exp(sink - shift)).
struct Softmax {
  Expr numerator = nullptr, denominator = nullptr;
  Expr scores = nullptr;
  Expr shift = nullptr; ///< null: nothing is subtracted
  double factor = 1.0;  ///< of the scores: ln 2 under an exponential of base 2
};

/// The masks of a score: conditions, and by what they hide.
struct Masks {
  llvm::SmallVector<Condition> conditions;
  llvm::SmallVector<std::pair<double, bool>> fills; ///< each with whether it is added
  llvm::SmallVector<Condition> implied;             ///< bounds of a mask with a finite fill that stays a bias
};

/// Whether a number that hides keys is among the constants of `expr`.
bool hidesKeys(Evaluator &evaluator, Expr expr, double least = kBeyondScores);

/// The exponential that makes `op` a part of a softmax: exp(s - max s), or what a sum runs over.
mlir::Operation *softmaxOf(Evaluator &evaluator, mlir::linalg::LinalgOp op);

class Matcher {
public:
  /// `hasLogarithms`: the function computes some, which may be of an attention's sum.
  Matcher(Evaluator &evaluator, bool hasLogarithms)
      : evaluator(evaluator), context(evaluator.context), hasLogarithms(hasLogarithms) {}

  /// Reads `product` as the last contraction of an attention: one, or one for each set of keys where one
  /// softmax runs over several, whose results are to be merged. None, with `refusal.exponential` set if there
  /// is a softmax in front of it.
  llvm::SmallVector<AttentionMatch, 1> match(mlir::linalg::LinalgOp product, Refusal &refusal);

private:
  /// A test for rows that see a key: `scores` at the reduction's variable are looked at; it holds where a key
  /// is `alive`, or where none is.
  struct Guard {
    Reduction reduction;
    Expr scores;
    bool alive;
  };

  /// Keys whose probabilities are set to 0 behind the softmax: those for which the condition holds, or, not
  /// `whenTrue`, for which it does not.
  struct Hidden {
    Expr condition;
    bool whenTrue;
  };

  /// A product of q and k.
  struct Factors {
    Expr dot = nullptr, q = nullptr, k = nullptr, factoredK = nullptr;
    unsigned keyDim = 0;
    double scale = 1.0;
  };

  /// A product of weights with values, which is divided behind it if there is a `divisor`.
  struct Term {
    Reduction product;
    Expr divisor;
  };

  /// One set of the keys that a softmax runs over.
  struct Part {
    AttentionMatch match;
    Softmax softmax = {};
    Expr scores = nullptr; ///< of sums that are tried out: without what is subtracted, or hides exponentials
    std::optional<double> fill; ///< what they are where a key is hidden, unless its exponential is
    mlir::AffineExpr begin = nullptr, total = nullptr; ///< its place among what is summed up, and of how many
  };

  // MatchAttention.cpp
  std::pair<Expr, Expr> matchQuotient(Expr expr);
  Expr withoutSkip(Expr expr);
  Expr readOutput(mlir::Value output, mlir::linalg::LinalgOp product, AttentionMatch &match);
  bool matchOutput(mlir::Value output, mlir::linalg::LinalgOp product, AttentionMatch &match);
  bool matchSides(AttentionMatch &match, Expr body, Expr denominator, std::optional<Guard> late);
  std::optional<bool> matchSide(AttentionMatch &match, Expr p, Expr v, Expr denominator,
                                std::optional<Guard> late);
  std::optional<std::pair<Expr, Expr>> moveFactor(Expr p, Expr v, unsigned side, const AttentionMatch &match);

  // MatchParts.cpp
  llvm::SmallVector<AttentionMatch, 1> matchParts(mlir::linalg::LinalgOp product);
  bool collectTerms(Expr expr, Expr divisor, llvm::SmallVectorImpl<Term> &terms);
  bool readFactors(Expr body, Expr divisor, Part &part);
  bool readTerm(const Term &term, llvm::SmallVectorImpl<Part> &parts, const AttentionMatch &whole);
  bool matchParts(llvm::MutableArrayRef<Part> parts);
  bool matchPart(Part &part, AttentionMatch &match);

  // MatchSums.cpp
  llvm::SmallVector<AttentionMatch, 1> matchSums(mlir::linalg::LinalgOp product, bool &areSeveral);
  void collectSets(Expr expr, const AttentionMatch &whole, llvm::DenseSet<Expr> &visited,
                   llvm::SmallVectorImpl<Part> &sets);
  bool leadsToSet(Expr expr, llvm::DenseSet<Expr> &visited);
  bool readSet(const Reduction &product, Part &part);
  Expr findExponential(Expr weight, unsigned key, Expr &visible);

  // TrySets.cpp
  bool matchSets(llvm::MutableArrayRef<Part> parts, Expr output);
  bool isSeenWith(const AttentionMatch &set, const AttentionMatch &other);
  void setFill(Part &part);
  bool matchSet(Part &part, bool isZeroed, AttentionMatch &match);

  // MatchLse.cpp
  llvm::SmallVector<Expr> findLse(llvm::ArrayRef<Part> parts);
  llvm::SmallVector<Expr> findLse(const AttentionMatch &match);

  // JoinSets.cpp
  void joinSets(llvm::SmallVectorImpl<AttentionMatch> &sets);

  // PlaceParts.cpp
  llvm::SmallVector<mlir::AffineExpr> cutsOf(Expr scores, unsigned key);
  void collectCuts(Expr expr, unsigned key, llvm::SetVector<mlir::AffineExpr> &cuts,
                   llvm::DenseSet<Expr> &visited);
  bool placeParts(llvm::MutableArrayRef<Part> parts);
  bool placeIn(const Reduction &sum, llvm::MutableArrayRef<Part> parts);

  // MatchLate.cpp
  bool matchLate(AttentionMatch &match);
  bool isMovedFrom(mlir::Value source, mlir::Value tensor);
  void matchRounding(AttentionMatch &match);

  // MatchSoftmax.cpp
  bool matchSoftmax(Expr probabilities, Expr denominator, AttentionMatch &match, Expr &scores);
  Expr unmask(Expr numerator, Expr &visible);
  Expr hide(Expr scores, Expr visible);
  bool matchNumerator(Softmax &softmax, Expr e);
  bool matchLogarithm(Softmax &softmax);
  bool matchShift(const Softmax &softmax, Expr scores, AttentionMatch &match);
  bool follows(Expr expr, unsigned variable);
  bool haveSameSize(unsigned a, unsigned b);
  bool sameOver(const Reduction &reduction, unsigned variable, Expr body, Expr expr);
  bool refuse(mlir::Operation *where, const llvm::Twine &reason);

  // MatchDenominator.cpp
  bool matchDenominator(const Softmax &softmax, AttentionMatch &match);
  bool matchSum(const Reduction &sum, const Softmax &softmax, AttentionMatch &match);
  bool addSink(Expr exponential, const Softmax &softmax, AttentionMatch &match);

  // MatchGuards.cpp
  std::optional<Guard> matchGuard(Expr condition);
  bool isAbout(const Guard &guard, Expr scores, const AttentionMatch &match);
  std::optional<Guard> takeGuard(Expr &probabilities);
  std::optional<Hidden> takeHidden(Expr &probabilities);
  bool isAbout(const Hidden &hidden, Expr scores, const AttentionMatch &match);
  bool takeNaNGuard(Expr &probabilities);

  // MatchScores.cpp
  bool matchMasked(Expr scores, double factor, double least, const AttentionMatch &match,
                   AttentionMatch &plain, Masks &masks, bool &isFound);
  bool matchScores(Expr scores, double factor, AttentionMatch &match);
  bool matchTerms(Expr expr, AttentionMatch &match);
  bool matchPlain(AttentionMatch &match, bool withBiases);
  bool matchFactor(Expr expr, AttentionMatch &match);
  bool matchSoftcap(Expr tanh, AttentionMatch &match);

  // MatchProducts.cpp
  bool isDot(Expr load, unsigned key);
  bool containsDot(Expr expr, unsigned key);
  void collectDots(Expr expr, unsigned key, llvm::SetVector<Expr> &dots, llvm::DenseSet<Expr> &visited);
  bool isKey(Expr a, Expr b, const AttentionMatch &match);
  Factors factorsOf(Expr dot, const AttentionMatch &match);
  std::pair<Factors, Factors> partsOf(Expr sum, const AttentionMatch &match);
  bool areParts(const Factors &a, const Factors &b, const AttentionMatch &match);
  Expr joinDots(Expr scores, const llvm::SetVector<Expr> &dots, const AttentionMatch &match);
  bool matchDot(AttentionMatch &match);

  // MatchMasks.cpp
  Expr stripMasks(Expr expr, AttentionMatch &match, Masks &masks);
  Expr stripTerm(Expr term, AttentionMatch &match, Masks &masks);
  bool takeMask(Expr term, AttentionMatch &match, Masks &masks);
  bool takeTruth(Expr term, AttentionMatch &match, Masks &masks);
  void addCondition(Condition condition, AttentionMatch &match, Masks &masks);

  // MatchDeadRows.cpp
  bool settleDeadRows(AttentionMatch &match, const Masks &masks);
  bool isAlwaysSeen(const AttentionMatch &match);
  bool isNeverDead(const AttentionMatch &match);
  void addImplied(AttentionMatch &match, const Masks &masks);
  bool mayHide(Expr bias);

  Evaluator &evaluator;
  ExprContext &context;
  bool hasLogarithms;
  Refusal *refusal = nullptr;
  enum class Shift { None, Maximum, Other };
  Shift shift = Shift::None;           ///< what is subtracted from the scores
  bool guarded = false;                ///< rows without a key are set to 0
  bool zeroed = false;                 ///< and so are, behind the softmax, all keys that it does not see
  unsigned termsLeft = 0;              ///< how many more terms may be looked at for masks
  const Part *current = nullptr;       ///< which set of the softmax's keys is matched, if there are several
  bool seenElsewhere = false;          ///< every row sees a key of another set
  double deadFill = 0;                 ///< what finite number hides keys, if one does
  bool clamped = false;                ///< scores below every finite number are raised to one
  double leastFill = kBeyondScores;    ///< the least number that is taken for one that hides keys
  double narrowest = 0;                ///< the largest number of the narrowest type that the scores pass
  llvm::DenseMap<Expr, bool> products; ///< what containsDot was asked
};

} // namespace gqa

#endif // GQA_RAISE_MATCH_H
