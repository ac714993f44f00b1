// What stands in front of a raised attention: rotations of q and k, appends to caches.
#include "Dequantize.h"
#include "gqa/Raise/Build.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

#include <cmath>

using namespace mlir;

namespace gqa {

Value transpose(RewriterBase &rewriter, const Operand &operand, StringRef layout) {
  if (operand.layout == layout)
    return operand.tensor;
  Location loc = operand.tensor.getLoc();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, operand.tensor), permuted;
  SmallVector<int64_t> permutation;
  for (char letter : layout) {
    permutation.push_back(dimOf(operand.layout, letter));
    permuted.push_back(sizes[permutation.back()]);
  }
  Type element = cast<RankedTensorType>(operand.tensor.getType()).getElementType();
  Value empty = tensor::EmptyOp::create(rewriter, loc, permuted, element);
  return linalg::TransposeOp::create(rewriter, loc, operand.tensor, empty, permutation)->getResult(0);
}

/// The operand as a tensor of the type and the layout, which may lack letters, of `wanted`.
static Value inForm(RewriterBase &rewriter, const Operand &operand, const Operand &wanted) {
  std::string layout;
  llvm::copy_if(operand.layout, std::back_inserter(layout),
                [&](char letter) { return !StringRef(wanted.layout).contains(letter); });
  auto missing = static_cast<int64_t>(layout.size());
  Value tensor = transpose(rewriter, operand, layout + wanted.layout);
  Location loc = operand.tensor.getLoc();
  if (missing > 0) {
    SmallVector<ReassociationIndices> groups(1);
    for (int64_t dim = 0; dim < 4; ++dim) {
      if (dim > missing)
        groups.emplace_back();
      groups.back().push_back(dim);
    }
    tensor = tensor::CollapseShapeOp::create(rewriter, loc, tensor, groups);
  }
  bool isSame = tensor.getType() == wanted.tensor.getType(); // else one type knows more of the sizes
  return isSame ? tensor : tensor::CastOp::create(rewriter, loc, wanted.tensor.getType(), tensor);
}

std::optional<RotaryForm> replaceRotary(RewriterBase &rewriter, const Operand &tensor) {
  ExprContext context(rewriter.getContext());
  Evaluator evaluator(context);
  std::optional<RotaryForm> form;
  std::optional<Operand> rotated = raiseRotary(rewriter, evaluator, tensor, form);
  if (!rotated)
    return form;
  rewriter.setInsertionPointAfter(rotated->tensor.getDefiningOp());
  rewriter.replaceAllUsesWith(tensor.tensor, inForm(rewriter, *rotated, tensor));
  return form;
}

/// Tensors of rank 4 that `operand` is made of, element by element or piece by piece.
static SmallVector<Operand> sourcesOf(Evaluator &evaluator, const Operand &operand) {
  IndexSpace &space = evaluator.context.space;
  SmallVector<AffineExpr> coordinates(4);
  for (auto [dim, letter] : llvm::enumerate(operand.layout))
    coordinates[dim] = space.addVariable(evaluator.context.sizes.of(operand.tensor, dim));
  SmallVector<Operand> sources;
  if (auto concat = operand.tensor.getDefiningOp<tensor::ConcatOp>())
    for (Value piece : concat.getInputs())
      sources.push_back({piece, operand.layout});
  if (auto append = operand.tensor.getDefiningOp<AppendKVOp>())
    for (Value piece : {append.getCache(), append.getFresh()})
      sources.push_back({piece, append.getLayout().str()});
  if (auto insert = operand.tensor.getDefiningOp<tensor::InsertSliceOp>()) {
    if (insert.getDroppedDims().none())
      sources.push_back({insert.getSource(), operand.layout});
    sources.push_back({insert.getDest(), operand.layout});
  }
  Expr element = evaluator.context.load(operand.tensor, coordinates);
  Expr next = evaluator.step(element);
  SmallVector<Expr> worklist = {next ? next : evaluator.expand(element)};
  constexpr size_t kMost = 16;
  for (size_t k = 0; k < worklist.size() && worklist.size() < kMost; ++k) {
    Expr expr = worklist[k];
    if (!expr)
      continue;
    worklist.append(expr->operands.begin(), expr->operands.end());
    while (expr && expr->isLoad() && expr->indices.size() != 4)
      expr = evaluator.step(expr);
    if (!expr || !expr->isLoad())
      continue;
    auto type = cast<RankedTensorType>(expr->value.getType());
    std::string layout;
    for (auto [dim, index] : llvm::enumerate(expr->indices)) {
      auto place = llvm::find(coordinates, index);
      bool isVariable = isa<AffineDimExpr>(index) && place != coordinates.end();
      layout.push_back(isVariable ? operand.layout[place - coordinates.begin()] : '?');
      if (!isVariable && type.getDimSize(dim) != 1)
        layout.clear();
      if (layout.empty())
        break;
    }
    for (char letter : StringRef("bhsd")) // dimensions of size 1 are those that are left, in order
      if (!StringRef(layout).contains(letter))
        if (size_t free = layout.find('?'); free != std::string::npos)
          layout[free] = letter;
    if (isLayout(layout))
      sources.push_back({expr->value, layout});
  }
  return sources;
}

