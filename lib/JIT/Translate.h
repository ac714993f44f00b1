// From the LLVM dialect to optimised LLVM IR.
#ifndef GQA_LIB_JIT_TRANSLATE_H
#define GQA_LIB_JIT_TRANSLATE_H

#include "gqa/JIT/JITModule.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

namespace gqa {

struct TranslatedModule {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
};

/// Translates and optimises `module` for `machine`; `name` is the function that the entry calls through its C
/// interface.
llvm::Expected<TranslatedModule> translateModule(mlir::ModuleOp module, llvm::StringRef name,
                                                 llvm::TargetMachine &machine);

} // namespace gqa

#endif // GQA_LIB_JIT_TRANSLATE_H
