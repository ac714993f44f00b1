// An attention whose weights are all known: read as matrices per head, written with fewer KV heads.
#ifndef GQA_LIB_SHARE_SITE_H
#define GQA_LIB_SHARE_SITE_H

#include "Projection.h"

namespace gqa {

class Site {
public:
  /// None, with the reason, if some weight is out of reach, or something else reads K or V. Caches at the
  /// boundary of the function are in the way unless it may change.
  static std::optional<Site> find(AttentionOp op, WeightSource source, bool mayChangeSignature,
                                  Unreachable &why);

  Heads read(WeightSource source) const;

  /// Replaces the weights: any number of KV heads that divides the number of query heads. Caches, and with
  /// them the function's type, change.
  void write(mlir::RewriterBase &rewriter, const Heads &heads, WeightSink sink);

  AttentionOp getOp() const { return op; }
  /// How K and Q are turned between projection and score.
  Rotation getRotation() const { return k.getRotation(); }
  RotaryOp getRotary() const { return k.getRotary(); }
  /// Whether K or V is appended to a cache, an argument of the function.
  bool hasCache() const { return k.getAppend() || v.getAppend(); }
  /// Whether q, k and v are projections of the same tokens.
  bool sharesInput() const { return q.getInput() == k.getInput() && k.getInput() == v.getInput(); }
  /// True if something beside q, k and v depends on which query head it is: their order must stay.
  bool needsOrder();

private:
  AttentionOp op;
  InputProjection q, k, v;
  OutputProjection o;
};

} // namespace gqa

#endif // GQA_LIB_SHARE_SITE_H
