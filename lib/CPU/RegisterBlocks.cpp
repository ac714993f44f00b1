// Every accumulator is a chain of additions four cycles long on a unit that starts two of them a cycle: eight
// are the least that keep it busy, twelve leave room for what else there is to wait for. What remains of the
// registers holds the operands.
#include "RegisterBlocks.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

namespace gqa {
namespace {

/// The largest of `sizes`, which descend, that is at most `limit` and divides `count`; else at most `limit`.
int64_t pick(llvm::ArrayRef<int64_t> sizes, int64_t limit, std::optional<int64_t> count) {
  for (int64_t size : sizes)
    if (size <= limit && count && *count % size == 0)
      return size;
  for (int64_t size : sizes)
    if (size <= limit)
      return size;
  return 1;
}

} // namespace

RegisterBlock chooseRegisterBlock(const CPUTarget &target, std::optional<int64_t> vectors,
                                  std::optional<int64_t> scalars, bool widened) {
  int64_t registers = target.registers;
  if (scalars && *scalars <= 2) { // few scalars: long rows of vectors, which are read from memory
    int64_t count = std::max<int64_t>(*scalars, 1);
    int64_t limit = std::min<int64_t>(8, (registers - 2) / count - 1);
    if (widened && registers < 32) // or made in registers: 4 of them, 8 sums and 2 scalars
      limit = 4;
    return {count, std::min(limit, vectors.value_or(limit))};
  }
  int64_t most = registers >= 32 ? 4 : 2;
  int64_t width = vectors && *vectors < most ? std::max<int64_t>(*vectors, 1) : most;
  if (registers >= 32 && vectors && *vectors % 4 != 0 && *vectors % 3 == 0)
    width = 3;
  if (registers < 32 && scalars) { // blocks of about the same height: a low one would be few sums
    int64_t blocks = llvm::divideCeil(*scalars, std::min<int64_t>(12, (registers - 1) / width - 1));
    return {int64_t(llvm::divideCeil(*scalars, blocks)), width};
  }
  // Few scalars are divided evenly; of many, the last block may be smaller.
  std::optional<int64_t> divided = scalars && *scalars < 12 ? scalars : std::nullopt;
  return {pick({12, 8, 6, 4, 3}, (registers - 1) / width - 1, divided), width};
}

int64_t setsOfSums(const CPUTarget &target, int64_t sums) {
  // With 32 registers only what is left of a number of rows has few sums, and Zen 4's units start one
  // addition a cycle: nothing was gained.
  return target.registers >= 32 || sums >= 8 ? 1 : sums >= 4 ? 2 : 4;
}

InnerBlock chooseInnerBlock(const CPUTarget &target, int64_t rows, int64_t lanes) {
  // A vector of each key and one of queries stay in registers beside the sums. Blocks of keys are multiples
  // of these (see Schedule.cpp). One or two rows wait for memory, whatever they do.
  int64_t height = std::min<int64_t>(rows, 4);
  int64_t keys = height == 1 ? 8 : height == 2 ? 4 : target.registers >= 32 ? 4 : target.fma ? 3 : 2;
  return {height, keys};
}

} // namespace gqa
