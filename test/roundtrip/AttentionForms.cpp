// The ways in which front ends write a softmax, masks, a scale and repeated heads.
#include "Scramble.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;

namespace gqa::roundtrip {
namespace {

/// The only use of a value, or null.
OpOperand *onlyUse(Value value) { return value.hasOneUse() ? &*value.use_begin() : nullptr; }

/// The argument of the body that holds elements of an operand.
BlockArgument argumentOf(OpOperand &use) {
  auto op = dyn_cast<linalg::GenericOp>(use.getOwner());
  return op ? op.getMatchingBlockArgument(&use) : BlockArgument();
}

std::optional<double> numberOf(Value value) {
  FloatAttr number;
  if (!matchPattern(value, m_Constant(&number)))
    return std::nullopt;
  return number.getValueAsDouble();
}

bool isReduction(linalg::GenericOp op) { return op.getNumReductionLoops() == 1 && op.getNumResults() == 1; }

/// The operation that a reduction combines by.
Operation *combinerOf(linalg::GenericOp op) {
  return isReduction(op) ? op.getBody()->getTerminator()->getOperand(0).getDefiningOp() : nullptr;
}

/// A sum of products of two operands, or of these where a key is not skipped.
bool isContraction(linalg::GenericOp op) {
  return isa_and_present<arith::AddFOp>(combinerOf(op)) && op.getNumDpsInputs() >= 2;
}

Value numberLike(Scrambler &s, Value like, double number) {
  return arith::ConstantOp::create(s.rewriter, like.getLoc(),
                                   s.rewriter.getFloatAttr(like.getType(), number));
}

//===-- Scale
//------------------------------------------------------------------------------------------------------===//

/// A factor of the scores as one of q, of k, or of both.
bool moveScale(Scrambler &s) {
  linalg::GenericOp contraction;
  auto op = s.pick<arith::MulFOp>([&](arith::MulFOp op) {
    auto score = dyn_cast<BlockArgument>(op.getLhs());
    auto loop = dyn_cast<linalg::GenericOp>(op->getParentOp());
    if (!score || !score.hasOneUse() || !loop || !numberOf(op.getRhs()))
      return false;
    OpOperand *operand = loop.getMatchingOpOperand(score);
    while (operand && operand->get().hasOneUse() &&
           isa_and_present<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(operand->get().getDefiningOp()))
      operand = &operand->get().getDefiningOp()->getOpOperand(0);
    auto producer =
        operand && operand->get().hasOneUse() ? operand->get().getDefiningOp<linalg::GenericOp>() : nullptr;
    if (!producer || !isContraction(producer) || producer.getNumDpsInputs() != 2)
      return false;
    contraction = producer;
    return true;
  });
  if (!op)
    return false;
  double factor = *numberOf(op.getRhs());
  bool both = factor > 0 && s.random.oneIn(2);
  unsigned side = s.random.below(2);
  auto scale = [&](unsigned which, double by) {
    OpOperand &operand = contraction->getOpOperand(which);
    s.rewriter.setInsertionPoint(contraction);
    Value scaled = mapElements(
        s, operand.get(), getElementTypeOrSelf(operand.get()), [&](OpBuilder &b, Value x) -> Value {
          Value number = arith::ConstantOp::create(b, x.getLoc(), b.getFloatAttr(x.getType(), by));
          return arith::MulFOp::create(b, x.getLoc(), x, number);
        });
    s.rewriter.modifyOpInPlace(contraction, [&] { operand.set(scaled); });
  };
  if (both) {
    scale(0, std::sqrt(factor));
    scale(1, std::sqrt(factor));
  } else {
    scale(side, factor);
  }
  s.rewriter.replaceOp(op, op.getLhs());
  return true;
}

//===-- Softmax
//----------------------------------------------------------------------------------------------------===//

/// exp(s) without subtracting anything, for all that is divided by the same sum.
bool dropMaximum(Scrambler &s) {
  if (s.facts.uniform)
    return false;
  auto isShift = [](arith::SubFOp op) {
    auto argument = dyn_cast<BlockArgument>(op.getRhs());
    return argument && op->hasOneUse() && isa<math::ExpOp>(*op->user_begin()) &&
           isa<linalg::GenericOp>(op->getParentOp());
  };
  SmallVector<arith::SubFOp> shifts = s.all<arith::SubFOp>();
  if (shifts.empty() || !llvm::all_of(shifts, isShift))
    return false;
  for (arith::SubFOp op : shifts)
    s.rewriter.replaceOp(op, op.getLhs());
  return true;
}

linalg::GenericOp pickMaximum(Scrambler &s) {
  return s.pick<linalg::GenericOp>([](linalg::GenericOp op) {
    Operation *combiner = combinerOf(op);
    return isa_and_present<arith::MaximumFOp>(combiner) && op.getNumDpsInputs() == 1 &&
           llvm::is_contained(combiner->getOperands(), op.getRegionInputArgs()[0]);
  });
}

/// The maximum in other words.
bool maximumBySelect(Scrambler &s) {
  linalg::GenericOp op = pickMaximum(s);
  if (!op)
    return false;
  Operation *combiner = combinerOf(op);
  s.rewriter.setInsertionPoint(combiner);
  Value in = op.getRegionInputArgs()[0], out = op.getRegionOutputArgs()[0];
  if (s.random.oneIn(2)) {
    s.rewriter.replaceOpWithNewOp<arith::MaxNumFOp>(combiner, in, out);
    return true;
  }
  Value greater = arith::CmpFOp::create(s.rewriter, op.getLoc(), arith::CmpFPredicate::OGT, in, out);
  s.rewriter.replaceOpWithNewOp<arith::SelectOp>(combiner, greater, in, out);
  return true;
}

/// The maximum and where it is: what a framework's `max(dim)` returns.
bool maximumWithIndex(Scrambler &s) {
  linalg::GenericOp op = pickMaximum(s);
  if (!op)
    return false;
  s.rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(s.rewriter, loc, op.getOutputs()[0]);
  Value empty = tensor::EmptyOp::create(s.rewriter, loc, sizes, s.rewriter.getI64Type());
  Value zero = arith::ConstantIntOp::create(s.rewriter, loc, 0, 64);
  Value places = linalg::FillOp::create(s.rewriter, loc, zero, empty).getResult(0);
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  maps.push_back(maps.back());
  unsigned loop = 0;
  for (auto [n, type] : llvm::enumerate(op.getIteratorTypesArray()))
    if (type == utils::IteratorType::reduction)
      loop = n;
  auto both = linalg::GenericOp::create(
      s.rewriter, loc, TypeRange{op.getOutputs()[0].getType(), places.getType()}, op.getInputs(),
      ValueRange{op.getOutputs()[0], places}, maps, op.getIteratorTypesArray(),
      [&](OpBuilder &b, Location loc, ValueRange in) {
        Value at = arith::IndexCastOp::create(b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, loop));
        Value highest = arith::MaximumFOp::create(b, loc, in[0], in[1]);
        Value greater = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, in[0], in[1]);
        Value place = arith::SelectOp::create(b, loc, greater, at, in[2]);
        linalg::YieldOp::create(b, loc, ValueRange{highest, place});
      });
  s.rewriter.replaceOp(op, both.getResult(0));
  return true;
}

