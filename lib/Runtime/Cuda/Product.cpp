#include "Product.h"

#include <climits>
#include <utility>

namespace gqa::rt::cuda {
namespace {

Error checkTypes(const Product &p) {
  bool narrow = p.a.type == GQA_RT_F16 || p.a.type == GQA_RT_BF16;
  if (p.a.type == p.b.type && (p.c.type == p.a.type || (narrow && p.c.type == GQA_RT_F32)))
    return "";
  return p.text() +
         ": cuBLASLt multiplies operands of one type, to a result of that type or, from f16 and bf16, "
         "of f32; convert an operand first";
}

Error checkRows(const Product &p, const Matrix &x) {
  if (x.rows > INT_MAX || x.columns > INT_MAX || p.batch > INT_MAX)
    return p.text() + ": a size is beyond 2^31 - 1, which cuBLASLt cannot take";
  if (x.rows > 1 && x.row < x.columns)
    return p.text() + ": rows of " + x.name + " overlap (" + std::to_string(x.row) +
           " elements from one to the next), which cuBLASLt cannot take; copy it first";
  return "";
}

} // namespace

Product describe(int32_t flags, int64_t batch, int64_t m, int64_t n, int64_t k) {
  Product p{batch,
            m,
            n,
            k,
            (flags & GQA_RT_TRANSPOSE_A) != 0,
            (flags & GQA_RT_TRANSPOSE_B) != 0,
            (flags & GQA_RT_ACCUMULATE) != 0,
            {"A", nullptr, m, k, 0, 0, flags >> 4 & 3},
            {"B", nullptr, k, n, 0, 0, flags >> 6 & 3},
            {"C", nullptr, m, n, 0, 0, flags >> 8 & 3}};
  if (p.transposeA)
    std::swap(p.a.rows, p.a.columns);
  if (p.transposeB)
    std::swap(p.b.rows, p.b.columns);
  return p;
}

Error checkProduct(const Product &p) {
  Error error = checkTypes(p);
  for (const Matrix *x : {&p.a, &p.b, &p.c})
    if (error.empty())
      error = checkRows(p, *x);
  if (error.empty() && p.batch > 1 && p.c.batch == 0)
    error = p.text() + ": all results of the batch have one place";
  return error;
}

} // namespace gqa::rt::cuda
