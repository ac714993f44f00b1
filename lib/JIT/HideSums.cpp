// Sums from outside of a loop, frozen where they are made.
#include "HideSums.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/Analysis/ScalarEvolutionExpressions.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"

namespace gqa {
namespace {

/// Whether a value is made of at least two parts that are not constant; what a loop adds is one.
bool isSum(const llvm::SCEV *value) {
  auto isVariable = [](const llvm::SCEV *part) { return !llvm::isa<llvm::SCEVConstant>(part); };
  int64_t parts = 0;
  for (; const auto *inLoop = llvm::dyn_cast<llvm::SCEVAddRecExpr>(value); ++parts)
    value = inLoop->getStart();
  const auto *sum = llvm::dyn_cast<llvm::SCEVAddExpr>(value);
  parts += sum ? llvm::count_if(sum->operands(), isVariable) : isVariable(value);
  return parts > 1;
}

/// What `value` adds a constant to; null if it does something else.
llvm::Instruction *withoutConstant(const llvm::Instruction *value) {
  const auto *address = llvm::dyn_cast<llvm::GetElementPtrInst>(value);
  bool adds = address ? address->hasAllConstantIndices()
                      : value->getOpcode() == llvm::Instruction::Add &&
                            llvm::isa<llvm::Constant>(value->getOperand(1));
  return adds ? llvm::dyn_cast<llvm::Instruction>(value->getOperand(0)) : nullptr;
}

/// Whether the use is in a loop that its value is not in.
bool isInInnerLoop(const llvm::Use &use, const llvm::LoopInfo &loops) {
  const auto *user = llvm::cast<llvm::Instruction>(use.getUser());
  const llvm::Loop *inner = loops.getLoopFor(user->getParent());
  return inner && !inner->contains(llvm::cast<llvm::Instruction>(use.get()));
}

} // namespace

void hideSums(llvm::Function &function, llvm::FunctionAnalysisManager &analyses) {
  const auto &loops = analyses.getResult<llvm::LoopAnalysis>(function);
  auto &evolution = analyses.getResult<llvm::ScalarEvolutionAnalysis>(function);
  auto isOutside = [&](const llvm::Use &use) { return isInInnerLoop(use, loops); };
  llvm::SetVector<llvm::Instruction *> sums;
  for (llvm::Instruction &value : llvm::instructions(function)) {
    if (!evolution.isSCEVable(value.getType()) || llvm::none_of(value.uses(), isOutside))
      continue;
    llvm::Instruction *sum = &value;
    while (llvm::Instruction *from = withoutConstant(sum))
      sum = from;
    if (sum->getInsertionPointAfterDef() && isSum(evolution.getSCEV(sum)))
      sums.insert(sum);
  }
  llvm::IRBuilder<> builder(function.getContext());
  for (llvm::Instruction *sum : sums) {
    builder.SetInsertPoint(*sum->getInsertionPointAfterDef());
    llvm::Value *hidden = builder.CreateFreeze(sum);
    sum->replaceUsesWithIf(hidden, [&](llvm::Use &use) {
      const auto *user = llvm::cast<llvm::Instruction>(use.getUser());
      return user != hidden && (isOutside(use) || withoutConstant(user) == sum);
    });
  }
}

} // namespace gqa
