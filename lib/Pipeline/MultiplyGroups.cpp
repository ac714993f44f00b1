// gqa-multiply-groups: a row times the matrix of its group, such as a token times its expert's, without a
// copy of the matrix for each row.
#include "GroupedProduct.h"
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_MULTIPLYGROUPS
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// Writes a product of groups in another form.
class Rewriting {
public:
  explicit Rewriting(const GroupedProduct &p)
      : p(p), b(p.op->getLoc(), p.op), rowCount(tensor::getMixedSize(b, b.getLoc(), p.op->getOperand(0), 0)) {
  }

  /// Rows that follow each other and are of one group are multiplied together, by the matrix where it is.
  void multiplyRuns() {
    Value rows = tensor::CollapseShapeOp::create(b, p.op.getInputs()[0], matrixDims());
    Value results = tensor::CollapseShapeOp::create(b, p.op.getOutputs()[0], matrixDims());
    Value numberOfRows = getValueOrCreateConstantIndexOp(b, b.getLoc(), rowCount);
    auto loop = scf::WhileOp::create(
        b, TypeRange{b.getIndexType(), results.getType()}, ValueRange{index(0), results},
        [&](OpBuilder &, Location, ValueRange state) {
          Value isMore = compare(arith::CmpIPredicate::slt, state[0], numberOfRows);
          scf::ConditionOp::create(b, isMore, state);
        },
        [&](OpBuilder &, Location, ValueRange state) {
          Value end = findEnd(state[0], numberOfRows);
          scf::YieldOp::create(b, ValueRange{end, multiplyRun(rows, state[1], state[0], end)});
        });
    finish(expand(loop.getResult(1)));
  }

  /// One sum for each row and column, of elements that its body takes from the row's matrix.
  void multiplyInPlace(Value zero) {
    Value rows = tensor::CollapseShapeOp::create(b, p.op.getInputs()[0], matrixDims());
    Value results = tensor::CollapseShapeOp::create(b, p.op.getOutputs()[0], matrixDims());
    if (zero) // a matrix of its own, which rounding takes the place of
      results =
          linalg::FillOp::create(b, zero, emptyLike(results, typeOf(results).getElementType())).getResult(0);
    auto map = [&](ArrayRef<unsigned> dims) {
      return AffineMap::getMultiDimMapWithTargets(3, dims, b.getContext());
    };
    utils::IteratorType parallel = utils::IteratorType::parallel, reduction = utils::IteratorType::reduction;
    Value sums = linalg::GenericOp::create(
                     b, results.getType(), ValueRange{rows, p.selection.getDpsInputs()[0]}, results,
                     ArrayRef<AffineMap>{map({0, 2}), map({0}), map({0, 1})},
                     ArrayRef<utils::IteratorType>{parallel, parallel, reduction},
                     [&](OpBuilder &, Location, ValueRange elements) {
                       Value group = groupOf(elements[1]);
                       Value column = linalg::IndexOp::create(b, 1), place = linalg::IndexOp::create(b, 2);
                       Value at[] = {group, p.isTransposed ? column : place, p.isTransposed ? place : column};
                       Value weight = tensor::ExtractOp::create(b, p.matrices, at);
                       linalg::YieldOp::create(b, addProduct(elements[2], elements[0], weight));
                     })
                     .getResult(0);
    Value product = p.op->getResult(0);
    if (linalg::GenericOp rounding = roundingOf(product)) { // which the kernel does as well, if it is next
      b.setInsertionPoint(rounding);
      Value rounded = round(sums, typeOf(rounding->getResult(0)).getElementType());
      rounding->getResult(0).replaceAllUsesWith(expand(rounded));
      rounding->erase();
      b.setInsertionPoint(p.op);
    }
    finish(expand(sums));
  }

