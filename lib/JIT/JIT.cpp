// CompiledFunction::compile: text to module, module through the phases, code into memory.
#include "Cached.h"
#include "CodeGen.h"
#include "Device.h"
#include "Diagnostics.h"
#include "HostTarget.h"
#include "Implementation.h"
#include "RemarkScope.h"

#include "gqa/CPU/Products.h"
#include "gqa/JIT/JITModule.h"
#include "gqa/JIT/Trace.h"
#include "gqa/Pipeline/Phases.h"
#include "gqa/Runtime/Runtime.h"
#include "gqa/Tile/Target.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

#include <chrono>

using namespace mlir;

namespace gqa {

CompiledFunction::CompiledFunction(std::unique_ptr<Implementation> implementation)
    : implementation(std::move(implementation)) {}
CompiledFunction::~CompiledFunction() = default;

const Signature &CompiledFunction::signature() const { return implementation->signature; }

/// Says that products of bf16 will be slow on this machine, for want of the library that multiplies them.
static void reportWidenedProducts(ModuleOp tiled) {
  WalkResult walk = tiled.walk([](linalg::LinalgOp op) {
    std::optional<Product> product = matchProduct(op);
    bool isHalf = product && product->a.type == GQA_RT_BF16 && product->b.type == GQA_RT_BF16;
    return isHalf ? WalkResult::interrupt() : WalkResult::advance();
  });
  llvm::Expected<CPUTarget> machine = describeCPU("cpu");
  if (!walk.wasInterrupted() || !machine || machine->vectorBits < 512) // oneDNN has none for less
    return llvm::consumeError(machine.takeError());
  if (const char *error = gqa_rt_onednn_error())
    remark::missed(tiled.getLoc(), remark::RemarkOpts::name("WidenedProducts").category("gqa-lower-matmul"))
        << remark::reason(
               "products of bf16 widen their operands for the BLAS, which takes two to three times as "
               "long: {0}",
               error);
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
  pipeline.afterPhase = [&](ModuleOp lowered, Phase end) {
    if (end == Phase::Tiled && options.target == "cpu")
      reportWidenedProducts(lowered);
    if (afterPhase)
      afterPhase(lowered, stringifyPhase(end));
  };
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
