// gqa.append_kv with positions, of what front ends write as selects over all of a cache, products with
// one-hot vectors, inserted slices, or loops of these.
#include "CacheWrite.h"
#include "gqa/Raise/ExprEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace gqa {
namespace {

/// More tokens than these stay one slice, or a loop in whatever order: appended, they come one by one.
constexpr int64_t kMostTokens = 16;
/// Of a cache: sequences, heads, tokens and a head's elements.
constexpr unsigned kUsualRank = 4;

class AppendBuilder {
public:
  AppendBuilder(RewriterBase &rewriter, CacheWrite &write)
      : rewriter(rewriter), write(write), context(write.context), evaluator(write.evaluator),
        loc(write.written.getLoc()), axes(write.axes()) {}

  bool build() {
    rewriter.setInsertionPoint(write.written.getDefiningOp());
    for (Axis &axis : axes)
      for (unsigned variable : axis.variables)
        if (ShapedType::isDynamic(context.space.sizeOf(variable)))
          sizes[variable] = tensor::DimOp::create(rewriter, loc, write.cache, variable);
    Value fresh = buildRows(), positions = buildPositions();
    if (!fresh || !positions)
      return false;
    Value cache = reshape(rewriter, loc, context.space, write.cache, dimsOfCache(), dimsOfAppend());
    auto append = AppendKVOp::create(rewriter, loc, cache.getType(), cache, fresh, positions, write.layout);
    if (!whyInvalid(append).empty()) {
      rewriter.eraseOp(append);
      return false;
    }
    rewriter.replaceAllUsesWith(write.written, reshape(rewriter, loc, context.space, append.getOutput(),
                                                       dimsOfAppend(), dimsOfCache()));
    return true;
  }

private:
  using Dims = SmallVector<SmallVector<unsigned, 2>>; ///< the variables of each dimension

  Dims dimsOfCache() {
    Dims dims(write.rank());
    for (auto [dim, coordinate] : llvm::enumerate(write.coordinates))
      if (auto variable = dyn_cast<AffineDimExpr>(coordinate))
        dims[dim].push_back(variable.getPosition());
    return dims;
  }

  /// The same in the append's layout, some of them together.
  Dims dimsOfAppend() {
    Dims ofCache = dimsOfCache(), dims;
    for (char letter : write.layout) {
      dims.emplace_back();
      for (auto [dim, variables] : llvm::enumerate(ofCache))
        if (write.letters[dim] == letter)
          llvm::append_range(dims.back(), variables);
    }
    return dims;
  }

  /// The new tokens as a tensor.
  Value buildRows() {
    if (write.row->isLoad())
      if (std::optional<View> view = findView(context, evaluator.chain(write.row), axes))
        return transpose(rewriter, materialize(rewriter, loc, context.space, *view, axes), write.layout);
    auto emit = [&](OpBuilder &builder, ExprEmitter &emitter) -> Value {
      // The coordinate is the position, moved inside: where it is outside nothing is written.
      if (dependsOn(write.row, write.tokens)) {
        Value position = emitPosition(builder, emitter);
        if (!position)
          return nullptr;
        Value index = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), position);
        Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
        Value one = arith::ConstantIndexOp::create(builder, loc, 1);
        Value size = builder.createOrFold<tensor::DimOp>(loc, write.cache, write.tokens);
        Value last = arith::SubIOp::create(builder, loc, size, one);
        Value bounded = arith::MinSIOp::create(builder, loc, index, last);
        emitter.define(write.coordinates[write.tokens], arith::MaxSIOp::create(builder, loc, bounded, zero));
      }
      return emitter.emit(write.row);
    };
    Value made = buildTensor(rewriter, loc, evaluator, write.row->type, axes, sizes, emit);
    return made ? transpose(rewriter, {made, "bhsd"}, write.layout) : made;
  }

  /// One for each new token, of each sequence if they differ.
  Value buildPositions() {
    bool isPerBatch = !axes[0].variables.empty() && dependsOnBatch();
    SmallVector<Axis> own = {axes[2]};
    if (isPerBatch)
      own.insert(own.begin(), axes[0]);
    if (Value view = viewPositions(own))
      return view;
    auto emit = [&](OpBuilder &builder, ExprEmitter &emitter) { return emitPosition(builder, emitter); };
    Value made = buildTensor(rewriter, loc, evaluator, rewriter.getI64Type(), own, sizes, emit);
    return made ? scalarOf(made) : made;
  }

  /// One position that nobody reads from a tensor as a number: it needs no memory, nor a loop to fill it.
  Value scalarOf(Value positions) {
    auto generic = positions.getDefiningOp<linalg::GenericOp>();
    auto type = cast<RankedTensorType>(positions.getType());
    if (!type.hasStaticShape() || type.getNumElements() != 1 ||
        !generic->getRegion(0).getOps<tensor::ExtractOp>().empty())
      return positions;
    IRMapping mapping;
    for (Operation &op : generic.getBody()->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(op))
        mapping.map(index.getResult(), arith::ConstantIndexOp::create(rewriter, loc, 0));
      else
        rewriter.clone(op, mapping);
    }
    Value number = mapping.lookupOrDefault(generic.getBody()->getTerminator()->getOperand(0));
    rewriter.eraseOp(generic);
    return tensor::FromElementsOp::create(rewriter, loc, type, number);
  }

  bool dependsOnBatch() {
    unsigned batch = axes[0].variables.front();
    return dependsOn(write.position.affine, batch) ||
           llvm::any_of(write.position.data, [&](auto &entry) { return dependsOn(entry.first, batch); }) ||
           llvm::any_of(write.guards, [&](Condition &guard) { return dependsOn(guard.expr, batch); });
  }

  /// Positions that a tensor holds as they are.
  Value viewPositions(ArrayRef<Axis> own) {
    const IntegerForm &position = write.position;
    bool isPlain = write.guards.empty() && position.affine == context.space.constant(0) &&
                   position.data.size() == 1 && position.data[0].second == 1;
    Expr data = isPlain ? position.data[0].first : nullptr;
    if (!data || !data->isLoad() || !(data->type.isInteger(32) || data->type.isInteger(64)))
      return nullptr;
    std::optional<View> view = findView(context, evaluator.chain(data), own);
    SmallVector<SmallVector<unsigned, 2>> wanted =
        llvm::map_to_vector(own, [](const Axis &axis) { return axis.variables; });
    return view ? reshape(rewriter, loc, context.space, view->tensor, view->dims, wanted) : Value();
  }

  /// Where a token goes: -1, which is no place, if a guard fails.
  Value emitPosition(OpBuilder &builder, ExprEmitter &emitter) {
    Type wide = builder.getI64Type();
    Value total = emitter.emit(write.position.affine);
    if (!total)
      return nullptr;
    total = arith::IndexCastOp::create(builder, loc, wide, total);
    for (const auto &[data, coefficient] : write.position.data) {
      Value next = emitter.emit(data);
      if (!next)
        return nullptr;
      if (next.getType().isIndex())
        next = arith::IndexCastOp::create(builder, loc, wide, next);
      else if (next.getType() != wide)
        next = arith::ExtSIOp::create(builder, loc, wide, next);
      Value factor = arith::ConstantIntOp::create(builder, loc, coefficient, 64);
      total = arith::AddIOp::create(builder, loc, total, arith::MulIOp::create(builder, loc, next, factor));
    }
    for (const Condition &guard : write.guards) {
      Value holds = emitCondition(builder, loc, emitter, guard);
      if (!holds)
        return nullptr;
      Value nowhere = arith::ConstantIntOp::create(builder, loc, -1, 64);
      total = arith::SelectOp::create(builder, loc, holds, total, nowhere);
    }
    return total;
  }

  RewriterBase &rewriter;
  CacheWrite &write;
  ExprContext &context;
  Evaluator &evaluator;
  Location loc;
  SmallVector<Axis> axes;
  DenseMap<unsigned, Value> sizes;
};

