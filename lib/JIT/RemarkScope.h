// Hands a context's remarks to a function while it lives.
#ifndef GQA_LIB_JIT_REMARKSCOPE_H
#define GQA_LIB_JIT_REMARKSCOPE_H

#include "gqa/JIT/Remarks.h"

#include "mlir/IR/Diagnostics.h"

namespace gqa {

/// While it lives, the remarks of this project's passes, and the remarks and warnings that are diagnostics,
/// go to `handler`. Without one nothing changes: remarks stay off, which is what makes them cheap.
class RemarkScope {
public:
  RemarkScope(mlir::MLIRContext &context, const RemarkHandler &handler);
  ~RemarkScope();
  RemarkScope(const RemarkScope &) = delete;

private:
  mlir::MLIRContext &context;
  std::optional<mlir::ScopedDiagnosticHandler> diagnostics;
};

} // namespace gqa

#endif // GQA_LIB_JIT_REMARKSCOPE_H
