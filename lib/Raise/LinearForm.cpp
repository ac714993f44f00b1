// Sums of products: the canonical shape of an affine expression.
#include "gqa/Raise/LinearForm.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;

namespace gqa {

static constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
static constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

/// Sums and products that do not fit stop at the ends of int64_t, where whoever asks about the size of a
/// number sees them.
static int64_t saturatedSum(int64_t a, int64_t b) {
  int64_t sum;
  return llvm::AddOverflow(a, b, sum) ? (a > 0 ? kMax : kMin) : sum;
}

static int64_t saturatedProduct(int64_t a, int64_t b) {
  int64_t product;
  return llvm::MulOverflow(a, b, product) ? ((a > 0) == (b > 0) ? kMax : kMin) : product;
}

void LinearForm::add(AffineExpr term, int64_t coefficient) {
  if (coefficient == 0)
    return;
  auto it = llvm::find_if(terms, [&](auto &entry) { return entry.first == term; });
  if (it == terms.end())
    terms.emplace_back(term, coefficient);
  else if ((it->second = saturatedSum(it->second, coefficient)) == 0)
    terms.erase(it);
}

int64_t LinearForm::coefficientOf(AffineExpr term) const {
  for (auto [other, coefficient] : terms)
    if (other == term)
      return coefficient;
  return 0;
}

/// Every product of a term of one with a term of the other.
void LinearForm::accumulateProduct(const LinearForm &left, const LinearForm &right, MLIRContext *context,
                                   int64_t factor) {
  constant =
      saturatedSum(constant, saturatedProduct(factor, saturatedProduct(left.constant, right.constant)));
  for (auto [term, coefficient] : left.terms)
    add(term, saturatedProduct(factor, saturatedProduct(coefficient, right.constant)));
  for (auto [term, coefficient] : right.terms)
    add(term, saturatedProduct(factor, saturatedProduct(coefficient, left.constant)));
  for (auto [a, coefficientA] : left.terms)
    for (auto [b, coefficientB] : right.terms) {
      SmallVector<AffineExpr> factors(factorsOf(a));
      llvm::append_range(factors, factorsOf(b));
      add(productOf(factors, context),
          saturatedProduct(factor, saturatedProduct(coefficientA, coefficientB)));
    }
}

void LinearForm::accumulate(AffineExpr expr, int64_t factor) {
  if (factor == 0)
    return;
  if (auto number = dyn_cast<AffineConstantExpr>(expr)) {
    constant = saturatedSum(constant, saturatedProduct(factor, number.getValue()));
    return;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (binary && expr.getKind() == AffineExprKind::Add) {
    accumulate(binary.getLHS(), factor);
    accumulate(binary.getRHS(), factor);
    return;
  }
  if (binary && expr.getKind() == AffineExprKind::Mul) {
    if (auto number = dyn_cast<AffineConstantExpr>(binary.getRHS()))
      return accumulate(binary.getLHS(), saturatedProduct(factor, number.getValue()));
    if (auto number = dyn_cast<AffineConstantExpr>(binary.getLHS()))
      return accumulate(binary.getRHS(), saturatedProduct(factor, number.getValue()));
    return accumulateProduct(of(binary.getLHS()), of(binary.getRHS()), expr.getContext(), factor);
  }
  add(expr, factor);
}

LinearForm LinearForm::of(AffineExpr expr) {
  LinearForm form;
  form.accumulate(expr, 1);
  return form;
}

bool LinearForm::isSmall() const {
  constexpr int64_t limit = int64_t(1) << 52;
  auto small = [](int64_t number) { return number > -limit && number < limit; };
  return small(constant) && llvm::all_of(terms, [&](auto &entry) { return small(entry.second); });
}

/// A total order by structure, so that equal sums are built in the same order, in every process.
static int compareTerms(AffineExpr a, AffineExpr b) {
  auto compare = [](auto x, auto y) { return x < y ? -1 : x > y; };
  if (a == b)
    return 0;
  if (a.getKind() != b.getKind()) {
    bool dimA = isa<AffineDimExpr>(a), dimB = isa<AffineDimExpr>(b);
    return dimA != dimB ? (dimA ? -1 : 1) : compare(a.getKind(), b.getKind());
  }
  if (auto dim = dyn_cast<AffineDimExpr>(a))
    return compare(dim.getPosition(), cast<AffineDimExpr>(b).getPosition());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(a))
    return compare(symbol.getPosition(), cast<AffineSymbolExpr>(b).getPosition());
  if (auto constant = dyn_cast<AffineConstantExpr>(a))
    return compare(constant.getValue(), cast<AffineConstantExpr>(b).getValue());
  auto binaryA = cast<AffineBinaryOpExpr>(a), binaryB = cast<AffineBinaryOpExpr>(b);
  int left = compareTerms(binaryA.getLHS(), binaryB.getLHS());
  return left != 0 ? left : compareTerms(binaryA.getRHS(), binaryB.getRHS());
}

SmallVector<AffineExpr, 2> factorsOf(AffineExpr term) {
  if (term.getKind() != AffineExprKind::Mul)
    return {term};
  auto product = cast<AffineBinaryOpExpr>(term);
  SmallVector<AffineExpr, 2> factors = factorsOf(product.getLHS());
  llvm::append_range(factors, factorsOf(product.getRHS()));
  return factors;
}

AffineExpr productOf(ArrayRef<AffineExpr> factors, MLIRContext *context) {
  SmallVector<AffineExpr> sorted(factors);
  llvm::sort(sorted, [](AffineExpr a, AffineExpr b) { return compareTerms(a, b) < 0; });
  AffineExpr product = getAffineConstantExpr(1, context);
  for (AffineExpr factor : sorted)
    product = product * factor;
  return product;
}

AffineExpr divideTerm(AffineExpr term, AffineExpr divisor) {
  SmallVector<AffineExpr, 2> factors = factorsOf(term);
  for (AffineExpr factor : factorsOf(divisor)) {
    auto *place = llvm::find(factors, factor);
    if (place == factors.end())
      return nullptr;
    factors.erase(place);
  }
  return productOf(factors, term.getContext());
}

AffineExpr LinearForm::build(MLIRContext *context) const {
  auto sorted = terms;
  llvm::sort(sorted, [](auto &a, auto &b) { return compareTerms(a.first, b.first) < 0; });
  AffineExpr sum;
  for (auto [term, coefficient] : sorted) {
    AffineExpr product = coefficient == 1 ? term : term * coefficient;
    sum = sum ? sum + product : product;
  }
  if (!sum)
    return getAffineConstantExpr(constant, context);
  return constant == 0 ? sum : sum + constant;
}

} // namespace gqa
