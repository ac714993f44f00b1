// Numbers of expressions at points.
#include "gqa/Raise/PointEvaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;

namespace gqa {

/// Whether a size that is not known is part of the expression.
static bool mentionsSize(AffineExpr expr) {
  bool mentions = false;
  expr.walk([&](AffineExpr part) { mentions |= isa<AffineSymbolExpr>(part); });
  return mentions;
}

bool PointEvaluator::isConstant(Expr expr) {
  constexpr unsigned kMostSteps = 256; // at each point
  if (++steps > kMostSteps)
    return false;
  if (expr->constant)
    return expr->getNumber().has_value();
  switch (expr->kind) {
  case ExprNode::Kind::Index:
  case ExprNode::Kind::Compare:
    return !mentionsSize(expr->affine);
  case ExprNode::Kind::Apply:
    return !expr->value && llvm::all_of(expr->operands, [&](Expr operand) { return isConstant(operand); });
  case ExprNode::Kind::Load:
    break;
  default:
    return false;
  }
  std::optional<ConstantData> data = ConstantData::of(expr->value);
  if (!data)
    return false;
  AffineExpr position = context.space.constant(0);
  for (auto [index, size] : llvm::zip_equal(expr->indices, data->getType().getShape())) {
    IndexSpace::Range range = context.space.rangeOf(index);
    if (range.low < 0 || range.high >= size || mentionsSize(index))
      return false;
    position = position * size + index;
  }
  Place place{*data, context.space.simplify(position), true, 0, {}};
  LinearForm form = LinearForm::of(place.position);
  place.first = form.constant;
  for (auto [term, stride] : form.terms) {
    auto variable = dyn_cast<AffineDimExpr>(term);
    place.isLinear &= bool(variable);
    if (variable)
      place.strides.emplace_back(variable.getPosition(), stride);
  }
  places.try_emplace(expr, place);
  return true;
}

double PointEvaluator::read(const Place &place) const {
  if (!place.isLinear)
    return place.tensor.at(evaluate(place.position));
  int64_t position = place.first;
  for (auto [variable, stride] : place.strides)
    position += stride * (variable < coordinates.size() ? coordinates[variable] : 0);
  return place.tensor.at(position);
}

Expr PointEvaluator::findOnlyLoad(Expr expr) {
  Expr only = nullptr;
  SmallVector<Expr> worklist = {expr};
  while (!worklist.empty()) {
    Expr part = worklist.pop_back_val();
    bool isOther = part->isLoad() && only && part != only;
    if (isOther || part->kind == ExprNode::Kind::Index || part->kind == ExprNode::Kind::Compare)
      return nullptr;
    if (part->isLoad())
      only = part;
    worklist.append(part->operands.begin(), part->operands.end());
  }
  return only;
}

int64_t PointEvaluator::evaluate(AffineExpr affine) const {
  if (auto constant = dyn_cast<AffineConstantExpr>(affine))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(affine))
    return dim.getPosition() < coordinates.size() ? coordinates[dim.getPosition()] : 0;
  auto binary = cast<AffineBinaryOpExpr>(affine);
  int64_t left = evaluate(binary.getLHS()), right = evaluate(binary.getRHS());
  switch (affine.getKind()) {
  case AffineExprKind::Add:
    return left + right;
  case AffineExprKind::Mul:
    return left * right;
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(left, right);
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(left, right);
  default:
    return llvm::mod(left, right);
  }
}

std::optional<double> PointEvaluator::evaluate(Expr expr) const {
  if (expr->constant)
    return expr->getNumber();
  using Comparison = ExprNode::Comparison;
  switch (expr->kind) {
  case ExprNode::Kind::Index:
    return evaluate(expr->affine);
  case ExprNode::Kind::Compare: {
    int64_t value = evaluate(expr->affine);
    return expr->comparison == Comparison::NotNegative ? value >= 0
           : expr->comparison == Comparison::Zero      ? value == 0
                                                       : value != 0;
  }
  case ExprNode::Kind::Load:
    return read(places.find(expr)->second);
  case ExprNode::Kind::Apply:
    return apply(expr);
  default:
    return std::nullopt;
  }
}

/// Whether integers compare as the predicate says.
static std::optional<bool> compare(arith::CmpIPredicate predicate, double a, double b) {
  using Predicate = arith::CmpIPredicate;
  bool isUnsigned = predicate >= Predicate::ult && predicate <= Predicate::uge;
  if (isUnsigned && (a < 0 || b < 0))
    return std::nullopt;
  switch (predicate) {
  case Predicate::eq:
    return a == b;
  case Predicate::ne:
    return a != b;
  case Predicate::slt:
  case Predicate::ult:
    return a < b;
  case Predicate::sle:
  case Predicate::ule:
    return a <= b;
  case Predicate::sgt:
  case Predicate::ugt:
    return a > b;
  case Predicate::sge:
  case Predicate::uge:
    return a >= b;
  }
  return std::nullopt;
}

/// Quotients and bits of integers, which fit in 64 bits.
static std::optional<int64_t> applyBits(StringRef name, int64_t a, int64_t b) {
  bool isUnsigned = name == "arith.divui" || name == "arith.remui";
  if (isUnsigned && (a < 0 || b < 0))
    return std::nullopt;
  if (name == "arith.andi")
    return a & b;
  if (name == "arith.ori")
    return a | b;
  if (name == "arith.xori")
    return a ^ b;
  if (name == "arith.shrsi" && b >= 0 && b < 64)
    return a >> b;
  if (b == 0)
    return std::nullopt;
  if (name == "arith.divsi" || name == "arith.divui")
    return a / b;
  if (name == "arith.remsi" || name == "arith.remui")
    return a % b;
  if (name == "arith.floordivsi")
    return llvm::divideFloorSigned(a, b);
  return std::nullopt;
}

