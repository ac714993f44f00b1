// Batch, head, group and query among the dimensions of an output that may have any of them collapsed.
#include "gqa/Raise/Axes.h"
#include "AxisEvidence.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;

namespace gqa {
namespace {

using Sequence = SmallVector<unsigned, 2>;

/// Replaces `variable` in every expression of the match.
void replaceVariable(ExprContext &context, AttentionMatch &match, unsigned variable, AffineExpr by) {
  match.forEach([&](Expr &expr) { expr = context.substitute(expr, variable, by); });
}

/// Splits one dimension of the output at the divisors; its variables, outermost first, without those of
/// size 1.
Sequence splitDimension(ExprContext &context, AttentionMatch &match, unsigned variable,
                        const llvm::SmallSet<int64_t, 4> &divisors) {
  int64_t size = context.space.sizeOf(variable);
  if (size == 1)
    return {};
  SmallVector<int64_t> sorted(divisors.begin(), divisors.end());
  llvm::sort(sorted, std::greater<>());
  int64_t left = size; // of a size that is not known, a reshape says that the divisors divide it
  bool isChain = llvm::all_of(sorted, [&](int64_t divisor) {
    return (ShapedType::isDynamic(left) || left % divisor == 0) && (left = divisor);
  });
  if (!isChain || sorted.empty())
    return {variable};
  Sequence variables;
  AffineExpr sum = context.space.constant(0);
  left = size;
  sorted.push_back(1);
  for (int64_t divisor : sorted) {
    if (left == divisor)
      continue;
    AffineExpr extent = context.space.extentOf(variable), number = context.space.constant(divisor);
    AffineExpr part = !ShapedType::isDynamic(left)
                          ? context.space.addVariable(left / divisor)
                          : context.space.addVariable(extent ? context.sizes.divide(extent, number) : extent);
    variables.push_back(context.space.numVariables() - 1);
    sum = sum + part * divisor;
    left = divisor;
  }
  replaceVariable(context, match, variable, sum);
  return variables;
}

/// The numbers by which q, as it comes, divides a row: what is split and joined again on the way is one.
void collectSplits(Evaluator &evaluator, Expr q, unsigned row, llvm::SmallSet<int64_t, 4> &divisors) {
  if (q->isLoad())
    for (AffineExpr index : evaluator.chain(q).back()->indices)
      collectDivisors(index, row, divisors);
  for (Expr operand : q->operands)
    collectSplits(evaluator, operand, row, divisors);
}

/// Whether q divides its rows as K divides its keys: both are places in a window of an image, and the parts
/// are its rows and columns, no groups.
bool arePlacesAlike(ExprContext &context, Evaluator &evaluator, const AttentionMatch &match, unsigned row,
                    const llvm::SmallSet<int64_t, 4> &divisors) {
  llvm::SmallSet<int64_t, 4> ofKeys;
  collectSplits(evaluator, match.k, match.key, ofKeys);
  return !divisors.empty() && divisors == ofKeys && !dependsOn(match.factoredK, row) &&
         context.space.sizeOf(row) == context.space.sizeOf(match.key);
}

/// Which of the dimensions that K follows counts the heads: the one in which q holds a group's queries side
/// by side; else the last one that may. Sizes that are not known count sequences.
std::optional<unsigned> pickHeads(ExprContext &context, Evaluator &evaluator, const AttentionMatch &match,
                                  ArrayRef<unsigned> shared, ArrayRef<unsigned> rows) {
  SmallVector<Expr> chain = evaluator.chain(match.q), kChain = evaluator.chain(match.k);
  SmallVector<unsigned> weighted, fed; // which follow the weights alone, and which the inputs alone
  for (unsigned variable : shared) {
    Projection projection = projectionOf(evaluator, match, variable);
    if (projection.weights != projection.inputs)
      (projection.weights ? weighted : fed).push_back(variable);
  }
  if (weighted.size() == 1)
    return weighted.front();
  if (shared.size() == 1 && fed.size() == 1)
    return std::nullopt;
  for (unsigned variable : llvm::reverse(shared)) {
    // Sequences whose tokens stand side by side, as projections have them, do so in K as well.
    if (standTogether(context, kChain, variable, match.key))
      continue;
    if (llvm::any_of(rows, [&](unsigned row) {
          return standTogether(context, sourceOf(chain), variable, row) && !isPosition(evaluator, match, row);
        }))
      return variable;
  }
  bool isTokenMajor =
      shared.size() == 1 && standTogether(context, sourceOf(kChain), shared.front(), match.key);
  bool isOneToken = shared.size() == 1 && rows.size() == 1 && isBesideToken(evaluator, match, rows.front());
  if (isTokenMajor || isOneToken || (shared.size() == 1 && rows.size() == 2))
    return std::nullopt;                          // a batch over one head of K and V
  for (unsigned variable : llvm::reverse(shared)) // nobody repeats keys for sequences
    if (isRepeated(evaluator, match, variable) || isDivided(evaluator, match.k, variable) ||
        isDivided(evaluator, match.v, variable))
      return variable;
  for (bool strict : {true, false}) {
    if (!strict && shared.size() == 1)
      return std::nullopt;
    for (unsigned variable : llvm::reverse(shared))
      if (!strict ||
          (!isSequence(evaluator, match, variable) && !ShapedType::isDynamic(context.space.sizeOf(variable))))
        return variable;
  }
  return std::nullopt;
}

/// The row dimensions that K does not see: the queries, and in front of them the group if it is a dimension
/// of its own.
bool assignRows(ExprContext &context, Evaluator &evaluator, Axes &axes, ArrayRef<unsigned> rows) {
  SmallVector<Expr> chain = evaluator.chain(axes.match.q), kChain = evaluator.chain(axes.match.k);
  auto isInHead = [&](unsigned row) {
    if (axes.h.variables.empty())
      return rows.size() == 1 && isBesideToken(evaluator, axes.match, row);
    unsigned head = axes.h.variables.back(); // or a block of tokens, which keys stand in as well
    return standTogether(context, sourceOf(chain), head, row) &&
           !standTogether(context, sourceOf(kChain), head, axes.match.key);
  };
  SmallVector<unsigned> group, queries;
  for (unsigned row : rows) {
    bool follows = group.empty() && !isPosition(evaluator, axes.match, row) &&
                   (isInHead(row) || projectionOf(evaluator, axes.match, row).weights);
    (follows ? group : queries).push_back(row);
  }
  if (group.empty() && queries.size() == 2) {
    auto isQuery = [&](unsigned row) {
      return isPosition(evaluator, axes.match, row) || ShapedType::isDynamic(context.space.sizeOf(row));
    };
    auto follows = [&](unsigned row) { // as a dimension of q
      return !chain.empty() && !axes.h.variables.empty() &&
             areNeighbours(chain.back(), axes.h.variables.back(), row);
    };
    bool ofSink = axes.match.sink && dependsOn(axes.match.sink, queries[1]);
    bool isGroup = isQuery(queries[0]) || (follows(queries[1]) && !follows(queries[0]));
    unsigned which = ofSink || (isGroup && !isQuery(queries[1])) ? 1 : 0;
    group.push_back(queries[which]);
    queries.erase(queries.begin() + which);
  }
  axes.h.variables.append(group);
  axes.i.variables.assign(queries.begin(), queries.end());
  return queries.size() <= 1 && group.size() <= 1;
}

/// Row and column of an image, which q holds side by side outside of its heads, or inside of all channels:
/// where the output has one dimension for both, they are one place.
void joinPlaces(ExprContext &context, Expr q, AttentionMatch &match, Sequence &dim, ArrayRef<unsigned> shared,
                SmallVectorImpl<unsigned> &rows) {
  auto placeOf = [&](unsigned variable) {
    return llvm::find_if(q->indices, [&](AffineExpr index) { return dependsOn(index, variable); });
  };
  auto isRow = [&](unsigned variable) {
    return llvm::is_contained(rows, variable) && !ShapedType::isDynamic(context.space.sizeOf(variable));
  };
  for (size_t k = 1; k < dim.size();) {
    unsigned outer = dim[k - 1], inner = dim[k];
    bool isOutside = llvm::any_of(shared, [&](unsigned variable) {
      return placeOf(variable) != q->indices.end() && placeOf(variable) > placeOf(inner);
    });
    bool isInside = placeOf(match.keyDim) < placeOf(outer);
    if (!isRow(outer) || !isRow(inner) || !areNeighbours(q, outer, inner) || (!isOutside && !isInside)) {
      ++k;
      continue;
    }
    int64_t columns = context.space.sizeOf(inner);
    AffineExpr place = context.space.addVariable(context.space.sizeOf(outer) * columns);
    dim[k - 1] = context.space.numVariables() - 1;
    dim.erase(dim.begin() + k);
    llvm::replace(rows, outer, dim[k - 1]);
    llvm::erase(rows, inner);
    replaceVariable(context, match, outer, place.floorDiv(columns));
    replaceVariable(context, match, inner, place % columns);
  }
}

/// Whether K and V are the same for all values of the variable, and nothing else of the scores follows it but
/// q: sequences with one prefix, whose keys are held once.
bool isOfQAlone(Evaluator &evaluator, AttentionMatch &match, unsigned variable) {
  auto follows = [&](Expr expr) { return expr && dependsOn(expr, variable); };
  return isRepeated(evaluator, match, variable) && !follows(match.score) && !follows(match.sink) &&
         llvm::none_of(match.conditions,
                       [&](const Condition &condition) { return follows(condition.expr); }) &&
         llvm::none_of(match.biases, [&](const Bias &bias) { return follows(bias.expr); });
}

} // namespace

std::optional<Axes> findAxes(ExprContext &context, Evaluator &evaluator, AttentionMatch match,
                             Refusal &refusal) {
  auto refuse = [&](const Twine &reason) {
    refusal.where = match.product;
    refusal.reason = reason.str();
    return std::nullopt;
  };
  Axes axes;
  SmallVector<unsigned> shared,
      rows; // what K depends on: batch and heads; what it does not: group and queries
  for (unsigned row : match.rows) {
    llvm::SmallSet<int64_t, 4> divisors;
    collectSplits(evaluator, match.q, row, divisors);
    if (arePlacesAlike(context, evaluator, match, row, divisors))
      divisors.clear();
    axes.output.push_back(splitDimension(context, match, row, divisors));
  }
  for (Sequence &dim : axes.output)
    for (unsigned variable : dim) {
      // The operands of the contractions decide, repeated heads included, not what they were moved from.
      bool inQ = dependsOn(match.q, variable), inK = dependsOn(match.factoredK, variable),
           inV = dependsOn(match.v, variable);
      if ((inK || inV) && isCopy(context, evaluator, match, variable))
        inK = inV = false;
      if (!inQ && !inK && inV)
        axes.dv.variables.push_back(variable);
      else if (inK || inV)
        shared.push_back(variable);
      else
        rows.push_back(variable);
    }
  if (axes.dv.variables.size() > 1)
    return refuse("the value dimension is spread over several dimensions");
  if (match.q->isLoad())
    for (Sequence &dim : axes.output)
      joinPlaces(context, evaluator.chain(match.q).back(), match, dim, shared, rows);
  axes.match = match;
  std::optional<unsigned> heads = pickHeads(context, evaluator, match, shared, rows);
  auto assign = [&](Axes &trial, bool withPrefixes) {
    SmallVector<unsigned> ofQ;
    for (unsigned variable : shared)
      if (match.parts > 1 && withPrefixes && variable != heads && isOfQAlone(evaluator, match, variable))
        ofQ.push_back(variable);
      else
        (variable == heads ? trial.h : trial.b).variables.push_back(variable);
    llvm::append_range(ofQ, rows);
    return assignRows(context, evaluator, trial, ofQ);
  };
  Axes trial = axes;
  if (assign(trial, /*withPrefixes=*/true))
    axes = trial;
  else if (!assign(axes, /*withPrefixes=*/false))
    return refuse("more than two dimensions belong to q alone; the group and the queries are two");
  if (context.space.sizeOf(match.key) != 1)
    axes.j.variables.push_back(match.key);
  if (context.space.sizeOf(match.keyDim) != 1)
    axes.d.variables.push_back(match.keyDim);
  return axes;
}

} // namespace gqa
