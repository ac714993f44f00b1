// CompiledFunction::compile: text to module, module through the phases, code into memory.
#include "Cached.h"
#include "CodeGen.h"
#include "Device.h"
#include "Diagnostics.h"
#include "HostTarget.h"
#include "Implementation.h"
#include "RemarkScope.h"

#include "gqa/JIT/JITModule.h"
#include "gqa/JIT/Trace.h"
#include "gqa/NVPTX/Assemble.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Pipeline/Phases.h"
#include "gqa/Pipeline/Prescan.h"
#include "gqa/Pipeline/Register.h"
#include "gqa/Runtime/Runtime.h"
#include "gqa/Tile/Target.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

#include <chrono>

using namespace mlir;

namespace gqa {

CompiledFunction::CompiledFunction(std::unique_ptr<Implementation> implementation)
    : implementation(std::move(implementation)) {}
CompiledFunction::~CompiledFunction() = default;

const Signature &CompiledFunction::signature() const { return implementation->signature; }

void registerForJIT(DialectRegistry &registry) {
  // No passes: their registry belongs to the process, and another library in it may have this compiler as
  // well.
  registerDialects(registry);
}

llvm::Expected<OwningOpRef<ModuleOp>> parseModule(StringRef text, StringRef filename, MLIRContext &context) {
  if (llvm::Error error = prescan(text))
    return makeError(filename + ": " + llvm::toString(std::move(error)));
  if (text.starts_with("ML\xefR"))
    return makeError(
        filename +
        ": bytecode is not accepted, because its reader trusts it; convert it to text with gqa-opt");
  context.printOpOnDiagnostic(false); // the place says it in fewer lines
  DiagnosticCollector collector(&context);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, filename), llvm::SMLoc());
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return collector.take((filename + ": the text does not hold a module").str());
  return module;
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> readFile(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path);
  if (!buffer)
    return makeError(path + ": " + buffer.getError().message());
  return std::move(*buffer);
}

llvm::Expected<LoneModule> parseAlone(StringRef text, StringRef filename) {
  DialectRegistry registry;
  registerForJIT(registry);
  LoneModule lone{std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED), {}};
  if (llvm::Error error = parseModule(text, filename, *lone.context).moveInto(lone.module))
    return std::move(error);
  return std::move(lone);
}

llvm::Expected<LoneModule> parseFileAlone(StringRef path, StringRef filename) {
  auto buffer = readFile(path);
  return buffer ? parseAlone((*buffer)->getBuffer(), filename) : buffer.takeError();
}

llvm::Error lowerModule(ModuleOp module, StringRef phaseName, const CompileOptions &options,
                        PhaseHandler afterPhase) {
  gqa_rt_request_amx(); // before anybody describes this machine; if refused, it has no AMX
  llvm::Expected<Phase> phase = parsePhase(phaseName);
  if (!phase)
    return phase.takeError();
  // Without the place in the module that a pass would add.
  if (llvm::Error error = isCUDA(options.target) ? describeCUDA(options.target).takeError()
                                                 : describeCPU(options.target).takeError())
    return error;
  PipelineOptions pipeline;
  pipeline.target = options.target;
  pipeline.function = options.function;
  pipeline.reference = options.reference;
  pipeline.simplify = options.simplify;
  pipeline.report = options.report;
  pipeline.dumpPhases = options.dumpPhases;
  if (afterPhase)
    pipeline.afterPhase = [&](ModuleOp lowered, Phase end) { afterPhase(lowered, stringifyPhase(end)); };
  RemarkScope remarks(*module.getContext(), options.onRemark);
  DiagnosticCollector collector(module.getContext());
  if (failed(runToPhase(module, *phase, pipeline)))
    return collector.take("compilation stopped without a diagnostic");
  return llvm::Error::success();
}

llvm::Expected<ObjectCode> compileObject(ModuleOp module, const CompileOptions &options, Signature &signature,
                                         Files files, StringRef suffix) {
  if (llvm::Error error = lowerModule(module, "binary", options))
    return error;
  readPlaces(module, signature);
  return generateObject(module, signature, hostOf(options.target), files, suffix);
}

/// With the target that `cuda` stands for here, so that the cache tells machines with different GPUs apart.
static llvm::Expected<CompileOptions> forThisMachine(CompileOptions options) {
  llvm::Expected<StringRef> target = targetForDevices(options.target);
  if (!target)
    return target.takeError();
  options.target = target->str();
  return options;
}

/// `options` are those that forThisMachine has made.
static llvm::Expected<CompiledCode> compileCode(ModuleOp module, const CompileOptions &options) {
  llvm::Expected<Signature> signature = readSignature(module, options.function);
  if (!signature)
    return signature.takeError();
  // Before the work of compiling.
  if (llvm::Error error = checkDevice(options.target))
    return error;
  if (llvm::Error error = checkHost(hostOf(options.target)))
    return error;
  if (llvm::Error error = options.onSignature ? options.onSignature(*signature) : llvm::Error::success())
    return error;
  llvm::Expected<ObjectCode> object = compileObject(module, options, *signature, Files::Several);
  if (!object)
    return object.takeError();
  return CompiledCode{std::move(*signature), std::move(*object)};
}

