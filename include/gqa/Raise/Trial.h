// What an expression makes of the numbers of a small attention: whether sums of products, however they are
// put together, are that attention, and what becomes of rows without a key.
#ifndef GQA_RAISE_TRIAL_H
#define GQA_RAISE_TRIAL_H

#include "gqa/Raise/Match.h"

#include <random>

namespace gqa {

/// One of the sets of keys of an attention: where its numbers stand in the graph.
struct KeySet {
  unsigned key;                              ///< the variable that counts them
  Expr scores = nullptr;                     ///< with what hides keys
  Expr values = nullptr;                     ///< one element of each
  llvm::SmallVector<Condition> conditions{}; ///< for keys to be seen
  std::optional<double> fill{}; ///< what the scores of hidden keys are, if they are not as others
};

/// Computes with an attention over a few keys of each set, whose scores and values are drawn at random.
/// Expressions that agree wherever they are tried are taken for the same function, which is no proof: they
/// are made of sums, products, quotients, exponentials, logarithms and maxima, whose pieces the trials reach.
/// What else there is has no number here, nor have comparisons with numbers in the midst of the scores.
class Trial {
public:
  /// `factor`: of the scores in the exponent.
  Trial(Evaluator &evaluator, llvm::ArrayRef<KeySet> sets, double factor);

  /// Other numbers. Of the sets that are `dead` no key is seen, of the others at least one.
  void draw(llvm::ArrayRef<bool> dead);

  /// What the expression is, a value of the attention's row; none if it depends on anything else.
  std::optional<double> evaluate(Expr expr);

  /// What the attention is: over the keys that are seen, if there are any, and its sum's logarithm.
  double output() const;
  double lse() const;
  /// The mean of all values, hidden or not.
  double mean() const;

  /// Whether `found` is `wanted`, but for what is lost in rounding to the type.
  static bool areEqual(double found, double wanted, mlir::Type type);

private:
  static constexpr unsigned kKeys = 3; ///< of each set
  struct Key {
    double score, value;
    bool isSeen;
  };

  /// How a reduction runs: over the keys of a set, or over a few numbers.
  struct Range {
    std::optional<unsigned> set;
    llvm::SmallVector<Expr> bodies; ///< one where it is a set's
  };

  void addAtoms(const Condition &condition, unsigned set);
  std::optional<double> evaluateNew(Expr root);
  std::optional<double> apply(Expr expr);
  std::optional<double> reduce(Expr load);
  std::optional<double> reduceOver(const Reduction &reduction, const Range &range);
  std::optional<Range> rangeOf(const Reduction &reduction);
  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(random()) / static_cast<double>(random.max());
  }

  Evaluator &evaluator;
  ExprContext &context;
  llvm::ArrayRef<KeySet> sets;
  double factor;
  std::minstd_rand random; // the same numbers everywhere
  unsigned draws = 0;
  unsigned steps = 0;
  llvm::SmallVector<Key> keys;                       ///< of all sets
  llvm::SmallVector<std::optional<unsigned>> places; ///< of each set, where a reduction stands at one
  llvm::DenseMap<Expr, std::array<bool, kKeys>> truths;
  llvm::DenseMap<Expr, unsigned> scores, values; ///< by their roots, which set's they are
  llvm::DenseMap<Expr, unsigned> conditions;
  llvm::SmallVector<llvm::SmallVector<Condition>> atoms; ///< what the conditions of each set are made of
  llvm::DenseMap<Expr, std::optional<double>> known;     ///< of what follows no key
  llvm::DenseMap<Expr, Range> ranges;
};

} // namespace gqa

#endif // GQA_RAISE_TRIAL_H
