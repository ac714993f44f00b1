// One table from operations to functions.
#include "ScalarOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;

namespace gqa::roundtrip {
namespace {

using Operands = const double *;

double maximum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }
double minimum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b); }
double same(Operands x) { return x[0]; }
int64_t integer(double x) { return static_cast<int64_t>(x); }

const llvm::StringMap<ScalarFunction> &table() {
  static const llvm::StringMap<ScalarFunction> functions = {
      {"arith.addf", [](Operands x) { return x[0] + x[1]; }},
      {"arith.subf", [](Operands x) { return x[0] - x[1]; }},
      {"arith.mulf", [](Operands x) { return x[0] * x[1]; }},
      {"arith.divf", [](Operands x) { return x[0] / x[1]; }},
      {"arith.negf", [](Operands x) { return -x[0]; }},
      {"arith.maximumf", [](Operands x) { return maximum(x[0], x[1]); }},
      {"arith.minimumf", [](Operands x) { return minimum(x[0], x[1]); }},
      {"arith.maxnumf", [](Operands x) { return std::fmax(x[0], x[1]); }},
      {"arith.minnumf", [](Operands x) { return std::fmin(x[0], x[1]); }},
      {"arith.extf", same},
      {"arith.truncf", same},
      {"arith.sitofp", same},
      {"arith.uitofp", same},
      {"arith.fptosi", [](Operands x) { return std::trunc(x[0]); }},
      {"arith.index_cast", same},
      {"arith.index_castui", same},
      {"arith.extsi", same},
      {"arith.extui", same},
      {"arith.trunci", same},
      {"arith.addi", [](Operands x) { return x[0] + x[1]; }},
      {"arith.subi", [](Operands x) { return x[0] - x[1]; }},
      {"arith.muli", [](Operands x) { return x[0] * x[1]; }},
      {"arith.divsi", [](Operands x) { return std::trunc(x[0] / x[1]); }},
      {"arith.divui", [](Operands x) { return std::trunc(x[0] / x[1]); }},
      {"arith.floordivsi", [](Operands x) { return std::floor(x[0] / x[1]); }},
      {"arith.remsi", [](Operands x) { return std::fmod(x[0], x[1]); }},
      {"arith.remui", [](Operands x) { return std::fmod(x[0], x[1]); }},
      {"arith.andi", [](Operands x) { return double(integer(x[0]) & integer(x[1])); }},
      {"arith.ori", [](Operands x) { return double(integer(x[0]) | integer(x[1])); }},
      {"arith.xori", [](Operands x) { return double(integer(x[0]) ^ integer(x[1])); }},
      {"arith.maxsi", [](Operands x) { return std::max(x[0], x[1]); }},
      {"arith.minsi", [](Operands x) { return std::min(x[0], x[1]); }},
      {"arith.maxui", [](Operands x) { return std::max(x[0], x[1]); }},
      {"arith.minui", [](Operands x) { return std::min(x[0], x[1]); }},
      {"arith.select", [](Operands x) { return x[0] != 0 ? x[1] : x[2]; }},
      {"math.exp", [](Operands x) { return std::exp(x[0]); }},
      {"math.exp2", [](Operands x) { return std::exp2(x[0]); }},
      {"math.log", [](Operands x) { return std::log(x[0]); }},
      {"math.tanh", [](Operands x) { return std::tanh(x[0]); }},
      {"math.sqrt", [](Operands x) { return std::sqrt(x[0]); }},
      {"math.absf", [](Operands x) { return std::fabs(x[0]); }},
  };
  return functions;
}

ScalarFunction comparison(arith::CmpFPredicate predicate) {
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::OEQ:
    return [](Operands x) { return double(x[0] == x[1]); };
  case P::OGT:
    return [](Operands x) { return double(x[0] > x[1]); };
  case P::OGE:
    return [](Operands x) { return double(x[0] >= x[1]); };
  case P::OLT:
    return [](Operands x) { return double(x[0] < x[1]); };
  case P::OLE:
    return [](Operands x) { return double(x[0] <= x[1]); };
  case P::ONE:
    return [](Operands x) { return double(x[0] < x[1] || x[0] > x[1]); };
  case P::UEQ:
    return [](Operands x) { return double(!(x[0] < x[1] || x[0] > x[1])); };
  case P::UGT:
    return [](Operands x) { return double(!(x[0] <= x[1])); };
  case P::UGE:
    return [](Operands x) { return double(!(x[0] < x[1])); };
  case P::ULT:
    return [](Operands x) { return double(!(x[0] >= x[1])); };
  case P::ULE:
    return [](Operands x) { return double(!(x[0] > x[1])); };
  case P::UNE:
    return [](Operands x) { return double(x[0] != x[1]); };
  case P::ORD:
    return [](Operands x) { return double(x[0] == x[0] && x[1] == x[1]); };
  case P::UNO:
    return [](Operands x) { return double(x[0] != x[0] || x[1] != x[1]); };
  default:
    return nullptr;
  }
}

/// Numbers compared without a sign are not negative where they are used here.
ScalarFunction comparison(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq:
    return [](Operands x) { return double(x[0] == x[1]); };
  case P::ne:
    return [](Operands x) { return double(x[0] != x[1]); };
  case P::slt:
  case P::ult:
    return [](Operands x) { return double(x[0] < x[1]); };
  case P::sle:
  case P::ule:
    return [](Operands x) { return double(x[0] <= x[1]); };
  case P::sgt:
  case P::ugt:
    return [](Operands x) { return double(x[0] > x[1]); };
  case P::sge:
  case P::uge:
    return [](Operands x) { return double(x[0] >= x[1]); };
  }
  return nullptr;
}

} // namespace

ScalarFunction scalarFunction(Operation *op) {
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return comparison(compare.getPredicate());
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return comparison(compare.getPredicate());
  return table().lookup(op->getName().getStringRef());
}

} // namespace gqa::roundtrip
