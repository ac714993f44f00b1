// Parameters in files.
#include "Parameters.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace gqa {

StringAttr Parameters::nameOf(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  if (!function || argument.getOwner() != &function.getBody().front())
    return {};
  return function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "gqa.param");
}

llvm::Expected<Parameters> Parameters::open(ModuleOp module, StringRef directory) {
  Parameters parameters;
  auto weights = module->getAttrOfType<StringAttr>("gqa.weights");
  if (!weights)
    return parameters;
  StringRef name = weights.getValue();
  if (llvm::sys::path::filename(name) != name || name == "..")
    return llvm::createStringError("gqa.weights is '" + name +
                                   "'; expected the name of a file beside the module");
  SmallString<128> path(directory);
  if (directory.empty())
    if (auto loc = module.getLoc()->findInstanceOf<FileLineColLoc>())
      path = llvm::sys::path::parent_path(loc.getFilename().getValue());
  llvm::sys::path::append(path, name);
  llvm::Expected<TensorFile> file = TensorFile::open(path);
  if (!file)
    return file.takeError();
  parameters.path = std::string(path);
  parameters.file = std::move(*file);
  return parameters;
}

std::optional<ConstantData> Parameters::lookup(Value value) const {
  if (std::optional<ConstantData> constant = ConstantData::of(value))
    return constant;
  StringAttr name = nameOf(value);
  const StoredTensor *tensor = name && file ? file->find(name.getValue()) : nullptr;
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!tensor || !type || type.getShape() != ArrayRef<int64_t>(tensor->shape))
    return std::nullopt;
  std::string element;
  llvm::raw_string_ostream(element) << type.getElementType();
  return element == tensor->type ? ConstantData::of(type, tensor->data) : std::nullopt;
}

bool isCalled(func::FuncOp function) {
  std::optional<SymbolTable::UseRange> uses = SymbolTable::getSymbolUses(function, function->getParentOp());
  return !uses || !uses->empty();
}

unsigned eraseUnusedParameters(ModuleOp module) {
  unsigned erased = 0;
  module.walk([&](func::FuncOp function) {
    if (function.isExternal() || isCalled(function))
      return;
    llvm::BitVector unused(function.getNumArguments());
    for (BlockArgument argument : function.getArguments())
      if (argument.use_empty() && Parameters::nameOf(argument))
        unused.set(argument.getArgNumber());
    erased += unused.count();
    (void)function.eraseArguments(unused);
  });
  return erased;
}

} // namespace gqa
