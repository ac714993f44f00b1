// gqa-guard-accesses: assertions in front of tensor accesses that could be out of bounds.
#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/RuntimeVerifiableOpInterface.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_GUARDACCESSES
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// In the form that gqa-lower-assert reads.
std::string message(Operation *op, StringRef what) {
  std::string text = ("ERROR: Runtime op verification failed\n^ " + what + "\nLocation: ").str();
  llvm::raw_string_ostream(text) << op->getLoc();
  return text;
}

/// The assertions that upstream leaves out: operations whose operands or results must agree in size, and of
/// which bufferization believes that they do; loops, which would never end.
class Guard {
public:
  explicit Guard(Operation *op) : b(op->getLoc(), op), op(op) {}

  void loop(scf::ForOp loop) {
    Value step = loop.getStep(), one = arith::ConstantOp::create(b, b.getIntegerAttr(step.getType(), 1));
    require(compare(arith::CmpIPredicate::sge, step, one), "the step of a loop is not positive");
  }

  /// Each group of result sizes has exactly as many elements as the dimension it comes from.
  void expandShape(tensor::ExpandShapeOp expand) {
    SmallVector<OpFoldResult> sizes = expand.getMixedOutputShape();
    for (auto [dim, group] : llvm::enumerate(expand.getReassociationIndices())) {
      SmallVector<Value> parts;
      for (int64_t part : group)
        parts.push_back(value(sizes[part]));
      sameCount(parts, {size(expand.getSrc(), dim)});
    }
  }

  void reshape(tensor::ReshapeOp reshape) {
    auto to = dyn_cast<RankedTensorType>(reshape.getType());
    auto from = dyn_cast<RankedTensorType>(reshape.getSource().getType());
    if (!to || !from || (to.hasStaticShape() && from.hasStaticShape()))
      return;
    SmallVector<Value> parts, whole;
    for (int64_t dim = 0; dim < to.getRank(); ++dim) {
      Value part = tensor::ExtractOp::create(b, reshape.getShape(), ValueRange(index(dim)));
      part = part.getType().isIndex() ? part : arith::IndexCastOp::create(b, b.getIndexType(), part);
      if (!to.isDynamicDim(dim))
        require(compare(arith::CmpIPredicate::eq, part, index(to.getDimSize(dim))),
                "the shape is not the result's");
      parts.push_back(part);
    }
    for (int64_t dim = 0; dim < from.getRank(); ++dim)
      whole.push_back(size(reshape.getSource(), dim));
    sameCount(parts, whole);
  }

  /// The source has the sizes of the slice, and the slice lies in the destination.
  void insertSlice(tensor::InsertSliceOp insert) {
    llvm::SmallBitVector dropped = insert.getDroppedDims();
    int64_t from = 0;
    for (auto [dim, offset, extent, stride] :
         llvm::enumerate(insert.getMixedOffsets(), insert.getMixedSizes(), insert.getMixedStrides())) {
      Value start = value(offset), count = value(extent), all = size(insert.getDest(), dim), zero = index(0);
      if (!dropped.test(dim))
        require(compare(arith::CmpIPredicate::eq, size(insert.getSource(), from++), count),
                "the source does not have the slice's size");
      Value steps = b.createOrFold<arith::SubIOp>(count, index(1));
      Value last = b.createOrFold<arith::AddIOp>(start, b.createOrFold<arith::MulIOp>(steps, value(stride)));
      for (Value position : {start, last})
        require(orEmpty(count, both(compare(arith::CmpIPredicate::sge, position, zero),
                                    compare(arith::CmpIPredicate::slt, position, all))),
                "the slice is not inside the destination");
      require(both(compare(arith::CmpIPredicate::sge, count, zero),
                   compare(arith::CmpIPredicate::sle, count, all)),
              "the slice is not inside the destination");
    }
  }

