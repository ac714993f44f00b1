// A product of matrices that compiled code asks for, as data.
#ifndef GQA_LIB_RUNTIME_CUDA_PRODUCT_H
#define GQA_LIB_RUNTIME_CUDA_PRODUCT_H

#include "CublasLt.h"
#include "Device.h"
#include "gqa/Runtime/Runtime.h"

#include <cstdint>
#include <string>

namespace gqa::rt::cuda {

/// An operand as it lies in memory: row-major, `rows` x `columns`.
struct Matrix {
  const char *name;
  void *data;
  int64_t rows, columns, row, batch;
  int32_t type;

  int64_t elementBytes() const { return type == GQA_RT_F64 ? 8 : type == GQA_RT_F32 ? 4 : 2; }

  cudaDataType dataType() const {
    constexpr cudaDataType types[] = {CUDA_R_32F, CUDA_R_64F, CUDA_R_16F, CUDA_R_16BF};
    return types[type];
  }

  /// "64x128xf16"
  std::string text() const {
    constexpr const char *types[] = {"f32", "f64", "f16", "bf16"};
    return std::to_string(rows) + "x" + std::to_string(columns) + "x" + types[type];
  }

  /// What an algorithm may rely on: the largest power of two, at most 256, that divides the address.
  uint32_t alignment() const {
    uint64_t bits = reinterpret_cast<uintptr_t>(data) | 256;
    return uint32_t(bits & -bits);
  }
};

struct Product {
  int64_t batch, m, n, k;
  bool transposeA, transposeB, accumulate;
  Matrix a, b, c;

  std::string text() const {
    return "a product of " + (batch == 1 ? "" : std::to_string(batch) + " times ") + a.text() +
           (transposeA ? " transposed" : "") + " and " + b.text() + (transposeB ? " transposed" : "") +
           " to " + c.text();
  }
};

/// The product of the flags and sizes of gqa_rt_cuda_matmul, with dense operands that are nowhere yet.
Product describe(int32_t flags, int64_t batch, int64_t m, int64_t n, int64_t k);

/// Why cuBLASLt cannot take it, or "".
Error checkProduct(const Product &p);

} // namespace gqa::rt::cuda

#endif // GQA_LIB_RUNTIME_CUDA_PRODUCT_H
