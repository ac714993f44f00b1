// The best shared projection of a group of heads, when each head may have its own linear map of it.
//
// Heads h of a group project x to `x W_h`. We look for one S and small maps M_h with `x W_h ~ x S M_h`; the
// maps fold into whatever reads the projection (the query projection for K, the output projection for V), so
// that they cost nothing. With `C = E[x x^T] = R^H R` and Y_h the square root of how much each direction of
// head h matters to its reader, the error is `sum_h |R (W_h - S M_h) Y_h|^2`, and its least value is had from
// the leading singular vectors of `[R W_1 Y_1, ..., R W_G Y_G]` (Eckart and Young 1936).
//
// Everything works on complex matrices as well: a rotary embedding multiplies a pair of elements, read as one
// complex number, by a unit complex number, and the maps that commute with that are the complex numbers.
#ifndef GQA_LIB_SHARE_SUBSPACE_H
#define GQA_LIB_SHARE_SUBSPACE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <Eigen/Core>
#include <complex>

namespace gqa {

template <typename Scalar> using MatrixOf = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
using Matrix = MatrixOf<double>;
using ComplexMatrix = MatrixOf<std::complex<double>>;

/// R, upper triangular, with `R^T R = moment` (X x X, made positive definite by a ridge).
Matrix rootOf(const Matrix &moment);

/// Y with `Y Y = square` (made positive definite by a ridge), and its inverse.
template <typename Scalar> struct SquareRoot {
  explicit SquareRoot(const MatrixOf<Scalar> &square);
  MatrixOf<Scalar> root, inverse;
};

/// `basis` is S (X x d), as large as the blocks are on average; `maps` has M_h (d x d) for each head;
/// `energies` the squared singular values, of which the first d are kept.
template <typename Scalar> struct SharedBlock {
  MatrixOf<Scalar> basis;
  llvm::SmallVector<MatrixOf<Scalar>> maps;
  Eigen::VectorXd energies;
};

/// The best S and maps for `blocks`, the W_h (each X x d), with `squares` the squares of the Y_h (each d x
/// d). metric: R, or empty for the identity.
template <typename Scalar>
SharedBlock<Scalar> shareBlocks(llvm::ArrayRef<MatrixOf<Scalar>> blocks,
                                llvm::ArrayRef<MatrixOf<Scalar>> squares, const Matrix &metric);

/// Energy of the blocks, and the part of it that `basis` misses when it replaces each of them as it is.
struct Energy {
  double all = 0, missed = 0;
};
template <typename Scalar>
Energy energyOf(llvm::ArrayRef<MatrixOf<Scalar>> blocks, const MatrixOf<Scalar> &basis,
                llvm::ArrayRef<MatrixOf<Scalar>> squares, const Matrix &metric);

/// `metric matrix`, an empty metric being the identity.
template <typename Scalar> MatrixOf<Scalar> measured(const Matrix &metric, const MatrixOf<Scalar> &matrix) {
  return metric.size() ? MatrixOf<Scalar>(metric.template cast<Scalar>() * matrix) : matrix;
}

} // namespace gqa

#endif // GQA_LIB_SHARE_SUBSPACE_H
