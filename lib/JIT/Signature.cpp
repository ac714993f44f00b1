// The types of a function as DLPack describes them.
#include "../Runtime/CheckTensor.h"
#include "Diagnostics.h"

#include "gqa/JIT/JITModule.h"
#include "gqa/Pipeline/Entry.h"
#include "gqa/Runtime/DLPackCodes.h"

#include "llvm/Support/JSON.h"

using namespace mlir;

namespace gqa {
namespace {

std::optional<DLDataType> dtypeOf(Type element) {
  if (element.isIndex())
    return DLDataType{kDLInt, 64, 1};
  unsigned bits = element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 0;
  if (element.isBF16())
    return DLDataType{kDLBfloat, 16, 1};
  if (element.isF16() || element.isF32() || element.isF64())
    return DLDataType{kDLFloat, uint8_t(bits), 1};
  if (isa<Float8E4M3FNType, Float8E5M2Type>(element))
    return DLDataType{uint8_t(isa<Float8E5M2Type>(element) ? GQA_DL_FLOAT8_E5M2 : GQA_DL_FLOAT8_E4M3FN), 8,
                      1};
  if (!isa<IntegerType>(element))
    return std::nullopt;
  if (bits == 1)
    return DLDataType{dlBool, 8, 1};
  if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
    return std::nullopt;
  return DLDataType{uint8_t(element.isUnsignedInteger() ? kDLUInt : kDLInt), uint8_t(bits), 1};
}

llvm::Error describe(Type type, const Twine &what, TensorType &result) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  std::string text;
  llvm::raw_string_ostream(text) << type;
  if (!tensor && !type.isIntOrIndexOrFloat())
    return makeError(what + " has type " + text + "; expected a ranked tensor or a number");
  std::optional<DLDataType> dtype = dtypeOf(tensor ? tensor.getElementType() : type);
  if (!dtype || (tensor && tensor.getElementType().isIndex())) // of no width of its own in memory
    return makeError(what + " has type " + text +
                     ", whose elements cannot be passed; supported are i1, i8, i16, " +
                     "i32, i64, f8E4M3FN, f8E5M2, f16, bf16, f32 and f64");
  result.dtype = *dtype;
  for (int64_t size : tensor ? tensor.getShape() : ArrayRef<int64_t>())
    result.shape.push_back(ShapedType::isDynamic(size) ? -1 : size);
  return llvm::Error::success();
}

} // namespace

std::string toString(const TensorType &type) {
  return rt::toString(gqa_tensor_type{type.dtype, int32_t(type.shape.size()), type.shape.data(), ""});
}

llvm::Error checkArgument(const TensorType &type, size_t index, const DLTensor &tensor) {
  gqa_tensor_type expected{type.dtype, int32_t(type.shape.size()), type.shape.data(), type.param.c_str()};
  std::string wrong = rt::check(&tensor, {true, index, expected, /*onDevice=*/false, {kDLCPU, 0}});
  return wrong.empty() ? llvm::Error::success() : makeError(wrong);
}

llvm::Expected<Signature> readSignature(ModuleOp module, StringRef function) {
  DiagnosticCollector collector(module.getContext());
  FailureOr<func::FuncOp> entry = findEntry(module, function);
  if (failed(entry))
    return collector.take("the module has no function that can be called");
  FailureOr<SmallVector<int64_t>> donated = donatedResults(*entry);
  if (failed(donated))
    return collector.take("a donated argument does not fit its result");
  Signature signature;
  signature.name = entry->getName().str();
  if (auto weights = module->getAttrOfType<StringAttr>("gqa.weights"))
    signature.weights = weights.str();
  for (auto [index, type] : llvm::enumerate(entry->getArgumentTypes())) {
    TensorType &input = signature.inputs.emplace_back();
    if (llvm::Error error = describe(type, "argument " + Twine(index), input))
      return error;
    if (auto name = entry->getArgAttrOfType<StringAttr>(unsigned(index), "gqa.param"))
      input.param = name.str();
    input.donatedTo = (*donated)[index];
  }
  for (auto [index, type] : llvm::enumerate(entry->getResultTypes()))
    if (llvm::Error error = describe(type, "result " + Twine(index), signature.outputs.emplace_back()))
      return error;
  return signature;
}

std::string toJSON(const Signature &signature) {
  auto list = [](const std::vector<TensorType> &types) {
    llvm::json::Array array;
    for (const TensorType &type : types)
      array.push_back(llvm::json::Object{{"dtype", rt::toString(type.dtype)},
                                         {"shape", llvm::json::Array(type.shape)},
                                         {"parameter", type.param},
                                         {"device", type.onDevice},
                                         {"donated_to", type.donatedTo}});
    return array;
  };
  llvm::json::Value value = llvm::json::Object{{"name", signature.name},
                                               {"weights", signature.weights},
                                               {"inputs", list(signature.inputs)},
                                               {"outputs", list(signature.outputs)}};
  std::string text;
  llvm::raw_string_ostream(text) << value;
  return text;
}

void readPlaces(ModuleOp module, Signature &signature) {
  auto mark = [&](StringRef name, std::vector<TensorType> &types) {
    if (auto indices = module->getAttrOfType<DenseI64ArrayAttr>(name))
      for (int64_t index : indices.asArrayRef())
        types[size_t(index)].onDevice = true;
  };
  mark("gqa.device_arguments", signature.inputs);
  mark("gqa.device_results", signature.outputs);
}

} // namespace gqa
