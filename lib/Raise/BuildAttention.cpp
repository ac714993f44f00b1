// gqa.attention from a match: the operation, its attributes, and its operands in front of what it replaces.
#include "BuildOperands.h"
#include "gqa/Dialect/GQA/Rebuild.h"
#include "gqa/Raise/ExprEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;

namespace gqa {

static void setVisibility(AttentionOp op, const Visibility &visibility, Value offsets, Value kvLen) {
  op.setCausal(visibility.causal);
  if (visibility.window)
    op.setWindow(ArrayRef<int64_t>{visibility.window->first, visibility.window->second});
  if (kvLen)
    op.getKvLenMutable().assign(kvLen);
  if (offsets)
    return op.getOffsetsMutable().assign(offsets);
  bool square = op.getNumQueries() == op.getNumKeys() && !ShapedType::isDynamic(op.getNumQueries());
  if ((visibility.causal || visibility.window) && (visibility.offset != 0 || !square))
    op.setOffset(visibility.offset);
}

/// The order in which the output holds its axes, and that order as a layout; none if an axis is torn apart:
/// then the axes are in their usual order.
static std::optional<std::string> outputLayout(const Axes &axes,
                                               SmallVector<SmallVector<unsigned, 2>> &dims) {
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

/// The operands of one attention, before its operation is made.
struct Parts {
  Operand q, k, v;
  Value mask, bias, offsets, kvLen, sinks, scale;
  Value sinkRows; ///< sinks that differ by query, B x Hq x Sq
  std::string layout;
  SmallVector<SmallVector<unsigned, 2>> output;
};

static void setScale(AttentionOp op, const AttentionMatch &match, Value runtime) {
  if (runtime)
    return op.getScaleValueMutable().assign(runtime);
  double usual = op.getKeyDim() > 0 ? 1.0 / std::sqrt(static_cast<double>(op.getKeyDim())) : 0.0;
  // The graph's constant is rounded to its type, which may be as narrow as q's.
  Type element = cast<RankedTensorType>(op.getQ().getType()).getElementType();
  double rounding = element.isF16() ? 0x1p-11 : element.isBF16() ? 0x1p-8 : 1e-7;
  if (usual == 0.0 || std::abs(match.scale - usual) > rounding * usual)
    op.setScale(APFloat(match.scale));
}

static AttentionOp createOp(RewriterBase &rewriter, Axes &axes, const Parts &parts, const Findings &findings,
                            const Visibility &visibility) {
  Location loc = axes.match.product.getLoc();
  Value k = buildRepeat(rewriter, loc, parts.k, findings.k),
        v = buildRepeat(rewriter, loc, parts.v, findings.v);
  auto size = [](const Operand &operand, char letter) {
    return sizeOf(operand.tensor, operand.layout, letter);
  };
  SmallVector<int64_t> shape = {size(parts.q, 'b'), size(parts.q, 'h'), size(parts.q, 's'),
                                size(parts.v, 'd')};
  auto element = cast<RankedTensorType>(parts.q.tensor.getType()).getElementType();
  auto type = RankedTensorType::get(toLayout(shape, parts.layout), element);
  auto op = AttentionOp::create(rewriter, loc, type, parts.q.tensor, k, v);
  op.setQLayout(parts.q.layout);
  op.setKLayout(parts.k.layout);
  op.setVLayout(parts.v.layout);
  op.setOLayout(parts.layout);
  if (parts.mask)
    op.getMaskMutable().assign(parts.mask);
  if (parts.bias)
    op.getBiasMutable().assign(parts.bias);
  if (parts.sinks)
    op.getSinksMutable().assign(parts.sinks);
  setScale(op, axes.match, parts.scale);
  if (axes.match.softcap)
    op.setSoftcap(APFloat(*axes.match.softcap));
  op.setDeadRow(axes.match.deadRow);
  setVisibility(op, visibility, parts.offsets, parts.kvLen);
  return op;
}

/// The output itself, or, where it is accumulated in a wider type, what its only user rounds it to.
static Value roundedResult(Value result, Type element) {
  if (cast<RankedTensorType>(result.getType()).getElementType() == element || !result.hasOneUse())
    return result;
  auto user = dyn_cast<linalg::GenericOp>(*result.user_begin());
  if (!user || user.getNumDpsInputs() != 1 || user->getNumResults() != 1 ||
      !llvm::all_of(user.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); }))
    return result;
  auto yield = cast<linalg::YieldOp>(user.getBody()->getTerminator());
  auto round = yield.getOperand(0).getDefiningOp<arith::TruncFOp>();
  bool rounds = round && round.getIn() == user.getBody()->getArgument(0) && round.getType() == element;
  return rounds ? user.getResult(0) : result;
}

