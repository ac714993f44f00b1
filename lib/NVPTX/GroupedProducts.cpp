// Rows times the matrices of their groups, such as tokens times their experts'. Rows of one group that follow
// each other are a run, multiplied by its matrix where it lies: none is copied, and no row has another's.
#include "LoopKernel.h"
#include "Offload.h"
#include "SkinnyProducts.h"
#include "SkinnyStep.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Runtime/Runtime.h"
#include "gqa/Tile/Kernel.h"

using namespace mlir;

namespace gqa {
namespace {

/// As many rows as a decode step has: of those few are of one group, and each may be a block's of its own.
constexpr int64_t kMostApart = 64;

/// sum[row, column] += x[row, k] * matrices[group of the row's number, k, column], or [.., column, k].
struct GroupedSum {
  linalg::GenericOp op;
  memref::LoadOp weight;
  bool alongSum;

  Value left() { return op.getDpsInputs()[0]; }
  Value numbers() { return op.getDpsInputs()[1]; }
  Value group() { return weight.getIndices()[0]; }
  MemRefType matrices() { return weight.getMemRefType(); }
  int64_t depth() { return matrices().getDimSize(alongSum ? 2 : 1); }
  int64_t columns() { return matrices().getDimSize(alongSum ? 1 : 2); }
};

/// What the body yields is the accumulator plus this; null if it is not.
arith::MulFOp productOf(linalg::GenericOp op) {
  Block &body = *op.getBody();
  auto sum = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  Value accumulator = body.getArguments().back();
  if (!sum || !llvm::is_contained(sum->getOperands(), accumulator))
    return nullptr;
  return (sum.getLhs() == accumulator ? sum.getRhs() : sum.getLhs()).getDefiningOp<arith::MulFOp>();
}

std::optional<GroupedSum> matchGroupedSum(linalg::GenericOp op) {
  auto map = [&](ArrayRef<unsigned> dims) {
    return AffineMap::getMultiDimMapWithTargets(3, dims, op.getContext());
  };
  if (!op.hasPureBufferSemantics() || op.getNumParallelLoops() != 2 || op.getNumReductionLoops() != 1 ||
      op.getIndexingMapsArray() != SmallVector<AffineMap>{map({0, 2}), map({0}), map({0, 1})})
    return std::nullopt;
  arith::MulFOp product = productOf(op);
  auto narrow = [](Value value) {
    auto widening = value.getDefiningOp<arith::ExtFOp>();
    return widening ? widening.getIn() : value;
  };
  if (!product || narrow(product.getLhs()) != op.getBody()->getArgument(0))
    return std::nullopt;
  auto weight = narrow(product.getRhs()).getDefiningOp<memref::LoadOp>();
  auto isLoop = [&](unsigned index, unsigned loop) {
    auto own = weight.getIndices()[index].getDefiningOp<linalg::IndexOp>();
    return own && own.getDim() == loop;
  };
  if (!weight || weight.getMemRefType().getRank() != 3 || !weight.getMemRefType().hasStaticShape())
    return std::nullopt;
  bool alongSum = isLoop(1, 1) && isLoop(2, 2), across = isLoop(1, 2) && isLoop(2, 1);
  GroupedSum found{op, weight, alongSum};
  Type element = getElementTypeOrSelf(found.left().getType());
  bool isTaken = (alongSum || across) && (element.isF16() || element.isBF16()) &&
                 element == found.matrices().getElementType() && hasWholePieces(found.left()) &&
                 hasWholePieces(weight.getMemRef());
  return isTaken ? std::optional(found) : std::nullopt;
}

/// A task has the columns of a tile and rows at which runs may begin. A run ends where a tile's rows do.
class GroupedKernel {
public:
  GroupedKernel(NVVMBuilder &b, GroupedSum sum, Value result, bool accumulates, bool areApart)
      : b(b), sum(sum), result(result), accumulates(accumulates),
        form(sum.alongSum, areApart       ? kMostSkinnyRows
                           : sum.alongSum ? 64
                                          : 32),
        starts(areApart ? 1 : form.rows), rows(b.size(result, 0)) {
    tiles = b.index(llvm::divideCeil(sum.columns(), form.columns));
    operands.use(sum.left());
    operands.use(sum.numbers());
    operands.use(result, /*written=*/true);
    for (Operation &inner : *sum.op.getBody())
      for (Value value : inner.getOperands())
        if (value.getParentRegion() != &sum.op.getRegion())
          operands.use(value);
    operands.map(b);
  }

  void build() {
    int64_t warps = SkinnySums::warpsOf(form, sum.depth());
    Value tasks = b.mul(b.ceilDiv(rows, b.index(starts)), tiles);
    buildKernel(
        b, {tasks}, /*work=*/nullptr,
        [&](ValueRange task) {
          operands.enter(b);
          SkinnySums room(b, form, warps);
          Value begin = b.mul(b.div(task[0], tiles), b.index(starts));
          column = b.mul(b.rem(task[0], tiles), b.index(form.columns));
          auto loop = scf::ForOp::create(b, begin, b.min(b.add(begin, b.index(starts)), rows), b.index(1));
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(loop.getBody());
          Value first = loop.getInductionVar(), group = groupOf(first);
          b.branch(beginsRun(first, group), [&] { multiplyRun(room, first, group); });
        },
        warps);
    tile::DeviceUnmapOp::create(b);
  }

private:
  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, predicate, x, y);
  }

