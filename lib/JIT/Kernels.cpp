// Kernels apart from the code around them: each a module of its own, with what it needs.
#include "Kernels.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Support/TimeProfiler.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/ValueMapper.h"

#include <utility>

namespace gqa {
namespace {

/// What a module of one kernel has a copy of: helpers and constants, whose address nobody compares.
bool isCopied(const llvm::GlobalValue &value) {
  const auto *variable = llvm::dyn_cast<llvm::GlobalVariable>(&value);
  return value.hasLocalLinkage() && (!variable || variable->isConstant());
}

/// Before the module is written: constants may be a model's weights.
void eraseUnused(llvm::Module &module, const llvm::GlobalValue *kept) {
  for (bool changed = true; changed;) {
    changed = false;
    for (llvm::GlobalValue &value : llvm::make_early_inc_range(module.global_values())) {
      value.removeDeadConstantUsers();
      if (&value == kept || !value.use_empty())
        continue;
      value.eraseFromParent();
      changed = true;
    }
  }
}

llvm::SmallVector<char, 0> writeAlone(const llvm::Module &module, const llvm::Function &kernel) {
  llvm::ValueToValueMapTy map;
  std::unique_ptr<llvm::Module> alone = llvm::CloneModule(
      module, map, [&](const llvm::GlobalValue *value) { return value == &kernel || isCopied(*value); });
  eraseUnused(*alone, llvm::cast<llvm::Function>(map[&kernel]));
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::WriteBitcodeToFile(*alone, out);
  return bytes;
}

} // namespace

std::vector<llvm::SmallVector<char, 0>> takeKernels(llvm::Module &module, llvm::StringRef suffix) {
  llvm::TimeTraceScope span("separate kernels");
  std::vector<llvm::Function *> kernels;
  for (llvm::Function &function : module)
    if (isKernel(function)) {
      function.setLinkage(llvm::GlobalValue::ExternalLinkage);
      function.setDSOLocal(false); // memory of another file may be far away
      function.setName(function.getName() + suffix);
      if (!suffix.empty())
        function.setVisibility(llvm::GlobalValue::HiddenVisibility);
      kernels.push_back(&function);
    }
  std::vector<llvm::SmallVector<char, 0>> files;
  llvm::sort(kernels, [](llvm::Function *x, llvm::Function *y) {
    return std::pair(y->getInstructionCount(), x->getName()) <
           std::pair(x->getInstructionCount(), y->getName());
  });
  for (llvm::Function *kernel : kernels)
    files.push_back(writeAlone(module, *kernel));
  for (llvm::Function *kernel : kernels)
    kernel->deleteBody();
  return files;
}

} // namespace gqa
