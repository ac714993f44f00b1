// Rewrites that change how a graph is written and not what it computes.
#ifndef GQA_TEST_ROUNDTRIP_SCRAMBLE_H
#define GQA_TEST_ROUNDTRIP_SCRAMBLE_H

#include "Random.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace gqa::roundtrip {

/// What is known of an attention beyond its graph.
struct Facts {
  bool neverDead; ///< every row sees a key, whatever the arguments are
  bool uniform;   ///< a row that does not is the mean of V
};

/// The function that is rewritten, and where its random choices come from.
struct Scrambler {
  mlir::func::FuncOp function;
  mlir::IRRewriter &rewriter;
  Random random;
  Facts facts;

  /// All operations of a kind, in order.
  template <typename Op> llvm::SmallVector<Op> all() {
    llvm::SmallVector<Op> found;
    function.walk([&](Op op) { found.push_back(op); });
    return found;
  }
  /// One of those that `accept` accepts; null if there is none.
  template <typename Op> Op pick(llvm::function_ref<bool(Op)> accept = [](Op) { return true; }) {
    llvm::SmallVector<Op> found;
    for (Op op : all<Op>())
      if (accept(op))
        found.push_back(op);
    return found.empty() ? Op() : random.pickOf(found);
  }
};

/// Returns false, with the function as it was, if there is no place for it.
struct Rewrite {
  llvm::StringRef name;
  bool (*apply)(Scrambler &);
};

/// Of the mathematics of attention: softmax, masks, scale, repeated heads. They look for the forms of
/// gqa-decompose, and so come first.
llvm::ArrayRef<Rewrite> attentionRewrites();

/// Of any graph: data movement, loops, casts, scalar arithmetic, and upstream's own patterns.
llvm::ArrayRef<Rewrite> generalRewrites();

// The parts of generalRewrites().
llvm::ArrayRef<Rewrite> movementRewrites(); // Movement.cpp
llvm::ArrayRef<Rewrite> scalarRewrites();   // Scalars.cpp
llvm::ArrayRef<Rewrite> upstreamRewrites(); // Upstream.cpp

// Helpers.

/// `value` with its dimensions in another order, as a named or a generic operation.
mlir::Value transpose(Scrambler &s, mlir::Value value, llvm::ArrayRef<int64_t> permutation);
/// An elementwise operation on one tensor.
mlir::Value mapElements(Scrambler &s, mlir::Value value, mlir::Type element,
                        llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Value)> body);
/// Puts what follows behind the definition of `value`.
void insertBehind(Scrambler &s, mlir::Value value);
/// All uses of `value`, or one of them, become uses of `other`; those in `other`'s own making stay.
void replaceUses(Scrambler &s, mlir::Value value, mlir::Value other,
                 llvm::ArrayRef<mlir::Operation *> makers);
/// An operation like `op` with other operands, maps and body; `op` is replaced, and gone.
mlir::linalg::GenericOp rebuild(Scrambler &s, mlir::linalg::GenericOp op, mlir::ValueRange inputs,
                                llvm::ArrayRef<mlir::AffineMap> maps);

} // namespace gqa::roundtrip

#endif // GQA_TEST_ROUNDTRIP_SCRAMBLE_H
