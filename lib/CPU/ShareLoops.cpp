// gqa-share-loops: a model's layers are the same loops over other buffers, which are compiled once.
#include "LoopFunction.h"

#include "gqa/CPU/Passes.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_SHARELOOPS
#include "gqa/CPU/Passes.h.inc"

namespace {

/// Functions are equal that differ in nothing but where they come from.
struct EqualFunctions : llvm::DenseMapInfo<func::FuncOp> {
  static constexpr auto flags = OperationEquivalence::IgnoreLocations;

  static unsigned getHashValue(func::FuncOp function) {
    llvm::hash_code hash = hash_value(function.getFunctionType());
    function.getBody().walk([&](Operation *op) {
      hash = llvm::hash_combine(
          hash, OperationEquivalence::computeHash(op, OperationEquivalence::ignoreHashValue,
                                                  OperationEquivalence::ignoreHashValue, flags));
    });
    return unsigned(hash);
  }

  static bool isEqual(func::FuncOp a, func::FuncOp b) {
    if (a == b)
      return true;
    for (func::FuncOp key : {a, b})
      if (key == getEmptyKey() || key == getTombstoneKey())
        return false;
    return OperationEquivalence::isEquivalentTo(a, b, flags);
  }
};

/// Whether the operation is a loop at all, and of a function that LLVM has yet to optimise.
bool isShareable(linalg::LinalgOp op) {
  auto kernel = op->getParentOfType<func::FuncOp>()->getAttrOfType<ArrayAttr>("passthrough");
  return !kernel && op.hasPureBufferSemantics() &&
         llvm::any_of(op.getStaticLoopRanges(), [](int64_t range) { return range != 1; });
}

struct ShareLoopsPass : impl::ShareLoopsBase<ShareLoopsPass> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> all;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](linalg::LinalgOp op) {
        if (isShareable(op))
          all.push_back(op);
      });
    llvm::MapVector<func::FuncOp, SmallVector<LoopUse>,
                    llvm::DenseMap<func::FuncOp, unsigned, EqualFunctions>>
        functions;
    for (linalg::LinalgOp op : all)
      if (std::optional<LoopUse> use = findUse(op)) {
        func::FuncOp function = buildFunction(*use);
        auto [known, isNew] = functions.insert({function, {}});
        known->second.push_back(std::move(*use));
        if (!isNew)
          function.erase();
      }
    SymbolTable symbols(getOperation());
    for (auto &[function, uses] : functions) {
      // In a task nobody else would tell LLVM what is known of its buffers.
      if (uses.size() == 1 && !uses[0].op->hasAttr(kResultsApart)) {
        function.erase();
        continue;
      }
      symbols.insert(function);
      for (const LoopUse &use : uses)
        replaceByCall(use, function);
      numShared += uses.size() - 1;
    }
  }
};

} // namespace
} // namespace gqa