namespace {

/// Builds one attention in front of what it replaces.
class AttentionBuilder {
public:
  AttentionBuilder(RewriterBase &rewriter, Evaluator &evaluator, Axes &axes, Findings &findings,
                   Refusal &refusal)
      : rewriter(rewriter), evaluator(evaluator), axes(axes), match(axes.match), findings(findings),
        refusal(refusal), loc(match.product.getLoc()) {}

  std::optional<AttentionOp> build();

private:
  bool refuse(Value value, const Twine &reason);
  bool buildOperands();
  bool unifyTypes();
  void collectSizes();
  bool buildBias();
  bool buildMask();
  bool buildVectors();
  bool buildScalar();
  Value mergeSinks(AttentionOp &op);
  Value buildResult(Value output);
  Value buildPerBatch(IntegerForm form, int64_t constant);

  RewriterBase &rewriter;
  Evaluator &evaluator;
  Axes &axes;
  AttentionMatch &match;
  Findings &findings;
  Refusal &refusal;
  Location loc;
  Visibility visibility;
  Parts parts;
  DenseMap<unsigned, Value> sizes;
};

} // namespace

bool AttentionBuilder::refuse(Value value, const Twine &reason) {
  refusal.where = value && value.getDefiningOp() ? value.getDefiningOp() : match.product.getOperation();
  refusal.reason = reason.str();
  return false;
}

/// Sizes that types do not know, from the tensors that have them as dimensions.
void AttentionBuilder::collectSizes() {
  for (Expr load : {match.q, match.k, match.v}) {
    if (!load->isLoad())
      continue;
    for (Expr element : evaluator.chain(load))
      for (auto [dim, index] : llvm::enumerate(element->indices)) {
        auto variable = dyn_cast<AffineDimExpr>(index);
        if (!variable || !cast<RankedTensorType>(element->value.getType()).isDynamicDim(dim))
          continue;
        Value &size = sizes[variable.getPosition()];
        if (!size)
          size = tensor::DimOp::create(rewriter, loc, element->value, dim);
      }
  }
}

/// q, k and v as views of tensors that the graph has, or, where they are computed inside of the contraction,
/// as tensors of their own.
bool AttentionBuilder::buildOperands() {
  for (Expr *expr : {&match.q, &match.k, &match.v}) {
    if ((*expr)->isLoad())
      continue;
    const Axis &inner = expr == &match.v ? axes.dv : axes.d;
    SmallVector<Axis> all = {axes.b, axes.h, expr == &match.q ? axes.i : axes.j, inner};
    llvm::erase_if(all, [&](const Axis &axis) {
      return llvm::none_of(axis.variables, [&](unsigned variable) { return dependsOn(*expr, variable); });
    });
    Value tensor = buildTensor(rewriter, loc, evaluator, *expr, all, sizes);
    if (!tensor)
      return refuse(nullptr,
                    "an operand that is computed inside of the contraction has coordinates of its own");
    SmallVector<AffineExpr> indices;
    for (const Axis &axis : all) {
      AffineExpr index = evaluator.context.space.constant(0);
      for (unsigned variable : axis.variables)
        index = index * evaluator.context.space.sizeOf(variable) +
                getAffineDimExpr(variable, rewriter.getContext());
      indices.push_back(index);
    }
    *expr = evaluator.context.load(tensor, indices);
  }
  Axis kHeads{'h', {}}, vHeads{'h', {}};
  auto q = findView(evaluator.context, evaluator.chain(match.q), {axes.b, axes.h, axes.i, axes.d});
  auto k = findShared(evaluator, axes, match.k, axes.d, findings.k, kHeads);
  auto v = findShared(evaluator, axes, match.v, axes.dv, findings.v, vHeads);
  for (auto [name, view, load] :
       {std::tuple("q", &q, match.q), std::tuple("k", &k, match.k), std::tuple("v", &v, match.v)})
    if (!*view)
      return refuse(load->value, Twine(name) +
                                     " does not have batch, heads, tokens and head dimension as dimensions "
                                     "of its own, or together in one");
  const IndexSpace &space = evaluator.context.space;
  parts.q = materialize(rewriter, loc, space, *q, {axes.b, axes.h, axes.i, axes.d});
  parts.k = materialize(rewriter, loc, space, *k, {axes.b, kHeads, axes.j, axes.d});
  parts.v = materialize(rewriter, loc, space, *v, {axes.b, vHeads, axes.j, axes.dv});
  for (auto [operand, load, map] :
       {std::tuple(&parts.k, match.k, &findings.k), std::tuple(&parts.v, match.v, &findings.v)})
    if (std::optional<HeadMap> shared =
            map->groups == 1 ? proveShared(evaluator, axes, load) : std::nullopt) {
      *map = *shared;
      *operand = takeShared(rewriter, loc, *operand, *shared);
    }
  return true;
}

