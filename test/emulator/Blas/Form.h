// What one product computes, read from its descriptors: D = alpha op(A) op(B) + beta C, all of them
// column-major.
#pragma once
#include "Objects.h"

#include <optional>
#include <utility>

namespace gqa::emulator::blas {

struct Operand {
  cudaDataType_t type;
  int64_t rows, columns, leading, stride;

  size_t elementBytes() const { return bytesOf(type); }
  /// Elements from the first to the last one of one matrix.
  int64_t span() const { return (columns - 1) * leading + rows; }
};

struct Form {
  int64_t m, n, k, batch;
  bool transposeA, transposeB;
  cublasComputeType_t compute;
  Operand a, b, c, d;

  /// The scratch memory that this library pretends to need: partial sums of products with few results and
  /// long sums.
  uint64_t workspace() const;
  /// Tells forms apart, so that an algorithm is used for the one that it was chosen for.
  uint64_t hash() const;
  std::string text() const;
};

/// The form, if the descriptors are alive and fit together; else the status, after refuse().
std::optional<Form> readForm(const char *function, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                             cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                             cublasStatus_t &status);

} // namespace gqa::emulator::blas
