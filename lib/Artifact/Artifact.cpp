// A version of the code for each target, the tables, and the link.
#include "gqa/Artifact/Artifact.h"
#include "Describe.h"
#include "Link.h"

#include "gqa/Artifact/Write.h"
#include "gqa/Tile/Target.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace gqa {

llvm::Expected<std::vector<std::string>> splitTargets(llvm::StringRef list) {
  std::vector<std::string> targets;
  for (llvm::StringRef item : llvm::split(list, ','))
    if (!targets.empty() && isCUDA(targets.back()) && !isCUDA(item))
      targets.back() += ("," + item).str();
    else
      targets.push_back(item.str());
  bool hasCUDA = false;
  for (auto [index, target] : llvm::enumerate(targets)) {
    if (llvm::is_contained(llvm::ArrayRef(targets).take_front(index), target) || (isCUDA(target) && hasCUDA))
      return llvm::createStringError("target '" + target + "' is there twice in '" + list +
                                     "'; expected one version " +
                                     "for each processor, and one for CUDA: cuda:sm_80,sm_90");
    hasCUDA |= isCUDA(target);
  }
  return targets;
}

/// A library exports its function by the name that it has in the graph, beside functions of its own.
static llvm::Error checkName(llvm::StringRef name) {
  if (!llvm::is_contained({"gqa_set_parallel", "gqa_signature", "gqa_target"}, name))
    return llvm::Error::success();
  return llvm::createStringError("function '" + name +
                                 "' cannot be a library's, which has one of its own of that name; " +
                                 "expected another name");
}

llvm::Error writeArtifact(mlir::ModuleOp module, const CompileOptions &options, llvm::StringRef path) {
  auto targets = splitTargets(options.target);
  if (!targets)
    return targets.takeError();
  auto signature = readSignature(module, options.function);
  if (!signature)
    return signature.takeError();
  if (llvm::Error error = checkName(signature->name))
    return error;
  std::vector<Version> versions;
  for (const std::string &target : *targets) {
    CompileOptions compile = options;
    compile.target = target;
    mlir::OwningOpRef<mlir::ModuleOp> copy = module.clone();
    Version version{target, *signature, {}};
    auto object = compileObject(*copy, compile, version.signature, Files::Several, suffixOf(versions.size()));
    if (!object)
      return object.takeError();
    version.object = std::move(*object);
    versions.push_back(std::move(version));
  }
  auto tables = describeArtifact(versions);
  if (!tables)
    return tables.takeError();
  std::vector<llvm::StringRef> objects = {{tables->data(), tables->size()}};
  for (const Version &version : versions)
    for (const auto &file : version.object.files)
      objects.push_back(llvm::toStringRef(file));
  return linkLibrary(objects, path);
}

llvm::Error writeArtifact(llvm::StringRef text, const CompileOptions &options, llvm::StringRef path) {
  llvm::Expected<LoneModule> module = parseAlone(text, options.filename);
  return module ? writeArtifact(**module, options, path) : module.takeError();
}

} // namespace gqa