  /// All operands have the same size in every dimension but the one that grows.
  void concat(tensor::ConcatOp concat) {
    for (int64_t dim = 0, rank = concat.getRank(); dim < rank; ++dim)
      for (Value input : concat.getInputs().drop_front())
        if (dim != int64_t(concat.getDim()))
          require(compare(arith::CmpIPredicate::eq, size(input, dim), size(concat.getInputs()[0], dim)),
                  "the operands differ in a size other than that of dimension " + Twine(concat.getDim()));
  }

private:
  Value index(int64_t number) { return arith::ConstantIndexOp::create(b, number); }
  Value value(OpFoldResult size) { return getValueOrCreateConstantIndexOp(b, b.getLoc(), size); }
  Value size(Value tensor, int64_t dim) { return value(tensor::getMixedSize(b, b.getLoc(), tensor, dim)); }
  Value compare(arith::CmpIPredicate how, Value x, Value y) {
    return b.createOrFold<arith::CmpIOp>(how, x, y);
  }
  Value both(Value x, Value y) { return b.createOrFold<arith::AndIOp>(x, y); }
  Value orEmpty(Value count, Value condition) {
    return b.createOrFold<arith::OrIOp>(compare(arith::CmpIPredicate::eq, count, index(0)), condition);
  }

  /// Sizes whose product wraps around agree in no more than 64 bits; in f64 they do not.
  void sameCount(ArrayRef<Value> parts, ArrayRef<Value> whole) {
    auto product = [&](ArrayRef<Value> sizes) {
      Value result = index(1);
      for (Value part : sizes)
        result = b.createOrFold<arith::MulIOp>(result, part);
      return result;
    };
    if (llvm::all_of(parts, [](Value part) { return matchPattern(part, m_Constant()); }) &&
        llvm::all_of(whole, [](Value part) { return matchPattern(part, m_Constant()); }))
      return; // the verifier has compared them
    StringRef text = "the shape does not have as many elements as the source";
    Value count = arith::ConstantOp::create(b, b.getF64FloatAttr(1));
    for (Value part : parts) {
      require(compare(arith::CmpIPredicate::sge, part, index(0)), text);
      Value wide = arith::IndexCastOp::create(b, b.getI64Type(), part);
      count = arith::MulFOp::create(b, count, arith::SIToFPOp::create(b, b.getF64Type(), wide));
    }
    require(compare(arith::CmpIPredicate::eq, product(parts), product(whole)), text);
    Value limit = arith::ConstantOp::create(b, b.getF64FloatAttr(0x1p62));
    require(arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, count, limit), text);
  }

  void require(Value condition, const Twine &what) {
    if (!matchPattern(condition, m_One()))
      cf::AssertOp::create(b, condition, message(op, what.str()));
  }

  ImplicitLocOpBuilder b;
  Operation *op;
};

void guard(Operation *op) {
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    Guard(op).expandShape(expand);
  else if (auto reshape = dyn_cast<tensor::ReshapeOp>(op))
    Guard(op).reshape(reshape);
  else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    Guard(op).insertSlice(insert);
  else if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    Guard(op).concat(concat);
  else if (auto loop = dyn_cast<scf::ForOp>(op))
    Guard(op).loop(loop);
}

/// Inclusive bounds of an integer, in numbers that sums of two of them fit into.
struct Bounds {
  int64_t low = -kMost, high = kMost;
  static constexpr int64_t kMost = (int64_t(1) << 62) - 1;
};

/// A sum, which may be anything if it could wrap around.
Bounds ofSum(Type type, int64_t low, int64_t high) {
  unsigned width = type.isInteger() ? type.getIntOrFloatBitWidth() : 64;
  bool isExact =
      low > -Bounds::kMost && high < Bounds::kMost && llvm::isIntN(width, low) && llvm::isIntN(width, high);
  return isExact ? Bounds{low, high} : Bounds{};
}

Bounds ofSize(tensor::DimOp dim) {
  auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
  std::optional<int64_t> index = dim.getConstantIndex();
  bool isKnown =
      type && index && *index >= 0 && *index < type.getRank() && !type.isDynamicDim(unsigned(*index));
  return isKnown ? Bounds{type.getDimSize(*index), type.getDimSize(*index)} : Bounds{0, Bounds::kMost};
}

