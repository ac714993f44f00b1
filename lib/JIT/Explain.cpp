// What the passes say about a module, with the attention that comes of it.
#include "Diagnostics.h"

#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/JIT/JITModule.h"

using namespace mlir;

namespace gqa {
namespace {

/// `gqa.attention %q, %k, %v causal ...`, on one line.
std::string oneLine(AttentionOp op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  op->print(stream, OpPrintingFlags().elideLargeElementsAttrs(16).skipRegions());
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

} // namespace

llvm::Expected<Explanation> explainModule(ModuleOp module, const CompileOptions &given) {
  if (!given.function
           .empty()) // one that was asked for; without, graphs of any number of functions are explained
    if (llvm::Error error = readSignature(module, given.function).takeError())
      return std::move(error);
  Explanation explanation;
  CompileOptions options = given;
  options.onRemark = [&](const Remark &remark) { explanation.remarks.push_back(remark); };
  auto afterPhase = [&](ModuleOp lowered, StringRef phase) {
    if (phase != "fused")
      return;
    lowered.walk([&](AttentionOp op) {
      explanation.remarks.push_back(
          {Remark::Kind::Note, "fuse", "Attention", oneLine(op), placeOf(op.getLoc())});
    });
    llvm::raw_string_ostream stream(explanation.graph);
    lowered.print(stream, OpPrintingFlags().elideLargeElementsAttrs(64));
  };
  llvm::Error error = lowerModule(module, "tiled", options, afterPhase);
  if (!error)
    return explanation;
  if (explanation.graph.empty())
    return std::move(error);
  std::string reason = llvm::toString(std::move(error));
  explanation.remarks.push_back(
      {Remark::Kind::Warning, "", "", "this module cannot be compiled: " + reason, ""});
  return explanation;
}

llvm::Expected<Explanation> explainText(StringRef text, const CompileOptions &options) {
  llvm::Expected<LoneModule> module = parseAlone(text, options.filename);
  return module ? explainModule(**module, options) : module.takeError();
}

} // namespace gqa
