// Fewer KV heads: `first` and `mean` (Ainslie et al. 2023), and `subspace`, the best that linear maps allow.
#include "Parts.h"

namespace gqa {

Rotation Rotation::none(int64_t dim) {
  Rotation rotation;
  for (int64_t i = 0; i < dim; ++i)
    rotation.plain.push_back(i);
  return rotation;
}

Rotation Rotation::pairs(int64_t dim, int64_t rotaryDim, bool interleaved) {
  Rotation rotation;
  for (int64_t f = 0; f < rotaryDim / 2; ++f) {
    rotation.first.push_back(interleaved ? 2 * f : f);
    rotation.second.push_back(interleaved ? 2 * f + 1 : f + rotaryDim / 2);
  }
  for (int64_t i = rotaryDim; i < dim; ++i)
    rotation.plain.push_back(i);
  return rotation;
}

//===-- Parts -------------------------------------------------------------------------------------------===//

Matrix Part<double>::block(const Matrix &head) const {
  Matrix block(head.rows(), elements.size());
  for (auto [to, from] : llvm::enumerate(elements))
    block.col(to) = head.col(from);
  return block;
}

Matrix Part<double>::square(const Matrix &square) const { return block(block(square).transpose()); }

void Part<double>::put(const Matrix &block, Matrix &head) const {
  for (auto [from, to] : llvm::enumerate(elements))
    head.col(to) = block.col(from);
}

void Part<double>::fold(const Matrix &map, Matrix &reader) const {
  put(block(reader) * map.transpose(), reader);
}

ComplexMatrix Part<std::complex<double>>::block(const Matrix &head) const {
  ComplexMatrix block(head.rows(), 1);
  block.real() = head.col(first);
  block.imag() = head.col(second);
  return block;
}

ComplexMatrix Part<std::complex<double>>::square(const Matrix &square) const {
  return ComplexMatrix::Constant(1, 1, square(first, first) + square(second, second));
}

void Part<std::complex<double>>::put(const ComplexMatrix &block, Matrix &head) const {
  head.col(first) = block.real();
  head.col(second) = block.imag();
}

void Part<std::complex<double>>::fold(const ComplexMatrix &map, Matrix &reader) const {
  put(block(reader) * std::conj(map(0, 0)), reader);
}

//===-- Pooling -----------------------------------------------------------------------------------------===//

Importance::Importance(const Heads &heads, const Matrix &moment) {
  if (moment.size())
    metric = rootOf(moment);
  int64_t groupSize = heads.groupSize();
  for (size_t h = 0; h < heads.k.size(); ++h) {
    k.push_back(Matrix::Zero(heads.k[h].cols(), heads.k[h].cols()));
    v.push_back(Matrix::Zero(heads.v[h].cols(), heads.v[h].cols()));
    for (int64_t g = 0; g < groupSize; ++g) {
      const Matrix &q = heads.q[h * groupSize + g], &o = heads.o[h * groupSize + g];
      k.back() += q.transpose() * measured(moment, q);
      v.back() += o * o.transpose();
    }
  }
}

namespace {

/// Shares K or V of `heads` in one group: writes the shared head, folds maps into `readers`, the group's
/// readers for each of its heads.
template <typename Scalar>
Energy shareInto(Matrix &shared, llvm::MutableArrayRef<llvm::SmallVector<Matrix>> readers,
                 const Part<Scalar> &part, llvm::ArrayRef<Matrix> heads, llvm::ArrayRef<Matrix> squares,
                 llvm::ArrayRef<int64_t> group, const Matrix &metric, PoolMethod method) {
  llvm::SmallVector<MatrixOf<Scalar>> blocks = blocksOf(part, heads, group);
  llvm::SmallVector<MatrixOf<Scalar>> importance = squaresOf(part, squares, group);
  if (method != PoolMethod::Subspace) {
    MatrixOf<Scalar> basis = blocks.front();
    if (method == PoolMethod::Mean) {
      for (const MatrixOf<Scalar> &block : llvm::drop_begin(blocks))
        basis += block;
      basis /= Scalar(blocks.size());
    }
    part.put(basis, shared);
    return energyOf<Scalar>(blocks, basis, importance, metric);
  }
  SharedBlock<Scalar> best = shareBlocks<Scalar>(blocks, importance, metric);
  part.put(best.basis, shared);
  for (auto [map, ofHead] : llvm::zip_equal(best.maps, readers))
    for (Matrix &reader : ofHead)
      part.fold(map, reader);
  return {best.energies.sum(), best.energies.tail(best.energies.size() - best.basis.cols()).sum()};
}

/// K or V of all groups; `readers`, in the order of the groups, get the maps. The part of the energy that is
/// kept.
double shareAll(llvm::SmallVector<Matrix> &shared, llvm::SmallVector<Matrix> &readers,
                llvm::ArrayRef<Matrix> heads, llvm::ArrayRef<Matrix> squares, const HeadGroups &groups,
                const Rotation &rotation, const Matrix &metric, PoolMethod method) {
  Energy total;
  int64_t groupSize = readers.size() / heads.size(), next = 0;
  for (llvm::ArrayRef<int64_t> group : groups) {
    llvm::SmallVector<llvm::SmallVector<Matrix>> ofGroup;
    for (size_t k = 0; k < group.size(); ++k, next += groupSize)
      ofGroup.emplace_back(readers.begin() + next, readers.begin() + next + groupSize);
    shared.push_back(Matrix::Zero(heads.front().rows(), heads.front().cols()));
    forEachPart(rotation, [&](const auto &part) {
      Energy energy = shareInto(shared.back(), ofGroup, part, heads, squares, group, metric, method);
      total.all += energy.all;
      total.missed += energy.missed;
    });
    next -= group.size() * groupSize;
    for (llvm::SmallVector<Matrix> &ofHead : ofGroup)
      for (Matrix &reader : ofHead)
        readers[next++] = std::move(reader);
  }
  return total.all > 0 ? 1 - total.missed / total.all : 1;
}

} // namespace

Pooled poolHeads(const Heads &heads, const HeadGroups &groups, const Importance &importance,
                 const Rotation &rotation, PoolMethod method) {
  Pooled pooled;
  int64_t groupSize = heads.groupSize();
  llvm::SmallVector<Matrix> outputs; // transposed: Y x Dv, readers of V
  for (llvm::ArrayRef<int64_t> group : groups)
    for (int64_t head : group)
      for (int64_t g = head * groupSize; g < (head + 1) * groupSize; ++g) {
        pooled.heads.q.push_back(heads.q[g]);
        outputs.push_back(heads.o[g].transpose());
      }
  pooled.keptK = shareAll(pooled.heads.k, pooled.heads.q, heads.k, importance.k, groups, rotation,
                          importance.metric, method);
  pooled.keptV = shareAll(pooled.heads.v, outputs, heads.v, importance.v, groups,
                          Rotation::none(heads.v.front().cols()), importance.metric, method);
  for (Matrix &output : outputs)
    pooled.heads.o.push_back(output.transpose());
  return pooled;
}

} // namespace gqa