/// `e / l` as `e * (1 / l)`.
bool multiplyByInverse(Scrambler &s) {
  auto op = s.pick<arith::DivFOp>([](arith::DivFOp op) { return isa<BlockArgument>(op.getRhs()); });
  if (!op)
    return false;
  s.rewriter.setInsertionPoint(op);
  Value inverse = arith::DivFOp::create(s.rewriter, op.getLoc(), numberLike(s, op.getRhs(), 1), op.getRhs());
  s.rewriter.replaceOpWithNewOp<arith::MulFOp>(op, op.getLhs(), inverse);
  return true;
}

/// The division, and what follows it, behind the product with V.
bool divideLate(Scrambler &s) {
  // probabilities [expanded] -> product
  auto op = s.pick<arith::DivFOp>([](arith::DivFOp op) {
    return isa<BlockArgument>(op.getRhs()) && isa<BlockArgument>(op.getLhs()) &&
           isa<linalg::GenericOp>(op->getParentOp());
  });
  if (!op)
    return false;
  auto loop = cast<linalg::GenericOp>(op->getParentOp());
  OpOperand *use = onlyUse(loop.getResult(0));
  auto expand = use ? dyn_cast<tensor::ExpandShapeOp>(use->getOwner()) : nullptr;
  if (expand)
    use = onlyUse(expand.getResult());
  auto product = use ? dyn_cast<linalg::GenericOp>(use->getOwner()) : nullptr;
  bool isKeyLast = !expand || expand.getReassociationIndices().back().size() == 1;
  if (!product || !isContraction(product) || !isKeyLast)
    return false;
  // What a row is divided by, and what else is read by row, with the product's dimensions.
  AffineMap map = product.getMatchingIndexingMap(use), result = product.getIndexingMapsArray().back();
  auto isOfResult = [&](AffineExpr expr) { return llvm::is_contained(result.getResults(), expr); };
  if (isOfResult(map.getResults().back()) || !llvm::all_of(map.getResults().drop_back(), isOfResult))
    return false;
  SmallVector<AffineMap> maps;
  SmallVector<Value> rows;
  Value weights;
  for (OpOperand *operand : loop.getDpsInputOperands()) {
    auto type = cast<RankedTensorType>(operand->get().getType());
    if (argumentOf(*operand) == op.getLhs()) {
      weights = operand->get();
      continue;
    }
    if (!loop.getMatchingIndexingMap(operand).isProjectedPermutation() ||
        type.getRank() != cast<RankedTensorType>(weights ? weights.getType() : type).getRank() - 1)
      return false;
    Value row = operand->get();
    s.rewriter.setInsertionPoint(product);
    if (expand) {
      SmallVector<ReassociationIndices> groups(expand.getReassociationIndices());
      groups.pop_back();
      SmallVector<OpFoldResult> sizes = expand.getMixedOutputShape();
      sizes.pop_back();
      row = tensor::ExpandShapeOp::create(s.rewriter, op.getLoc(),
                                          type.clone(expand.getResultType().getShape().drop_back()), row,
                                          groups, sizes);
    }
    SmallVector<AffineExpr> at;
    for (AffineExpr expr : map.getResults().drop_back())
      at.push_back(
          s.rewriter.getAffineDimExpr(llvm::find(result.getResults(), expr) - result.getResults().begin()));
    rows.push_back(row);
    maps.push_back(AffineMap::get(result.getNumResults(), 0, at, s.rewriter.getContext()));
  }
  if (!weights)
    return false;
  Value wide = weights;
  if (expand)
    wide = tensor::ExpandShapeOp::create(s.rewriter, op.getLoc(), expand.getResultType(), weights,
                                         expand.getReassociationIndices(), expand.getMixedOutputShape());
  s.rewriter.modifyOpInPlace(product, [&] { use->set(wide); });
  s.rewriter.setInsertionPointAfter(product);
  Value undivided = product.getResult(0);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(s.rewriter, op.getLoc(), undivided);
  Value empty = tensor::EmptyOp::create(s.rewriter, op.getLoc(), sizes, getElementTypeOrSelf(undivided));
  AffineMap identity = s.rewriter.getMultiDimIdentityMap(sizes.size());
  SmallVector<Value> inputs = {undivided};
  inputs.append(rows);
  maps.insert(maps.begin(), identity);
  maps.push_back(identity);
  SmallVector<utils::IteratorType> iterators(sizes.size(), utils::IteratorType::parallel);
  auto divided = linalg::GenericOp::create(s.rewriter, op.getLoc(), empty.getType(), inputs, empty, maps,
                                           iterators, [&](OpBuilder &b, Location loc, ValueRange in) {
                                             IRMapping mapping;
                                             mapping.map(loop.getBody()->getArguments(), in);
                                             for (Operation &inner : loop.getBody()->getOperations())
                                               b.clone(inner, mapping);
                                           });
  SmallPtrSet<Operation *, 4> kept = {divided};
  for (Operation *user : undivided.getUsers())
    if (isa<tensor::DimOp>(user))
      kept.insert(user);
  s.rewriter.replaceAllUsesExcept(undivided, divided.getResult(0), kept);
  return true;
}

