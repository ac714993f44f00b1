// Text to a module.
#include "Diagnostics.h"

#include "gqa/JIT/JITModule.h"
#include "gqa/Pipeline/Prescan.h"
#include "gqa/Pipeline/Register.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

namespace gqa {

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

} // namespace gqa