/// The rotation of the operand, or of what it is made of: normalised afterwards, joined to a part that is not
/// rotated, written to a cache.
static std::optional<RotaryForm> findRotary(RewriterBase &rewriter, const Operand &operand) {
  constexpr size_t kMost = 24;
  SmallVector<Operand> worklist = {operand};
  llvm::DenseSet<Value> seen;
  std::optional<RotaryForm> kept; // what stays as it is may be rotated further in
  for (size_t next = 0; next < worklist.size() && next < kMost; ++next) {
    Operand current = worklist[next];
    if (!seen.insert(current.tensor).second)
      continue;
    if (auto earlier = current.tensor.getDefiningOp<RotaryOp>()) // another attention reads it as well
      return RotaryForm{earlier.getKind(), earlier.getRotaryDim(), {}, earlier.getX()};
    std::optional<RotaryForm> rotary = replaceRotary(rewriter, current);
    if (rotary && rotary->obstacle.empty())
      return rotary;
    if (!kept)
      kept = rotary;
    ExprContext context(rewriter.getContext());
    Evaluator evaluator(context);
    worklist.append(sourcesOf(evaluator, current));
  }
  return kept;
}

/// The tensor under a repeat of heads.
static Operand underRepeat(Value value, StringRef layout) {
  if (auto repeat = value.getDefiningOp<RepeatHeadsOp>())
    value = repeat.getX();
  return {value, layout.str()};
}

/// The append that makes the operand, or a tensor of which that is a part, whatever their ranks.
static AppendKVOp appendOf(Value tensor) {
  while (
      isa_and_present<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp, tensor::ExtractSliceOp>(
          tensor.getDefiningOp()))
    tensor = tensor.getDefiningOp()->getOperand(0);
  return tensor.getDefiningOp<AppendKVOp>();
}

/// `x * c` in front of the rotation of q, as in ESM, is a part of the scale.
static void takeScaleOfRotated(RewriterBase &rewriter, AttentionOp op) {
  auto rotary = op.getQ().getDefiningOp<RotaryOp>();
  std::optional<double> scale = op.getConstantScale();
  if (!rotary || !scale)
    return;
  ExprContext context(rewriter.getContext());
  Evaluator evaluator(context);
  SmallVector<AffineExpr> point; // with zeros where there is nothing to choose from, as expressions have it
  for (auto [dim, size] : llvm::enumerate(cast<RankedTensorType>(rotary.getX().getType()).getShape()))
    point.push_back(size == 1 ? context.space.constant(0)
                              : context.space.addVariable(context.sizes.of(rotary.getX(), dim)));
  Expr product = evaluator.expand(context.load(rotary.getX(), point));
  bool isQuotient = product && product->isApply("arith.divf");
  if (!product || (!isQuotient && !product->isApply("arith.mulf")))
    return;
  auto number = [&](unsigned operand) {
    return evaluator.peelCasts(product->operands[operand])->getNumber();
  };
  bool isFirst = !isQuotient && number(0);
  Expr x = product->operands[isFirst ? 1 : 0];
  std::optional<double> factor = number(isFirst ? 0 : 1);
  if (!factor || *factor == 0 || !x->isLoad() || x->value.getType() != rotary.getX().getType() ||
      ArrayRef<AffineExpr>(x->indices) != ArrayRef<AffineExpr>(point))
    return;
  double whole = isQuotient ? *scale / *factor : *scale * *factor;
  if (!std::isfinite(float(whole))) // which the attribute has to be
    return;
  rewriter.setInsertionPoint(op); // others may read what is scaled as well
  auto unscaled = cast<RotaryOp>(rewriter.clone(*rotary));
  unscaled.getXMutable().assign(x->value);
  op.getQMutable().assign(unscaled.getOutput());
  setScale(op, whole);
}

/// Queries of 8 bits, which kernels may multiply as they are where keys are of 8 bits as well.
static void raiseNarrowQueries(RewriterBase &rewriter, AttentionOp op) {
  DequantizeOp keys = op.getKeyDequantize();
  if (keys && isa<Float8E4M3FNType, Float8E5M2Type>(getElementTypeOrSelf(keys.getX())))
    raiseDequantize(rewriter, {op.getQ(), op.getQLayout().str()}, "a tensor of queries");
}

/// Rotations, appends, narrow caches and narrow queries in front of a raised attention.
void raiseAround(RewriterBase &rewriter, AttentionOp op, Findings &findings) {
  auto rotate = [&](const Operand &operand) {
    if (std::optional<RotaryForm> rotary = findRotary(rewriter, operand)) {
      findings.rotary = stringifyRotaryKind(rotary->kind);
      findings.rotaryDim = rotary->dim;
    }
  };
  auto append = [&](const Operand &cached) -> Operand {
    if (AppendKVOp indexed = appendOf(cached.tensor); indexed && indexed.getPositions()) {
      findings.cache = "indexed";
      Operand fresh{indexed.getFresh(), indexed.getLayout().str()};
      auto headDim = [](const Operand &operand) {
        return cast<ShapedType>(operand.tensor.getType()).getDimSize(dimOf(operand.layout, 'd'));
      };
      return headDim(fresh) == headDim(cached) ? fresh : cached; // else heads are together there
    }
    if (std::optional<Operand> fresh; findIndexedTokens(cached, fresh)) {
      findings.cache = "indexed";
      return fresh.value_or(cached);
    }
    std::optional<AppendKVOp> append = raiseAppend(rewriter, cached);
    if (!append) {
      if (raiseDequantize(rewriter, cached))
        findings.cache = "concat";
      return cached;
    }
    findings.cache = "concat";
    raiseDequantize(rewriter, {append->getCache(), cached.layout});
    return {append->getFresh(), cached.layout};
  };
  append(underRepeat(op.getV(), op.getVLayout()));
  rotate(append(underRepeat(op.getK(), op.getKLayout())));
  rotate({op.getQ(), op.getQLayout().str()});
  raiseNarrowQueries(rewriter, op);
  takeScaleOfRotated(rewriter, op);
}

} // namespace gqa
