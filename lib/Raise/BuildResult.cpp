// An attention's output as the graph has it: its layout, its type, sinks merged into it.
#include "AttentionBuilder.h"
#include "gqa/Dialect/GQA/Rebuild.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {

std::optional<std::string> outputLayout(const Axes &axes, SmallVector<SmallVector<unsigned, 2>> &dims) {
  SmallVector<unsigned> sequence, expected;
  for (const auto &dim : axes.output)
    sequence.append(dim.begin(), dim.end());
  SmallVector<Axis> all = {axes.b, axes.h, axes.i, axes.dv};
  std::string layout;
  for (const Axis *axis : inOrderOf(sequence, all)) {
    layout.push_back(axis->letter);
    dims.push_back(axis->variables);
    expected.append(axis->variables.begin(), axis->variables.end());
  }
  if (sequence == expected)
    return layout;
  dims.clear();
  for (const Axis &axis : all)
    dims.push_back(axis.variables);
  return std::nullopt;
}

std::optional<OutputDims> valuesApart(const Axes &axes) {
  const auto &values = axes.dv.variables;
  OutputDims apart{axes.output, 0, std::nullopt};
  for (unsigned dim = axes.output.size(); dim-- > 0;) {
    ArrayRef<unsigned> variables = axes.output[dim];
    if (variables == ArrayRef(values)) {
      apart.value = dim;
      return apart;
    }
    if (values.empty() || !llvm::is_contained(variables, values.front()))
      continue;
    if (variables.back() != values.front())
      return std::nullopt;
    apart.dims[dim].pop_back();
    apart.dims.insert(apart.dims.begin() + dim + 1, values);
    apart.value = dim + 1;
    apart.split = dim;
    return apart;
  }
  return std::nullopt;
}

AttentionOp AttentionBuilder::withLse(AttentionOp op) {
  SmallVector<int64_t> rows = {op.getBatch(), op.getQueryHeads(), op.getNumQueries()};
  return rebuild(rewriter, op,
                 {op.getOutput().getType(), RankedTensorType::get(rows, op.getAccumulatorType())});
}

/// A sink is the partial result (0, sink): where it differs by query, it is merged.
MergeOp AttentionBuilder::mergeSinks(AttentionOp &op) {
  RankedTensorType type = cast<RankedTensorType>(op.getOutput().getType());
  op = withLse(op);
  SmallVector<OpFoldResult> shape = tensor::getMixedSizes(rewriter, loc, op.getOutput());
  Value empty = tensor::EmptyOp::create(rewriter, loc, shape, type.getElementType());
  Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(type.getElementType()));
  Value zeros = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
  return MergeOp::create(rewriter, loc, type, op.getLse().getType(), op.getOutput(), op.getLse(), zeros,
                         parts.sinkRows, parts.layout);
}

std::optional<Partial> AttentionBuilder::buildPartial() {
  std::optional<OutputDims> apart = valuesApart(axes);
  if (!apart) {
    refuse(match.output, "the output's dimensions do not hold the value dimension apart from rows");
    return std::nullopt;
  }
  std::optional<AttentionOp> op = buildOp();
  if (!op)
    return std::nullopt;
  if (match.deadRow == DeadRow::NaN) // of the merged result, not of what is neutral in it
    op->setDeadRow(DeadRow::Zero);
  Value output, lse;
  if (parts.sinkRows) {
    MergeOp merged = mergeSinks(*op);
    output = merged.getOutput(), lse = merged.getLse();
  } else {
    op = withLse(*op);
    output = op->getOutput(), lse = op->getLse();
  }
  auto rows = apart->dims;
  rows.erase(rows.begin() + apart->value);
  output = buildResult(output, parts.output, apart->dims);
  return Partial{*op, output, buildResult(lse, {axes.b.variables, axes.h.variables, axes.i.variables}, rows)};
}

Value rearrange(OpBuilder &builder, Location loc, const IndexSpace &space, Value value,
                ArrayRef<SmallVector<unsigned, 2>> from, ArrayRef<SmallVector<unsigned, 2>> to) {
  SmallVector<unsigned> have, want;
  for (const auto &dim : from)
    have.append(dim.begin(), dim.end());
  for (const auto &dim : to)
    want.append(dim.begin(), dim.end());
  if (have == want)
    return reshape(builder, loc, space, value, from, to);
  auto apart = [](ArrayRef<unsigned> variables) {
    return llvm::map_to_vector<4>(variables,
                                  [](unsigned variable) { return SmallVector<unsigned, 2>{variable}; });
  };
  Value fine = reshape(builder, loc, space, value, from, apart(have));
  SmallVector<int64_t> permutation;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, fine), permuted;
  for (unsigned variable : want) {
    permutation.push_back(llvm::find(have, variable) - have.begin());
    permuted.push_back(sizes[permutation.back()]);
  }
  Value empty = tensor::EmptyOp::create(builder, loc, permuted, getElementTypeOrSelf(fine));
  Value transposed = linalg::TransposeOp::create(builder, loc, fine, empty, permutation)->getResult(0);
  return reshape(builder, loc, space, transposed, apart(want), to);
}

/// All variables, whatever their order.
static SmallVector<unsigned> flatten(ArrayRef<SmallVector<unsigned, 2>> dims) {
  SmallVector<unsigned> variables;
  for (const auto &dim : dims)
    llvm::append_range(variables, dim);
  llvm::sort(variables);
  return variables;
}

void replaceLses(RewriterBase &rewriter, Evaluator &evaluator, const Axes &axes, Value lse,
                 ArrayRef<SmallVector<unsigned, 2>> dims) {
  Location loc = lse.getLoc();
  for (Expr element : axes.match.lses) {
    auto type = cast<RankedTensorType>(element->value.getType());
    std::optional<View> view = findView(evaluator.context, {element}, {axes.b, axes.h, axes.i});
    if (!view || flatten(view->dims) != flatten(dims))
      continue;
    Value value = rearrange(rewriter, loc, evaluator.context.space, lse, dims, view->dims);
    Type have = getElementTypeOrSelf(value), want = type.getElementType();
    if (have.getIntOrFloatBitWidth() < want.getIntOrFloatBitWidth())
      value = arith::ExtFOp::create(rewriter, loc, type, value);
    else if (have != want)
      value = arith::TruncFOp::create(rewriter, loc, type, value);
    Operation *op = value.getDefiningOp();
    auto isBehind = [&](OpOperand &use) {
      Operation *user = op->getBlock()->findAncestorOpInBlock(*use.getOwner());
      return user && op->isBeforeInBlock(user);
    };
    if (value.getType() == type)
      rewriter.replaceUsesWithIf(element->value, value, isBehind);
  }
}

} // namespace gqa
