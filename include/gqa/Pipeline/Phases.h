// The phases of compilation, and how a module gets from one to the next.
#ifndef GQA_PIPELINE_PHASES_H
#define GQA_PIPELINE_PHASES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <string>

namespace gqa {

/// In order. `input` is what the front end wrote; `binary` is an object in memory, whose IR is that of
/// `target`.
enum class Phase { Input, Raised, Shared, Fused, Tiled, Target, Binary };

/// The phase called `name`; the error lists those there are.
llvm::Expected<Phase> parsePhase(llvm::StringRef name);
llvm::StringRef stringifyPhase(Phase phase);

struct PipelineOptions {
  std::string target = "cpu";
  std::string function;   ///< the entry: by default `main`, else the only public function
  bool reference = false; ///< float64 loops instead of kernels
  bool simplify = true;   ///< raise, share and fuse; off, the graph is lowered as it stands
  std::string report;     ///< where the recogniser writes its JSON
  std::string dumpPhases; ///< a directory for the IR after every phase, made if missing
  /// Is shown the module at the end of each phase; may be null.
  std::function<void(mlir::ModuleOp, Phase)> afterPhase;
};

/// Adds the passes that take a module from `input` to `to`, each phase followed by its verifier.
mlir::LogicalResult buildPipelineTo(mlir::OpPassManager &manager, Phase to, const PipelineOptions &options);

/// Takes `module` from `input` to `to`, verifying after every phase. Errors are diagnostics of the module's
/// context.
mlir::LogicalResult runToPhase(mlir::ModuleOp module, Phase to, const PipelineOptions &options);

/// Checks that only operations and types remain that may remain after `phase`.
mlir::LogicalResult verifyPhase(mlir::ModuleOp module, Phase phase);

} // namespace gqa

#endif // GQA_PIPELINE_PHASES_H
