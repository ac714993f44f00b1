// gqa.dequantize from what stands between a narrow cache and an attention.
#include "Dequantize.h"
#include "gqa/Raise/ExprEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace gqa {
namespace {

class DequantizeBuilder {
public:
  DequantizeBuilder(RewriterBase &rewriter, Evaluator &evaluator, const Operand &operand)
      : rewriter(rewriter), evaluator(evaluator), context(evaluator.context), operand(operand),
        matcher(evaluator), loc(operand.tensor.getLoc()) {
    for (auto [dim, letter] : llvm::enumerate(operand.layout)) {
      coordinates.push_back(context.space.addVariable(context.sizes.of(operand.tensor, dim)));
      unsigned variable = context.space.numVariables() - 1;
      axes.push_back({letter, {}});
      if (context.space.sizeOf(variable) != 1)
        axes.back().variables.push_back(variable);
    }
    element = context.load(operand.tensor, coordinates);
  }

  /// What takes the operand's place; null, with `obstacle` set where narrow numbers are read all the same.
  Value build() {
    if (!matcher.match(element)) {
      if (readsBytes(evaluator, element))
        obstacle = "it is computed of bytes in another way than (x - zero) * scale";
      return nullptr;
    }
    if (follows('s') && follows('d') && sizeIsNotOne('d')) {
      obstacle =
          "scale or zero differ along the head dimension of each token, so that they are read as often";
      return nullptr;
    }
    SmallVector<Axis> ordered;
    for (char letter : StringRef("bhsd"))
      ordered.push_back(axisOf(letter));
    std::optional<View> view = findView(context, evaluator.chain(matcher.narrow), ordered);
    if (!view) {
      obstacle =
          "its elements do not have batch, heads, tokens and head dimension as dimensions of their own";
      return nullptr;
    }
    rewriter.setInsertionPointAfter(operand.tensor.getDefiningOp());
    Operand narrow = materialize(rewriter, loc, context.space, *view, ordered);
    layout = narrow.layout;
    Value wide = buildAppended(narrow, view->tensor);
    return wide ? wide : buildPiece(narrow, /*first=*/0);
  }

  std::string layout; ///< of what was built
  StringRef obstacle;

private:
  const Axis &axisOf(char letter) { return axes[dimOf(operand.layout, letter)]; }
  bool sizeIsNotOne(char letter) { return !axisOf(letter).variables.empty(); }
  bool follows(char letter) {
    return llvm::any_of(axisOf(letter).variables,
                        [&](unsigned variable) { return matcher.dependsOnFactor(variable); });
  }

  /// A cache with new tokens behind it, each widened for itself: the kernel reads them where they are. Null
  /// if the narrow tensor is none.
  Value buildAppended(const Operand &narrow, Value whole) {
    auto concat = narrow.tensor.getDefiningOp<tensor::ConcatOp>();
    if (!concat || narrow.tensor != whole || concat.getInputs().size() != 2 ||
        concat.getDim() != dimOf(narrow.layout, 's'))
      return nullptr;
    Value cache = concat.getInputs()[0], fresh = concat.getInputs()[1];
    int64_t past = cast<RankedTensorType>(cache.getType()).getDimSize(concat.getDim());
    if (ShapedType::isDynamic(past) && follows('s'))
      return nullptr;
    Value first = buildPiece({cache, narrow.layout}, 0);
    Value second =
        first ? buildPiece({fresh, narrow.layout}, ShapedType::isDynamic(past) ? 0 : past) : Value();
    if (!second)
      return nullptr;
    auto type = RankedTensorType::get(concat.getResultType().getShape(), getElementTypeOrSelf(first));
    return AppendKVOp::create(rewriter, loc, type, first, second, Value(), narrow.layout);
  }

