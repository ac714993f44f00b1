// New weights as parameters of a new file.
#ifndef GQA_LIB_SHARE_NEWPARAMETERS_H
#define GQA_LIB_SHARE_NEWPARAMETERS_H

#include "Parameters.h"
#include "gqa/Weights/SafetensorsWriter.h"

#include "mlir/IR/Builders.h"

namespace gqa {

/// Writes a module's weights to a new file while it changes: new ones as they come, those that stay at the
/// end. The file that they come from is only read.
class NewParameters {
public:
  /// `attentions`: how many may get new weights. An error if `path` is the file that `old` reads.
  static llvm::Expected<NewParameters> create(llvm::StringRef path, const Parameters &old, size_t attentions);

  /// A WeightSink: a new parameter at the end of the function that the builder is in, which nothing may call.
  mlir::Value add(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                  llvm::ArrayRef<double> elements, mlir::Value like);

  /// Copies what the module's functions still read of the old file, and makes the new one the module's.
  llvm::Error finish(mlir::ModuleOp module);

private:
  NewParameters(TensorFileWriter writer, const Parameters &old) : writer(std::move(writer)), old(&old) {}

  TensorFileWriter writer;
  const Parameters *old;
  std::string path;
};

} // namespace gqa

#endif // GQA_LIB_SHARE_NEWPARAMETERS_H
