// One variant: an attention, expanded, rewritten, and recognised again.
#ifndef GQA_TEST_ROUNDTRIP_ROUNDTRIP_H
#define GQA_TEST_ROUNDTRIP_ROUNDTRIP_H

#include "RandomAttention.h"
#include "Scramble.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace gqa::roundtrip {

/// One rewrite, with its own random choices, so that a sequence stays what it is when others are left out.
struct Step {
  const Rewrite *rewrite;
  uint64_t seed;
};

struct Variant {
  Drawn drawn;
  std::vector<Step> steps;
};

/// The variant of a seed: how front ends write attention first, then anything; `hard`: also what recognition
/// does not always see through.
Variant drawVariant(uint64_t seed, bool hard);

class RoundTrip {
public:
  explicit RoundTrip(mlir::MLIRContext &context) : context(context) {}

  /// Takes a variant around. Empty if the attention comes back; else what is wrong.
  std::string run(const Variant &variant);

  /// The modules of the last run, as far as it came.
  mlir::OwningOpRef<mlir::ModuleOp> original, scrambled, raised;
  /// Prints what is to be recognised, in case that nothing comes back.
  bool trace = false;
  /// The rewrites of the last run that found a place.
  std::vector<llvm::StringRef> applied;

private:
  llvm::LogicalResult scramble(const Variant &variant, const Facts &facts);

  mlir::MLIRContext &context;
};

} // namespace gqa::roundtrip

#endif // GQA_TEST_ROUNDTRIP_ROUNDTRIP_H