/// Arithmetic on integers, without end.
static std::optional<double> applyInteger(StringRef name, ArrayRef<double> x) {
  if (name == "arith.extsi" || name == "arith.trunci" || name == "arith.index_cast")
    return x[0];
  if (name == "arith.fptosi")
    return std::trunc(x[0]);
  if (name == "math.absi")
    return std::abs(x[0]);
  if (name == "arith.addi")
    return x[0] + x[1];
  if (name == "arith.subi")
    return x[0] - x[1];
  if (name == "arith.muli")
    return x[0] * x[1];
  if (name == "arith.maxsi")
    return std::max(x[0], x[1]);
  if (name == "arith.minsi")
    return std::min(x[0], x[1]);
  return x.size() == 2 ? applyBits(name, static_cast<int64_t>(x[0]), static_cast<int64_t>(x[1]))
                       : std::nullopt;
}

/// Whether floats, none of them NaN, compare as the predicate says.
static std::optional<bool> compare(arith::CmpFPredicate predicate, double a, double b) {
  using Predicate = arith::CmpFPredicate;
  if (std::isnan(a) || std::isnan(b))
    return std::nullopt;
  switch (predicate) {
  case Predicate::OEQ:
  case Predicate::UEQ:
    return a == b;
  case Predicate::ONE:
  case Predicate::UNE:
    return a != b;
  case Predicate::OLT:
  case Predicate::ULT:
    return a < b;
  case Predicate::OLE:
  case Predicate::ULE:
    return a <= b;
  case Predicate::OGT:
  case Predicate::UGT:
    return a > b;
  case Predicate::OGE:
  case Predicate::UGE:
    return a >= b;
  default:
    return std::nullopt;
  }
}

constexpr double kExact = 256; // up to here the narrowest float has every integer

static bool isExact(double number) { return std::abs(number) <= kExact && number == std::trunc(number); }

/// The floor of a quotient of integers, which rounds to no other integer while both are small.
std::optional<double> PointEvaluator::floorOfQuotient(Expr quotient) const {
  std::optional<double> a = evaluate(quotient->operands[0]), b = evaluate(quotient->operands[1]);
  if (!a || !b || !isExact(*a) || !isExact(*b) || *b == 0)
    return std::nullopt;
  return std::floor(*a / *b);
}

std::optional<double> PointEvaluator::apply(Expr expr) const {
  if (expr->isApply("math.floor") && expr->operands[0]->isApply("arith.divf"))
    return floorOfQuotient(expr->operands[0]);
  SmallVector<double, 3> x;
  for (Expr operand : expr->operands) {
    std::optional<double> value = evaluate(operand);
    if (!value)
      return std::nullopt;
    x.push_back(*value);
  }
  if (expr->isSelect())
    return x[0] != 0 ? x[1] : x[2];
  auto compareOp = dyn_cast<arith::CmpIOp>(expr->op);
  bool isTruth = expr->type.isInteger(1), ofTruths = isTruth && expr->operands[0]->type.isInteger(1);
  if (compareOp && (!ofTruths || compareOp.getPredicate() <= arith::CmpIPredicate::ne)) {
    std::optional<bool> holds = compare(compareOp.getPredicate(), x[0], x[1]);
    return holds ? std::optional<double>(*holds) : std::nullopt;
  }
  if (auto floats = dyn_cast<arith::CmpFOp>(expr->op)) {
    std::optional<bool> holds = compare(floats.getPredicate(), x[0], x[1]);
    return holds ? std::optional<double>(*holds) : std::nullopt;
  }
  StringRef name = expr->op->getName().getStringRef();
  if (ofTruths && name == "arith.andi")
    return x[0] != 0 && x[1] != 0;
  if (ofTruths && name == "arith.ori")
    return x[0] != 0 || x[1] != 0;
  if (ofTruths && name == "arith.xori")
    return (x[0] != 0) != (x[1] != 0);
  bool fromTruth = expr->operands[0]->type.isInteger(1);
  if (fromTruth && (name == "arith.extui" || name == "arith.uitofp"))
    return x[0] != 0;
  if (name == "arith.extf")
    return x[0];
  if (!fromTruth && name == "arith.sitofp")
    return std::abs(x[0]) <= kExact ? std::optional<double>(x[0]) : std::nullopt;
  if (isa<FloatType>(expr->type) && llvm::all_of(x, isExact)) {
    std::optional<double> result = name == "arith.addf"   ? std::optional(x[0] + x[1])
                                   : name == "arith.subf" ? std::optional(x[0] - x[1])
                                   : name == "arith.mulf" ? std::optional(x[0] * x[1])
                                                          : std::nullopt;
    return result && std::abs(*result) <= kExact ? result : std::nullopt;
  }
  if (isTruth || fromTruth || !isa<IntegerType, IndexType>(expr->type))
    return std::nullopt;
  std::optional<double> result = applyInteger(name, x);
  // Where an integer would wrap around, or a double round, nothing is said.
  double bits = expr->type.isIndex() ? 63 : expr->type.getIntOrFloatBitWidth() - 1;
  return result && std::abs(*result) < std::exp2(std::min(bits, 52.0)) ? result : std::nullopt;
}

} // namespace gqa
