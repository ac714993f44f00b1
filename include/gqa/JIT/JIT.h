// Compiles a module's text in memory and calls it. Needs neither MLIR's headers nor types.
#ifndef GQA_JIT_JIT_H
#define GQA_JIT_JIT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <dlpack/dlpack.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gqa {

/// What one argument or result looks like.
struct TensorType {
  DLDataType dtype;
  std::vector<int64_t> shape; ///< -1 where any size will do
  std::string param;          ///< the name of the parameter that this argument is (`gqa.param`), or ""
};

struct Signature {
  std::string name;
  std::vector<TensorType> inputs, outputs;
  std::string weights; ///< the module's `gqa.weights`: the file with the parameters, or ""
};

struct CompileOptions {
  std::string target = "cpu";        ///< `cpu`, or `cpu:ARCH` for a processor whose features this machine has
  std::string function;              ///< by default `main`, else the only public function
  bool reference = false;            ///< float64 loops instead of kernels
  bool simplify = true;              ///< recognise, share and fuse before lowering
  std::string report;                ///< where the recogniser writes its JSON
  std::string dumpPhases;            ///< a directory for the IR after every phase
  std::string filename = "<module>"; ///< what messages call the text
};

/// The code that DLPack calls kDLBool from version 0.8 on.
constexpr uint8_t dlBool = 6;

/// "f32[2x?x64]"; for messages.
std::string toString(const TensorType &type);

/// A function in memory. Calls may run on several threads at once; they share the runtime's thread pool.
class CompiledFunction {
public:
  /// Compiles the text of a module. The error's first line says what is wrong and where.
  static llvm::Expected<std::unique_ptr<CompiledFunction>> compile(llvm::StringRef text,
                                                                   const CompileOptions &options);
  ~CompiledFunction();

  const Signature &signature() const;

  /// Calls with results that the callee allocates; each belongs to the caller, who ends its life with its
  /// deleter. Arguments are dense row-major host memory, aligned for their element type; the error names the
  /// one that is not.
  llvm::Expected<std::vector<DLManagedTensor *>> call(llvm::ArrayRef<const DLTensor *> inputs);

  /// Calls with memory for the results, of which the same is expected. It may overlap an input.
  llvm::Error call(llvm::ArrayRef<const DLTensor *> inputs, llvm::ArrayRef<DLTensor *> outputs);

  struct Implementation;
  explicit CompiledFunction(std::unique_ptr<Implementation> implementation);

private:
  std::unique_ptr<Implementation> implementation;
};

} // namespace gqa

#endif // GQA_JIT_JIT_H
