// Which KV heads share: neighbours, or those that lose least by it.
#include "Parts.h"

#include "llvm/ADT/STLExtras.h"
#include <Eigen/Eigenvalues>
#include <numeric>
#include <random>
#include <set>

namespace gqa {
namespace {

constexpr int kStarts = 24;    // of the local search: the neighbours, and random ones
constexpr double kGain = 1e-9; // an exchange that gains less is rounding
constexpr double kFloor = 1e-200;

/// Products of all weighted columns of all heads, (H d) x (H d), as parts of the energy; and d.
struct Gram {
  ComplexMatrix products;
  int64_t width;
};

/// Grams of the parts of K or V.
void addGrams(std::vector<Gram> &grams, llvm::ArrayRef<Matrix> heads, llvm::ArrayRef<Matrix> squares,
              const Rotation &rotation, const Matrix &metric) {
  size_t first = grams.size();
  double energy = 0;
  llvm::SmallVector<int64_t> all = llvm::to_vector(llvm::seq<int64_t>(0, heads.size()));
  forEachPart(rotation, [&](const auto &part) {
    auto blocks = blocksOf(part, heads, all);
    auto importance = squaresOf(part, squares, all);
    using Block = typename decltype(blocks)::value_type;
    using Scalar = typename Block::Scalar;
    int64_t width = blocks.front().cols();
    Block columns(blocks.front().rows(), width * int64_t(blocks.size()));
    for (auto [h, block] : llvm::enumerate(blocks))
      columns.middleCols(h * width, width) = block * SquareRoot<Scalar>(importance[h]).root;
    Block weighted = measured<Scalar>(metric, columns);
    grams.push_back({(weighted.adjoint() * weighted).template cast<std::complex<double>>(), width});
    energy += grams.back().products.diagonal().real().sum();
  });
  for (Gram &gram : llvm::drop_begin(grams, first))
    gram.products /= std::max(energy, kFloor);
}

/// What is left of the group's energy without the leading `width` directions.
double lossOf(const Gram &gram, llvm::ArrayRef<int64_t> group) {
  llvm::SmallVector<int64_t> rows;
  for (int64_t head : group)
    for (int64_t i = 0; i < gram.width; ++i)
      rows.push_back(head * gram.width + i);
  ComplexMatrix part(rows.size(), rows.size());
  for (auto [i, row] : llvm::enumerate(rows))
    for (auto [j, column] : llvm::enumerate(rows))
      part(i, j) = gram.products(row, column);
  Eigen::SelfAdjointEigenSolver<ComplexMatrix> solver(part, Eigen::EigenvaluesOnly);
  return solver.eigenvalues().head(rows.size() - gram.width).cwiseMax(0).sum();
}

double lossOf(llvm::ArrayRef<Gram> grams, llvm::ArrayRef<int64_t> group) {
  double loss = 0;
  for (const Gram &gram : grams)
    loss += lossOf(gram, group);
  return loss;
}

/// Heads in groups, and groups by their heads, in ascending order.
HeadGroups ordered(HeadGroups groups) {
  for (auto &group : groups)
    llvm::sort(group);
  llvm::sort(groups);
  return groups;
}

/// The first exchange of two heads that lowers the sum over pairs that share; false if there is none.
bool exchange(HeadGroups &groups, const Matrix &pairs) {
  auto ties = [&](int64_t head, llvm::ArrayRef<int64_t> group, int64_t without) {
    double sum = 0;
    for (int64_t other : group)
      if (other != head && other != without)
        sum += pairs(head, other);
    return sum;
  };
  for (size_t a = 0; a < groups.size(); ++a)
    for (size_t b = a + 1; b < groups.size(); ++b)
      for (int64_t &mine : groups[a])
        for (int64_t &theirs : groups[b]) {
          double now = ties(mine, groups[a], -1) + ties(theirs, groups[b], -1);
          double then = ties(theirs, groups[a], mine) + ties(mine, groups[b], theirs);
          if (then >= now - kGain)
            continue;
          std::swap(mine, theirs);
          groups = ordered(std::move(groups));
          return true;
        }
  return false;
}

} // namespace

HeadGroups adjacentGroups(int64_t heads, int64_t count) {
  HeadGroups groups(count);
  for (int64_t head = 0; head < heads; ++head)
    groups[head / (heads / count)].push_back(head);
  return groups;
}

HeadGroups searchGroups(const Heads &heads, const Importance &importance, const Rotation &rotation,
                        int64_t count, uint64_t seed) {
  int64_t total = heads.k.size();
  HeadGroups best = adjacentGroups(total, count);
  if (count == 1 || count == total)
    return best;
  std::vector<Gram> grams;
  addGrams(grams, heads.k, importance.k, rotation, importance.metric);
  addGrams(grams, heads.v, importance.v, Rotation::none(heads.v.front().cols()), importance.metric);
  Matrix pairs = Matrix::Zero(total, total);
  for (int64_t a = 0; a < total; ++a)
    for (int64_t b = a + 1; b < total; ++b)
      pairs(a, b) = pairs(b, a) = lossOf(grams, {a, b});
  std::set<HeadGroups> found = {best};
  std::mt19937_64 random(seed);
  llvm::SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, total));
  for (int start = 0; start < kStarts; ++start) {
    HeadGroups groups(count);
    for (auto [place, head] : llvm::enumerate(order))
      groups[place / (total / count)].push_back(head);
    groups = ordered(std::move(groups));
    while (exchange(groups, pairs))
      ;
    found.insert(std::move(groups));
    for (int64_t k = total; k-- > 1;) // std::shuffle differs between libraries
      std::swap(order[k], order[random() % (k + 1)]);
  }
  double least = std::numeric_limits<double>::infinity();
  for (const HeadGroups &groups : found) {
    double loss = 0;
    for (llvm::ArrayRef<int64_t> group : groups)
      loss += lossOf(grams, group);
    if (loss < least - kGain) {
      least = loss;
      best = groups;
    }
  }
  return best;
}

bool keepsOrder(const HeadGroups &groups) {
  int64_t next = 0;
  for (llvm::ArrayRef<int64_t> group : groups)
    for (int64_t head : group)
      if (head != next++)
        return false;
  return true;
}

} // namespace gqa
