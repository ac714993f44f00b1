// Narrow caches in front of an attention.
#ifndef GQA_LIB_RAISE_DEQUANTIZE_H
#define GQA_LIB_RAISE_DEQUANTIZE_H

#include "gqa/Raise/Build.h"

namespace gqa {

/// Reads an element as `(narrow - zero) * scale`.
class DequantizeMatcher {
public:
  explicit DequantizeMatcher(Evaluator &evaluator) : evaluator(evaluator) {}

  bool match(Expr element);
  /// Whether the zero or a scale differs along the variable.
  bool dependsOnFactor(unsigned variable) const;

  struct Factor {
    Expr expr;
    bool divides;
  };
  Expr narrow = nullptr; ///< a load, of 8 bits, or of fewer than the element has
  Expr zero = nullptr;   ///< of a float or an integer type; null: there is none
  llvm::SmallVector<Factor, 2> scales;
  bool isUnsigned = false;

  DequantizeMatcher(const DequantizeMatcher &) = default;
  DequantizeMatcher &operator=(const DequantizeMatcher &other) {
    narrow = other.narrow;
    zero = other.zero;
    scales = other.scales;
    isUnsigned = other.isUnsigned;
    return *this;
  }

private:
  bool matchLoad(Expr load, bool canBe, bool (DequantizeMatcher::*inner)(Expr));
  bool matchFloat(Expr expr);
  bool matchInteger(Expr expr);
  bool matchScaled(Expr tokens, Factor factor);
  bool matchZero(Expr difference, bool (DequantizeMatcher::*inner)(Expr));

  Evaluator &evaluator;
  unsigned wide = 0; ///< bits of the element
};

/// Whether integers or floats of 8 bits are read in order to compute `expr`.
bool readsBytes(Evaluator &evaluator, Expr expr, unsigned depth = 0);

/// If the operand is made of narrow numbers: a gqa.dequantize instead of it, or, where the narrow ones are a
/// cache with new tokens behind it, a gqa.append_kv of two: true. What is not taken leaves a remark.
bool raiseDequantize(mlir::RewriterBase &rewriter, const Operand &operand, llvm::StringRef what = "a cache");

} // namespace gqa

#endif // GQA_LIB_RAISE_DEQUANTIZE_H