/// Dimensions of `expr`'s tensor: batch, heads, queries and keys, those that it follows.
static SmallVector<Axis> broadcastAxes(const Axes &axes, Evaluator &evaluator, Expr expr) {
  Expr expanded = evaluator.expandAll(expr);
  SmallVector<Axis> present = {axes.b, axes.h, axes.i, axes.j};
  for (Axis &axis : present)
    if (llvm::none_of(axis.variables, [&](unsigned variable) { return dependsOn(expanded, variable); }))
      axis.variables.clear();
  return present;
}

/// One bias as it is held by a tensor; the sum of several as a tensor of their dimensions.
bool AttentionBuilder::buildBias() {
  if (match.biases.empty())
    return true;
  Expr first = match.biases.front().expr;
  double factor = match.biases.front().factor;
  if (match.biases.size() == 1 && factor == 1.0 && first->isLoad())
    if ((parts.bias = buildBroadcast(rewriter, evaluator, axes, first)))
      return true;
  SmallVector<Axis> present = {axes.b, axes.h, axes.i, axes.j};
  for (auto [k, axis] : llvm::enumerate(present))
    if (llvm::all_of(match.biases, [&](const Bias &bias) {
          return broadcastAxes(axes, evaluator, bias.expr)[k].variables.empty();
        }))
      axis.variables.clear();
  Type type = first->type.isF64() ? first->type : rewriter.getF32Type();
  auto sum = [&](OpBuilder &builder, ExprEmitter &emitter) {
    Value total;
    for (const Bias &bias : match.biases) {
      Value next = emitter.emit(bias.expr);
      if (!next)
        return Value();
      next = convertScore(builder, loc, next, type);
      if (bias.factor != 1.0) {
        auto factor = arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, bias.factor));
        next = arith::MulFOp::create(builder, loc, next, factor);
      }
      total = total ? arith::AddFOp::create(builder, loc, total, next) : next;
    }
    return total;
  };
  parts.bias = buildTensor(rewriter, loc, evaluator, type, present, sizes, sum);
  return parts.bias || refuse(match.biases.front().expr->value,
                              "the bias does not broadcast to batch, heads, queries and keys");
}

bool AttentionBuilder::buildMask() {
  if (!visibility.mask)
    return true;
  Expr expr = visibility.mask->expr;
  if (!visibility.mask->negated && expr->isLoad())
    if ((parts.mask = buildBroadcast(rewriter, evaluator, axes, expr)))
      return true;
  auto emit = [&](OpBuilder &builder, ExprEmitter &emitter) {
    return emitCondition(builder, loc, emitter, *visibility.mask);
  };
  parts.mask =
      buildTensor(rewriter, loc, evaluator, expr->type, broadcastAxes(axes, evaluator, expr), sizes, emit);
  return parts.mask || refuse(expr->value, "the mask does not broadcast to batch, heads, queries and keys");
}

/// `constant` plus the form, for each sequence, as a tensor of rank 1.
Value AttentionBuilder::buildPerBatch(IntegerForm form, int64_t constant) {
  if (form.data.empty())
    return nullptr;
  Axis batch{'b', {}};
  for (unsigned variable : axes.b.variables)
    if (llvm::any_of(form.data, [&](auto &entry) { return dependsOn(entry.first, variable); }))
      batch.variables.push_back(variable);
  auto sum = [&](OpBuilder &builder, ExprEmitter &emitter) {
    Value total = arith::ConstantIntOp::create(builder, loc, constant, 64);
    for (auto [data, coefficient] : form.data) {
      Value next = emitter.emit(data);
      if (!next)
        return Value();
      if (!next.getType().isInteger(64))
        next = next.getType().isIndex()
                   ? Value(arith::IndexCastOp::create(builder, loc, builder.getI64Type(), next))
                   : Value(arith::ExtSIOp::create(builder, loc, builder.getI64Type(), next));
      Value factor = arith::ConstantIntOp::create(builder, loc, coefficient, 64);
      total = arith::AddIOp::create(builder, loc, total, arith::MulIOp::create(builder, loc, next, factor));
    }
    return total;
  };
  return buildTensor(rewriter, loc, evaluator, rewriter.getI64Type(), {batch}, sizes, sum);
}

