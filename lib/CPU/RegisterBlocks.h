// How many sums a product keeps in registers.
#ifndef GQA_LIB_CPU_REGISTERBLOCKS_H
#define GQA_LIB_CPU_REGISTERBLOCKS_H

#include "gqa/Tile/Target.h"

#include <optional>

namespace gqa {

/// `scalars x vectors` accumulators; a step loads the vectors and multiplies them with one scalar after the
/// other.
struct RegisterBlock {
  int64_t scalars, vectors;
};

/// The block of an outer product whose vector side has `vectors` vectors, if that is known, and whose scalar
/// side has `scalars` elements, if that is known. `widened` vectors are not read as they are multiplied.
RegisterBlock chooseRegisterBlock(const CPUTarget &target, std::optional<int64_t> vectors,
                                  std::optional<int64_t> scalars, bool widened = false);

/// How many times a block of so many sums is kept, each time for other steps of the product: few sums would
/// wait for each other.
int64_t setsOfSums(const CPUTarget &target, int64_t sums);

/// The block of an inner product of `rows` rows, each a vector along the sum, with keys.
struct InnerBlock {
  int64_t rows, keys;
};
InnerBlock chooseInnerBlock(const CPUTarget &target, int64_t rows, int64_t lanes);

} // namespace gqa

#endif // GQA_LIB_CPU_REGISTERBLOCKS_H
