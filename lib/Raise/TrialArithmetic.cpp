// Operations on the numbers of a trial, as far as trials tell what functions they are.
#include "gqa/Raise/ConstantMask.h"
#include "gqa/Raise/Trial.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace gqa {

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Whether trials fall on both sides of `bound`, or nothing ever falls on the other. Of counts, 1 and less
/// tell some from none.
static bool isAside(double bound, Type type) {
  return std::isnan(bound) || std::abs(bound) <= 1 || isAbsorbing(-std::abs(bound), type);
}

static std::optional<double> applyInteger(StringRef name, ArrayRef<double> x) {
  if (name == "arith.andi" || name == "arith.muli")
    return x[0] * x[1]; // of truths, or counts
  if (name == "arith.addi")
    return x[0] + x[1];
  if (name == "arith.extui" || name == "arith.uitofp" || name == "arith.extsi" || name == "arith.sitofp")
    return x[0];
  return std::nullopt;
}

static std::optional<double> applyFloat(StringRef name, ArrayRef<double> x) {
  if (x.size() == 2) {
    bool isUnordered = std::isnan(x[0]) || std::isnan(x[1]);
    double nan = std::numeric_limits<double>::quiet_NaN();
    return name == "arith.addf"       ? std::optional(x[0] + x[1])
           : name == "arith.subf"     ? std::optional(x[0] - x[1])
           : name == "arith.mulf"     ? std::optional(x[0] * x[1])
           : name == "arith.divf"     ? std::optional(x[0] / x[1])
           : name == "arith.maximumf" ? std::optional(isUnordered ? nan : std::max(x[0], x[1]))
           : name == "arith.minimumf" ? std::optional(isUnordered ? nan : std::min(x[0], x[1]))
           : name == "arith.maxnumf"  ? std::optional(std::fmax(x[0], x[1]))
           : name == "arith.minnumf"  ? std::optional(std::fmin(x[0], x[1]))
                                      : std::nullopt;
  }
  return name == "arith.negf"     ? std::optional(-x[0])
         : name == "math.absf"    ? std::optional(std::abs(x[0]))
         : name == "math.exp"     ? std::optional(std::exp(x[0]))
         : name == "math.exp2"    ? std::optional(std::exp2(x[0]))
         : name == "math.expm1"   ? std::optional(std::expm1(x[0]))
         : name == "math.log"     ? std::optional(std::log(x[0]))
         : name == "math.log1p"   ? std::optional(std::log1p(x[0]))
         : name == "math.log2"    ? std::optional(std::log2(x[0]))
         : name == "math.tanh"    ? std::optional(std::tanh(x[0]))
         : name == "arith.truncf" ? std::optional(x[0])
         : name == "arith.extf"   ? std::optional(x[0])
                                  : std::nullopt;
}

std::optional<double> Trial::apply(Expr expr) {
  if (expr->isSelect()) {
    std::optional<double> condition = evaluate(expr->operands[0]);
    return condition ? evaluate(expr->operands[*condition != 0 ? 1 : 2]) : std::nullopt;
  }
  SmallVector<double, 3> x;
  for (Expr operand : expr->operands) {
    std::optional<double> value = evaluate(operand);
    if (!value)
      return std::nullopt;
    x.push_back(*value);
  }
  StringRef name = expr->op->getName().getStringRef();
  bool areAside = llvm::all_of(expr->operands, [&](Expr operand) {
    std::optional<double> bound = evaluator.peelCasts(operand)->getNumber();
    return !bound || isAside(*bound, operand->type);
  });
  if (auto floats = dyn_cast<arith::CmpFOp>(expr->op))
    return areAside ? std::optional<double>(
                          arith::applyCmpPredicate(floats.getPredicate(), APFloat(x[0]), APFloat(x[1])))
                    : std::nullopt;
  if (auto integers = dyn_cast<arith::CmpIOp>(expr->op)) { // of truths and counts, with 0
    using Predicate = arith::CmpIPredicate;
    Predicate predicate = integers.getPredicate();
    bool isEqual = predicate == Predicate::eq,
         isKnown =
             llvm::is_contained({Predicate::eq, Predicate::ne, Predicate::sgt, Predicate::ugt}, predicate);
    bool isWithZero = evaluator.peel(expr->operands[1])->getNumber() == 0.0;
    return isKnown && isWithZero ? std::optional<double>((x[0] == 0) == isEqual) : std::nullopt;
  }
  if (name == "arith.ori" || name == "arith.xori")
    return expr->type.isInteger(1)
               ? std::optional<double>(name == "arith.ori" ? x[0] != 0 || x[1] != 0 : x[0] != x[1])
               : std::nullopt;
  if (!isa<FloatType>(expr->type) || !isa<FloatType>(expr->operands[0]->type))
    return applyInteger(name, x);
  bool hasPieces = name.starts_with("arith.max") || name.starts_with("arith.min");
  std::optional<double> result = hasPieces && !areAside ? std::nullopt : applyFloat(name, x);
  bool overflows = result && std::isfinite(*result) && std::abs(*result) > largestOf(expr->type);
  return overflows ? std::copysign(kInfinity, *result) : result;
}

} // namespace gqa
