// A projection cut into parts whose maps do not mix: elements that no rotation touches, and rotated pairs.
#ifndef GQA_LIB_SHARE_PARTS_H
#define GQA_LIB_SHARE_PARTS_H

#include "Heads.h"

namespace gqa {

/// Elements that may be mixed freely, d of them, or one rotated pair as a complex number, d = 1.
template <typename Scalar> struct Part;

template <> struct Part<double> {
  llvm::ArrayRef<int64_t> elements;

  /// Of a head, X x D: X x d.
  Matrix block(const Matrix &head) const;
  /// Of how much directions of a head matter, D x D: d x d.
  Matrix square(const Matrix &square) const;
  void put(const Matrix &block, Matrix &head) const;
  /// reader: ... x D, becomes `reader map^T` in these elements.
  void fold(const Matrix &map, Matrix &reader) const;
};

template <> struct Part<std::complex<double>> {
  int64_t first, second;

  ComplexMatrix block(const Matrix &head) const;
  /// Over all angles, what a pair's error costs is its reader's size, whatever its direction.
  ComplexMatrix square(const Matrix &square) const;
  void put(const ComplexMatrix &block, Matrix &head) const;
  /// A score is the real part of `conj(q) k`: what multiplied k multiplies q as its conjugate.
  void fold(const ComplexMatrix &map, Matrix &reader) const;
};

/// Calls `each` with all parts of a projection that `rotation` turns.
template <typename Each> void forEachPart(const Rotation &rotation, Each &&each) {
  if (!rotation.plain.empty())
    each(Part<double>{rotation.plain});
  for (auto [first, second] : llvm::zip_equal(rotation.first, rotation.second))
    each(Part<std::complex<double>>{first, second});
}

/// `part.block` of the heads numbered `group`, and `part.square`.
template <typename Scalar>
llvm::SmallVector<MatrixOf<Scalar>> blocksOf(const Part<Scalar> &part, llvm::ArrayRef<Matrix> heads,
                                             llvm::ArrayRef<int64_t> group) {
  return llvm::map_to_vector(group, [&](int64_t head) { return part.block(heads[head]); });
}
template <typename Scalar>
llvm::SmallVector<MatrixOf<Scalar>> squaresOf(const Part<Scalar> &part, llvm::ArrayRef<Matrix> squares,
                                              llvm::ArrayRef<int64_t> group) {
  return llvm::map_to_vector(group, [&](int64_t head) { return part.square(squares[head]); });
}

} // namespace gqa

#endif // GQA_LIB_SHARE_PARTS_H
