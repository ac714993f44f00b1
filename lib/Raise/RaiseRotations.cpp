// Rotations that no raised attention reads: what a graph of its own embeds, and what stands in front of a
// softmax that stays.
#include "gqa/Raise/Build.h"
#include "gqa/Raise/Rotary.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace gqa {
namespace {

/// The letters of a tensor whose last dimension is rotated, as the tables tell them: the angle follows the
/// token, and is the same for all heads. None if it is not rotated.
std::optional<std::string> layoutOfRotated(Value tensor) {
  ExprContext context(tensor.getContext());
  Evaluator evaluator(context);
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  std::string letters = StringRef("bhsd").take_back(rank).str();
  RotaryMatcher matcher(evaluator, {tensor, letters});
  if (!matcher.match())
    return std::nullopt;
  auto follows = [&](char letter) {
    unsigned variable = matcher.variables[StringRef("bhsd").find(letter)];
    return dependsOn(matcher.pair.cos, variable) || dependsOn(matcher.pair.sin, variable);
  };
  if (rank == 3 && follows('h') && follows('s'))
    return "bsd";
  if (rank >= 3 && follows('h') && !follows('s'))
    std::swap(letters[rank - 3], letters[rank - 2]);
  return letters;
}

bool mayBeRotated(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() >= 2 && type.getRank() <= 4 && isa<FloatType>(type.getElementType()) &&
         type.getShape().back() > 1;
}

} // namespace

int64_t raiseRotations(RewriterBase &rewriter, func::FuncOp function) {
  SmallVector<Value> values;
  function.walk([&](Operation *op) {
    if (!isa<RotaryOp, tensor::EmptyOp>(op))
      llvm::copy_if(op->getResults(), std::back_inserter(values), mayBeRotated);
  });
  int64_t count = 0;
  llvm::MapVector<Value, std::pair<Location, StringRef>>
      kept;                                   // what is rotated and stays so, with where and why
  for (Value value : llvm::reverse(values)) { // the outermost: around a partial rotation stands its tail
    if (value.use_empty())
      continue;
    std::optional<std::string> layout = layoutOfRotated(value);
    if (!layout)
      continue;
    std::optional<RotaryForm> form = replaceRotary(rewriter, {value, *layout});
    if (!form)
      continue;
    if (!form->obstacle.empty()) {
      kept.insert({form->source, {value.getLoc(), form->obstacle}});
      continue;
    }
    ++count;
    kept.erase(form->source); // of several views of it one is enough
  }
  for (auto &[source, why] : kept)
    remark::missed(why.first, remark::RemarkOpts::name("NotRotary").category("gqa-raise"))
        << remark::reason("the rotation stays as it is: {0}", why.second);
  return count;
}

} // namespace gqa
