// The format: the header's length in 8 little-endian bytes, a JSON object (name -> dtype, shape,
// data_offsets), data. Everything in the header is checked, because everything in it is used as an address.
#include "Safetensors.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstring>

namespace gqa::run {
namespace {

using File = std::shared_ptr<llvm::MemoryBuffer>;

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

llvm::Expected<DLDataType> parseDtype(llvm::StringRef name) {
  llvm::StringRef known = llvm::StringSwitch<llvm::StringRef>(name)
                              .Case("F64", "f64")
                              .Case("F32", "f32")
                              .Case("F16", "f16")
                              .Case("BF16", "bf16")
                              .Case("I64", "i64")
                              .Case("I32", "i32")
                              .Case("I16", "i16")
                              .Cases({"I8", "U8"}, "i8")
                              .Case("BOOL", "i1")
                              .Default("");
  if (known.empty())
    return fail("dtype '" + name + "' is not supported");
  return parseType(known);
}

llvm::Expected<std::vector<int64_t>> parseNumbers(const llvm::json::Object &entry, llvm::StringRef key) {
  std::vector<int64_t> numbers;
  const llvm::json::Array *list = entry.getArray(key);
  for (const llvm::json::Value &value : list ? *list : llvm::json::Array()) {
    std::optional<int64_t> number = value.getAsInteger();
    if (!number || *number < 0)
      return fail("'" + key + "' holds something other than non-negative integers");
    numbers.push_back(*number);
  }
  if (!list)
    return fail("'" + key + "' is missing");
  return numbers;
}

llvm::Expected<Array> parseEntry(const llvm::json::Object &entry, llvm::StringRef data, const File &file) {
  std::optional<llvm::StringRef> dtype = entry.getString("dtype");
  if (!dtype)
    return fail("'dtype' is missing");
  auto type = parseDtype(*dtype);
  if (!type)
    return type.takeError();
  auto shape = parseNumbers(entry, "shape");
  if (!shape)
    return shape.takeError();
  auto offsets = parseNumbers(entry, "data_offsets");
  if (!offsets)
    return offsets.takeError();
  auto count = countElements(*shape);
  if (!count)
    return count.takeError();
  if (offsets->size() != 2 || (*offsets)[0] > (*offsets)[1] || uint64_t((*offsets)[1]) > data.size())
    return fail("'data_offsets' do not lie inside the file's " + llvm::Twine(data.size()) + " bytes of data");
  if ((*offsets)[1] - (*offsets)[0] != *count * (type->bits / 8))
    return fail("'data_offsets' span " + llvm::Twine((*offsets)[1] - (*offsets)[0]) +
                " bytes, its type and shape need " + llvm::Twine(*count * (type->bits / 8)));
  const char *start = data.data() + (*offsets)[0];
  if (type->code != dlBool && reinterpret_cast<uintptr_t>(start) % (type->bits / 8) == 0)
    return Array{{*type, std::move(*shape), ""}, std::shared_ptr<void>(file, const_cast<char *>(start))};
  Array array = Array::allocate(*type, std::move(*shape));
  std::memcpy(array.raw(), start, size_t(array.bytes()));
  for (char *p = array.raw(), *end = p + array.bytes(); type->code == dlBool && p < end; ++p)
    *p = *p != 0;
  return array;
}

llvm::Expected<Arrays> parseFile(const File &file) {
  llvm::StringRef bytes = file->getBuffer();
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
  Arrays arrays;
  for (const auto &[key, value] : *object) {
    llvm::StringRef name = key;
    if (name == "__metadata__")
      continue;
    const llvm::json::Object *entry = value.getAsObject();
    llvm::Expected<Array> array =
        entry ? parseEntry(*entry, data, file) : fail("its entry is not a JSON object");
    if (!array)
      return fail("tensor '" + name + "': " + llvm::toString(array.takeError()));
    arrays.insert_or_assign(name.str(), std::move(*array));
  }
  return arrays;
}

} // namespace

llvm::Expected<Arrays> readSafetensors(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(path + ": " + buffer.getError().message());
  llvm::Expected<Arrays> arrays = parseFile(File(std::move(*buffer)));
  if (!arrays)
    return fail(path + ": " + llvm::toString(arrays.takeError()));
  return arrays;
}

} // namespace gqa::run
