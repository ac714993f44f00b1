// Operands of rotations, appends and writes to caches that repeat heads, which raising attentions has left;
// and elementwise operations that read such a repeat.
#include "Patterns.h"
#include "gqa/Raise/Build.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace gqa {

/// The letters of the loops of an elementwise operation, from those of an operand's dimensions; loops that
/// the operand does not have get the letters of its unit dimensions.
static std::string lettersOf(AffineMap map, StringRef layout) {
  std::string letters(4, 0), left;
  for (auto [expr, letter] : llvm::zip_equal(map.getResults(), layout)) {
    if (auto loop = dyn_cast<AffineDimExpr>(expr))
      letters[loop.getPosition()] = letter;
    else
      left.push_back(letter);
  }
  for (char &letter : letters)
    if (letter == 0 && !left.empty()) {
      letter = left.front();
      left.erase(0, 1);
    }
  return letters;
}

/// The layout of another operand of that operation, of rank 4; empty if a loop appears twice in it.
static std::string layoutOf(AffineMap map, const std::string &letters) {
  std::string layout, left = "bhsd";
  for (AffineExpr expr : map.getResults()) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    layout.push_back(loop ? letters[loop.getPosition()] : 0);
    if (loop)
      llvm::erase(left, layout.back());
  }
  for (char &letter : layout)
    if (letter == 0 && !left.empty()) {
      letter = left.front();
      left.erase(0, 1);
    }
  return isLayout(layout) ? layout : "";
}

static bool isElementwise(linalg::LinalgOp op) {
  return op.getNumLoops() == 4 && op.getNumParallelLoops() == 4 && op.hasPureTensorSemantics() &&
         op->getNumResults() == 1 && !op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)) &&
         op.getIndexingMapMatchingResult(op->getResult(0)).isPermutation();
}

std::optional<RepeatedInput> findRepeatedInput(linalg::LinalgOp op) {
  if (!isElementwise(op))
    return std::nullopt;
  for (OpOperand *input : op.getDpsInputOperands()) {
    auto repeat = input->get().getDefiningOp<RepeatHeadsOp>();
    AffineMap map = op.getMatchingIndexingMap(input);
    if (!repeat || map.getNumResults() != 4)
      continue;
    auto head = dyn_cast<AffineDimExpr>(map.getResult(dimOf(repeat.getLayout(), 'h')));
    if (head)
      return RepeatedInput{repeat, head.getPosition(), lettersOf(map, repeat.getLayout())};
  }
  return std::nullopt;
}

void raiseRepeats(func::FuncOp function) {
  IRRewriter rewriter(function.getContext());
  auto raise = [&](OpOperand &operand, StringRef layout) {
    int64_t heads = sizeOf(operand.get(), layout, 'h');
    if (ShapedType::isDynamic(heads) || heads < 2 || operand.get().getDefiningOp<RepeatHeadsOp>())
      return;
    if (Value repeat = raiseRepeat(rewriter, {operand.get(), layout.str()}, operand.getOwner()))
      operand.set(repeat);
  };
  auto raiseInputs = [&](Value value, StringRef layout) { // of what writes to a cache
    auto write = value.getDefiningOp<linalg::LinalgOp>();
    auto isCache = [&](Value input) {
      return isa<BlockArgument>(input) && input.getType() == value.getType();
    };
    if (!write || !isElementwise(write) || llvm::none_of(write.getDpsInputs(), isCache))
      return;
    std::string letters = lettersOf(write.getIndexingMapMatchingResult(write->getResult(0)), layout);
    for (OpOperand *input : write.getDpsInputOperands())
      if (AffineMap map = write.getMatchingIndexingMap(input); map.getNumResults() == 4)
        if (std::string own = layoutOf(map, letters);
            !own.empty() && cast<RankedTensorType>(input->get().getType()).getElementType().isFloat())
          raise(*input, own);
  };
  function.walk([&](Operation *op) {
    if (auto rotary = dyn_cast<RotaryOp>(op))
      raise(rotary.getXMutable(), rotary.getLayout());
    if (auto append = dyn_cast<AppendKVOp>(op)) {
      raise(append.getCacheMutable(), append.getLayout());
      raise(append.getFreshMutable(), append.getLayout());
    }
    if (auto attention = dyn_cast<AttentionOp>(op)) {
      raiseInputs(attention.getK(), attention.getKLayout());
      raiseInputs(attention.getV(), attention.getVLayout());
    }
  });
}

} // namespace gqa
