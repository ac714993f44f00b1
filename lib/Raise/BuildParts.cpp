// Attentions over several sets of keys under one softmax: one for each set, so that no keys are copied, and
// the merge of their results.
#include "AttentionBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace mlir;

namespace gqa {
namespace {

using Dims = SmallVector<SmallVector<unsigned, 2>>; ///< the variables of each dimension

/// How an output is held where it is merged: as batch, heads, queries and values.
struct MergeShape {
  std::string layout;
  Dims graph, apart, apartRows, merged, mergedRows;

  MergeShape(IndexSpace &space, const Axes &axes) {
    OutputDims output = *valuesApart(axes);
    for (auto [dim, row] : llvm::enumerate(axes.match.rows)) {
      graph.push_back({row});
      if (dim == output.split) { // heads, say, and the values of each
        int64_t size = space.sizeOf(row), values = space.sizeOf(axes.dv.variables.front());
        space.addVariable(ShapedType::isDynamic(size) ? size : size / values);
        space.addVariable(values);
        graph.back() = {space.numVariables() - 2, space.numVariables() - 1};
      }
      for (unsigned variable : graph.back())
        apart.push_back({variable});
    }
    apartRows = apart;
    apartRows.erase(apartRows.begin() + output.value);
    // The last rows are the queries, and those in front of them the heads.
    bool isLast = output.value == apartRows.size();
    layout = isLast ? "bhsd" : "bhds";
    size_t queries = isLast ? apartRows.size() - 1 : output.value;
    mergedRows.resize(3);
    for (size_t dim = 0; dim < apartRows.size(); ++dim)
      llvm::append_range(mergedRows[dim >= queries ? 2 : dim + 1 == queries ? 1 : 0], apartRows[dim]);
    merged = mergedRows;
    merged.insert(merged.begin() + layout.find('d'), apart[output.value]);
  }
};

class PartsMerger {
public:
  PartsMerger(RewriterBase &rewriter, Evaluator &evaluator, const Axes &axes)
      : rewriter(rewriter), evaluator(evaluator), axes(axes), loc(axes.match.product->getLoc()),
        space(evaluator.context.space), match(axes.match), shape(evaluator.context.space, axes) {}

  /// The output as the graph has it.
  Value merge(ArrayRef<Partial> partials) {
    SmallVector<Value> outputs, lses;
    for (const Partial &partial : partials) {
      outputs.push_back(reshape(rewriter, loc, space, partial.output, shape.apart, shape.merged));
      lses.push_back(reshape(rewriter, loc, space, partial.lse, shape.apartRows, shape.mergedRows));
    }
    Value output = outputs.front(), lse = lses.front();
    for (size_t next = 1; next < partials.size(); ++next) {
      auto both = MergeOp::create(rewriter, loc, output.getType(), lse.getType(), output, lse, outputs[next],
                                  lses[next], shape.layout);
      output = both.getOutput(), lse = both.getLse();
    }
    replaceLses(rewriter, evaluator, axes, lse, shape.mergedRows);
    if (match.mayBeDead)
      output = settleDeadRows(output, outputs, lses, partials);
    return reshape(rewriter, loc, space, output, shape.merged, shape.graph);
  }

private:
  /// Rows that see no key of any set. Where that is by -inf they are NaN. Where a finite number hides all
  /// keys, what each set adds to the sum is lost in that number: each counts by how many keys it has.
  Value settleDeadRows(Value merged, ArrayRef<Value> outputs, ArrayRef<Value> lses,
                       ArrayRef<Partial> partials) {
    SmallVector<Value> inputs = {merged}, counts;
    llvm::append_range(inputs, outputs);
    llvm::append_range(inputs, lses);
    Type type = getElementTypeOrSelf(merged), wide = getElementTypeOrSelf(lses.front());
    for (const Partial &partial : partials)
      counts.push_back(countKeys(partial.op, wide));
    AffineMap each = rewriter.getMultiDimIdentityMap(4);
    SmallVector<AffineMap> maps(1 + outputs.size(), each);
    maps.append(lses.size(), each.dropResult(shape.layout.find('d')));
    maps.push_back(each);
    auto body = [&](OpBuilder &b, Location, ValueRange in) {
      ValueRange parts = in.slice(1, outputs.size()), sums = in.slice(1 + outputs.size(), lses.size());
      linalg::YieldOp::create(b, loc, chooseDead(b, in.front(), parts, sums, counts));
    };
    Value empty = tensor::EmptyOp::create(rewriter, loc, tensor::getMixedSizes(rewriter, loc, merged), type);
    SmallVector<utils::IteratorType> loops(4, utils::IteratorType::parallel);
    return linalg::GenericOp::create(rewriter, loc, merged.getType(), inputs, empty, maps, loops, body)
        .getResult(0);
  }