//===-- Rows and keys that are not seen
//----------------------------------------------------------------------------===//

/// What is hidden is multiplied by 0 like everything else: the values are finite.
bool multiplyHidden(Scrambler &s) {
  auto op = s.pick<arith::SelectOp>([](arith::SelectOp op) {
    auto loop = dyn_cast<linalg::GenericOp>(op->getParentOp());
    return loop && isContraction(loop) && numberOf(op.getTrueValue()) == 0.0 &&
           op.getFalseValue().getDefiningOp<arith::MulFOp>();
  });
  if (!op)
    return false;
  s.rewriter.replaceOp(op, op.getFalseValue());
  return true;
}

/// `m == -inf`, about all of a row, and the row's scores.
arith::CmpFOp pickGuard(Scrambler &s) {
  return s.pick<arith::CmpFOp>([](arith::CmpFOp op) {
    return op.getPredicate() == arith::CmpFPredicate::OEQ && isa<BlockArgument>(op.getLhs()) &&
           numberOf(op.getRhs()) == -INFINITY && isa<linalg::GenericOp>(op->getParentOp());
  });
}

/// No guard where no row needs one.
bool dropGuard(Scrambler &s) {
  arith::CmpFOp guard = s.facts.neverDead ? pickGuard(s) : nullptr;
  if (!guard || !guard->hasOneUse() || !isa<arith::SelectOp>(*guard->user_begin()))
    return false;
  auto select = cast<arith::SelectOp>(*guard->user_begin());
  s.rewriter.replaceOp(select, select.getFalseValue());
  return true;
}

