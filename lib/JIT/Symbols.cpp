// What compiled code may call.
#include "CodeGen.h"

#include "gqa/Runtime/Cuda.h"
#include "gqa/Runtime/Runtime.h"

#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"

extern "C" {
// The runtime's conversions; see Half.cpp.
float __extendhfsf2(_Float16);
_Float16 __truncsfhf2(float);
_Float16 __truncdfhf2(double);
__bf16 __truncsfbf2(float);
__bf16 __truncdfbf2(double);
}

namespace gqa {
namespace {

template <typename F> llvm::orc::ExecutorSymbolDef symbol(F *address) {
  return {llvm::orc::ExecutorAddr::fromPtr(address),
          llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
}

llvm::orc::SymbolMap runtimeSymbols(llvm::orc::LLJIT &jit) {
  auto name = [&](const char *text) { return jit.mangleAndIntern(text); };
  return {{name("gqa_rt_parallel_for"), symbol(&gqa_rt_parallel_for)},
          {name("gqa_rt_num_threads"), symbol(&gqa_rt_num_threads)},
          {name("gqa_rt_copy"), symbol(&gqa_rt_copy)},
          {name("gqa_rt_matmul"), symbol(&gqa_rt_matmul)},
          {name("gqa_rt_fail"), symbol(&gqa_rt_fail)},
          {name("gqa_rt_alloc"), symbol(&gqa_rt_alloc)},
          {name("gqa_rt_aligned_alloc"), symbol(&gqa_rt_aligned_alloc)},
          {name("gqa_rt_free"), symbol(&gqa_rt_free)},
          {name("gqa_rt_cuda_launch"), symbol(&gqa_rt_cuda_launch)},
          {name("gqa_rt_cuda_constant"), symbol(&gqa_rt_cuda_constant)},
          {name("gqa_rt_cuda_map"), symbol(&gqa_rt_cuda_map)},
          {name("gqa_rt_cuda_map_tensor"), symbol(&gqa_rt_cuda_map_tensor)},
          {name("gqa_rt_cuda_unmap"), symbol(&gqa_rt_cuda_unmap)},
          {name("gqa_rt_cuda_alloc"), symbol(&gqa_rt_cuda_alloc)},
          {name("gqa_rt_cuda_free"), symbol(&gqa_rt_cuda_free)},
          {name("gqa_rt_cuda_result"), symbol(&gqa_rt_cuda_result)},
          {name("gqa_rt_cuda_matmul"), symbol(&gqa_rt_cuda_matmul)},
          {name("gqa_rt_cuda_clusters"), symbol(&gqa_rt_cuda_clusters)},
          {name("gqa_rt_cuda_fact"), symbol(&gqa_rt_cuda_fact)},
          {name("gqa_rt_cuda_stream"), symbol(&gqa_rt_cuda_stream)},
          {name("_mlir_memref_to_llvm_alloc"), symbol(&gqa_rt_alloc)},
          {name("_mlir_memref_to_llvm_aligned_alloc"), symbol(&gqa_rt_aligned_alloc)},
          {name("_mlir_memref_to_llvm_free"), symbol(&gqa_rt_free)},
          {name("__extendhfsf2"), symbol(&__extendhfsf2)},
          {name("__truncsfhf2"), symbol(&__truncsfhf2)},
          {name("__truncdfhf2"), symbol(&__truncdfhf2)},
          {name("__truncsfbf2"), symbol(&__truncsfbf2)},
          {name("__truncdfbf2"), symbol(&__truncdfbf2)}};
}

bool isLibraryFunction(llvm::StringRef name) {
  if (llvm::is_contained({"memcpy", "memset", "memmove", "erf", "erff", "bcmp"}, name))
    return true;
  name.consume_back("f");
  return llvm::is_contained(
      {"sin",   "cos",       "sincos", "tan",       "asin", "acos", "atan",  "atan2", "sinh",    "cosh",
       "tanh",  "asinh",     "acosh",  "atanh",     "exp",  "exp2", "expm1", "log",   "log2",    "log10",
       "log1p", "pow",       "sqrt",   "cbrt",      "erfc", "fma",  "fmod",  "floor", "ceil",    "trunc",
       "round", "roundeven", "rint",   "nearbyint", "fmin", "fmax", "fabs",  "ldexp", "copysign"},
      name);
}

} // namespace

llvm::Error addSymbols(llvm::orc::LLJIT &jit) {
  if (llvm::Error error = jit.getMainJITDylib().define(llvm::orc::absoluteSymbols(runtimeSymbols(jit))))
    return error;
  auto generator = llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      jit.getDataLayout().getGlobalPrefix(),
      [](const llvm::orc::SymbolStringPtr &name) { return isLibraryFunction(*name); });
  if (!generator)
    return generator.takeError();
  jit.getMainJITDylib().addGenerator(std::move(*generator));
  return llvm::Error::success();
}

} // namespace gqa
