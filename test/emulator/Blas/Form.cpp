// Which products are legal: sizes that agree, leading dimensions that hold a column, types that the library
// combines.
#include "Form.h"

#include <algorithm>

namespace gqa::emulator::blas {
namespace {

std::string number(int64_t value) { return std::to_string(value); }

/// Empty, or what is wrong with a layout by itself.
std::string checkLayout(const char *name, const cublasLtMatrixLayoutOpaque_t &x) {
  constexpr uint64_t most = INT32_MAX;
  if (!x.rows || !x.columns || x.rows > most || x.columns > most)
    return std::string(name) + " is " + std::to_string(x.rows) + " x " + std::to_string(x.columns) +
           ", expected sizes from 1 to 2^31 - 1";
  if (x.leading < int64_t(x.rows))
    return std::string("the leading dimension of ") + name + " is " + number(x.leading) + ", less than its " +
           std::to_string(x.rows) + " rows";
  if (x.batch < 1)
    return std::string(name) + " has a batch of " + number(x.batch);
  return "";
}

bool typesCombine(const Form &f) {
  auto is = [&](cudaDataType_t ab, cudaDataType_t cd) {
    return f.a.type == ab && f.b.type == ab && f.c.type == cd && f.d.type == cd;
  };
  if (f.compute == CUBLAS_COMPUTE_64F)
    return is(CUDA_R_64F, CUDA_R_64F);
  return is(CUDA_R_32F, CUDA_R_32F) || is(CUDA_R_16F, CUDA_R_16F) || is(CUDA_R_16F, CUDA_R_32F) ||
         is(CUDA_R_16BF, CUDA_R_16BF) || is(CUDA_R_16BF, CUDA_R_32F);
}

/// Empty, or how the sizes of the operands disagree.
std::string checkSizes(const Form &f) {
  auto pair = [](int64_t rows, int64_t columns) { return number(rows) + " x " + number(columns); };
  int64_t inner = f.transposeB ? f.b.columns : f.b.rows;
  if (inner != f.k)
    return "op(A) has " + number(f.k) + " columns, op(B) " + number(inner) + " rows";
  for (const Operand *x : {&f.c, &f.d})
    if (x->rows != f.m || x->columns != f.n)
      return (x == &f.c ? "C is " : "D is ") + pair(x->rows, x->columns) + ", the product " + pair(f.m, f.n);
  if (f.batch > 1 && f.d.stride < f.d.span() && -f.d.stride < f.d.span())
    return "the matrices of the batch D overlap: " + number(f.d.stride) + " elements from one to the next";
  return "";
}

Operand operandOf(const cublasLtMatrixLayoutOpaque_t &x) {
  return {x.type, int64_t(x.rows), int64_t(x.columns), x.leading, x.batch > 1 ? x.stride : 0};
}

} // namespace

uint64_t Form::workspace() const {
  return k >= 256 && k >= 4 * std::min(m, n)
             ? uint64_t(batch * m * n) * (compute == CUBLAS_COMPUTE_64F ? 8 : 4)
             : 0;
}

uint64_t Form::hash() const {
  uint64_t hash = 0xcbf29ce484222325;
  auto add = [&](int64_t value) { hash = (hash ^ uint64_t(value)) * 0x100000001b3; };
  for (int64_t value : {m, n, k, batch, int64_t(transposeA), int64_t(transposeB), int64_t(compute)})
    add(value);
  for (const Operand *x : {&a, &b, &c, &d})
    for (int64_t value : {int64_t(x->type), x->leading, x->stride})
      add(value);
  return hash;
}

std::string Form::text() const {
  return number(batch) + " times " + number(m) + " x " + number(n) + " x " + number(k) + ", " +
         nameOf(a.type) + " to " + nameOf(d.type);
}

std::optional<Form> readForm(const char *function, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                             cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                             cublasStatus_t &status) {
  auto wrong = [&](cublasStatus_t what, const std::string &why) {
    status = refuse(function, what, why);
    return std::nullopt;
  };
  for (const void *object :
       {static_cast<const void *>(desc), static_cast<const void *>(a), static_cast<const void *>(b),
        static_cast<const void *>(c), static_cast<const void *>(d)})
    if (!isAlive(object))
      return wrong(CUBLAS_STATUS_INVALID_VALUE, "a descriptor or layout is not alive");
  for (auto [name, layout] : {std::pair{"A", a}, {"B", b}, {"C", c}, {"D", d}}) {
    if (std::string error = checkLayout(name, *layout); !error.empty())
      return wrong(CUBLAS_STATUS_INVALID_VALUE, error);
    if (layout->batch != a->batch)
      return wrong(CUBLAS_STATUS_INVALID_VALUE, std::string(name) + " has a batch of " +
                                                    number(layout->batch) + ", A one of " + number(a->batch));
  }
  Form f{};
  f.transposeA = desc->transposeA != CUBLAS_OP_N;
  f.transposeB = desc->transposeB != CUBLAS_OP_N;
  f.compute = desc->compute;
  f.batch = a->batch;
  f.a = operandOf(*a);
  f.b = operandOf(*b);
  f.c = operandOf(*c);
  f.d = operandOf(*d);
  f.m = f.transposeA ? f.a.columns : f.a.rows;
  f.k = f.transposeA ? f.a.rows : f.a.columns;
  f.n = f.transposeB ? f.b.rows : f.b.columns;
  if (std::string error = checkSizes(f); !error.empty())
    return wrong(CUBLAS_STATUS_INVALID_VALUE, error);
  if (!typesCombine(f))
    return wrong(CUBLAS_STATUS_NOT_SUPPORTED, std::string("A of ") + nameOf(f.a.type) + ", B of " +
                                                  nameOf(f.b.type) + ", C of " + nameOf(f.c.type) +
                                                  " and D of " + nameOf(f.d.type) + " do not go together");
  return f;
}

} // namespace gqa::emulator::blas
