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

/// A sink is the partial result (0, sink): where it differs by query, it is merged.
Value AttentionBuilder::mergeSinks(AttentionOp &op) {
  RankedTensorType type = cast<RankedTensorType>(op.getOutput().getType());
  SmallVector<int64_t> rows = {op.getBatch(), op.getQueryHeads(), op.getNumQueries()};
  op = rebuild(rewriter, op, {type, RankedTensorType::get(rows, op.getAccumulatorType())});
  SmallVector<OpFoldResult> shape = tensor::getMixedSizes(rewriter, loc, op.getOutput());
  Value empty = tensor::EmptyOp::create(rewriter, loc, shape, type.getElementType());
  Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(type.getElementType()));
  Value zeros = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
  return MergeOp::create(rewriter, loc, type, op.getLse().getType(), op.getOutput(), op.getLse(), zeros,
                         parts.sinkRows, parts.layout)
      .getOutput();
}

/// The attention's output as the graph has it: reshaped, and transposed where an axis is torn apart.
Value AttentionBuilder::buildResult(Value output) {
  const IndexSpace &space = evaluator.context.space;
  SmallVector<unsigned> have, want;
  for (const auto &dim : parts.output)
    have.append(dim.begin(), dim.end());
  for (const auto &dim : axes.output)
    want.append(dim.begin(), dim.end());
  if (have == want)
    return reshape(rewriter, loc, space, output, parts.output, axes.output);
  auto apart = [](ArrayRef<unsigned> variables) {
    return llvm::map_to_vector<4>(variables,
                                  [](unsigned variable) { return SmallVector<unsigned, 2>{variable}; });
  };
  Value fine = reshape(rewriter, loc, space, output, parts.output, apart(have));
  SmallVector<int64_t> permutation;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, fine), permuted;
  for (unsigned variable : want) {
    permutation.push_back(llvm::find(have, variable) - have.begin());
    permuted.push_back(sizes[permutation.back()]);
  }
  Value empty = tensor::EmptyOp::create(rewriter, loc, permuted, getElementTypeOrSelf(fine));
  Value transposed = linalg::TransposeOp::create(rewriter, loc, fine, empty, permutation)->getResult(0);
  return reshape(rewriter, loc, space, transposed, apart(want), axes.output);
}

} // namespace gqa
