// Operations each of which needs the one before: how deep expressions nest.
#ifndef GQA_RAISE_LONGCHAINS_H
#define GQA_RAISE_LONGCHAINS_H

#include "mlir/IR/Operation.h"

namespace gqa {

/// The most operations that `withStackFor` takes in a row. A model of a hundred layers has some thousand.
inline constexpr uint64_t kLongestChain = 1 << 16;

/// How many operations at most stand in a row in `root`, each computed from the one before, as they nest in
/// an expression: the bodies of operations count, and what is put together of many tensors is a choice among
/// them.
uint64_t longestChain(mlir::Operation *root);

/// Calls `walk`, which follows by recursion what values in `root` are computed from, where the stack is large
/// enough for that: on this thread, or on one of its own while this one waits. An error on `root` if no stack
/// is.
mlir::LogicalResult withStackFor(mlir::Operation *root, llvm::function_ref<void()> walk);

} // namespace gqa

#endif // GQA_RAISE_LONGCHAINS_H