static llvm::Expected<std::unique_ptr<CompiledFunction>> load(const CompiledCode &code) {
  llvm::Expected<LoadedCode> loaded = loadObject(code.object);
  if (!loaded)
    return loaded.takeError();
  return std::make_unique<CompiledFunction>(
      std::make_unique<CompiledFunction::Implementation>(code.signature, std::move(*loaded)));
}

llvm::Expected<std::unique_ptr<CompiledFunction>> compileModule(ModuleOp module,
                                                                const CompileOptions &options) {
  llvm::Expected<CompileOptions> resolved = forThisMachine(options);
  if (!resolved)
    return resolved.takeError();
  llvm::Expected<CompiledCode> code = compileCode(module, *resolved);
  return code ? load(*code) : code.takeError();
}

/// The kernels that lowering has left in the module: their text, or what ptxas makes of it.
static llvm::Error emitKernels(ModuleOp module, StringRef target, CodeKind kind,
                               llvm::raw_pwrite_stream &out) {
  LLVM::GlobalOp variable;
  std::string chip;
  if (isCUDA(target)) {
    CUDATarget description = llvm::cantFail(describeCUDA(target));
    if (description.isOnlyGroups())
      variable = module.lookupSymbol<LLVM::GlobalOp>(kCUDAGroupText);
    chip = variable ? "sm_90a" : "sm_" + std::to_string(description.chip);
    if (!variable)
      variable = module.lookupSymbol<LLVM::GlobalOp>(kCUDAText);
  }
  if (!variable)
    return makeError("there is no kernel for a GPU in this module; " +
                     Twine(kind == CodeKind::PTX ? "PTX" : "a cubin") +
                     " is made of gqa.attention, for --target=cuda");
  StringRef text = cast<StringAttr>(variable.getValueAttr()).getValue().rtrim('\0');
  if (kind == CodeKind::PTX) {
    out << text;
    return llvm::Error::success();
  }
  llvm::Expected<Cubin> cubin = assemble(text, chip);
  if (!cubin)
    return cubin.takeError();
  for (const std::string &note : cubin->notes)
    module.emitRemark("on ") << chip << ", " << note;
  out << cubin->code;
  return llvm::Error::success();
}

llvm::Error emitModule(ModuleOp module, const CompileOptions &options, CodeKind kind,
                       llvm::raw_pwrite_stream &out) {
  llvm::Expected<Signature> signature = readSignature(module, options.function);
  if (!signature)
    return signature.takeError();
  if (kind == CodeKind::Cubin && isCUDA(options.target)) {
    llvm::Expected<CUDATarget> chips = describeCUDA(options.target);
    if (!chips)
      return chips.takeError();
    if (!chips->cubins.empty())
      return makeError("a cubin is for one chip, and target '" + options.target +
                       "' lists several; expected cuda:sm_NN");
  }
  if (kind == CodeKind::Object) {
    llvm::Expected<ObjectCode> object = compileObject(module, options, *signature, Files::One);
    if (!object)
      return object.takeError();
    out << toStringRef(object->files.front());
    return llvm::Error::success();
  }
  if (llvm::Error error = lowerModule(module, "binary", options))
    return error;
  if (kind == CodeKind::PTX || kind == CodeKind::Cubin)
    return emitKernels(module, options.target, kind, out);
  return emitText(module, signature->name, hostOf(options.target), kind == CodeKind::Assembly, out);
}

static llvm::Expected<std::unique_ptr<CompiledFunction>>
compileText(StringRef text, const CompileOptions &options, const std::optional<std::string> &key) {
  llvm::Expected<LoneModule> module = parseAlone(text, options.filename);
  if (!module)
    return module.takeError();
  llvm::Expected<CompiledCode> code = compileCode(**module, options);
  if (!code)
    return code.takeError();
  auto function = load(*code);
  if (key && function)
    storeCached(*key, *code, options);
  return function;
}

static llvm::Expected<std::unique_ptr<CompiledFunction>> loadFromCache(const CompiledCode &code,
                                                                       const CompileOptions &options) {
  if (llvm::Error error = checkDevice(options.target))
    return error;
  if (llvm::Error error = options.onSignature ? options.onSignature(code.signature) : llvm::Error::success())
    return error;
  return load(code);
}

llvm::Expected<std::unique_ptr<CompiledFunction>> CompiledFunction::compile(StringRef text,
                                                                            const CompileOptions &given) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
  traceFromEnvironment();
  llvm::Expected<CompileOptions> resolved = forThisMachine(given);
  if (!resolved)
    return resolved.takeError();
  CompileOptions &options = *resolved;
  std::optional<std::string> key = cacheKey(text, options);
  options.onRemark = withLog(given.onRemark);
  std::optional<CompiledCode> cached = key ? loadCached(*key) : std::nullopt;
  auto function = cached ? loadFromCache(*cached, options) : compileText(text, options, key);
  if (!function) {
    std::string message = llvm::toString(function.takeError());
    log(LogLevel::Error, StringRef(message).split('\n').first);
    return makeError(message);
  }
  double milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  log(LogLevel::Info,
      llvm::formatv("{0} '{1}' of {2} for {3} in {4:F1} ms", cached ? "found in the cache:" : "compiled",
                    (*function)->signature().name, options.filename, options.target, milliseconds));
  return function;
}

} // namespace gqa
