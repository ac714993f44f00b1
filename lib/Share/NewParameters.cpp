// Names of new parameters, and what of the old file goes on.
#include "NewParameters.h"
#include "Weights.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace gqa {

constexpr size_t kWeights = 8; // of one attention: q, k, v and o, and their biases
constexpr StringLiteral kSuffix = ".pooled";

llvm::Expected<NewParameters> NewParameters::create(StringRef path, const Parameters &old,
                                                    size_t attentions) {
  const TensorFile *file = old.getFile();
  if (file && llvm::sys::fs::equivalent(path, old.getPath()))
    return llvm::createStringError(
        path + " holds the module's present weights, which stay as they are; expected the "
               "name of another file");
  size_t count = kWeights * attentions, longest = kSuffix.size() + 24, nameBytes = 0;
  if (file)
    for (const auto &[name, tensor] : file->all()) {
      ++count;
      nameBytes += name.size();
      longest = std::max(longest, name.size() + kSuffix.size() + 24);
    }
  auto writer = TensorFileWriter::create(path, count, nameBytes + kWeights * attentions * longest);
  if (!writer)
    return writer.takeError();
  NewParameters parameters(std::move(*writer), old);
  parameters.path = path.str();
  return parameters;
}

Value NewParameters::add(OpBuilder &builder, Location loc, RankedTensorType type, ArrayRef<double> elements,
                         Value like) {
  StringAttr before = Parameters::nameOf(like);
  std::string stem = ((before ? before.getValue() : "weight") + kSuffix).str(), name = stem;
  for (unsigned number = 1; writer.has(name) || (old->getFile() && old->getFile()->find(name)); ++number)
    name = stem + "." + std::to_string(number);
  auto element = cast<FloatType>(type.getElementType());
  std::string spelled;
  llvm::raw_string_ostream(spelled) << element;
  AsmResourceBlob bits = pack(element, elements);
  size_t bytes = elements.size() * (element.getWidth() / 8);
  writer.append(name, dtypeOf(spelled), type.getShape(), bits.getData().take_front(bytes));

  auto function = builder.getInsertionBlock()->getParent()->getParentOfType<func::FuncOp>();
  unsigned last = function.getNumArguments();
  auto attributes = builder.getDictionaryAttr(builder.getNamedAttr("gqa.param", builder.getStringAttr(name)));
  (void)function.insertArgument(last, type, attributes, loc); // fails for types without arguments, not here
  return function.getArgument(last);
}

llvm::Error NewParameters::finish(ModuleOp module) {
  if (const TensorFile *file = old->getFile())
    module.walk([&](func::FuncOp function) {
      for (unsigned number = 0; number < function.getNumArguments(); ++number) {
        auto name = function.getArgAttrOfType<StringAttr>(number, "gqa.param");
        if (const StoredTensor *tensor = name ? file->find(name.getValue()) : nullptr)
          writer.append(name.getValue(), tensor->dtype, tensor->shape, tensor->data);
      }
    });
  if (llvm::Error error = writer.finish())
    return error;
  module->setAttr("gqa.weights", StringAttr::get(module.getContext(), llvm::sys::path::filename(path)));
  return llvm::Error::success();
}

} // namespace gqa