/// "The maximum is -inf" as "not any score is not -inf", or "all scores are -inf".
bool guardByAny(Scrambler &s) {
  arith::CmpFOp guard = pickGuard(s);
  if (!guard)
    return false;
  auto loop = cast<linalg::GenericOp>(guard->getParentOp());
  OpOperand *operand = loop.getMatchingOpOperand(cast<BlockArgument>(guard.getLhs()));
  auto maximum = operand->get().getDefiningOp<linalg::GenericOp>();
  if (!maximum || !isa_and_present<arith::MaximumFOp>(combinerOf(maximum)) || maximum.getNumDpsInputs() != 1)
    return false;
  bool all = s.random.oneIn(2);
  s.rewriter.setInsertionPointAfter(maximum);
  Location loc = guard.getLoc();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(s.rewriter, loc, maximum.getOutputs()[0]);
  Value empty = tensor::EmptyOp::create(s.rewriter, loc, sizes, s.rewriter.getI1Type());
  Value start = arith::ConstantIntOp::create(s.rewriter, loc, all, 1);
  Value init = linalg::FillOp::create(s.rewriter, loc, start, empty).getResult(0);
  auto reduced = linalg::GenericOp::create(
      s.rewriter, loc, init.getType(), maximum.getInputs(), init, maximum.getIndexingMapsArray(),
      maximum.getIteratorTypesArray(), [&](OpBuilder &b, Location loc, ValueRange in) {
        Value nothing = arith::ConstantOp::create(b, loc, b.getFloatAttr(in[0].getType(), -INFINITY));
        auto predicate = all ? arith::CmpFPredicate::OEQ : arith::CmpFPredicate::UNE;
        Value holds = arith::CmpFOp::create(b, loc, predicate, in[0], nothing);
        Value more = all ? arith::AndIOp::create(b, loc, in[1], holds).getResult()
                         : arith::OrIOp::create(b, loc, in[1], holds).getResult();
        linalg::YieldOp::create(b, loc, more);
      });
  unsigned position = loop.getNumDpsInputs();
  SmallVector<Value> inputs(loop.getInputs());
  inputs.push_back(reduced.getResult(0));
  SmallVector<AffineMap> maps = loop.getIndexingMapsArray();
  maps.insert(maps.begin() + position, loop.getMatchingIndexingMap(operand));
  Value truth = loop.getBody()->insertArgument(position, s.rewriter.getI1Type(), loc);
  s.rewriter.setInsertionPoint(guard);
  if (!all)
    truth =
        arith::XOrIOp::create(s.rewriter, loc, truth, arith::ConstantIntOp::create(s.rewriter, loc, 1, 1));
  s.rewriter.replaceOp(guard, truth);
  rebuild(s, loop, inputs, maps);
  return true;
}

