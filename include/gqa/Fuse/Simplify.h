// raise + share + fuse: from what a front end emits to grouped attention.
#ifndef GQA_FUSE_SIMPLIFY_H
#define GQA_FUSE_SIMPLIFY_H

#include "mlir/Pass/PassOptions.h"

namespace mlir {
class OpPassManager;
}

namespace gqa {

struct SimplifyOptions : mlir::PassPipelineOptions<SimplifyOptions> {
  PassOptions::Option<std::string> report{
      *this, "report",
      llvm::cl::desc("write a JSON array with an object for each attention, raised or declined")};
};

/// The phases `raised`, `shared` and `fused`, one by one, so that a driver can stop behind each.
void buildRaisePipeline(mlir::OpPassManager &manager);
void buildSharePipeline(mlir::OpPassManager &manager);
void buildFusePipeline(mlir::OpPassManager &manager);

/// All three, and the report.
void buildSimplifyPipeline(mlir::OpPassManager &manager, const SimplifyOptions &options);

/// Makes `--gqa-simplify` known.
void registerSimplifyPipeline();

} // namespace gqa

#endif // GQA_FUSE_SIMPLIFY_H
