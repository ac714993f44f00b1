// Concatenations that are written element by element, or piece by piece.
#include "gqa/Raise/Build.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace gqa {
namespace {

/// The pieces of a concat along `dim`, as they are found in the body that reads them.
struct Pieces {
  linalg::GenericOp loop;
  int64_t dim = -1; ///< -1: no comparison has told yet
  int64_t end = 0;  ///< where the last piece ends
  SmallVector<Value> tensors = {};

  /// The dimension whose index in the loop the value is; -1 if it is none.
  int64_t indexOf(Value value) {
    auto index = value.getDefiningOp<linalg::IndexOp>();
    return index && index->getBlock() == loop.getBody() ? static_cast<int64_t>(index.getDim()) : -1;
  }

  /// `i < limit`, i being the index along the concatenated dimension: limit.
  std::optional<int64_t> limitOf(Value condition) {
    auto compare = condition.getDefiningOp<arith::CmpIOp>();
    APInt limit;
    using Predicate = arith::CmpIPredicate;
    if (!compare || !matchPattern(compare.getRhs(), m_ConstantInt(&limit)) ||
        (compare.getPredicate() != Predicate::ult && compare.getPredicate() != Predicate::slt))
      return std::nullopt;
    int64_t along = indexOf(compare.getLhs());
    if (along < 0 || (dim >= 0 && along != dim))
      return std::nullopt;
    dim = along;
    return limit.getSExtValue();
  }

  /// Whether the value is the index along the dimension, less where the next piece begins.
  bool isPlace(Value value) {
    APInt begin;
    auto difference = value.getDefiningOp<arith::SubIOp>();
    if (difference && matchPattern(difference.getRhs(), m_ConstantInt(&begin)))
      return indexOf(difference.getLhs()) == dim && begin.getSExtValue() == end;
    return indexOf(value) == dim && end == 0;
  }

  /// The element of the next piece, which lies between the last one and `limit`.
  bool addPiece(Value value, int64_t limit) {
    auto extract = value.getDefiningOp<tensor::ExtractOp>();
    auto result = cast<RankedTensorType>(loop.getResultTypes().front());
    if (!extract || extract.getTensor().getType().getRank() != result.getRank())
      return false;
    auto size = llvm::to_vector<4>(result.getShape());
    size[dim] = limit - end;
    if (extract.getTensor().getType().getShape() != ArrayRef(size))
      return false;
    for (auto [at, place] : llvm::enumerate(extract.getIndices()))
      if (static_cast<int64_t>(at) == dim ? !isPlace(place) : indexOf(place) != static_cast<int64_t>(at))
        return false;
    tensors.push_back(extract.getTensor());
    end = limit;
    return true;
  }

  /// All pieces from the last one's end on: `i < limit ? piece : all after it`.
  bool addAll(Value value) {
    auto choice = value.getDefiningOp<scf::IfOp>();
    if (!choice)
      return dim >= 0 &&
             addPiece(value, cast<RankedTensorType>(loop.getResultTypes().front()).getDimSize(dim));
    if (choice.getNumResults() != 1 || !choice.elseBlock())
      return false;
    std::optional<int64_t> limit = limitOf(choice.getCondition());
    return limit && addPiece(choice.thenYield().getOperand(0), *limit) &&
           addAll(choice.elseYield().getOperand(0));
  }
};

} // namespace

LogicalResult nameConcat(linalg::GenericOp op, PatternRewriter &rewriter) {
  auto type = op.getNumResults() == 1 ? dyn_cast<RankedTensorType>(op.getResultTypes().front()) : nullptr;
  if (!type || !type.hasStaticShape() || op.getNumDpsInputs() != 0 ||
      op.getNumParallelLoops() != op.getNumLoops() || !op.getIndexingMapsArray().front().isIdentity())
    return failure();
  Pieces pieces{op};
  if (!pieces.addAll(op.getBody()->getTerminator()->getOperand(0)))
    return failure();
  rewriter.replaceOpWithNewOp<tensor::ConcatOp>(op, type, pieces.dim, pieces.tensors);
  return success();
}

/// The dimension in which the slice is a part of what it is written to, if that is the only one; -1 if not.
static int64_t findOnlyPart(tensor::InsertSliceOp op) {
  bool isWhole = op.getSourceType().getRank() == op.getDestType().getRank() &&
                 op.getSourceType().hasStaticShape() && op.getDestType().hasStaticShape() &&
                 llvm::all_of(op.getStaticStrides(), [](int64_t stride) { return stride == 1; });
  int64_t part = -1;
  for (auto [dim, size] : llvm::enumerate(op.getDestType().getShape())) {
    if (!isWhole || op.getSourceType().getDimSize(dim) == size)
      continue;
    isWhole = part < 0;
    part = static_cast<int64_t>(dim);
  }
  return isWhole ? part : -1;
}

LogicalResult nameConcat(tensor::InsertSliceOp last, PatternRewriter &rewriter) {
  int64_t dim = findOnlyPart(last), begin = dim < 0 ? 0 : last.getDestType().getDimSize(dim);
  SmallVector<Value> pieces;
  Value rest = last.getResult();
  while (auto op = rest.getDefiningOp<tensor::InsertSliceOp>()) {
    if (dim < 0 || findOnlyPart(op) != dim)
      return failure();
    begin -= op.getSourceType().getDimSize(dim);
    if (op.getStaticOffsets()[dim] != begin)
      return failure();
    pieces.push_back(op.getSource());
    rest = op.getDest();
  }
  if (dim < 0 || begin != 0 || !rest.getDefiningOp<tensor::EmptyOp>())
    return failure();
  rewriter.replaceOpWithNewOp<tensor::ConcatOp>(last, last.getType(), dim,
                                                llvm::to_vector(llvm::reverse(pieces)));
  return success();
}

} // namespace gqa
