// A picture of a module before and after: MLIR's graph of operations, for graphviz.
#include "Diagnostics.h"

#include "gqa/JIT/JITModule.h"
#include "gqa/Pipeline/WriteFile.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace mlir;

namespace gqa {
namespace {

/// The graph in graphviz's language; of a copy, since the pass wants to be one of a pipeline.
std::string dotOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  OwningOpRef<ModuleOp> copy = module.clone();
  PassManager manager(module.getContext());
  manager.addPass(createPrintOpGraphPass(stream));
  return succeeded(manager.run(*copy)) ? text : "";
}

/// Where graphviz is; asked for before the work.
llvm::Expected<std::string> findGraphviz() {
  auto found = llvm::sys::findProgramByName("dot");
  if (!found)
    return makeError(
        "a picture as SVG is drawn by graphviz, whose program 'dot' is not on PATH; install graphviz, or "
        "ask for the graph itself with --dot");
  return *found;
}

llvm::Error drawSVG(StringRef program, StringRef dot) {
  SmallString<128> svg(dot);
  llvm::sys::path::replace_extension(svg, "svg");
  std::string message;
  int code = llvm::sys::ExecuteAndWait(program, {program, "-Tsvg", dot, "-o", svg}, std::nullopt, {},
                                       /*SecondsToWait=*/300, /*MemoryLimit=*/0, &message);
  if (code == 0)
    return llvm::Error::success();
  return makeError(program + " cannot draw '" + dot + "'" + (message.empty() ? "" : ": " + message));
}

} // namespace

llvm::Error drawModule(ModuleOp module, const CompileOptions &options, StringRef folder, bool asSVG) {
  std::string graphviz;
  if (asSVG)
    if (llvm::Error error = findGraphviz().moveInto(graphviz))
      return error;
  if (std::error_code error = llvm::sys::fs::create_directories(folder))
    return makeError("'" + folder + "' cannot be made: " + error.message());
  SmallVector<std::pair<std::string, std::string>> pictures; // file, text
  auto note = [&](ModuleOp lowered, StringRef phase) {
    for (auto [wanted, name] : {std::pair("input", "before.dot"), std::pair("fused", "after.dot")})
      if (phase == wanted) {
        SmallString<128> path(folder);
        llvm::sys::path::append(path, name);
        pictures.emplace_back(path.str().str(), dotOf(lowered));
      }
  };
  if (llvm::Error error = lowerModule(module, "fused", options, note))
    return error;
  for (const auto &[path, text] : pictures) {
    if (std::error_code error = writeFile(path, text))
      return makeError(path + ": " + error.message());
    if (asSVG)
      if (llvm::Error error = drawSVG(graphviz, path))
        return error;
  }
  return llvm::Error::success();
}

} // namespace gqa
