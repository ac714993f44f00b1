// Tokens that a graph writes to a cache at positions, whatever operations do it.
#ifndef GQA_LIB_RAISE_CACHEWRITE_H
#define GQA_LIB_RAISE_CACHEWRITE_H

#include "gqa/Raise/Build.h"

namespace gqa {

/// `written` is `cache`, but for `count` tokens that stand at positions.
struct CacheWrite {
  static constexpr unsigned kNone = ~0U;

  explicit CacheWrite(mlir::Value written);

  unsigned rank() const { return coordinates.size(); }
  /// Settles which dimension tokens lie along, and with it what the others are; false if that is no layout.
  bool setTokens(unsigned dim);
  /// Whether the value is the same all over the cache, but for sequences and new tokens.
  bool isPerToken(Expr expr) const;
  /// Whether all parts are what they have to be: positions and guards the same for all heads.
  bool isWhole() const;
  /// The axes of the new tokens in the usual order, b, h, s, d.
  llvm::SmallVector<Axis> axes() const;

  ExprContext context;
  Evaluator evaluator;
  mlir::Value written, cache;
  llvm::SmallVector<mlir::AffineExpr, 4>
      coordinates; ///< of `written`: variable k is dimension k, 0 where that has one element
  unsigned tokens = kNone;
  std::string
      letters; ///< of each dimension: several may be one of the append's, which has others of one element
  std::string layout; ///< of the append
  int64_t count = 1;
  mlir::AffineExpr token;              ///< which of the new tokens, a variable if there are several
  IntegerForm position;                ///< of sequence and token
  llvm::SmallVector<Condition> guards; ///< where one of them fails nothing is written
  Expr row = nullptr;                  ///< what is written; its coordinate along tokens is the position
};

/// What selects, or sums of products with a one-hot vector, write: one token, or several in turn.
std::unique_ptr<CacheWrite> matchSelectedWrite(mlir::Value written);

/// What one inserted slice writes, or one in loops over tokens, sequences and heads.
std::unique_ptr<CacheWrite> matchSlicedWrite(mlir::Value written);

/// The expressions, of which number k is `result` with k for the variable: null if there is no such result.
Expr generalize(ExprContext &context, llvm::ArrayRef<Expr> exprs, unsigned variable);

} // namespace gqa

#endif // GQA_LIB_RAISE_CACHEWRITE_H
