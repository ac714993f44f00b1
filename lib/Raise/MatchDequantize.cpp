// How the numbers of a tensor follow from a narrow one: (x - zero) * scale, whatever operations spell it.
#include "Dequantize.h"

using namespace mlir;

namespace gqa {

/// What computes the element that the load was moved from; null if nothing that has an expression.
static Expr computationOf(Evaluator &evaluator, Expr load) {
  return evaluator.expand(evaluator.chain(load).back());
}

static bool isSmallFloat(Type type) { return isa<Float8E4M3FNType, Float8E5M2Type>(type); }

/// The floats that gqa.dequantize widens.
static bool isNarrow(Type type) { return isSmallFloat(type) || type.isF16() || type.isBF16(); }

bool DequantizeMatcher::match(Expr element) {
  wide = element->type.getIntOrFloatBitWidth();
  return matchFloat(element) && narrow;
}

/// Takes an element of a tensor for the narrow one, if none is found in what computes it.
bool DequantizeMatcher::matchLoad(Expr load, bool canBe, bool (DequantizeMatcher::*inner)(Expr)) {
  Expr computed = computationOf(evaluator, load);
  DequantizeMatcher deeper = *this;
  if (computed && (deeper.*inner)(computed)) {
    *this = deeper;
    return true;
  }
  if (canBe)
    narrow = load;
  return canBe;
}

bool DequantizeMatcher::matchFloat(Expr expr) {
  if (expr->isLoad())
    return isa<FloatType>(expr->type) &&
           matchLoad(expr, isNarrow(expr->type) && expr->type.getIntOrFloatBitWidth() < wide,
                     &DequantizeMatcher::matchFloat);
  if (expr->isApply("arith.extf") || expr->isApply("arith.truncf"))
    return matchFloat(expr->operands[0]);
  if (expr->isApply("arith.sitofp") || expr->isApply("arith.uitofp")) {
    isUnsigned = expr->isApply("arith.uitofp");
    return matchInteger(expr->operands[0]);
  }
  if (expr->isApply("arith.mulf"))
    return matchScaled(expr->operands[0], {expr->operands[1], false}) ||
           matchScaled(expr->operands[1], {expr->operands[0], false});
  if (expr->isApply("arith.divf"))
    return matchScaled(expr->operands[0], {expr->operands[1], true});
  return expr->isApply("arith.subf") && matchZero(expr, &DequantizeMatcher::matchFloat);
}

bool DequantizeMatcher::matchScaled(Expr tokens, Factor factor) {
  DequantizeMatcher attempt = *this;
  attempt.scales.push_back(factor);
  if (zero || !isa<FloatType>(factor.expr->type) || !attempt.matchFloat(tokens))
    return false;
  *this = attempt;
  return true;
}

/// A difference, of which nothing is taken after it: a second one would be another zero.
bool DequantizeMatcher::matchZero(Expr difference, bool (DequantizeMatcher::*inner)(Expr)) {
  if (zero)
    return false;
  size_t scaled = scales.size();
  zero = difference->operands[1];
  return (this->*inner)(difference->operands[0]) && scales.size() == scaled;
}

/// `isUnsigned` says what is around: there a number must not have become negative on the way.
bool DequantizeMatcher::matchInteger(Expr expr) {
  if (expr->isLoad())
    return matchLoad(expr, expr->type.isInteger(8), &DequantizeMatcher::matchInteger);
  if (expr->isApply("arith.extui") || (expr->isApply("arith.extsi") && !isUnsigned)) {
    isUnsigned = expr->isApply("arith.extui");
    return matchInteger(expr->operands[0]);
  }
  // In 8 bits the difference would wrap around.
  return expr->isApply("arith.subi") && !isUnsigned && expr->type.getIntOrFloatBitWidth() > 8 &&
         matchZero(expr, &DequantizeMatcher::matchInteger);
}

bool DequantizeMatcher::dependsOnFactor(unsigned variable) const {
  return (zero && dependsOn(evaluator.expandAll(zero), variable)) ||
         llvm::any_of(scales, [&](const Factor &factor) {
           return dependsOn(evaluator.expandAll(factor.expr), variable);
         });
}

bool readsBytes(Evaluator &evaluator, Expr expr, unsigned depth) {
  constexpr unsigned kDeepest = 24;
  if (depth > kDeepest)
    return false;
  if (expr->isLoad()) {
    if (expr->type.isInteger(8) || isSmallFloat(expr->type))
      return true;
    Expr computed = computationOf(evaluator, expr);
    return computed && readsBytes(evaluator, computed, depth + 1);
  }
  return llvm::any_of(expr->operands,
                      [&](Expr operand) { return readsBytes(evaluator, operand, depth + 1); });
}

} // namespace gqa
