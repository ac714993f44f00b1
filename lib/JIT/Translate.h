// From the LLVM dialect to LLVM IR, and to better LLVM IR.
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

/// Translates `module` for `machine`, with an entry that calls its C interface; `name` is what LLVM calls it.
llvm::Expected<TranslatedModule> translateModule(mlir::ModuleOp module, llvm::StringRef name,
                                                 const llvm::TargetMachine &machine);

/// Any module of translated functions: all of them, or some.
void optimize(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace gqa

#endif // GQA_LIB_JIT_TRANSLATE_H