  /// As the body computes it of the row's number, with what it asserts.
  Value groupOf(Value row) {
    LoopBody body(sum.op, operands, b);
    Value number = body.load(*sum.op.getDpsInputOperand(1), {row, b.index(0), b.index(0)});
    Value elements[] = {body.zero(*sum.op.getDpsInputOperand(0)), number,
                        body.zero(*sum.op.getDpsInitOperand(0))};
    return body.evaluate(elements, {row, b.index(0), b.index(0)}, sum.group())[0];
  }

  Value beginsTile(Value row) {
    return compare(arith::CmpIPredicate::eq, b.rem(row, b.index(form.rows)), b.index(0));
  }

  Value beginsRun(Value row, Value group) {
    Value before = groupOf(b.max(b.sub(row, b.index(1)), b.index(0)));
    return arith::OrIOp::create(b, beginsTile(row), compare(arith::CmpIPredicate::ne, before, group));
  }

  Value endOf(Value first, Value group) {
    auto loop = scf::WhileOp::create(
        b, b.getIndexType(), b.add(first, b.index(1)),
        [&](OpBuilder &, Location, ValueRange row) {
          Value exists = compare(arith::CmpIPredicate::slt, row[0], rows);
          Value other = groupOf(b.min(row[0], b.sub(rows, b.index(1))));
          Value ends =
              arith::OrIOp::create(b, beginsTile(row[0]), compare(arith::CmpIPredicate::ne, other, group));
          scf::ConditionOp::create(
              b, b.select(ends, arith::ConstantOp::create(b, b.getBoolAttr(false)), exists), row);
        },
        [&](OpBuilder &, Location, ValueRange row) { scf::YieldOp::create(b, b.add(row[0], b.index(1))); });
    return loop.getResult(0);
  }

  /// Rows behind the run are computed with it, and not stored.
  void multiplyRun(SkinnySums &room, Value first, Value group) {
    Value n = b.index(sum.columns()), k = b.index(sum.depth());
    SkinnyRows x{operands.lookup(sum.left()), {}, rows, k, /*alongSum=*/true};
    SkinnyRows weights{operands.lookup(sum.weight.getMemRef()),
                       {group},
                       form.alongSum ? n : k,
                       form.alongSum ? k : n,
                       form.alongSum};
    Value warp = tile::WarpIdOp::create(b, b.getIndexType());
    SmallVector<Value> sums =
        SkinnyStep(b, form, x, weights, first, column).sum(sum.depth(), warp, room.warps());
    tile::BarrierOp::create(b); // the run before has been read
    room.keep(sums);
    tile::BarrierOp::create(b);
    Value to = operands.lookup(result);
    room.forEach(b.sub(endOf(first, group), first), [&](Value row, Value inTile, SkinnySums::Sum total) {
      Value at = b.add(column, inTile);
      b.branch(compare(arith::CmpIPredicate::slt, at, n),
               [&] { storeSum(b, total(0, room.warps()), to, {b.add(first, row), at}, accumulates); });
    });
  }

  NVVMBuilder &b;
  GroupedSum sum;
  Value result;
  bool accumulates;
  SkinnyForm form;
  int64_t starts;
  Value rows, tiles, column;
  KernelOperands operands;
};

/// With few rows a block for each, as far as the call knows.
void buildGroupedProduct(GroupedSum sum, Value result, bool accumulates) {
  NVVMBuilder b(sum.op.getLoc(), sum.op);
  auto build = [&](bool areApart) { GroupedKernel(b, sum, result, accumulates, areApart).build(); };
  Value rows = b.size(result, 0);
  if (std::optional<int64_t> count = getConstantIntValue(rows))
    return build(*count <= kMostApart);
  b.branch(
      arith::CmpIOp::create(b, arith::CmpIPredicate::sle, rows, b.index(kMostApart)), [&] { build(true); },
      [&] { build(false); });
}

} // namespace

int64_t offloadGroupedProducts(func::FuncOp function) {
  SmallVector<GroupedSum> sums;
  function.walk([&](linalg::GenericOp op) {
    if (std::optional<GroupedSum> sum = matchGroupedSum(op))
      sums.push_back(*sum);
  });
  for (GroupedSum &sum : sums) {
    Value result = sum.op.getDpsInits()[0];
    bool accumulates = !takeZeroFill(sum.op, {0, {}, {}, {result, GQA_RT_F32}});
    if (Value rounded = accumulates ? Value() : takeRounding(sum.op, result))
      result = rounded;
    buildGroupedProduct(sum, result, accumulates);
    sum.op->erase();
  }
  return int64_t(sums.size());
}

} // namespace gqa