/// Whether it is a select of a number that hides: what masks are made of.
bool isMask(arith::SelectOp op) {
  std::optional<double> fill = numberOf(op.getFalseValue());
  return fill && *fill < -1e30 && !numberOf(op.getTrueValue());
}

/// `seen ? s : fill` as `s + (seen ? 0 : fill)`, maybe by arithmetic on the truth value.
bool addMask(Scrambler &s) {
  auto op = s.pick<arith::SelectOp>(isMask);
  // Of a key that two finite masks hide the fills add up, and rows without a key are no longer uniform.
  bool addsUp = s.facts.uniform && !s.facts.neverDead && llvm::count_if(s.all<arith::SelectOp>(), isMask) > 1;
  if (!op || addsUp)
    return false;
  s.rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  Value zero = numberLike(s, op.getTrueValue(), 0), term;
  if (!std::isinf(*numberOf(op.getFalseValue())) && s.random.oneIn(2)) {
    Value seen = arith::UIToFPOp::create(s.rewriter, loc, op.getType(), op.getCondition());
    Value hidden = arith::SubFOp::create(s.rewriter, loc, numberLike(s, op.getTrueValue(), 1), seen);
    term = arith::MulFOp::create(s.rewriter, loc, hidden, op.getFalseValue());
  } else {
    term = arith::SelectOp::create(s.rewriter, loc, op.getCondition(), zero, op.getFalseValue());
  }
  s.rewriter.replaceOpWithNewOp<arith::AddFOp>(op, op.getTrueValue(), term);
  return true;
}

/// `a and b ? s : fill` as two masks, one behind the other.
bool splitMask(Scrambler &s) {
  auto op = s.pick<arith::SelectOp>(isMask);
  auto both = op ? op.getCondition().getDefiningOp<arith::AndIOp>() : nullptr;
  if (!both)
    return false;
  s.rewriter.setInsertionPoint(op);
  Value inner =
      arith::SelectOp::create(s.rewriter, op.getLoc(), both.getLhs(), op.getTrueValue(), op.getFalseValue());
  s.rewriter.replaceOpWithNewOp<arith::SelectOp>(op, both.getRhs(), inner, op.getFalseValue());
  return true;
}

//===-- Heads
//------------------------------------------------------------------------------------------------------===//

