// Operations that stand for others, as those.
#include "gqa/Raise/Build.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace gqa {
namespace {

/// A softmax as its maximum, exponentials, sum and division.
LogicalResult decomposeSoftmax(linalg::SoftmaxOp op, PatternRewriter &rewriter) {
  FailureOr<SmallVector<Value>> results = op.decomposeOperation(rewriter);
  if (failed(results))
    return failure();
  rewriter.replaceOp(op, *results);
  return success();
}

/// `2 ^ x` as an exponential.
LogicalResult nameExponential(math::PowFOp op, PatternRewriter &rewriter) {
  Value base = op.getLhs();
  auto loop = dyn_cast<linalg::GenericOp>(op->getParentOp());
  if (auto argument = dyn_cast<BlockArgument>(base);
      loop && argument && argument.getOwner() == loop.getBody())
    base = loop.getMatchingOpOperand(argument)->get();
  DenseFPElementsAttr elements;
  FloatAttr number;
  bool isConstant = matchPattern(base, m_Constant(&number)) ||
                    (matchPattern(base, m_Constant(&elements)) && elements.isSplat() &&
                     (number = elements.getSplatValue<FloatAttr>()));
  if (!isConstant || !number.getValue().isExactlyValue(2.0))
    return failure();
  rewriter.replaceOpWithNewOp<math::Exp2Op>(op, op.getRhs(), op.getFastmathAttr());
  return success();
}

/// A product of complex numbers in its parts, of which a rotation may be made.
LogicalResult splitProduct(complex::MulOp op, PatternRewriter &rewriter) {
  Location loc = op.getLoc();
  auto parts = [&](Value value) {
    return std::pair<Value, Value>{complex::ReOp::create(rewriter, loc, value),
                                   complex::ImOp::create(rewriter, loc, value)};
  };
  auto [a, b] = parts(op.getLhs());
  auto [c, d] = parts(op.getRhs());
  auto times = [&](Value x, Value y) -> Value { return arith::MulFOp::create(rewriter, loc, x, y); };
  Value real = arith::SubFOp::create(rewriter, loc, times(a, c), times(b, d));
  Value imaginary = arith::AddFOp::create(rewriter, loc, times(a, d), times(b, c));
  rewriter.replaceOpWithNewOp<complex::CreateOp>(op, op.getType(), real, imaginary);
  return success();
}

template <typename Op>
void replaceAll(func::FuncOp function, LogicalResult (*replace)(Op, PatternRewriter &)) {
  SmallVector<Op> ops;
  function.walk([&](Op op) { ops.push_back(op); });
  PatternRewriter rewriter(function.getContext());
  for (Op op : ops) {
    rewriter.setInsertionPoint(op);
    (void)replace(op, rewriter); // what has no such form stays as it is
  }
}

} // namespace

void normalize(func::FuncOp function) {
  replaceAll<linalg::SoftmaxOp>(function, decomposeSoftmax);
  replaceAll<math::PowFOp>(function, nameExponential);
  replaceAll<complex::MulOp>(function, splitProduct);
  replaceAll<linalg::GenericOp>(function, nameConcat);
  replaceAll<tensor::InsertSliceOp>(function, nameConcat);
}

} // namespace gqa