  /// Tokens from number `first` on, widened; null if a factor has no tensor.
  Value buildPiece(const Operand &tokens, int64_t first) {
    SmallVector<Axis> dims;
    DenseMap<unsigned, Value> sizes;
    auto type = cast<RankedTensorType>(tokens.tensor.getType());
    std::optional<unsigned> moved;
    AffineExpr at;
    for (auto [dim, letter] : llvm::enumerate(tokens.layout)) {
      Axis axis = axisOf(letter);
      if (letter == 's' && !axis.variables.empty()) { // a piece counts its own tokens
        moved = axis.variables.front();
        AffineExpr own = context.space.addVariable(type.getDimSize(dim));
        at = own + first;
        axis.variables.front() = context.space.numVariables() - 1;
      }
      for (unsigned variable : axis.variables)
        if (type.isDynamicDim(dim))
          sizes[variable] = tensor::DimOp::create(rewriter, loc, tokens.tensor, dim);
      dims.push_back(axis);
    }
    auto move = [&](Expr expr) { return moved ? context.substitute(expr, *moved, at) : expr; };
    Value scale, zero;
    if (!matcher.scales.empty() &&
        !(scale = buildFactor(
              dims, sizes, [&](OpBuilder &b, ExprEmitter &emitter) { return emitScale(b, emitter, move); })))
      return nullptr;
    if (matcher.zero && !(zero = buildFactor(dims, sizes, [&](OpBuilder &b, ExprEmitter &emitter) {
                            return toFloat(b, emitter.emit(move(matcher.zero)));
                          })))
      return nullptr;
    auto wide = RankedTensorType::get(type.getShape(), getElementTypeOrSelf(operand.tensor));
    return DequantizeOp::create(rewriter, loc, wide, tokens.tensor, scale, zero, matcher.isUnsigned);
  }

  /// A tensor with the dimensions along which some factor differs.
  Value buildFactor(SmallVector<Axis> dims, const DenseMap<unsigned, Value> &sizes,
                    function_ref<Value(OpBuilder &, ExprEmitter &)> emit) {
    for (Axis &axis : dims)
      if (!follows(axis.letter))
        axis.variables.clear();
    return buildTensor(rewriter, loc, evaluator, factorType(), dims, sizes, emit);
  }

  Type factorType() {
    bool isDouble = getElementTypeOrSelf(operand.tensor).isF64();
    return isDouble ? Type(rewriter.getF64Type()) : Type(rewriter.getF32Type());
  }

  Value toFloat(OpBuilder &b, Value value) {
    if (!value)
      return nullptr;
    if (value.getType().isInteger())
      return arith::SIToFPOp::create(b, loc, factorType(), value);
    return convertScore(b, loc, value, factorType());
  }

  Value emitScale(OpBuilder &b, ExprEmitter &emitter, function_ref<Expr(Expr)> move) {
    Value product;
    for (const DequantizeMatcher::Factor &factor : matcher.scales) {
      Value value = toFloat(b, emitter.emit(move(factor.expr)));
      if (!value)
        return nullptr;
      if (!product)
        product = arith::ConstantOp::create(b, loc, b.getFloatAttr(factorType(), 1.0));
      product = factor.divides ? arith::DivFOp::create(b, loc, product, value).getResult()
                               : arith::MulFOp::create(b, loc, product, value).getResult();
    }
    return product;
  }

  RewriterBase &rewriter;
  Evaluator &evaluator;
  ExprContext &context;
  const Operand &operand;
  DequantizeMatcher matcher;
  Location loc;
  SmallVector<Axis> axes; ///< in the operand's order
  SmallVector<AffineExpr> coordinates;
  Expr element;
};

} // namespace

bool raiseDequantize(RewriterBase &rewriter, const Operand &operand, StringRef what) {
  Operation *producer = operand.tensor.getDefiningOp();
  if (!producer || isa<DequantizeOp, AppendKVOp>(producer))
    return false;
  ExprContext context(rewriter.getContext());
  Evaluator evaluator(context);
  DequantizeBuilder builder(rewriter, evaluator, operand);
  Value wide = builder.build();
  if (wide)
    rewriter.replaceAllUsesWith(operand.tensor, transpose(rewriter, {wide, builder.layout}, operand.layout));
  else if (!builder.obstacle.empty())
    remark::missed(operand.tensor.getLoc(), remark::RemarkOpts::name("NotDequantized").category("gqa-raise"))
        << remark::reason("the attention reads {0} that is widened in memory: {1}", what, builder.obstacle);
  return wide && wide.getDefiningOp<AppendKVOp>();
}

} // namespace gqa
