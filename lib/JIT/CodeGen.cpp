// An ORC session that holds the code, or a file that shows it.
#include "CodeGen.h"
#include "Diagnostics.h"
#include "HostTarget.h"
#include "Translate.h"

#include "gqa/Runtime/Runtime.h"

#include "llvm/ExecutionEngine/Orc/CompileUtils.h"
#include "llvm/ExecutionEngine/Orc/IRCompileLayer.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Support/TimeProfiler.h"

namespace gqa {
namespace {

/// How code calls its kernels for CUDA; see gqa/Runtime/Cuda.h.
constexpr const char *kKernelsName = "gqa_cuda_module";

/// The variable of an object file that holds its signature.
constexpr const char *kSignatureName = "gqa_signature";

llvm::Expected<LoadedCode> load(llvm::orc::ThreadSafeModule module,
                                std::unique_ptr<llvm::TargetMachine> machine) {
  using namespace llvm::orc;
  llvm::TimeTraceScope span("make and load machine code");
  JITTargetMachineBuilder target(machine->getTargetTriple());
  target.setCPU(machine->getTargetCPU().str());
  LLJITBuilder builder;
  builder.setJITTargetMachineBuilder(target);
  // No constructors, no thread-local storage: nothing needs a platform, nor the symbols of this process.
  builder.setPlatformSetUp(setUpInactivePlatform);
  builder.setLinkProcessSymbolsByDefault(false);
  using Compiler = std::unique_ptr<IRCompileLayer::IRCompiler>;
  builder.setCompileFunctionCreator([&machine](JITTargetMachineBuilder) -> llvm::Expected<Compiler> {
    return std::make_unique<TMOwningSimpleCompiler>(std::move(machine));
  });
  bool hasKernels =
      module.withModuleDo([](llvm::Module &m) { return m.getNamedGlobal(kKernelsName) != nullptr; });
  LoadedCode code;
  if (llvm::Error error = builder.create().moveInto(code.jit))
    return error;
  // Whoever asked gets the error; it is not printed as well.
  code.jit->getExecutionSession().setErrorReporter(llvm::consumeError);
  if (llvm::Error error = addSymbols(*code.jit))
    return error;
  if (llvm::Error error = code.jit->addIRModule(std::move(module)))
    return error;
  auto entry = code.jit->lookup(kEntryName);
  if (!entry)
    return entry.takeError();
  code.entry = entry->toPtr<EntryPoint>();
  if (!hasKernels)
    return code;
  auto kernels = code.jit->lookup(kKernelsName);
  if (!kernels)
    return kernels.takeError();
  code.kernels = kernels->toPtr<gqa_rt_cuda_module *>();
  return code;
}

} // namespace

llvm::Expected<LoadedCode> generateCode(mlir::ModuleOp module, llvm::StringRef name, llvm::StringRef target) {
  auto machine = makeHostTarget(target);
  if (!machine)
    return machine.takeError();
  auto code = translateModule(module, name, **machine);
  if (!code)
    return code.takeError();
  if (code->module->getFunction("gqa_rt_matmul"))
    if (const char *error = gqa_rt_blas_error())
      return makeError(error);
  return load(llvm::orc::ThreadSafeModule(std::move(code->module), std::move(code->context)),
              std::move(*machine));
}

/// The signature as a string, and names that the runtime has instead of those that only the JIT knows.
static void prepareObject(llvm::Module &module, const Signature &signature) {
  auto *text = llvm::ConstantDataArray::getString(module.getContext(), toJSON(signature));
  new llvm::GlobalVariable(module, text->getType(), /*isConstant=*/true, llvm::GlobalValue::ExternalLinkage,
                           text, kSignatureName);
  for (auto [jit, runtime] : {std::pair("_mlir_memref_to_llvm_alloc", "gqa_rt_alloc"),
                              {"_mlir_memref_to_llvm_aligned_alloc", "gqa_rt_aligned_alloc"},
                              {"_mlir_memref_to_llvm_free", "gqa_rt_free"}}) {
    llvm::Function *function = module.getFunction(jit);
    if (!function)
      continue;
    if (llvm::Function *there = module.getFunction(runtime))
      function->replaceAllUsesWith(there);
    else
      function->setName(runtime);
  }
}

llvm::Error emitCode(mlir::ModuleOp module, const Signature &signature, llvm::StringRef target, CodeKind kind,
                     llvm::raw_pwrite_stream &out) {
  auto machine = makeTarget(target);
  if (!machine)
    return machine.takeError();
  auto code = translateModule(module, signature.name, **machine);
  if (!code)
    return code.takeError();
  if (kind == CodeKind::LLVM) {
    code->module->print(out, /*AAW=*/nullptr);
    return llvm::Error::success();
  }
  if (kind == CodeKind::Object)
    prepareObject(*code->module, signature);
  auto type =
      kind == CodeKind::Object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, out, nullptr, type))
    return makeError("LLVM cannot write this code for target '" + target + "'");
  passes.run(*code->module);
  return llvm::Error::success();
}

} // namespace gqa