/// Those of numbers, and of what is clamped by them. Upstream's analysis of ranges looks at the whole
/// program. Values `depth` operations further up are not looked at, as two operands each are twice the work.
Bounds boundsOf(Value value, unsigned depth = 6) {
  IntegerAttr number;
  if (matchPattern(value, m_Constant(&number)) && number.getValue().getSignificantBits() < 63)
    return {number.getInt(), number.getInt()};
  Operation *op = value.getDefiningOp();
  if (auto dim = dyn_cast_if_present<tensor::DimOp>(op))
    return ofSize(dim);
  if (depth == 0 ||
      !isa_and_present<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::MaxSIOp, arith::MinSIOp>(op))
    return {};
  Bounds x = boundsOf(op->getOperand(0), depth - 1), y = boundsOf(op->getOperand(1), depth - 1);
  if (isa<arith::AddIOp>(op))
    return ofSum(value.getType(), x.low + y.low, x.high + y.high);
  if (isa<arith::SubIOp>(op))
    return ofSum(value.getType(), x.low - y.high, x.high - y.low);
  if (isa<arith::MaxSIOp>(op))
    return {std::max(x.low, y.low), std::max(x.high, y.high)};
  if (isa<arith::MinSIOp>(op))
    return {std::min(x.low, y.low), std::min(x.high, y.high)};
  if (x.low == 1 && x.high == 1) // a product with a stride of 1
    return y;
  return y.low == 1 && y.high == 1 ? x : Bounds{};
}

/// Whether a condition holds whatever its unknown numbers are.
bool isCertain(Value condition) {
  if (matchPattern(condition, m_One()))
    return true;
  if (auto both = condition.getDefiningOp<arith::AndIOp>())
    return isCertain(both.getLhs()) && isCertain(both.getRhs());
  if (auto either = condition.getDefiningOp<arith::OrIOp>())
    return isCertain(either.getLhs()) || isCertain(either.getRhs());
  if (auto branch = condition.getDefiningOp<scf::IfOp>()) {
    unsigned result = cast<OpResult>(condition).getResultNumber();
    return isCertain(branch.thenYield().getOperand(result)) &&
           isCertain(branch.elseYield().getOperand(result));
  }
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  if (!compare)
    return false;
  Bounds x = boundsOf(compare.getLhs()), y = boundsOf(compare.getRhs());
  switch (compare.getPredicate()) {
  case arith::CmpIPredicate::sge:
    return x.low >= y.high;
  case arith::CmpIPredicate::sle:
    return x.high <= y.low;
  case arith::CmpIPredicate::slt:
    return x.high < y.low;
  default:
    return false;
  }
}

/// Whether its verifier has compared all sizes. Upstream writes them down to be compared again, some twenty
/// operations for each that a graph has.
bool isVerified(Operation *op) {
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  return structured && !structured.hasDynamicShape();
}

struct GuardAccessesPass : impl::GuardAccessesBase<GuardAccessesPass> {
  void runOnOperation() override {
    SmallVector<RuntimeVerifiableOpInterface> accesses;
    SmallVector<Operation *> others;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<AttentionOp>(op))
        return WalkResult::skip();
      if (auto access = dyn_cast<RuntimeVerifiableOpInterface>(op); access && !isVerified(op))
        accesses.push_back(access);
      if (isa<tensor::ExpandShapeOp, tensor::ReshapeOp, tensor::InsertSliceOp, tensor::ConcatOp, scf::ForOp>(
              op))
        others.push_back(op);
      return WalkResult::advance();
    });
    OpBuilder builder(&getContext());
    for (RuntimeVerifiableOpInterface access : accesses) {
      builder.setInsertionPoint(access);
      access.generateRuntimeVerification(builder, access->getLoc(), message);
    }
    llvm::for_each(others, guard);
    getOperation()->walk([](cf::AssertOp assertion) {
      if (isCertain(assertion.getArg())) // of a position that was clamped, say
        assertion.erase();
    });
  }
};

} // namespace
} // namespace gqa
