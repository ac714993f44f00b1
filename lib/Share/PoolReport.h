// What gqa-pool-heads did, and what it cost.
#ifndef GQA_LIB_SHARE_POOLREPORT_H
#define GQA_LIB_SHARE_POOLREPORT_H

#include "Heads.h"
#include "gqa/Dialect/GQA/GQA.h"

#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace gqa {

/// One attention. Bytes are those of K and V of one token.
struct PoolEntry {
  explicit PoolEntry(AttentionOp op);

  std::string function, location;
  std::string reason; ///< why it was left alone, or empty
  int64_t qHeads, kvHeadsBefore, kvHeads, headDim, vHeadDim, bytesPerHead;
  std::string rotary = "none";
  HeadGroups groups;
  double energyK = 1, energyV = 1; ///< kept, 0 to 1
  bool healed = false;

  int64_t bytesBefore() const { return kvHeadsBefore * bytesPerHead; }
  int64_t bytes() const { return kvHeads * bytesPerHead; }
  /// Relative errors of K and V, as their readers see them.
  double errorK() const { return std::sqrt(std::max(0.0, 1 - energyK)); }
  double errorV() const { return std::sqrt(std::max(0.0, 1 - energyV)); }
};

/// A JSON object: `layers`, one object for each attention in program order, and `total`. No path: nothing is
/// written.
llvm::Error writeReport(llvm::ArrayRef<PoolEntry> entries, llvm::StringRef method, llvm::StringRef path);

} // namespace gqa

#endif // GQA_LIB_SHARE_POOLREPORT_H