/// K or V with a copy for each loop that it does not follow.
bool repeatHeads(Scrambler &s) {
  unsigned which = 0, loop = 0;
  auto op = s.pick<linalg::GenericOp>([&](linalg::GenericOp op) {
    if (!isContraction(op))
      return false;
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    for (unsigned operand = 0; operand < op.getNumDpsInputs(); ++operand)
      for (unsigned dim = 1; dim < op.getNumLoops(); ++dim) { // the loop behind the KV head's
        AffineMap map = op.getIndexingMapsArray()[operand];
        auto type = dyn_cast<RankedTensorType>(op.getInputs()[operand].getType());
        if (op.getIteratorTypesArray()[dim] == utils::IteratorType::parallel && type && type.getRank() == 4 &&
            !map.isFunctionOfDim(dim) && map.isFunctionOfDim(dim - 1) && map.isProjectedPermutation() &&
            !ShapedType::isDynamic(ranges[dim]) && op.getNumLoops() == 6 && dim == 2) {
          which = operand;
          loop = dim;
          return true;
        }
      }
    return false;
  });
  if (!op)
    return false;
  // Behind the KV head in the operand.
  AffineMap map = op.getIndexingMapsArray()[which];
  unsigned heads =
      llvm::find(map.getResults(), s.rewriter.getAffineDimExpr(loop - 1)) - map.getResults().begin();
  int64_t copies = op.getStaticLoopRanges()[loop];
  Value operand = op.getInputs()[which];
  auto type = cast<RankedTensorType>(operand.getType());
  s.rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(s.rewriter, loc, operand), wide = sizes;
  wide.insert(wide.begin() + heads + 1, s.rewriter.getIndexAttr(copies));
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.begin() + heads + 1, copies);
  SmallVector<ReassociationIndices> groups;
  for (int64_t k = 0; k < 5; ++k)
    if (k == heads + 1)
      groups.back().push_back(k);
    else
      groups.push_back({k});
  Value repeated;
  switch (s.random.below(
      type.hasStaticShape() ? 4 : 3)) { // nothing says that a read covers a size that is not known
  case 0: {
    Value empty = tensor::EmptyOp::create(s.rewriter, loc, wide, type.getElementType());
    repeated = linalg::BroadcastOp::create(s.rewriter, loc, operand, empty, ArrayRef<int64_t>{heads + 1})
                   ->getResult(0);
    break;
  }
  case 1: {
    Value empty = tensor::EmptyOp::create(s.rewriter, loc, wide, type.getElementType());
    AffineMap each = s.rewriter.getMultiDimIdentityMap(5);
    SmallVector<utils::IteratorType> iterators(5, utils::IteratorType::parallel);
    repeated = linalg::GenericOp::create(
                   s.rewriter, loc, empty.getType(), operand, empty,
                   ArrayRef<AffineMap>{each.dropResult(heads + 1), each}, iterators,
                   [](OpBuilder &b, Location loc, ValueRange in) { linalg::YieldOp::create(b, loc, in[0]); })
                   .getResult(0);
    break;
  }
  case 2: {
    SmallVector<int64_t> unit(shape);
    unit[heads + 1] = 1;
    SmallVector<OpFoldResult> one = wide;
    one[heads + 1] = s.rewriter.getIndexAttr(1);
    Value expanded = tensor::ExpandShapeOp::create(s.rewriter, loc, type.clone(unit), operand, groups, one);
    repeated = tensor::ConcatOp::create(s.rewriter, loc, heads + 1, SmallVector<Value>(copies, expanded));
    break;
  }
  default: { // by reading head h floordiv G
    SmallVector<OpFoldResult> full = sizes;
    full[heads] = s.rewriter.getIndexAttr(type.getDimSize(heads) * copies);
    Value empty = tensor::EmptyOp::create(s.rewriter, loc, full, type.getElementType());
    SmallVector<utils::IteratorType> iterators(4, utils::IteratorType::parallel);
    Value gathered =
        linalg::GenericOp::create(s.rewriter, loc, empty.getType(), ValueRange(), empty,
                                  s.rewriter.getMultiDimIdentityMap(4), iterators,
                                  [&](OpBuilder &b, Location loc, ValueRange) {
                                    SmallVector<Value> at;
                                    for (int64_t dim = 0; dim < 4; ++dim)
                                      at.push_back(linalg::IndexOp::create(b, loc, dim));
                                    Value group = arith::ConstantIndexOp::create(b, loc, copies);
                                    at[heads] = arith::DivUIOp::create(b, loc, at[heads], group);
                                    linalg::YieldOp::create(
                                        b, loc, ValueRange(tensor::ExtractOp::create(b, loc, operand, at)));
                                  })
            .getResult(0);
    repeated = tensor::ExpandShapeOp::create(s.rewriter, loc, type.clone(shape), gathered, groups, wide);
  }
  }
  SmallVector<Value> inputs(op.getInputs());
  inputs[which] = repeated;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  maps[which] = map.insertResult(s.rewriter.getAffineDimExpr(loop), heads + 1);
  rebuild(s, op, inputs, maps);
  return true;
}

} // namespace

ArrayRef<Rewrite> attentionRewrites() {
  static const Rewrite rewrites[] = {{"move-scale", moveScale},
                                     {"drop-maximum", dropMaximum},
                                     {"maximum-by-select", maximumBySelect},
                                     {"maximum-with-index", maximumWithIndex},
                                     {"multiply-by-inverse", multiplyByInverse},
                                     {"divide-late", divideLate},
                                     {"multiply-hidden", multiplyHidden},
                                     {"drop-guard", dropGuard},
                                     {"guard-by-any", guardByAny},
                                     {"add-mask", addMask},
                                     {"split-mask", splitMask},
                                     {"repeat-heads", repeatHeads}};
  return rewrites;
}

} // namespace gqa::roundtrip
