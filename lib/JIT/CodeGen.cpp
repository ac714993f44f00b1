// LLVM: translation, optimisation, and an ORC session to run the result.
#include "CodeGen.h"
#include "Diagnostics.h"
#include "HostTarget.h"

#include "gqa/Runtime/Runtime.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/ExecutionEngine/Orc/CompileUtils.h"
#include "llvm/ExecutionEngine/Orc/IRCompileLayer.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"

namespace gqa {
namespace {

constexpr const char *entryName = "gqa_entry";

/// void gqa_entry(ptr arguments): calls `function` with the pointers found there.
void addEntry(llvm::Module &module, llvm::Function &function) {
  llvm::LLVMContext &context = module.getContext();
  llvm::IRBuilder<> builder(context);
  llvm::Type *pointer = builder.getPtrTy();
  auto *type = llvm::FunctionType::get(builder.getVoidTy(), {pointer}, false);
  auto *entry = llvm::Function::Create(type, llvm::Function::ExternalLinkage, entryName, module);
  builder.SetInsertPoint(llvm::BasicBlock::Create(context, "", entry));
  llvm::SmallVector<llvm::Value *> arguments;
  for (unsigned i = 0; i < function.arg_size(); ++i)
    arguments.push_back(
        builder.CreateLoad(pointer, builder.CreateConstGEP1_64(pointer, entry->getArg(0), i)));
  builder.CreateCall(&function, arguments);
  builder.CreateRetVoid();
}

/// What the optimiser must know about each function. Only the entry is seen from outside.
void annotate(llvm::Module &module, const llvm::TargetMachine &machine) {
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    // Without it wide vectors are spilled to an unaligned stack.
    function.addFnAttr("frame-pointer", "all");
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (function.getName() != entryName)
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
  }
  for (const char *name : {"_mlir_memref_to_llvm_alloc", "_mlir_memref_to_llvm_aligned_alloc"})
    if (llvm::Function *allocate = module.getFunction(name))
      allocate->addRetAttr(llvm::Attribute::NoAlias);
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  tuning.SLPVectorization = false; // it packs the reductions that kernels keep apart on purpose
  llvm::PassBuilder passes(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  passes.registerModuleAnalyses(modules);
  passes.registerCGSCCAnalyses(components);
  passes.registerFunctionAnalyses(functions);
  passes.registerLoopAnalyses(loops);
  passes.crossRegisterProxies(loops, functions, components, modules);
  passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);
}

llvm::Expected<LoadedCode> load(llvm::orc::ThreadSafeModule module,
                                std::unique_ptr<llvm::TargetMachine> machine) {
  using namespace llvm::orc;
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
  LoadedCode code;
  if (llvm::Error error = builder.create().moveInto(code.jit))
    return error;
  // Whoever asked gets the error; it is not printed as well.
  code.jit->getExecutionSession().setErrorReporter(llvm::consumeError);
  if (llvm::Error error = addSymbols(*code.jit))
    return error;
  if (llvm::Error error = code.jit->addIRModule(std::move(module)))
    return error;
  auto entry = code.jit->lookup(entryName);
  if (!entry)
    return entry.takeError();
  code.entry = entry->toPtr<EntryPoint>();
  return code;
}

} // namespace

llvm::Expected<LoadedCode> generateCode(mlir::ModuleOp module, llvm::StringRef name, llvm::StringRef target) {
  auto machine = makeTargetMachine(target);
  if (!machine)
    return machine.takeError();
  DiagnosticCollector collector(module.getContext());
  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> code = mlir::translateModuleToLLVMIR(module, *context, name);
  llvm::Function *function = code ? code->getFunction(("_mlir_ciface_" + name).str()) : nullptr;
  if (!function)
    return collector.take("the module could not be translated to LLVM IR");
  if (code->getFunction("gqa_rt_matmul"))
    if (const char *error = gqa_rt_blas_error())
      return makeError(error);
  addEntry(*code, *function);
  annotate(*code, **machine);
  optimize(*code, **machine);
  return load(llvm::orc::ThreadSafeModule(std::move(code), std::move(context)), std::move(*machine));
}

} // namespace gqa
