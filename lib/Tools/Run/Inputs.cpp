#include "Inputs.h"
#include "Safetensors.h"

#include "gqa/Runtime/DLPackCodes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <cstring>
#include <random>

namespace gqa::run {
namespace {

//===--------------------------------------------------------------------===//
// Random values
//===--------------------------------------------------------------------===//

void store(const Array &array, int64_t index, std::mt19937_64 &random) {
  std::normal_distribution<double> normal;
  char *address = array.raw() + index * (array.type.dtype.bits / 8);
  auto put = [&](auto value) { std::memcpy(address, &value, sizeof value); };
  // Small integers: most are positions, identifiers or lengths.
  uint64_t number = array.type.dtype.code == dlBool ? random() % 2 : random() % 8;
  switch (array.type.dtype.code << 8 | array.type.dtype.bits) {
  case kDLFloat << 8 | 64:
    return put(normal(random));
  case kDLFloat << 8 | 32:
    return put(float(normal(random)));
  case kDLFloat << 8 | 16:
    return put(floatToHalf(float(normal(random))));
  case kDLBfloat << 8 | 16:
    return put(floatToBfloat(float(normal(random))));
  case GQA_DL_FLOAT8_E4M3FN << 8 | 8:
  case GQA_DL_FLOAT8_E5M2 << 8 | 8:
    return put(uint8_t((random() & 0x8f) | 0x30)); // of either sign, around 1/2
  default:
    std::memcpy(address, &number, array.type.dtype.bits / 8); // little-endian, like everything here
  }
}

Array randomArray(const TensorType &type, std::mt19937_64 &random) {
  Array array = Array::allocate(type.dtype, type.shape);
  for (int64_t i = 0, count = array.count(); i < count; ++i)
    store(array, i, random);
  return array;
}

/// "1x8x64xf32": sizes, then the element type.
llvm::Expected<TensorType> parseInlineType(llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, 'x');
  llvm::Expected<DLDataType> dtype = parseType(parts.pop_back_val());
  if (!dtype)
    return fail("--inputs: '" + text + "' is neither a .npz or .npy file nor a shape such as 1x8x64xf32: " +
                llvm::toString(dtype.takeError()));
  TensorType type{*dtype, {}, ""};
  for (llvm::StringRef part : parts) {
    int64_t size;
    if (part.getAsInteger(10, size) || size < 0)
      return fail("--inputs: '" + text + "' has the size '" + part + "'; expected a number");
    type.shape.push_back(size);
  }
  return type;
}

//===--------------------------------------------------------------------===//
// Files
//===--------------------------------------------------------------------===//

llvm::Expected<Array> readNpy(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(path + ": " + buffer.getError().message());
  llvm::Expected<Array> array = parseNpy((*buffer)->getBuffer());
  if (!array)
    return fail(path + ": " + llvm::toString(array.takeError()));
  return array;
}

/// arg0, arg1, ... up to `count`; no more and no fewer.
llvm::Expected<std::vector<Array>> readArguments(const std::string &path, size_t count) {
  llvm::Expected<Arrays> arrays = readNpz(path, "arg");
  if (!arrays)
    return arrays.takeError();
  std::vector<Array> result;
  for (size_t i = 0; i < count; ++i) {
    auto found = arrays->find("arg" + std::to_string(i));
    if (found == arrays->end())
      return fail(path + " has no array 'arg" + llvm::Twine(i) + "'; the function takes " +
                  llvm::Twine(count) + " arguments");
    result.push_back(found->second);
  }
  if (arrays->size() > count)
    return fail(path + " has " + llvm::Twine(arrays->size()) + " arguments, the function takes " +
                llvm::Twine(count));
  return result;
}

/// The arguments that are not parameters, as --inputs gives them.
llvm::Expected<std::vector<Array>> readInputs(llvm::ArrayRef<TensorType> types, const Options &options) {
  llvm::StringRef text = options.inputs;
  if (text.ends_with(".npz"))
    return readArguments(options.inputs, types.size());
  llvm::SmallVector<llvm::StringRef> items;
  text.split(items, ',', -1, /*KeepEmpty=*/false);
  if (!text.empty() && items.size() != types.size())
    return fail("--inputs gives " + llvm::Twine(items.size()) + " arguments, the function takes " +
                llvm::Twine(types.size()));
  std::mt19937_64 random(options.seed);
  std::vector<Array> result;
  for (size_t i = 0; i < types.size(); ++i) {
    if (!text.empty() && items[i].ends_with(".npy")) {
      llvm::Expected<Array> array = readNpy(items[i]);
      if (!array)
        return array.takeError();
      result.push_back(std::move(*array));
      continue;
    }
    TensorType type = types[i];
    if (!text.empty())
      if (llvm::Error error = parseInlineType(items[i]).moveInto(type))
        return error;
    if (llvm::is_contained(type.shape, -1))
      return fail("argument " + llvm::Twine(i) + " is " + toString(type) +
                  ": give its sizes with --inputs=, such as 1x8x64xf32");
    if (llvm::Error error = countElements(type.shape).takeError())
      return fail("argument " + llvm::Twine(i) + " is " + toString(type) + ": " +
                  llvm::toString(std::move(error)));
    result.push_back(randomArray(type, random));
  }
  return result;
}

llvm::Expected<Arrays> readWeights(const Signature &signature, const Options &options) {
  bool needed = llvm::any_of(signature.inputs, [](const TensorType &input) { return !input.param.empty(); });
  if (!needed)
    return Arrays();
  llvm::StringRef name = signature.weights;
  if (name.empty())
    return fail(
        "the function has parameters (gqa.param), but the module names no file with them (gqa.weights)");
  if (llvm::sys::path::filename(name) != name || name == "..")
    return fail("gqa.weights is '" + name + "'; expected the name of a file beside the module");
  llvm::SmallString<128> path(options.file == "-" ? "" : llvm::sys::path::parent_path(options.file));
  llvm::sys::path::append(path, name);
  return readSafetensors(path.str().str());
}

/// Files cannot say everything: bf16 comes as two opaque bytes or as uint16, fp8 as uint8, MLIR's integers
/// have no sign.
void adaptType(Array &array, const TensorType &expected) {
  DLDataType &found = array.type.dtype;
  bool bits = expected.dtype.code == kDLBfloat && found.bits == 16 &&
              (found.code == dlOpaque || found.code == kDLUInt);
  bool sign = found.code == kDLUInt && expected.dtype.code == kDLInt && found.bits == expected.dtype.bits;
  bool isFloat8 = expected.dtype.code == GQA_DL_FLOAT8_E4M3FN || expected.dtype.code == GQA_DL_FLOAT8_E5M2;
  bool byte = isFloat8 && found.code == kDLUInt && found.bits == 8;
  if (bits || byte || sign)
    found.code = expected.dtype.code;
}

} // namespace

llvm::Expected<std::vector<Array>> makeInputs(const Signature &signature, const Options &options) {
  llvm::Expected<Arrays> weights = readWeights(signature, options);
  if (!weights)
    return weights.takeError();
  std::vector<TensorType> types;
  llvm::copy_if(signature.inputs, std::back_inserter(types),
                [](const TensorType &input) { return input.param.empty(); });
  llvm::Expected<std::vector<Array>> given = readInputs(types, options);
  if (!given)
    return given.takeError();
  std::vector<Array> inputs;
  size_t next = 0;
  for (const TensorType &type : signature.inputs) {
    if (type.param.empty()) {
      inputs.push_back((*given)[next++]);
    } else {
      auto found = weights->find(type.param);
      if (found == weights->end())
        return fail(signature.weights + " has no tensor '" + type.param + "'");
      inputs.push_back(found->second);
    }
    adaptType(inputs.back(), type);
    if (llvm::Error error = checkArgument(type, inputs.size() - 1, inputs.back().view()))
      return error;
  }
  return inputs;
}

} // namespace gqa::run
