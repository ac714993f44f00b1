// From the LLVM dialect to an object, and from an object to code in memory.
#ifndef GQA_LIB_JIT_CODEGEN_H
#define GQA_LIB_JIT_CODEGEN_H

#include "gqa/JIT/JITModule.h"
#include "gqa/Runtime/Cuda.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/Error.h"

namespace gqa {

/// Takes pointers to the result structure (if there are results) and to each argument's descriptor.
using EntryPoint = void (*)(void **arguments);

struct LoadedCode {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  EntryPoint entry = nullptr;
  gqa_rt_cuda_module *kernels = nullptr; ///< those for CUDA, or null; to be unloaded before the code goes
};

/// Translates and optimises `module`, whose C interface becomes the entry, for
/// a processor that need not be this one. `suffix` is added to the names that others see.
llvm::Expected<ObjectCode> generateObject(mlir::ModuleOp module, const Signature &signature,
                                          llvm::StringRef target, Files files, llvm::StringRef suffix = "");

/// Links code, whose names have no suffix, in memory.
llvm::Expected<LoadedCode> loadObject(const ObjectCode &object);

/// Writes the code of generateObject as LLVM IR or assembly.
llvm::Error emitText(mlir::ModuleOp module, llvm::StringRef name, llvm::StringRef target, bool assembly,
                     llvm::raw_pwrite_stream &out);

/// Makes the runtime's functions and the C library's mathematics known to `jit`, and nothing else of the
/// process.
llvm::Error addSymbols(llvm::orc::LLJIT &jit);

} // namespace gqa

#endif // GQA_LIB_JIT_CODEGEN_H
