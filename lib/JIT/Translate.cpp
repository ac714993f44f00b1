// Translation, and two ways of optimising: LLVM's own pipeline for the loops around attention, and a short
// one for kernels, whose loops and registers are laid out already.
#include "Translate.h"
#include "Diagnostics.h"
#include "HideSums.h"
#include "Kernels.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/PassInstrumentation.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Passes/StandardInstrumentations.h"
#include "llvm/Support/TimeProfiler.h"

namespace gqa {
namespace {

/// The C interface of the entry, which alone has one.
llvm::Function *findInterface(llvm::Module &module) {
  auto found = llvm::find_if(module, [](const llvm::Function &function) {
    return function.getName().starts_with("_mlir_ciface_") && !function.isDeclaration();
  });
  return found == module.end() ? nullptr : &*found;
}

/// void gqa_entry(ptr arguments): calls `function` with the pointers found there.
void addEntry(llvm::Module &module, llvm::Function &function) {
  llvm::LLVMContext &context = module.getContext();
  llvm::IRBuilder<> builder(context);
  llvm::Type *pointer = builder.getPtrTy();
  auto *type = llvm::FunctionType::get(builder.getVoidTy(), {pointer}, false);
  auto *entry = llvm::Function::Create(type, llvm::Function::ExternalLinkage, kEntryName, module);
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
    if (function.getName() != kEntryName)
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
  }
  for (const char *name : {"_mlir_memref_to_llvm_alloc", "_mlir_memref_to_llvm_aligned_alloc"})
    if (llvm::Function *allocate = module.getFunction(name))
      allocate->addRetAttr(llvm::Attribute::NoAlias);
}

/// The function that a pass is about to work on, or part of; null for larger units.
const llvm::Function *functionOf(llvm::Any unit) {
  if (const auto *function = llvm::any_cast<const llvm::Function *>(&unit))
    return *function;
  if (const auto *loop = llvm::any_cast<const llvm::Loop *>(&unit))
    return (*loop)->getHeader()->getParent();
  return nullptr;
}

class Optimizer {
public:
  explicit Optimizer(llvm::TargetMachine &machine)
      : passes(&machine, tuning(), std::nullopt, &instrumentation) {
    instrumentation.registerShouldRunOptionalPassCallback([this](llvm::StringRef pass, llvm::Any unit) {
      const llvm::Function *function = functionOf(unit);
      return inKernels || (pass != kCalleesPass && (!function || !isKernel(*function)));
    });
    if (llvm::timeTraceProfilerEnabled())
      profiling.registerCallbacks(instrumentation);
    passes.registerModuleAnalyses(modules);
    passes.registerCGSCCAnalyses(components);
    passes.registerFunctionAnalyses(functions);
    passes.registerLoopAnalyses(loops);
    passes.crossRegisterProxies(loops, functions, components, modules);
  }

  void run(llvm::Module &module) {
    passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);
    inKernels = true;
    llvm::FunctionPassManager kernel;
    llvm::cantFail(passes.parsePassPipeline(kernel, kKernelPasses));
    for (llvm::Function &function : module)
      if (isKernel(function)) {
        kernel.run(function, functions);
        hideSums(function, functions);
      }
  }

private:
  // It finds the callees of pointers to functions, which are never called here, in time that grows by the
  // square of a function's loops.
  static constexpr llvm::StringLiteral kCalleesPass = "CalledValuePropagationPass";

  // What the lowering leaves to be done: repeated address arithmetic, what does not change in a loop, and
  // short loops. Those of unknown length are not where time goes, and unrolled they are much to compile.
  static constexpr const char *kKernelPasses = "early-cse,simplifycfg,loop-mssa(loop-rotate,licm),"
                                               "instcombine<no-verify-fixpoint>,loop(loop-idiom,indvars),"
                                               "loop-unroll<no-runtime>,early-cse,simplifycfg";

  static llvm::PipelineTuningOptions tuning() {
    llvm::PipelineTuningOptions options;
    options.SLPVectorization = false; // it packs the reductions that kernels keep apart on purpose
    return options;
  }

  bool inKernels = false;
  llvm::TimeProfilingPassesHandler profiling;
  llvm::PassInstrumentationCallbacks instrumentation;
  llvm::PassBuilder passes;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
};

/// What the dialect says of arguments is done with, and nothing to LLVM, whose translation warns of what it
/// does not know.
void dropArgumentAttributes(mlir::ModuleOp module) {
  module.walk([](mlir::FunctionOpInterface function) {
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      for (mlir::NamedAttribute attribute : llvm::to_vector(function.getArgAttrs(i)))
        if (attribute.getName().strref().starts_with("gqa."))
          function.removeArgAttr(i, attribute.getName());
  });
}

} // namespace

llvm::Expected<TranslatedModule> translateModule(mlir::ModuleOp module, llvm::StringRef name,
                                                 const llvm::TargetMachine &machine) {
  DiagnosticCollector collector(module.getContext());
  TranslatedModule result;
  result.context = std::make_unique<llvm::LLVMContext>();
  {
    llvm::TimeTraceScope span("translate to LLVM IR");
    dropArgumentAttributes(module);
    result.module = mlir::translateModuleToLLVMIR(module, *result.context, name);
  }
  llvm::Function *function = result.module ? findInterface(*result.module) : nullptr;
  if (!function)
    return collector.take("the module could not be translated to LLVM IR");
  addEntry(*result.module, *function);
  annotate(*result.module, machine);
  return result;
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::TimeTraceScope span("optimize LLVM IR");
  Optimizer(machine).run(module);
}

} // namespace gqa