  /// All rows are multiplied by all matrices, and of a row's products that of its group is kept.
  void multiplyAll(Value zero) {
    p.op.emitRemark("multiplies each of ")
        << (p.hasStaticRows() ? std::to_string(p.rows()) : "its") << " rows by all " << p.groups()
        << " matrices, of which it needs one: elements of type " << typeOf(p.matrices).getElementType()
        << ", expected f16 or bf16 in rows of whole 16 bytes";
    Value rows = tensor::CollapseShapeOp::create(b, p.op.getInputs()[0], matrixDims());
    auto type = typeOf(p.op->getResult(0));
    OpFoldResult groups = b.getIndexAttr(p.groups()), depth = b.getIndexAttr(p.depth());
    SmallVector<OpFoldResult> ofRows{groups, rowCount, depth},
        ofResults{groups, rowCount, b.getIndexAttr(p.columns())};
    Value repeated = tensor::EmptyOp::create(b, ofRows, typeOf(rows).getElementType());
    repeated = linalg::BroadcastOp::create(b, rows, repeated, ArrayRef<int64_t>{0})->getResult(0);
    Value all = tensor::EmptyOp::create(b, ofResults, type.getElementType());
    all = linalg::FillOp::create(b, zero, all).getResult(0);
    all = multiply<linalg::BatchMatmulOp, linalg::BatchMatmulTransposeBOp>(repeated, p.matrices, all);
    Value room = emptyLike(p.op.getOutputs()[0], type.getElementType());
    SmallVector<AffineMap> maps = p.selection.getIndexingMapsArray(); // row to number, and each element
    SmallVector<utils::IteratorType> loops(3, utils::IteratorType::parallel);
    finish(linalg::GenericOp::create(
               b, type, p.selection.getDpsInputs(), room, maps, loops,
               [&](OpBuilder &, Location, ValueRange elements) {
                 Value row = linalg::IndexOp::create(b, 0), column = linalg::IndexOp::create(b, 2);
                 Value at[] = {groupOf(elements[0]), row, column};
                 linalg::YieldOp::create(b, tensor::ExtractOp::create(b, all, at).getResult());
               })
               .getResult(0));
  }

private:
  Value emptyLike(Value tensor, Type element) {
    return tensor::EmptyOp::create(b, tensor::getMixedSizes(b, b.getLoc(), tensor), element);
  }

  Value expand(Value matrix) {
    auto type = typeOf(p.op->getResult(0)).clone(typeOf(matrix).getElementType());
    return tensor::ExpandShapeOp::create(b, type, matrix, matrixDims());
  }