  Value countKeys(AttentionOp op, Type type) {
    unsigned dim = dimOf(op.getKLayout(), 's');
    Value count = rewriter.createOrFold<tensor::DimOp>(loc, op.getK(), dim);
    Value integer = arith::IndexCastOp::create(rewriter, loc, rewriter.getI64Type(), count);
    return arith::SIToFPOp::create(rewriter, loc, type, integer);
  }

  Value chooseDead(OpBuilder &b, Value merged, ValueRange parts, ValueRange lses, ValueRange counts) {
    auto type = cast<FloatType>(lses.front().getType());
    auto number = [&](double value) -> Value {
      return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
    };
    using Predicate = arith::CmpFPredicate;
    Value isDead = arith::CmpFOp::create(b, loc, Predicate::OLE, lses.front(), number(-kBeyondScores));
    Value sum, all;
    for (auto [part, lse, count] : llvm::zip_equal(parts, lses, counts)) {
      Value isSame = arith::CmpFOp::create(b, loc, Predicate::OEQ, lse, lses.front());
      isDead = arith::AndIOp::create(b, loc, isDead, isSame);
      Value weighed = arith::MulFOp::create(b, loc, convertScore(b, loc, part, type), count);
      sum = sum ? arith::AddFOp::create(b, loc, sum, weighed) : weighed;
      all = all ? arith::AddFOp::create(b, loc, all, count) : count;
    }
    Value dead = arith::DivFOp::create(b, loc, sum, all);
    if (match.deadRow == DeadRow::NaN) {
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      Value isEmpty = arith::CmpFOp::create(b, loc, Predicate::OEQ, lses.front(), number(-kInfinity));
      dead = arith::SelectOp::create(b, loc, isEmpty, number(std::numeric_limits<double>::quiet_NaN()), dead);
    }
    Value narrow = convertScore(b, loc, dead, merged.getType());
    return arith::SelectOp::create(b, loc, isDead, narrow, merged);
  }

  RewriterBase &rewriter;
  Evaluator &evaluator;
  const Axes &axes;
  Location loc;
  const IndexSpace &space;
  const AttentionMatch &match;
  MergeShape shape;
};

} // namespace

SmallVector<AttentionOp> buildParts(RewriterBase &rewriter, Evaluator &evaluator, MutableArrayRef<Axes> parts,
                                    MutableArrayRef<Findings> findings, Refusal &refusal) {
  SmallVector<AttentionOp> ops;
  SmallVector<Partial> partials;
  for (auto [axes, found] : llvm::zip_equal(parts, findings)) {
    std::optional<Partial> partial =
        AttentionBuilder(rewriter, evaluator, axes, found, refusal).buildPartial();
    if (partial && !partials.empty() && partial->output.getType() != partials.front().output.getType()) {
      refusal.where = axes.match.product;
      refusal.reason = "the sets of keys do not hold the rows of the output in the same dimensions";
      return {};
    }
    if (!partial)
      return {};
    found.parts = parts.size();
    found.deadRow = axes.match.deadRow;
    partials.push_back(*partial);
    ops.push_back(partial->op);
  }
  Axes &first = parts.front();
  Value output = PartsMerger(rewriter, evaluator, first).merge(partials);
  rewriter.replaceAllUsesWith(first.match.output, output);
  return ops;
}

} // namespace gqa
