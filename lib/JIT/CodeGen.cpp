// An object, and an ORC session that holds one.
#include "CodeGen.h"
#include "Diagnostics.h"
#include "HostTarget.h"
#include "Kernels.h"
#include "Translate.h"

#include "gqa/Pipeline/Trace.h"
#include "gqa/Runtime/Runtime.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/ExecutionEngine/Orc/IRCompileLayer.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TimeProfiler.h"

namespace gqa {

namespace {

struct NoCompiler : llvm::orc::IRCompileLayer::IRCompiler {
  NoCompiler() : IRCompiler({}) {}
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> operator()(llvm::Module &) override {
    return makeError("an object is expected");
  }
};

} // namespace

llvm::Expected<LoadedCode> loadObject(const ObjectCode &object) {
  using namespace llvm::orc;
  llvm::TimeTraceScope span("load machine code");
  if (object.multiplies)
    if (const char *error = gqa_rt_blas_error())
      return makeError(error);
  LLJITBuilder builder;
  // Objects only: no target of LLVM's is set up, which takes longer than linking.
  builder.setJITTargetMachineBuilder(JITTargetMachineBuilder(hostTriple()));
  builder.setDataLayout(llvm::DataLayout(hostTriple().computeDataLayout()));
  builder.setCompileFunctionCreator([](JITTargetMachineBuilder) { return std::make_unique<NoCompiler>(); });
  // No constructors, no thread-local storage: nothing needs a platform, nor the symbols of this process.
  builder.setPlatformSetUp(setUpInactivePlatform);
  builder.setLinkProcessSymbolsByDefault(false);
  LoadedCode code;
  if (llvm::Error error = builder.create().moveInto(code.jit))
    return error;
  // Whoever asked gets the error; it is not printed as well.
  code.jit->getExecutionSession().setErrorReporter(llvm::consumeError);
  if (llvm::Error error = addSymbols(*code.jit))
    return error;
  for (const auto &file : object.files)
    if (llvm::Error error =
            code.jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(llvm::toStringRef(file), "<gqa>")))
      return error;
  auto entry = code.jit->lookup(kEntryName);
  if (!entry)
    return entry.takeError();
  code.entry = entry->toPtr<EntryPoint>();
  if (!object.hasKernels)
    return code;
  auto kernels = code.jit->lookup(kKernelsName);
  if (!kernels)
    return kernels.takeError();
  code.kernels = kernels->toPtr<gqa_rt_cuda_module *>();
  return code;
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

static llvm::Error write(llvm::Module &module, llvm::TargetMachine &machine, llvm::CodeGenFileType type,
                         llvm::raw_pwrite_stream &out) {
  llvm::TimeTraceScope span("make machine code");
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, out, nullptr, type))
    return makeError("LLVM cannot write this code for " + machine.getTargetCPU());
  passes.run(module);
  return llvm::Error::success();
}

static llvm::Error compileFile(llvm::Module &module, llvm::TargetMachine &machine,
                               llvm::SmallVector<char, 0> &bytes) {
  optimize(module, machine);
  llvm::raw_svector_ostream out(bytes);
  return write(module, machine, llvm::CodeGenFileType::ObjectFile, out);
}

/// In a context of its own, as LLVM's contexts are for one thread.
static llvm::Error compileBitcode(llvm::StringRef bitcode, llvm::StringRef target,
                                  llvm::SmallVector<char, 0> &bytes) {
  auto machine = makeTarget(target);
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext context;
  auto module = llvm::parseBitcodeFile(llvm::MemoryBufferRef(bitcode, "<gqa>"), context);
  return module ? compileFile(**module, **machine, bytes) : module.takeError();
}

/// Each kernel and what remains of `module`, on the runtime's threads.
static llvm::Error compileFiles(llvm::Module &module, llvm::TargetMachine &machine, llvm::StringRef target,
                                llvm::ArrayRef<llvm::SmallVector<char, 0>> kernels, ObjectCode &object) {
  object.files.resize(kernels.size() + 1);
  std::vector<std::string> errors(object.files.size());
  auto compile = [&](int64_t number) {
    bool joined = !llvm::timeTraceProfilerEnabled() && joinTrace();
    llvm::scope_exit leaveTrace([joined] {
      if (joined)
        llvm::timeTraceProfilerFinishThread(); // the pool's threads outlive the trace
    });
    auto index = size_t(number);
    llvm::Error error = index < kernels.size()
                            ? compileBitcode(llvm::toStringRef(kernels[index]), target, object.files[index])
                            : compileFile(module, machine, object.files[index]);
    errors[index] = llvm::toString(std::move(error));
  };
  gqa_rt_parallel_for(
      int64_t(object.files.size()), INT64_MAX,
      [](int64_t number, void *context) { (*static_cast<decltype(compile) *>(context))(number); }, &compile);
  auto failed = llvm::find_if(errors, [](const std::string &error) { return !error.empty(); });
  return failed == errors.end() ? llvm::Error::success() : makeError(*failed);
}

llvm::Expected<ObjectCode> generateObject(mlir::ModuleOp module, const Signature &signature,
                                          llvm::StringRef target, Files files, llvm::StringRef suffix) {
  auto machine = makeTarget(target);
  if (!machine)
    return machine.takeError();
  auto code = translateModule(module, signature.name, **machine);
  if (!code)
    return code.takeError();
  llvm::Module &ir = *code->module;
  prepareObject(ir, signature);
  ObjectCode object;
  object.hasKernels = ir.getNamedGlobal(kKernelsName) != nullptr;
  object.multiplies = ir.getFunction("gqa_rt_matmul") != nullptr;
  object.features = featuresOf(**machine);
  if (!suffix.empty())
    for (llvm::StringRef name : {kEntryName, kKernelsName, kSignatureName})
      if (llvm::GlobalValue *value = ir.getNamedValue(name)) {
        value->setName(name + suffix);
        value->setVisibility(llvm::GlobalValue::HiddenVisibility);
      }
  std::vector<llvm::SmallVector<char, 0>> kernels;
  if (files == Files::Several)
    kernels = takeKernels(ir, suffix);
  if (llvm::Error error = compileFiles(ir, **machine, target, kernels, object))
    return std::move(error);
  return object;
}

llvm::Expected<llvm::SmallVector<char, 0>> compileTables(llvm::Module &module) {
  auto machine = makePlainTarget();
  if (!machine)
    return machine.takeError();
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setDataLayout((*machine)->createDataLayout());
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  if (llvm::Error error = write(module, **machine, llvm::CodeGenFileType::ObjectFile, out))
    return std::move(error);
  return bytes;
}

llvm::Error emitText(mlir::ModuleOp module, llvm::StringRef name, llvm::StringRef target, bool assembly,
                     llvm::raw_pwrite_stream &out) {
  auto machine = makeTarget(target);
  if (!machine)
    return machine.takeError();
  auto code = translateModule(module, name, **machine);
  if (!code)
    return code.takeError();
  optimize(*code->module, **machine);
  if (assembly)
    return write(*code->module, **machine, llvm::CodeGenFileType::AssemblyFile, out);
  code->module->print(out, /*AAW=*/nullptr);
  return llvm::Error::success();
}

} // namespace gqa
