// The part of CBLAS that matrix products use, loaded when the first product needs it.
#ifndef GQA_LIB_RUNTIME_BLAS_H
#define GQA_LIB_RUNTIME_BLAS_H

#include <string>

namespace gqa::rt {

template <typename T>
using Gemm = void (*)(int order, int transposeA, int transposeB, int m, int n, int k, T alpha, const T *a,
                      int lda, const T *b, int ldb, T beta, T *c, int ldc);
template <typename T>
using Gemv = void (*)(int order, int transpose, int m, int n, T alpha, const T *a, int lda, const T *x,
                      int incx, T beta, T *y, int incy);

enum { RowMajor = 101, NoTrans = 111, Trans = 112 };

struct Blas {
  Gemm<float> sgemm = nullptr;
  Gemm<double> dgemm = nullptr;
  Gemv<float> sgemv = nullptr;
  Gemv<double> dgemv = nullptr;
  std::string error; ///< empty if everything is there

  static const Blas &get();

  Gemm<float> gemm(float) const { return sgemm; }
  Gemm<double> gemm(double) const { return dgemm; }
  Gemv<float> gemv(float) const { return sgemv; }
  Gemv<double> gemv(double) const { return dgemv; }
};

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_BLAS_H
