// Compiles a module's text in memory and calls it. Needs neither MLIR's headers nor types.
#ifndef GQA_JIT_JIT_H
#define GQA_JIT_JIT_H

#include "gqa/JIT/Remarks.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <dlpack/dlpack.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gqa {

/// What one argument or result looks like.
struct TensorType {
  DLDataType dtype;
  std::vector<int64_t> shape; ///< -1 where any size will do
  std::string param;          ///< the name of the parameter that this argument is (`gqa.param`), or ""
  bool onDevice = false;      ///< may be in the memory of a GPU: only kernels read or write it
  int64_t donatedTo = -1;     ///< of an argument: the result that is written over it
};

struct Signature {
  std::string name;
  std::vector<TensorType> inputs, outputs;
  std::string weights; ///< the module's `gqa.weights`: the file with the parameters, or ""
};

struct CompileOptions {
  /// `cpu`, or `cpu:ARCH` for a processor whose features this machine has; `cuda`, or `cuda:sm_NN`, for a
  /// GPU.
  std::string target = "cpu";
  std::string function;              ///< by default `main`, else the only public function
  bool reference = false;            ///< float64 loops instead of kernels
  bool simplify = true;              ///< recognise, share and fuse before lowering
  std::string report;                ///< where the recogniser writes its JSON
  std::string dumpPhases;            ///< a directory for the IR after every phase
  std::string filename = "<module>"; ///< what messages call the text
  RemarkHandler onRemark;            ///< is told what is found out, on the thread that compiles; may be null
  /// Is told what the function takes before the work of compiling it, which an error ends; may be null.
  std::function<llvm::Error(const Signature &)> onSignature;
};

/// The code that DLPack calls kDLBool from version 0.8 on.
constexpr uint8_t dlBool = 6;

/// "f32[2x?x64]"; for messages.
std::string toString(const TensorType &type);

/// What a call would say of `tensor`, in host memory, as argument `index` of this type.
llvm::Error checkArgument(const TensorType &type, size_t index, const DLTensor &tensor);

/// A function in memory. Calls may run on several threads at once; they share the runtime's thread pool.
///
/// Arguments are dense and row-major, aligned for their element type; the error names the one that is not.
/// They are in host memory. A function for CUDA takes those of its arguments that only kernels read on a GPU
/// as well: all on the same one, where the call then runs and leaves those results that only kernels write.
/// An error whose code is std::errc::invalid_argument says that it is an argument that does not fit.
/// Kernels are queued in `stream`, a CUstream of that GPU's primary context (torch's current stream, say), or
/// its default stream; where results are on the GPU the call does not wait for them. With all arguments in
/// host memory device 0 is used.
class CompiledFunction {
public:
  /// Compiles the text of a module. The error's first line says what is wrong and where.
  static llvm::Expected<std::unique_ptr<CompiledFunction>> compile(llvm::StringRef text,
                                                                   const CompileOptions &options);
  ~CompiledFunction();

  const Signature &signature() const;

  /// Calls with results that the callee allocates; each belongs to the caller, who ends its life with its
  /// deleter, which for a result on a GPU frees it in the order of the stream. A result that is written over
  /// an argument is a view of that argument's memory, and lives no longer.
  llvm::Expected<std::vector<DLManagedTensor *>> call(llvm::ArrayRef<const DLTensor *> inputs);
  llvm::Expected<std::vector<DLManagedTensor *>> callOn(void *stream,
                                                        llvm::ArrayRef<const DLTensor *> inputs);

  /// Calls with memory for the results, of which the same is expected. In host memory it may overlap an
  /// input; a result that is written over an argument has to be that argument.
  llvm::Error call(llvm::ArrayRef<const DLTensor *> inputs, llvm::ArrayRef<DLTensor *> outputs);
  llvm::Error callOn(void *stream, llvm::ArrayRef<const DLTensor *> inputs,
                     llvm::ArrayRef<DLTensor *> outputs);

  struct Implementation;
  explicit CompiledFunction(std::unique_ptr<Implementation> implementation);

private:
  std::unique_ptr<Implementation> implementation;
};

/// What recognising, sharing and fusing make of a module, and what they leave as it is, and why.
struct Explanation {
  std::vector<Remark> remarks; ///< in the order in which it was found out
  std::string graph;           ///< the module after fusing, as text
};

/// Lowers the text of a module as far as its kernels are chosen. That it cannot be lowered further than fused
/// is a remark as well; the error is what compile says of modules that do not get there.
llvm::Expected<Explanation> explainText(llvm::StringRef text, const CompileOptions &options);

} // namespace gqa

#endif // GQA_JIT_JIT_H
