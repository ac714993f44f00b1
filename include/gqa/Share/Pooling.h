// How gqa-pool-heads makes one key/value head of several.
#ifndef GQA_SHARE_POOLING_H
#define GQA_SHARE_POOLING_H

namespace gqa {

/// `First` and `Mean` are those of Ainslie et al. 2023. With `Subspace` every head has a linear map of its
/// own of the shared one, folded into the query and output projections.
enum class PoolMethod { First, Mean, Subspace };

/// Which heads become one: neighbours, or those that lose least by it.
enum class Grouping { Adjacent, Search };

} // namespace gqa

#endif // GQA_SHARE_POOLING_H
