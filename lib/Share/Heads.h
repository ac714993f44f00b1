// The weights of one attention as matrices per head, and what can be done with them.
#ifndef GQA_LIB_SHARE_HEADS_H
#define GQA_LIB_SHARE_HEADS_H

#include "Subspace.h"
#include "gqa/Share/Pooling.h"

#include <cstdint>

namespace gqa {

/// With X inputs, Y outputs and `Hq = G * Hkv`: query head h reads KV head `h floordiv G`. Scores are
/// `[x 1] q[h] ([x' 1] k[h / G])^T`, and the output is `sum_h P_h [x 1] v[h / G] o[h]`.
struct Heads {
  llvm::SmallVector<Matrix> q; ///< Hq of (X + 1) x Dk
  llvm::SmallVector<Matrix> k; ///< Hkv of (X + 1) x Dk
  llvm::SmallVector<Matrix> v; ///< Hkv of (X + 1) x Dv
  llvm::SmallVector<Matrix> o; ///< Hq of Dv x Y

  int64_t groupSize() const { return k.empty() ? 1 : q.size() / k.size(); }
};

/// Elements of a head that a rotary embedding turns together: `first[f]` and `second[f]`, read as one complex
/// number. The others, `plain`, are not turned.
struct Rotation {
  llvm::SmallVector<int64_t> first, second, plain;

  static Rotation none(int64_t dim);
  /// The first `rotaryDim` of `dim` elements in pairs: i with i + R/2, or neighbours.
  static Rotation pairs(int64_t dim, int64_t rotaryDim, bool interleaved);
};

/// KV heads that become one, for each shared head.
using HeadGroups = llvm::SmallVector<llvm::SmallVector<int64_t>>;

/// How much each direction of K and V matters to its readers, all query heads of one KV head together.
struct Importance {
  /// moment: `E[x x^T]` of the inputs with the 1 of the bias, (X + 1) x (X + 1); empty for the identity.
  Importance(const Heads &heads, const Matrix &moment);

  Matrix metric;               ///< a root of the moment, empty for the identity
  llvm::SmallVector<Matrix> k; ///< Hkv of Dk x Dk
  llvm::SmallVector<Matrix> v; ///< Hkv of Dv x Dv
};

/// Heads that share, and what part of the energy of K and of V, as their readers see it, they keep: 0 to 1.
struct Pooled {
  Heads heads;
  double keptK = 1, keptV = 1;
};

/// One KV head for each group. Query heads come in the order of the groups' KV heads.
Pooled poolHeads(const Heads &heads, const HeadGroups &groups, const Importance &importance,
                 const Rotation &rotation, PoolMethod method);

/// `count` groups of neighbours.
HeadGroups adjacentGroups(int64_t heads, int64_t count);

/// `count` equally large groups that lose little by `subspace`: heads are exchanged while that lowers the
/// losses of all pairs that share, from several starts.
HeadGroups searchGroups(const Heads &heads, const Importance &importance, const Rotation &rotation,
                        int64_t count, uint64_t seed);

/// True if the groups leave all heads in their order.
bool keepsOrder(const HeadGroups &groups);

} // namespace gqa

#endif // GQA_LIB_SHARE_HEADS_H