/// Sinks per head, offsets and lengths per sequence.
bool AttentionBuilder::buildVectors() {
  if (match.sink && !(parts.sinks = buildTensor(rewriter, loc, evaluator, match.sink, {axes.h}, sizes))) {
    Type type = match.sink->type.isF64() ? match.sink->type : rewriter.getF32Type();
    auto widen = [&](OpBuilder &builder, ExprEmitter &emitter) {
      Value sink = emitter.emit(match.sink);
      return sink ? convertScore(builder, loc, sink, type) : sink;
    };
    parts.sinkRows = buildTensor(rewriter, loc, evaluator, type, {axes.b, axes.h, axes.i}, sizes, widen);
    if (!parts.sinkRows)
      return refuse(match.sink->value, "a sink that is not one number per row of scores");
  }
  findings.sinks = match.sink != nullptr;
  if (visibility.causal || visibility.window)
    parts.offsets = buildPerBatch(visibility.offsetData, visibility.offset);
  if (visibility.kvLen) {
    auto constant = cast<AffineConstantExpr>(visibility.kvLen->affine).getValue();
    parts.kvLen = buildPerBatch(*visibility.kvLen, constant);
  }
  bool isMissing =
      ((visibility.causal || visibility.window) && !visibility.offsetData.data.empty() && !parts.offsets) ||
      (visibility.kvLen && !parts.kvLen);
  return !isMissing || refuse(nullptr, "the position of the queries is not known for each sequence");
}

/// The scale that is known at run time.
bool AttentionBuilder::buildScalar() {
  if (!match.scaleValue)
    return true;
  ExprEmitter emitter(
      rewriter, loc, evaluator, [](unsigned) { return Value(); }, [](Value value) { return value; });
  Value value = emitter.emit(match.scaleValue);
  if (!value)
    return refuse(match.scaleValue->value, "the scores are multiplied by something that is not one number");
  if (match.scale != 1.0) {
    auto factor =
        arith::ConstantOp::create(rewriter, loc, rewriter.getFloatAttr(value.getType(), match.scale));
    value = arith::MulFOp::create(rewriter, loc, value, factor);
  }
  parts.scale = value;
  return true;
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

std::optional<AttentionOp> AttentionBuilder::build() {
  visibility = classifyConditions(evaluator, axes);
  parts.layout = outputLayout(axes, parts.output).value_or("bhsd");
  Operation *replacedOp = match.output.getDefiningOp();
  rewriter.setInsertionPoint(replacedOp);
  collectSizes();
  if (!buildOperands())
    return std::nullopt;
  Type element = cast<RankedTensorType>(parts.q.tensor.getType()).getElementType();
  Value replaced = roundedResult(match.output, element);
  for (Value value : {parts.k.tensor, parts.v.tensor, replaced})
    if (cast<RankedTensorType>(value.getType()).getElementType() != element) {
      refuse(value, "q, k, v and the output do not have the same element type");
      return std::nullopt;
    }
  if (!buildMask() || !buildBias() || !buildVectors() || !buildScalar())
    return std::nullopt;
  AttentionOp op = createOp(rewriter, axes, parts, findings, visibility);
  bool scored = buildScore(evaluator, axes, visibility, op);
  if (std::string invalid =
          scored ? whyInvalid(op) : "the score depends on something that is no coordinate of it";
      !invalid.empty()) {
    rewriter.eraseOp(op);
    refuse(nullptr, invalid);
    return std::nullopt;
  }
  Value output = parts.sinkRows ? mergeSinks(op) : op.getOutput();
  rewriter.replaceAllUsesWith(replaced, buildResult(output));
  return op;
}

std::optional<AttentionOp> buildAttention(RewriterBase &rewriter, Evaluator &evaluator, Axes &axes,
                                          Findings &findings, Refusal &refusal) {
  return AttentionBuilder(rewriter, evaluator, axes, findings, refusal).build();
}

} // namespace gqa
