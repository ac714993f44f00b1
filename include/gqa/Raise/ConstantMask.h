// Numbers and tables that hide keys.
#ifndef GQA_RAISE_CONSTANTMASK_H
#define GQA_RAISE_CONSTANTMASK_H

#include "gqa/Raise/IntegerForm.h"

namespace gqa {

/// The largest finite number of a float type; infinity for any other type.
double largestOf(mlir::Type type);

/// So far beyond all scores that every one below 1e21 is lost in a number as large.
constexpr double kBeyondScores = 1e29;
/// Beyond all scores that are met with: where a row sees another key, what it hides has probability 0.
constexpr double kBelowScores = 1e9;

/// True if adding `fill`, which is at least `least` below 0 or near what the type can hold, to any score of
/// the type, or selecting it, makes its probability exactly 0.
bool isAbsorbing(double fill, mlir::Type type, double least = kBeyondScores);

/// What a mask of constants says of positions: `j <= i + c`, `j >= i - w`, or both.
struct ConstantMask {
  llvm::SmallVector<Expr> comparisons;
  bool isWhole;    ///< that is all of it; else it hides more keys, but of no row all
  double fill = 0; ///< what hides, where a number does
};

/// Reads a mask that only constants and coordinates make, one of zeros and absorbing fills or one of i1. None
/// if it is anything else, or bounds no positions. `trueHides` reads an i1 the other way round.
std::optional<ConstantMask> matchConstantMask(Evaluator &evaluator, Expr mask, llvm::ArrayRef<unsigned> rows,
                                              unsigned key, bool trueHides, double least = kBeyondScores);

/// What a mask of constants says that is read at coordinates of which some are data: each form is not
/// negative. None if it is anything else, or if that is not all that it says.
std::optional<llvm::SmallVector<IntegerForm>> matchTableMask(Evaluator &evaluator, Expr mask, unsigned key,
                                                             bool trueHides);

} // namespace gqa

#endif // GQA_RAISE_CONSTANTMASK_H
