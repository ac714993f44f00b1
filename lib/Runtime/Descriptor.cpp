// Tensors as compiled code describes them, and results as the caller gets them.
#include "Descriptor.h"
#include "CheckTensor.h"

#include "gqa/Runtime/Cuda.h"
#include "gqa/Runtime/Runtime.h"

#include <algorithm>

namespace gqa::rt {

size_t totalWords(const gqa_tensor_type *types, size_t count) {
  size_t words = 0;
  for (size_t i = 0; i < count; ++i)
    words += descriptorWords(types[i].ndim);
  return words;
}

void describe(const DLTensor &tensor, int64_t *words) {
  size_t rank = size_t(tensor.ndim);
  words[0] = words[1] = reinterpret_cast<intptr_t>(static_cast<char *>(tensor.data) + tensor.byte_offset);
  words[2] = 0;
  int64_t stride = 1;
  for (size_t i = rank; i-- > 0;) {
    words[3 + i] = tensor.shape[i];
    words[3 + rank + i] = stride;
    stride *= std::max<int64_t>(tensor.shape[i], 1);
  }
}

OwnedTensor::OwnedTensor(const int64_t *descriptor, const gqa_tensor_type &type, DLDevice device,
                         void *stream)
    : sizes(descriptor + 3, descriptor + descriptorWords(type.ndim)),
      block(reinterpret_cast<void *>(descriptor[0])), stream(stream) {
  DLTensor &tensor = managed.dl_tensor;
  tensor.data = reinterpret_cast<char *>(descriptor[1]) + descriptor[2] * (type.dtype.bits / 8);
  tensor.device = device;
  tensor.ndim = type.ndim;
  tensor.dtype = type.dtype;
  tensor.shape = sizes.data();
  tensor.strides = sizes.data() + type.ndim;
  managed.manager_ctx = this;
  managed.deleter = [](DLManagedTensor *self) { delete static_cast<OwnedTensor *>(self->manager_ctx); };
}

OwnedTensor::~OwnedTensor() {
  if (block && isHost(managed.dl_tensor.device))
    gqa_rt_free(block);
  else if (block)
    gqa_rt_cuda_release(managed.dl_tensor.device.device_id, stream, block);
}

} // namespace gqa::rt
