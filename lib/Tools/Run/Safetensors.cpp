// Stored tensors as arrays that calls take.
#include "Safetensors.h"

#include "gqa/Weights/Safetensors.h"

#include <cstring>

namespace gqa::run {

/// In place where its alignment allows it.
static llvm::Expected<Array> makeArray(const StoredTensor &tensor, const TensorFile &file) {
  auto type = parseType(tensor.type);
  if (!type)
    return type.takeError();
  std::vector<int64_t> shape(tensor.shape.begin(), tensor.shape.end());
  const char *start = tensor.data.data();
  if (type->code != dlBool && reinterpret_cast<uintptr_t>(start) % (type->bits / 8) == 0)
    return Array{{*type, std::move(shape), ""},
                 std::shared_ptr<void>(file.getBuffer(), const_cast<char *>(start))};
  Array array = Array::allocate(*type, std::move(shape));
  std::memcpy(array.raw(), start, size_t(array.bytes()));
  for (char *p = array.raw(), *end = p + array.bytes(); type->code == dlBool && p < end; ++p)
    *p = *p != 0;
  return array;
}

llvm::Expected<Arrays> readSafetensors(const std::string &path) {
  llvm::Expected<TensorFile> file = TensorFile::open(path);
  if (!file)
    return file.takeError();
  Arrays arrays;
  for (const auto &[name, tensor] : file->all()) {
    llvm::Expected<Array> array = makeArray(tensor, *file);
    if (!array)
      return array.takeError();
    arrays.insert_or_assign(name, std::move(*array));
  }
  return arrays;
}

} // namespace gqa::run
