// Products of bf16 by oneDNN, which has the processor's instructions for them; loaded when the first one
// needs it.
#ifndef GQA_LIB_RUNTIME_ONEDNN_H
#define GQA_LIB_RUNTIME_ONEDNN_H

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

namespace gqa::rt {

/// op(A) m x k times op(B) k x n, both of bf16, row-major; `row` is the distance of rows in elements.
struct HalfProduct {
  int64_t m, n, k, aRow, bRow, cRow;
  bool transposeA, transposeB, accumulate;
  bool narrow; ///< C is bf16, else f32

  auto key() const { return std::tie(m, n, k, aRow, bRow, cRow, transposeA, transposeB, accumulate, narrow); }
  bool operator<(const HalfProduct &other) const { return key() < other.key(); }
};

class OneDnn {
public:
  static OneDnn &get();

  /// Empty if the library is there.
  const std::string &error() const { return message; }

  struct Primitive;
  /// Code for a product; null if there is no library, or it has no fast one of this kind for the processor.
  std::shared_ptr<Primitive> find(const HalfProduct &product);
  /// Multiplies on this thread alone. Sums are of f32, rounded once. False if there is no memory for them.
  bool multiply(const Primitive &primitive, const void *a, const void *b, void *c) const;

private:
  OneDnn();
  struct Library;

  std::unique_ptr<Library> library;
  std::string message;
  std::mutex mutex;
  std::map<HalfProduct, std::shared_ptr<Primitive>> primitives;
};

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_ONEDNN_H
