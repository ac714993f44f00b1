// Random choices that are the same on every machine.
#ifndef GQA_TEST_ROUNDTRIP_RANDOM_H
#define GQA_TEST_ROUNDTRIP_RANDOM_H

#include "llvm/ADT/ArrayRef.h"

#include <random>

namespace gqa::roundtrip {

class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}

  uint64_t bits() { return engine(); }
  /// In [0, size).
  size_t below(size_t size) { return engine() % size; }
  /// True once in `n` times.
  bool oneIn(size_t n) { return below(n) == 0; }
  template <typename T> T pick(std::initializer_list<T> options) {
    return options.begin()[below(options.size())];
  }
  template <typename Range> auto &pickOf(Range &range) { return range[below(range.size())]; }
  /// Normal enough: the sum of twelve uniform numbers.
  double normal() {
    double sum = -6;
    for (int n = 0; n < 12; ++n)
      sum += static_cast<double>(engine() >> 11) * 0x1p-53;
    return sum;
  }
  /// A random order of 0, 1, ..., size - 1.
  llvm::SmallVector<int64_t> permutation(size_t size) {
    llvm::SmallVector<int64_t> order;
    for (size_t n = 0; n < size; ++n)
      order.insert(order.begin() + below(n + 1), n);
    return order;
  }

private:
  std::mt19937_64 engine;
};

} // namespace gqa::roundtrip

#endif // GQA_TEST_ROUNDTRIP_RANDOM_H
