// From the LLVM dialect to code in memory, or as text.
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

/// Translates, optimises and links `module`, whose C interface function `_mlir_ciface_<name>` becomes the
/// entry.
llvm::Expected<LoadedCode> generateCode(mlir::ModuleOp module, llvm::StringRef name, llvm::StringRef target);

/// Writes what generateCode would load as LLVM IR, assembly or an object file, for a processor that need not
/// be this one. An object also holds its signature: see toJSON.
llvm::Error emitCode(mlir::ModuleOp module, const Signature &signature, llvm::StringRef target, CodeKind kind,
                     llvm::raw_pwrite_stream &out);

/// Makes the runtime's functions and the C library's mathematics known to `jit`, and nothing else of the
/// process.
llvm::Error addSymbols(llvm::orc::LLJIT &jit);

} // namespace gqa

#endif // GQA_LIB_JIT_CODEGEN_H
