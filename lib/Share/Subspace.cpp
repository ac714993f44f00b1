// Square roots, and the one singular value decomposition.
#include "Subspace.h"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>

namespace gqa {
namespace {

constexpr double kNothing = 1e-12; // a singular value below this part of the largest is rounding
constexpr double kFloor = 1e-200;  // of a mean diagonal: heads that are zero are no special case
constexpr double kRidge = 1e-6;    // of it: directions that calibration never has must not divide by zero

template <typename Scalar> MatrixOf<Scalar> ridged(MatrixOf<Scalar> moment, double ridge = kRidge) {
  double mean = std::max(std::real(moment.trace()) / std::max<double>(moment.rows(), 1), kFloor);
  moment.diagonal().array() += Scalar(ridge * mean);
  return moment;
}

} // namespace

Matrix rootOf(const Matrix &moment) {
  for (double ridge = kRidge;; ridge *= 10) { // sums in f32 round eigenvalues of 0 to negative ones
    Eigen::LLT<Matrix> factor(ridged(moment, ridge));
    if (factor.info() == Eigen::Success || ridge > 1)
      return factor.matrixU();
  }
}

template <typename Scalar> SquareRoot<Scalar>::SquareRoot(const MatrixOf<Scalar> &square) {
  Eigen::SelfAdjointEigenSolver<MatrixOf<Scalar>> solver(ridged(square));
  Eigen::VectorXd values = solver.eigenvalues().cwiseMax(kRidge * kFloor).cwiseSqrt();
  const MatrixOf<Scalar> &vectors = solver.eigenvectors();
  root = vectors * values.template cast<Scalar>().asDiagonal() * vectors.adjoint();
  inverse = vectors * values.cwiseInverse().template cast<Scalar>().asDiagonal() * vectors.adjoint();
}

template <typename Scalar>
SharedBlock<Scalar> shareBlocks(llvm::ArrayRef<MatrixOf<Scalar>> blocks,
                                llvm::ArrayRef<MatrixOf<Scalar>> squares, const Matrix &metric) {
  Eigen::Index width = blocks.front().cols(), count = blocks.size();
  MatrixOf<Scalar> columns(blocks.front().rows(), width * count);
  llvm::SmallVector<SquareRoot<Scalar>> roots;
  double size = 0; // of the blocks, on average
  for (auto [h, block] : llvm::enumerate(blocks)) {
    roots.emplace_back(squares[h]);
    columns.middleCols(h * width, width) = block * roots.back().root;
    size += measured(metric, block).squaredNorm() / count;
  }
  // The triangle of a tall matrix has its singular values and right vectors.
  Eigen::HouseholderQR<MatrixOf<Scalar>> qr(measured(metric, columns));
  Eigen::Index rank = std::min(columns.rows(), columns.cols());
  MatrixOf<Scalar> triangle = qr.matrixQR().topRows(rank).template triangularView<Eigen::Upper>();
  Eigen::BDCSVD<MatrixOf<Scalar>> svd(triangle, Eigen::ComputeThinV);
  Eigen::VectorXd values = Eigen::VectorXd::Zero(std::max(rank, width));
  values.head(rank) = svd.singularValues();
  MatrixOf<Scalar> right = MatrixOf<Scalar>::Zero(columns.cols(), width);
  right.leftCols(std::min(rank, width)) = svd.matrixV().leftCols(std::min(rank, width));

  // S is a combination of the blocks themselves: no inverse of C, which calibration may hardly determine.
  Eigen::VectorXd inverse(width);
  for (Eigen::Index k = 0; k < width; ++k)
    inverse[k] = values[k] > kNothing * values[0] ? 1 / values[k] : 0;
  SharedBlock<Scalar> shared;
  shared.energies = values.array().square();
  shared.basis = columns * (right * inverse.template cast<Scalar>().asDiagonal());
  double scale = std::sqrt(size / std::max(measured(metric, shared.basis).squaredNorm(), 1e-300));
  scale = scale > 0 ? scale : 1;
  shared.basis *= scale;
  for (auto [h, root] : llvm::enumerate(roots)) {
    MatrixOf<Scalar> part = right.middleRows(h * width, width).adjoint() * root.inverse;
    shared.maps.push_back((values.head(width) / scale).template cast<Scalar>().asDiagonal() * part);
  }
  return shared;
}

template <typename Scalar>
Energy energyOf(llvm::ArrayRef<MatrixOf<Scalar>> blocks, const MatrixOf<Scalar> &basis,
                llvm::ArrayRef<MatrixOf<Scalar>> squares, const Matrix &metric) {
  Energy energy;
  for (auto [block, square] : llvm::zip_equal(blocks, squares)) {
    MatrixOf<Scalar> y = SquareRoot<Scalar>(square).root;
    energy.all += measured<Scalar>(metric, block * y).squaredNorm();
    energy.missed += measured<Scalar>(metric, (block - basis) * y).squaredNorm();
  }
  return energy;
}

#define GQA_INSTANTIATE(Scalar)                                                                              \
  template struct SquareRoot<Scalar>;                                                                        \
  template SharedBlock<Scalar> shareBlocks(llvm::ArrayRef<MatrixOf<Scalar>>,                                 \
                                           llvm::ArrayRef<MatrixOf<Scalar>>, const Matrix &);                \
  template Energy energyOf(llvm::ArrayRef<MatrixOf<Scalar>>, const MatrixOf<Scalar> &,                       \
                           llvm::ArrayRef<MatrixOf<Scalar>>, const Matrix &);
GQA_INSTANTIATE(double)
GQA_INSTANTIATE(std::complex<double>)
#undef GQA_INSTANTIATE

} // namespace gqa
