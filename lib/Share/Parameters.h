// Parameters of a module whose numbers lie in a file beside it.
#ifndef GQA_LIB_SHARE_PARAMETERS_H
#define GQA_LIB_SHARE_PARAMETERS_H

#include "gqa/Raise/ConstantData.h"
#include "gqa/Weights/Safetensors.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace gqa {

/// What constants and parameters (`gqa.param`) hold.
class Parameters {
public:
  /// Opens the module's `gqa.weights` file, if it names one, in `directory`; if that is empty, beside the
  /// file that the module was read from.
  static llvm::Expected<Parameters> open(mlir::ModuleOp module, llvm::StringRef directory);

  /// None if the value is neither a constant nor a parameter that the file has, with the type that it has
  /// there.
  std::optional<ConstantData> lookup(mlir::Value value) const;

  /// The name of the parameter that `value` is, or null.
  static mlir::StringAttr nameOf(mlir::Value value);
  /// Null if the module names none.
  const TensorFile *getFile() const { return file ? &*file : nullptr; }
  llvm::StringRef getPath() const { return path; }

private:
  std::string path;
  std::optional<TensorFile> file;
};

/// Whether something in the module calls the function, so that it must keep its type. True if that is not
/// known.
bool isCalled(mlir::func::FuncOp function);

/// Takes parameters that nothing reads any more off the functions of the module that nothing calls. How many.
unsigned eraseUnusedParameters(mlir::ModuleOp module);

} // namespace gqa

#endif // GQA_LIB_SHARE_PARAMETERS_H
