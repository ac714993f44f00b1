// gqa-rename-reserved: a graph's functions keep out of the way of what compiled code calls by name.
#include "gqa/Pipeline/Passes.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Analysis/TargetLibraryInfo.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_RENAMERESERVED
#include "gqa/Pipeline/Passes.h.inc"

namespace {

bool isPlain(char character) { return llvm::isAlnum(character) || character == '_'; }

/// Names of the runtime and of what lowering makes, of compilers' libraries, of LLVM's intrinsics, and of C's
/// functions, which LLVM knows; and those that PTX cannot spell.
bool isReserved(StringRef name) {
  static const llvm::TargetLibraryInfoImpl library{llvm::Triple()};
  llvm::LibFunc function;
  return name.empty() || name.starts_with("gqa_") || name.starts_with("_") || llvm::isDigit(name.front()) ||
         !llvm::all_of(name, isPlain) || library.getLibFunc(name, function);
}

struct RenameReservedPass : impl::RenameReservedBase<RenameReservedPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (Operation &op : getOperation().getBody()->getOperations()) {
      auto symbol = dyn_cast<SymbolOpInterface>(op);
      if (!symbol || symbol.isDeclaration() || !isReserved(symbol.getName()))
        continue;
      std::string name = "graph_" + symbol.getName().str();
      std::replace_if(name.begin(), name.end(), [](char character) { return !isPlain(character); }, '_');
      std::string unique = name;
      for (unsigned counter = 0; symbols.lookup(unique); ++counter)
        unique = name + "_" + std::to_string(counter);
      if (failed(symbols.rename(&op, unique)))
        return signalPassFailure();
      ++numRenamed;
    }
  }
};

} // namespace
} // namespace gqa
