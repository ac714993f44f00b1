// Everything a tool needs to know by name: dialects, passes, pipelines.
#ifndef GQA_PIPELINE_REGISTER_H
#define GQA_PIPELINE_REGISTER_H

namespace mlir {
class DialectRegistry;
}

namespace gqa {

/// The dialects that modules may use, with the interfaces that bufferization and lowering need.
void registerDialects(mlir::DialectRegistry &registry);

/// Dialects, and every pass and pipeline by its flag.
void registerAll(mlir::DialectRegistry &registry);

} // namespace gqa

#endif // GQA_PIPELINE_REGISTER_H
