// The format: the header's length in 8 little-endian bytes, a JSON object (name -> dtype, shape,
// data_offsets), data. Everything in the header is checked, because everything in it is used as an address.
#include "gqa/Weights/Safetensors.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"

namespace gqa {
namespace {

llvm::Error fail(const llvm::Twine &message) { return llvm::createStringError(message); }

/// LLVM's JSON parser recurses; three levels are all that this format has.
bool nestsTooDeep(llvm::StringRef json) {
  int depth = 0;
  bool inString = false;
  for (size_t i = 0; i < json.size(); ++i) {
    if (inString && json[i] == '\\')
      ++i;
    else if (json[i] == '"')
      inString = !inString;
    else if (!inString && (json[i] == '{' || json[i] == '['))
      ++depth;
    else if (!inString && (json[i] == '}' || json[i] == ']'))
      --depth;
    if (depth > 8)
      return true;
  }
  return false;
}

struct ElementType {
  llvm::StringLiteral dtype, type;
  unsigned bits;
};

constexpr ElementType kTypes[] = {
    {"F64", "f64", 64}, {"F32", "f32", 32}, {"F16", "f16", 16}, {"BF16", "bf16", 16}, {"I64", "i64", 64},
    {"I32", "i32", 32}, {"I16", "i16", 16}, {"I8", "i8", 8},    {"U8", "i8", 8},      {"BOOL", "i1", 8}};

llvm::Error parseDtype(llvm::StringRef name, StoredTensor &tensor) {
  const ElementType *found =
      llvm::find_if(kTypes, [&](const ElementType &each) { return each.dtype == name; });
  if (found == std::end(kTypes))
    return fail("dtype '" + name + "' is not supported");
  tensor.dtype = found->dtype;
  tensor.type = found->type;
  tensor.bits = found->bits;
  return llvm::Error::success();
}

llvm::Error parseNumbers(const llvm::json::Object &entry, llvm::StringRef key,
                         llvm::SmallVectorImpl<int64_t> &numbers) {
  const llvm::json::Array *list = entry.getArray(key);
  if (!list)
    return fail("'" + key + "' is missing");
  for (const llvm::json::Value &value : *list) {
    std::optional<int64_t> number = value.getAsInteger();
    if (!number || *number < 0)
      return fail("'" + key + "' holds something other than non-negative integers");
    numbers.push_back(*number);
  }
  return llvm::Error::success();
}

/// The number of bytes, or an error if all elements need more than 2^46.
llvm::Expected<int64_t> countBytes(const StoredTensor &tensor) {
  double most = 8;
  int64_t bytes = tensor.bits / 8;
  for (int64_t size : tensor.shape) {
    most *= double(std::max<int64_t>(size, 1));
    if (most >= 0x1p46)
      return fail("its shape cannot be in memory");
    bytes *= size;
  }
  return bytes;
}

llvm::Error parseEntry(const llvm::json::Object &entry, llvm::StringRef data, StoredTensor &tensor) {
  std::optional<llvm::StringRef> dtype = entry.getString("dtype");
  if (!dtype)
    return fail("'dtype' is missing");
  if (llvm::Error error = parseDtype(*dtype, tensor))
    return error;
  llvm::SmallVector<int64_t> offsets;
  if (llvm::Error error = parseNumbers(entry, "shape", tensor.shape))
    return error;
  if (llvm::Error error = parseNumbers(entry, "data_offsets", offsets))
    return error;
  llvm::Expected<int64_t> bytes = countBytes(tensor);
  if (!bytes)
    return bytes.takeError();
  if (offsets.size() != 2 || offsets[0] > offsets[1] || uint64_t(offsets[1]) > data.size())
    return fail("'data_offsets' do not lie inside the file's " + llvm::Twine(data.size()) + " bytes of data");
  if (offsets[1] - offsets[0] != *bytes)
    return fail("'data_offsets' span " + llvm::Twine(offsets[1] - offsets[0]) +
                " bytes, its type and shape need " + llvm::Twine(*bytes));
  tensor.data = llvm::ArrayRef(data.data() + offsets[0], size_t(*bytes));
  return llvm::Error::success();
}

llvm::Error parseFile(llvm::StringRef bytes, std::map<std::string, StoredTensor> &tensors) {
  uint64_t length = bytes.size() < 8 ? 0 : llvm::support::endian::read64le(bytes.data());
  if (bytes.size() < 8 || length > bytes.size() - 8)
    return fail("its header is cut off; expected a .safetensors file");
  llvm::StringRef header = bytes.substr(8, length), data = bytes.substr(8 + length);
  if (nestsTooDeep(header))
    return fail("its header nests too deep");
  llvm::Expected<llvm::json::Value> json = llvm::json::parse(header);
  if (!json)
    return fail("its header is not JSON: " + llvm::toString(json.takeError()));
  const llvm::json::Object *object = json->getAsObject();
  if (!object)
    return fail("its header is not a JSON object");
  for (const auto &[key, value] : *object) {
    llvm::StringRef name = key;
    if (name == "__metadata__")
      continue;
    const llvm::json::Object *entry = value.getAsObject();
    StoredTensor tensor;
    llvm::Error error = entry ? parseEntry(*entry, data, tensor) : fail("its entry is not a JSON object");
    if (error)
      return fail("tensor '" + name + "': " + llvm::toString(std::move(error)));
    tensors.insert_or_assign(name.str(), std::move(tensor));
  }
  return llvm::Error::success();
}

} // namespace

llvm::StringRef dtypeOf(llvm::StringRef type) {
  const ElementType *found =
      llvm::find_if(kTypes, [&](const ElementType &each) { return each.type == type; });
  return found == std::end(kTypes) ? "" : llvm::StringRef(found->dtype);
}

llvm::Expected<TensorFile> TensorFile::open(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(path + ": " + buffer.getError().message());
  TensorFile file;
  file.buffer = std::move(*buffer);
  if (llvm::Error error = parseFile(file.buffer->getBuffer(), file.tensors))
    return fail(path + ": " + llvm::toString(std::move(error)));
  return file;
}

const StoredTensor *TensorFile::find(llvm::StringRef name) const {
  auto found = tensors.find(name.str());
  return found == tensors.end() ? nullptr : &found->second;
}

} // namespace gqa
