// gqa.append_kv with positions, of what front ends write as a select over all of a cache: the new row where
// the coordinate is the position, what was there elsewhere.
#include "gqa/Raise/Build.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr unsigned kRank = 4;

class IndexedWrite {
public:
  IndexedWrite(RewriterBase &rewriter, Value written)
      : rewriter(rewriter), written(written), context(written.getContext()), evaluator(context) {}

  /// The operation in place of `written`, or none.
  std::optional<AppendKVOp> raise() {
    for (unsigned dim = 0; dim < kRank; ++dim)
      coordinates.push_back(
          context.space.simplify(context.space.addVariable(context.sizes.of(written, dim))));
    Expr element = evaluator.expand(context.load(written, coordinates));
    if (!element || !element->isSelect() || !matchPosition(element->operands[0]) ||
        !matchCache(element->operands[2]) || dependsOn(element->operands[1], tokens))
      return std::nullopt;
    return build(element->operands[1]);
  }

private:
  /// `coordinate == position`: the coordinate along tokens, and the position as a form without coordinates
  /// but the batch's.
  bool matchPosition(Expr condition) {
    condition = evaluator.peel(condition);
    if (!condition->isApply("arith.cmpi") ||
        cast<arith::CmpIOp>(condition->op).getPredicate() != arith::CmpIPredicate::eq)
      return false;
    position.affine = context.space.constant(0);
    position.accumulate(evaluator, condition->operands[0], 1);
    position.accumulate(evaluator, condition->operands[1], -1);
    LinearForm form = LinearForm::of(context.space.simplify(position.affine));
    if (form.terms.size() != 1 || std::abs(form.terms[0].second) != 1 || position.data.empty())
      return false;
    const auto *found = llvm::find(coordinates, form.terms[0].first);
    if (found == coordinates.end())
      return false;
    tokens = unsigned(found - coordinates.begin());
    // +t + c + data == 0 says t = -c - data, and -t the opposite.
    int64_t sign = -form.terms[0].second;
    constant = sign * form.constant;
    for (auto &[data, factor] : position.data)
      factor *= sign;
    layout = tokens == 1 ? "bshd" : tokens == 2 ? "bhsd" : tokens == 3 ? "bhds" : "";
    return !layout.empty() && llvm::none_of(position.data, [&](auto &entry) {
      return llvm::any_of(llvm::seq(1u, kRank), [&](unsigned dim) { return dependsOn(entry.first, dim); });
    });
  }

  /// The tensor whose elements stay where they are.
  bool matchCache(Expr kept) {
    for (Expr element : evaluator.chain(kept))
      if (element->isLoad() && element->value.getType() == written.getType() &&
          ArrayRef<AffineExpr>(element->indices) == ArrayRef<AffineExpr>(coordinates)) {
        cache = element->value;
        return true;
      }
    return false;
  }

  std::optional<AppendKVOp> build(Expr row) {
    rewriter.setInsertionPoint(written.getDefiningOp());
    Location loc = written.getLoc();
    SmallVector<Axis> axes;
    DenseMap<unsigned, Value> sizes;
    for (char letter : StringRef("bhsd")) {
      auto dim = unsigned(dimOf(layout, letter));
      axes.push_back({letter, {}});
      if (dim == tokens || context.space.sizeOf(dim) == 1)
        continue;
      axes.back().variables.push_back(dim);
      if (ShapedType::isDynamic(context.space.sizeOf(dim)))
        sizes[dim] = tensor::DimOp::create(rewriter, loc, cache, dim);
    }
    Value fresh = buildRow(loc, row, axes, sizes);
    Value positions = buildPerBatch(rewriter, loc, evaluator, axes[0], position, constant, sizes);
    if (!fresh || !positions)
      return std::nullopt;
    if (!axes[0].variables.empty() && cast<RankedTensorType>(positions.getType()).getDimSize(0) != 1)
      positions = onePerSequence(loc, positions);
    auto append = AppendKVOp::create(rewriter, loc, written.getType(), cache, fresh, positions, layout);
    if (!whyInvalid(append).empty()) {
      rewriter.eraseOp(append);
      return std::nullopt;
    }
    rewriter.replaceAllUsesWith(written, append.getOutput());
    return append;
  }

  /// The new row, as a tensor with one token.
  Value buildRow(Location loc, Expr row, ArrayRef<Axis> axes, const DenseMap<unsigned, Value> &sizes) {
    if (row->isLoad())
      if (std::optional<View> view = findView(context, evaluator.chain(row), axes))
        return transpose(rewriter, materialize(rewriter, loc, context.space, *view, axes), layout);
    Value made = buildTensor(rewriter, loc, evaluator, row, axes, sizes);
    return made ? transpose(rewriter, {made, "bhsd"}, layout) : made;
  }

  Value onePerSequence(Location loc, Value positions) {
    SmallVector<OpFoldResult> shape = tensor::getMixedSizes(rewriter, loc, positions);
    shape.push_back(rewriter.getIndexAttr(1));
    auto type = cast<RankedTensorType>(positions.getType());
    return tensor::ExpandShapeOp::create(
        rewriter, loc, RankedTensorType::get({type.getDimSize(0), 1}, type.getElementType()), positions,
        ArrayRef<ReassociationIndices>{{0, 1}}, shape);
  }

  RewriterBase &rewriter;
  Value written, cache;
  ExprContext context;
  Evaluator evaluator;
  SmallVector<AffineExpr> coordinates; // variable k is dimension k, 0 where it has one element
  IntegerForm position;
  int64_t constant = 0;
  unsigned tokens = 0;
  std::string layout;
};

} // namespace

int64_t raiseIndexedAppends(RewriterBase &rewriter, Operation *function) {
  SmallVector<linalg::GenericOp> selects;
  function->walk([&](linalg::GenericOp op) {
    auto type = op->getNumResults() == 1 ? dyn_cast<RankedTensorType>(op->getResult(0).getType()) : nullptr;
    Operation *yielded = op.getBody()->getTerminator()->getOperand(0).getDefiningOp();
    if (type && type.getRank() == kRank && op.getNumReductionLoops() == 0 &&
        isa_and_present<arith::SelectOp>(yielded))
      selects.push_back(op);
  });
  int64_t count = 0;
  for (linalg::GenericOp op : selects)
    count += IndexedWrite(rewriter, op->getResult(0)).raise().has_value();
  return count;
}

} // namespace gqa