  /// What rounds all of a product's elements to a narrower type and is its only user, or null.
  static linalg::GenericOp roundingOf(Value product) {
    auto generic =
        product.hasOneUse() ? dyn_cast<linalg::GenericOp>(*product.getUsers().begin()) : linalg::GenericOp();
    if (!generic || generic.getNumDpsInputs() != 1 ||
        !llvm::all_of(generic.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); }))
      return nullptr;
    auto cast = generic.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::TruncFOp>();
    return cast && cast.getIn() == generic.getBody()->getArgument(0) ? generic : linalg::GenericOp();
  }

  Value round(Value wide, Type narrow) {
    RankedTensorType type = typeOf(wide).clone(narrow);
    Value room = emptyLike(wide, narrow);
    SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(unsigned(type.getRank())));
    SmallVector<utils::IteratorType> loops(size_t(type.getRank()), utils::IteratorType::parallel);
    return linalg::GenericOp::create(b, type, wide, room, maps, loops,
                                     [&](OpBuilder &, Location, ValueRange elements) {
                                       Value rounded = arith::TruncFOp::create(b, narrow, elements[0]);
                                       linalg::YieldOp::create(b, rounded);
                                     })
        .getResult(0);
  }

  /// `sum + x * y`, in the sum's type.
  Value addProduct(Value sum, Value x, Value y) {
    auto widen = [&](Value value) {
      bool isWide = value.getType() == sum.getType();
      return isWide ? value : Value(arith::ExtFOp::create(b, sum.getType(), value));
    };
    Value wideX = widen(x), wideY = widen(y);
    return arith::AddFOp::create(b, sum, arith::MulFOp::create(b, wideX, wideY));
  }

  Value index(int64_t value) { return arith::ConstantIndexOp::create(b, value); }
  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, predicate, x, y);
  }

  /// One token's row is a row of a matrix.
  static SmallVector<ReassociationIndices> matrixDims() { return {{0, 1}, {2}}; }

  /// What the graph has of a row, of which its group is computed.
  Value numberOf(Value row) { return tensor::ExtractOp::create(b, p.selection.getDpsInputs()[0], row); }

  /// The group, as the selection computes it of such a number, with what it asserts.
  Value groupOf(Value number) {
    IRMapping mapping;
    mapping.map(p.selection.getBody()->getArgument(0), number);
    for (Operation &op : p.selection.getBody()->without_terminator()) {
      bool isOfNumber =
          !isa<linalg::IndexOp>(op) && &op != p.element.getOperation() &&
          llvm::all_of(op.getOperands(), [&](Value operand) {
            return operand.getParentBlock() != p.selection.getBody() || mapping.contains(operand);
          });
      if (isOfNumber)
        b.clone(op, mapping);
    }
    return mapping.lookupOrDefault(Value(p.element.getIndices()[0]));
  }

  /// Behind the last row that has the same number as row `first` and those between.
  Value findEnd(Value first, Value rows) {
    Value number = numberOf(first), last = arith::SubIOp::create(b, rows, index(1));
    auto loop = scf::WhileOp::create(
        b, TypeRange{b.getIndexType()}, ValueRange{arith::AddIOp::create(b, first, index(1))},
        [&](OpBuilder &, Location, ValueRange state) {
          Value exists = compare(arith::CmpIPredicate::sle, state[0], last);
          Value next = numberOf(arith::MinSIOp::create(b, state[0], last));
          Value isSame = compare(arith::CmpIPredicate::eq, next, number);
          scf::ConditionOp::create(b, arith::AndIOp::create(b, exists, isSame), state);
        },
        [&](OpBuilder &, Location, ValueRange state) {
          scf::YieldOp::create(b, Value(arith::AddIOp::create(b, state[0], index(1))));
        });
    return loop.getResult(0);
  }

  Value multiplyRun(Value rows, Value results, Value first, Value end) {
    OpFoldResult count = OpFoldResult(Value(arith::SubIOp::create(b, end, first))), one = b.getIndexAttr(1);
    auto part = [&](Value matrix) -> Value {
      SmallVector<OpFoldResult> offsets{first, b.getIndexAttr(0)}, strides{one, one};
      SmallVector<OpFoldResult> sizes{count, b.getIndexAttr(typeOf(matrix).getDimSize(1))};
      return tensor::ExtractSliceOp::create(b, matrix, offsets, sizes, strides);
    };
    RankedTensorType all = typeOf(p.matrices);
    auto type = RankedTensorType::get(all.getShape().drop_front(), all.getElementType());
    SmallVector<OpFoldResult> offsets(3, b.getIndexAttr(0)), sizes{one}, strides(3, one);
    offsets[0] = groupOf(numberOf(first));
    for (int64_t size : type.getShape())
      sizes.push_back(b.getIndexAttr(size));
    Value matrix = tensor::ExtractSliceOp::create(b, type, p.matrices, offsets, sizes, strides);
    Value product = multiply<linalg::MatmulOp, linalg::MatmulTransposeBOp>(part(rows), matrix, part(results));
    return tensor::InsertSliceOp::create(b, product, results, {first, b.getIndexAttr(0)},
                                         {count, b.getIndexAttr(p.columns())}, {one, one});
  }

  template <class Op, class TransposeBOp> Value multiply(Value left, Value right, Value onto) {
    if (p.isTransposed)
      return TransposeBOp::create(b, b.getLoc(), ValueRange{left, right}, onto)->getResult(0);
    return Op::create(b, ValueRange{left, right}, onto)->getResult(0);
  }

  void finish(Value result) {
    p.op->getResult(0).replaceAllUsesWith(result);
    p.op->erase();
    if (p.selection->use_empty())
      p.selection->erase();
  }

  GroupedProduct p;
  ImplicitLocOpBuilder b;
  OpFoldResult rowCount;
};

/// The zeros that a product is added to, or null.
Value zeroOf(Value tensor) {
  auto fill = tensor.getDefiningOp<linalg::FillOp>();
  return fill && matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) ? fill.getInputs()[0] : Value();
}

struct MultiplyGroupsPass : impl::MultiplyGroupsBase<MultiplyGroupsPass> {
  using MultiplyGroupsBase::MultiplyGroupsBase;

  void runOnOperation() override {
    SmallVector<GroupedProduct> products;
    getOperation()->walk([&](linalg::BatchMatmulOp op) {
      if (std::optional<GroupedProduct> product = matchGroupedProduct(op))
        products.push_back(*product);
    });
    for (GroupedProduct &product : products) {
      Value zero = zeroOf(product.op.getOutputs()[0]);
      if (!onDevice)
        Rewriting(product).multiplyRuns();
      else if (product.isForTensorCores())
        Rewriting(product).multiplyInPlace(zero);
      else if (zero && (!product.hasStaticRows() || product.rows() > product.groups()))
        Rewriting(product).multiplyAll(zero);
      else
        continue;
      ++numMultiplied;
    }
  }
};

} // namespace
} // namespace gqa
