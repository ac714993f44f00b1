// Kernels of loops in parts: what a thread has of the points, and how parts are put together.
#include "Reduction.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <limits>

using namespace mlir;

namespace gqa {
namespace {

/// The operation that combines each result, or nothing if one of them is combined by several, or by one that
/// has an order.
std::optional<SmallVector<Operation *>> matchCombiners(linalg::LinalgOp op) {
  SmallVector<Operation *> all;
  for (auto [number, output] : llvm::enumerate(op.getDpsInits())) {
    SmallVector<Operation *> combiners;
    if (getElementTypeOrSelf(output.getType()).isIndex() || // has no neutral element of a maximum
        !matchReduction(op.getRegionOutputArgs(), unsigned(number), combiners) || combiners.size() != 1 ||
        !arith::getNeutralElement(combiners[0]))
      return std::nullopt;
    all.push_back(combiners[0]);
  }
  return all;
}

} // namespace

bool isShared(linalg::LinalgOp op) { return matchCombiners(op) || matchSearch(op); }

static Value combine(IndexBuilder &b, Operation *combiner, Value x, Value y) {
  IRMapping mapping;
  mapping.map(combiner->getOperand(0), x);
  mapping.map(combiner->getOperand(1), y);
  return b.clone(*combiner, mapping)->getResult(0);
}

Reduction::Reduction(linalg::LinalgOp op, LoopBody &body, IndexBuilder &b) : op(op), body(body), b(b) {
  if (std::optional<SmallVector<Operation *>> found = matchCombiners(op))
    combiners = *found;
  else
    search = matchSearch(op);
}

/// A search has the best number, its place, and whether there was a NaN: which of the others are found then
/// depends on the order.
SmallVector<Value> Reduction::none() {
  SmallVector<Value> state;
  for (Operation *combiner : combiners)
    state.push_back(arith::ConstantOp::create(b, *arith::getNeutralElement(combiner)));
  if (!search)
    return state;
  Type type = search->number.getType();
  TypedAttr worst;
  if (auto floats = dyn_cast<FloatType>(type)) {
    worst = b.getFloatAttr(type, APFloat::getInf(floats.getFloatSemantics(), /*Negative=*/search->isLargest));
  } else {
    unsigned width = type.getIntOrFloatBitWidth();
    APInt least = search->isSigned ? APInt::getSignedMinValue(width) : APInt::getMinValue(width);
    worst = b.getIntegerAttr(type, search->isLargest ? least : ~least);
  }
  int64_t nowhere = search->takesLast ? -1 : std::numeric_limits<int64_t>::max();
  return {arith::ConstantOp::create(b, worst), arith::ConstantIntOp::create(b, nowhere, 64),
          arith::ConstantOp::create(b, b.getBoolAttr(false))};
}

SmallVector<Value> Reduction::add(ValueRange state, ValueRange elements, ValueRange point, Value place) {
  SmallVector<Value> all(elements);
  if (!search) {
    llvm::append_range(all, state);
    return body.evaluate(all, point);
  }
  for (OpOperand &output : op.getDpsInitsMutable())
    all.push_back(body.zero(output));
  return addNumber(state, body.evaluate(all, point, search->number)[0], place);
}

SmallVector<Value> Reduction::add(ValueRange state, ValueRange point, Neighbours neighbours,
                                  function_ref<Value(OpOperand &)> known, Value place) {
  if (!search)
    return body.evaluate(point, neighbours, known, state).back();
  auto orZero = [&](OpOperand &operand) {
    return op.isDpsInit(&operand) ? body.zero(operand) : known(operand);
  };
  SmallVector<Value> so(state);
  for (auto [number, values] :
       llvm::enumerate(body.evaluate(point, neighbours, orZero, /*carried=*/{}, search->number)))
    so = addNumber(so, values[0], b.add(place, b.index(int64_t(number))));
  return so;
}

SmallVector<Value> Reduction::addNumber(ValueRange state, Value number, Value place) {
  Value wide = arith::IndexCastOp::create(b, b.getI64Type(), place);
  return join(state, {number, wide, isNaN(number)});
}

Value Reduction::isNaN(Value number) {
  if (!isa<FloatType>(number.getType()))
    return arith::ConstantOp::create(b, b.getBoolAttr(false));
  return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, number, number);
}

/// Of equal numbers the place decides.
Value Reduction::isBetter(Value x, Value place, Value than, Value itsPlace) {
  using Predicate = arith::CmpIPredicate;
  Value isMore, isEqual;
  if (isa<FloatType>(x.getType())) {
    auto more = search->isLargest ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT;
    isMore = arith::CmpFOp::create(b, more, x, than);
    isEqual = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, than);
  } else {
    Predicate more = search->isSigned ? (search->isLargest ? Predicate::sgt : Predicate::slt)
                                      : (search->isLargest ? Predicate::ugt : Predicate::ult);
    isMore = arith::CmpIOp::create(b, more, x, than);
    isEqual = arith::CmpIOp::create(b, Predicate::eq, x, than);
  }
  Predicate preferred = search->takesLast ? Predicate::sgt : Predicate::slt;
  Value isPreferred = arith::CmpIOp::create(b, preferred, place, itsPlace);
  return arith::OrIOp::create(b, isMore, arith::AndIOp::create(b, isEqual, isPreferred));
}

SmallVector<Value> Reduction::join(ValueRange x, ValueRange y) {
  if (!search)
    return llvm::map_to_vector(llvm::enumerate(combiners), [&](auto each) {
      return combine(b, each.value(), x[each.index()], y[each.index()]);
    });
  Value better = isBetter(y[0], y[1], x[0], x[1]);
  return {arith::SelectOp::create(b, better, y[0], x[0]), arith::SelectOp::create(b, better, y[1], x[1]),
          arith::OrIOp::create(b, x[2], y[2])};
}

/// Of a search, what the body yields at the point that was found. Where there is a NaN each thread goes
/// through all points, in the graph's order.
SmallVector<Value> Reduction::finish(ValueRange initial, ValueRange state, Value count, AtPlace atPlace) {
  if (!search)
    return join(initial, state);
  Value place = arith::IndexCastOp::create(b, b.getIndexType(), state[1]);
  Value isFound = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, place, count);
  Value hasNaN = arith::OrIOp::create(b, state[2], isNaN(initial[search->result]));
  Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
  Value isAtPlace = arith::AndIOp::create(b, isFound, arith::XOrIOp::create(b, hasNaN, yes));
  auto inOrder = [&]() -> SmallVector<Value> {
    auto loop = scf::ForOp::create(b, b.index(0), count, b.index(1), initial);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(b, atPlace(loop.getInductionVar(), loop.getRegionIterArgs()));
    return loop.getResults();
  };
  return buildChoice(b, isAtPlace, TypeRange(initial), [&] { return atPlace(place, initial); }, inOrder);
}

} // namespace gqa