/// The result of an operation on all of a cache, or on slices of it, that may write tokens; null if it is
/// neither.
Value candidateOf(Operation *op) {
  auto type =
      op->getNumResults() == 1 ? dyn_cast<RankedTensorType>(op->getResult(0).getType()) : RankedTensorType();
  if (!type || type.getRank() < 2 || type.getRank() > 5)
    return nullptr;
  if (isa<scf::ForOp, tensor::InsertSliceOp>(op))
    return op->getResult(0);
  auto generic = dyn_cast<linalg::GenericOp>(op);
  Operation *yielded = generic && generic.getNumReductionLoops() == 0
                           ? generic.getBody()->getTerminator()->getOperand(0).getDefiningOp()
                           : nullptr;
  return isa_and_present<arith::SelectOp, arith::AddFOp, arith::TruncFOp>(yielded) ? op->getResult(0)
                                                                                   : Value();
}

} // namespace

std::unique_ptr<CacheWrite> matchCacheWrite(Value written) {
  Operation *op = written.getDefiningOp();
  if (!op || !candidateOf(op))
    return nullptr;
  return isa<linalg::GenericOp>(op) ? matchSelectedWrite(written) : matchSlicedWrite(written);
}

bool findIndexedTokens(const Operand &cache, std::optional<Operand> &fresh) {
  std::unique_ptr<CacheWrite> write = matchCacheWrite(cache.tensor);
  if (!write || write->letters != cache.layout)
    return false;
  SmallVector<Axis> axes = write->axes();
  std::optional<View> view = write->row->isLoad()
                                 ? findView(write->context, write->evaluator.chain(write->row), axes)
                                 : std::nullopt;
  unsigned rank = write->rank();
  if (!view || view->dims.size() != rank)
    return true;
  std::string layout(rank, '?');
  for (const Axis &axis : axes) { // dimensions of size 1 are those that are left, in order
    unsigned dim = 0;
    while (dim < rank && (layout[dim] != '?' || view->dims[dim] != axis.variables))
      ++dim;
    if (dim == rank) // several axes in one dimension
      return true;
    layout[dim] = axis.letter;
  }
  fresh = Operand{view->tensor, layout};
  return true;
}

int64_t raiseIndexedAppends(RewriterBase &rewriter, Operation *function) {
  SmallVector<Operation *> candidates;
  function->walk([&](Operation *op) {
    if (candidateOf(op))
      candidates.push_back(op);
  });
  int64_t count = 0;
  for (Operation *op : llvm::reverse(candidates)) { // so that tokens that are written in turn are one write
    std::unique_ptr<CacheWrite> write = matchCacheWrite(op->getResult(0));
    // What a loop writes row by row into a tensor without heads is as likely no cache, and such a loop has a
    // kernel of its own on a GPU.
    if (write && write->rank() != kUsualRank && op->getParentOfType<scf::ForOp>())
      continue;
    count += write && write->count <= kMostTokens && AppendBuilder(rewriter, *write).build();
  }
  return count;
}

} // namespace gqa
