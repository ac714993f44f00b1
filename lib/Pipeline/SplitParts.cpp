// gqa-split-parts: what is computed of a tensor made of parts, element by element, is computed of each part.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_SPLITPARTS
#include "gqa/Pipeline/Passes.h.inc"

namespace {

bool isElementwise(linalg::GenericOp op) {
  return op && op.getNumDpsInits() == 1 && op.getNumLoops() == op.getNumParallelLoops() &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() && op.hasPureTensorSemantics();
}

/// The dimension that parts divide: the others they have as a whole.
struct Parts {
  SmallVector<tensor::InsertSliceOp> inserts; // in order
  unsigned dim = 0;
};

/// Whether the slices have no place in common: apart, or between each other, as the pairs of a rotation.
bool areDisjoint(tensor::InsertSliceOp a, tensor::InsertSliceOp b, unsigned dim) {
  int64_t x = a.getStaticOffset(dim), y = b.getStaticOffset(dim), step = a.getStaticStride(dim);
  if (step == b.getStaticStride(dim) && (x - y) % step != 0)
    return true;
  int64_t lastX = x + (a.getStaticSize(dim) - 1) * step;
  int64_t lastY = y + (b.getStaticSize(dim) - 1) * b.getStaticStride(dim);
  return lastX < y || lastY < x;
}

/// Whether the part can be computed by its reader.
bool isComputedFor(tensor::InsertSliceOp insert) {
  auto part = insert.getSource().getDefiningOp<linalg::GenericOp>();
  return isElementwise(part) && part->hasOneUse();
}

/// How `value` is put together of parts, of which some are computed for it, if they are all of it.
std::optional<Parts> partsOf(Value value) {
  Parts parts;
  Value whole = value;
  while (auto insert = whole.getDefiningOp<tensor::InsertSliceOp>()) {
    if (insert.getSourceType().getRank() != insert.getDestType().getRank())
      return std::nullopt;
    parts.inserts.insert(parts.inserts.begin(), insert);
    whole = insert.getDest();
  }
  auto empty = whole.getDefiningOp<tensor::EmptyOp>();
  if (!empty || parts.inserts.size() < 2 || llvm::none_of(parts.inserts, isComputedFor))
    return std::nullopt;
  SmallVector<OpFoldResult> sizes = empty.getMixedSizes();
  auto isWhole = [&](unsigned dim) {
    return llvm::all_of(parts.inserts, [&](tensor::InsertSliceOp insert) {
      return isZeroInteger(insert.getMixedOffsets()[dim]) && isOneInteger(insert.getMixedStrides()[dim]) &&
             isEqualConstantIntOrValue(insert.getMixedSizes()[dim], sizes[dim]);
    });
  };
  SmallVector<unsigned> divided;
  for (unsigned dim = 0; dim < sizes.size(); ++dim)
    if (!isWhole(dim))
      divided.push_back(dim);
  if (divided.size() != 1)
    return std::nullopt;
  parts.dim = divided[0];
  int64_t rest = cast<RankedTensorType>(value.getType()).getDimSize(parts.dim);
  for (auto [number, insert] : llvm::enumerate(parts.inserts)) {
    if (insert.isDynamicOffset(parts.dim) || insert.isDynamicSize(parts.dim) ||
        insert.isDynamicStride(parts.dim) || insert.getStaticStride(parts.dim) < 1 ||
        insert.getStaticSize(parts.dim) == 0)
      return std::nullopt;
    rest -= insert.getStaticSize(parts.dim);
    for (tensor::InsertSliceOp other : ArrayRef<tensor::InsertSliceOp>(parts.inserts).take_front(number))
      if (!areDisjoint(insert, other, parts.dim))
        return std::nullopt;
  }
  return rest == 0 ? std::optional(parts) : std::nullopt;
}

/// Whether nobody but `reader` reads it; parts that are written behind each other may name what they follow.
bool isReadBy(const Parts &parts, Operation *reader) {
  for (tensor::InsertSliceOp insert : parts.inserts)
    for (Operation *user : insert->getUsers()) {
      auto slice = dyn_cast<tensor::ExtractSliceOp>(user);
      bool isPlace = slice && llvm::all_of(slice->getUses(), [](OpOperand &use) {
                       auto op = dyn_cast<linalg::GenericOp>(use.getOwner());
                       return op && op.isDpsInit(&use) && !op.payloadUsesValueFromOperand(&use);
                     });
      if (user != reader && !isPlace && !llvm::is_contained(parts.inserts, user))
        return false;
    }
  return true;
}

class Splitting {
public:
  Splitting(linalg::GenericOp op, OpOperand *whole, const Parts &parts)
      : op(op), whole(whole), parts(parts), b(op) {}

  /// Whether each other operand has a slice for a part, or is the same for all.
  bool isPossible() {
    if (op.hasIndexSemantics() || !op.getMatchingIndexingMap(whole).isIdentity())
      return false;
    return llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
      AffineMap map = op.getMatchingIndexingMap(operand);
      return map.isIdentity() || !map.isFunctionOfDim(parts.dim);
    });
  }

  void run() {
    Value result = op.getDpsInits()[0];
    for (tensor::InsertSliceOp part : parts.inserts) {
      SmallVector<Value> operands;
      for (OpOperand *input : op.getDpsInputOperands())
        operands.push_back(input == whole ? part.getSource() : partOf(*input, part));
      operands.push_back(slice(result, part));
      Operation *piece = clone(b, op, operands.back().getType(), operands);
      result =
          tensor::InsertSliceOp::create(b, op.getLoc(), piece->getResult(0), result, part.getMixedOffsets(),
                                        part.getMixedSizes(), part.getMixedStrides());
    }
    op.getResult(0).replaceAllUsesWith(result);
    op.erase();
  }

private:
  Value partOf(OpOperand &input, tensor::InsertSliceOp part) {
    bool isSame = !op.getMatchingIndexingMap(&input).isFunctionOfDim(parts.dim);
    return isSame ? input.get() : slice(input.get(), part);
  }

  Value slice(Value from, tensor::InsertSliceOp part) {
    return tensor::ExtractSliceOp::create(b, op.getLoc(), from, part.getMixedOffsets(), part.getMixedSizes(),
                                          part.getMixedStrides());
  }

  linalg::GenericOp op;
  OpOperand *whole;
  const Parts &parts;
  OpBuilder b;
};

struct SplitPartsPass : impl::SplitPartsBase<SplitPartsPass> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> readers;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (isElementwise(op))
        readers.push_back(op);
    });
    for (linalg::GenericOp op : readers)
      split(op);
  }

private:
  void split(linalg::GenericOp op) {
    for (OpOperand *input : op.getDpsInputOperands()) {
      std::optional<Parts> parts = partsOf(input->get());
      if (!parts || !isReadBy(*parts, op))
        continue;
      Splitting splitting(op, input, *parts);
      if (!splitting.isPossible())
        continue;
      splitting.run();
      ++numSplit;
      return;
    }
  }
};

} // namespace
} // namespace gqa
