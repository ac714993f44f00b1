// How compiled code describes a tensor: a memref descriptor, flat: allocated, aligned, offset, sizes,
// strides.
#ifndef GQA_LIB_RUNTIME_DESCRIPTOR_H
#define GQA_LIB_RUNTIME_DESCRIPTOR_H

#include "gqa/gqa.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gqa::rt {

inline size_t descriptorWords(int32_t rank) { return 3 + 2 * size_t(rank); }

/// Of all of these types, one after the other.
size_t totalWords(const gqa_tensor_type *types, size_t count);

/// Writes the descriptor of a tensor.
void describe(const DLTensor &tensor, int64_t *words);

/// A result together with everything that its DLManagedTensor points to, and its memory, unless that is an
/// argument's (allocated is null).
struct OwnedTensor {
  DLManagedTensor managed{};
  std::vector<int64_t> sizes; ///< shape, then strides
  void *block, *stream;

  OwnedTensor(const int64_t *descriptor, const gqa_tensor_type &type, DLDevice device, void *stream);
  ~OwnedTensor();
  OwnedTensor(const OwnedTensor &) = delete;
  OwnedTensor &operator=(const OwnedTensor &) = delete;
};

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_DESCRIPTOR_H
