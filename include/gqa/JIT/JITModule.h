// Compiling a module that is already in memory; for hosts that use MLIR themselves.
#ifndef GQA_JIT_JITMODULE_H
#define GQA_JIT_JITMODULE_H

#include "gqa/JIT/JIT.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MemoryBuffer.h"

namespace mlir {
class DialectRegistry;
}

namespace llvm {
class Module;
class raw_ostream;
class raw_pwrite_stream;
} // namespace llvm

namespace gqa {

/// The dialects and translations that compiling needs.
void registerForJIT(mlir::DialectRegistry &registry);

/// From now on, what compiling in `context` remarks and warns about goes to `out`, a line each; errors do
/// not.
void printRemarks(mlir::MLIRContext &context, llvm::raw_ostream &out);

/// A module from text, after the pre-scan. `context` must have what registerForJIT registers.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> parseModule(llvm::StringRef text, llvm::StringRef filename,
                                                              mlir::MLIRContext &context);

/// A file's text; `-` is standard input.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> readFile(llvm::StringRef path);

/// A module in a context of its own, which has no threads.
struct LoneModule {
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;

  mlir::ModuleOp operator*() { return *module; }
};
llvm::Expected<LoneModule> parseAlone(llvm::StringRef text, llvm::StringRef filename);
llvm::Expected<LoneModule> parseFileAlone(llvm::StringRef path, llvm::StringRef filename);

/// The signature of the entry, named as in CompileOptions::function, before anything is lowered.
llvm::Expected<Signature> readSignature(mlir::ModuleOp module, llvm::StringRef function);

/// Adds to a signature which tensors may be on a GPU, by the module's attributes `gqa.device_arguments` and
/// `gqa.device_results`, which lowering leaves there.
void readPlaces(mlir::ModuleOp module, Signature &signature);

/// The signature as it stands in an object file, in the variable kSignatureName: a JSON object with `name`,
/// `weights`, `inputs` and `outputs`, each of which has `dtype`, `shape` (-1 where any size will do),
/// `parameter` (its name, or "") and `device` (whether it may be on a GPU).
std::string toJSON(const Signature &signature);

/// Is shown the module at the end of the phase called `phase`.
using PhaseHandler = llvm::function_ref<void(mlir::ModuleOp module, llvm::StringRef phase)>;

/// Takes `module` to the phase called `phase`; an error says what went wrong, as compile does.
llvm::Error lowerModule(mlir::ModuleOp module, llvm::StringRef phase, const CompileOptions &options,
                        PhaseHandler afterPhase = nullptr);

/// As explainText; `module` is lowered in place.
llvm::Expected<Explanation> explainModule(mlir::ModuleOp module, const CompileOptions &options);

/// Draws the operations of `module` and what uses them, as they came in and after fusing: before.dot and
/// after.dot in `folder`, which is made if missing, and with `asSVG` also .svg, drawn by graphviz.
llvm::Error drawModule(mlir::ModuleOp module, const CompileOptions &options, llvm::StringRef folder,
                       bool asSVG);

/// The host's code as LLVM IR, assembly or an object file; that of a GPU's kernels as PTX, or as machine code
/// for the one chip of the target.
enum class CodeKind { LLVM, Assembly, Object, PTX, Cubin };

/// Writes the code that `module`, which is lowered in place, becomes. Its target need not be a processor or a
/// GPU that this machine has.
llvm::Error emitModule(mlir::ModuleOp module, const CompileOptions &options, CodeKind kind,
                       llvm::raw_pwrite_stream &out);

/// What an object is called by. The entry is void(void **): its argument is an array of pointers to the
/// structure of the results (if there are results) and to each argument's descriptor. Code for CUDA has its
/// kernels; see gqa/Runtime/Cuda.h.
inline constexpr const char *kEntryName = "gqa_entry", *kKernelsName = "gqa_cuda_module",
                            *kSignatureName = "gqa_signature";

/// Code that is still to be linked against the runtime.
struct ObjectCode {
  std::vector<llvm::SmallVector<char, 0>> files; ///< object files, to be linked with each other as well
  std::string features;    ///< of the processor that it needs; see gqa_rt_missing_feature
  bool hasKernels = false; ///< for CUDA
  bool multiplies = false; ///< needs a BLAS
};

/// One object file, or several that threads make at the same time: each kernel has one.
enum class Files { One, Several };

/// Compiles `module`, which is lowered in place, for a target that this machine need not have, and notes in
/// `signature` which tensors may be on a GPU. `suffix` is added to the object's names, which then are hidden.
llvm::Expected<ObjectCode> compileObject(mlir::ModuleOp module, const CompileOptions &options,
                                         Signature &signature, Files files, llvm::StringRef suffix = "");

/// An object of `module` for the plainest processor of this kind.
llvm::Expected<llvm::SmallVector<char, 0>> compileTables(llvm::Module &module);

} // namespace gqa

#endif // GQA_JIT_JITMODULE_H
