// The code of a module as text or as bytes: of the host, or of the kernels alone.
#include "CodeGen.h"
#include "Diagnostics.h"

#include "gqa/JIT/JITModule.h"
#include "gqa/NVPTX/Assemble.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Tile/Target.h"

using namespace mlir;

namespace gqa {

/// The kernels that lowering has left in the module: their text, or what ptxas makes of it.
static llvm::Error emitKernels(ModuleOp module, StringRef target, CodeKind kind,
                               llvm::raw_pwrite_stream &out) {
  LLVM::GlobalOp variable;
  std::string chip = "sm_90a";
  if (isCUDA(target)) {
    CUDATarget description = llvm::cantFail(describeCUDA(target));
    if (description.isOnlyGroups())
      variable = module.lookupSymbol<LLVM::GlobalOp>(kCUDAGroupText);
    if (!variable) {
      chip = "sm_" + std::to_string(description.chip);
      variable = module.lookupSymbol<LLVM::GlobalOp>(kCUDAText);
    }
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

} // namespace gqa
