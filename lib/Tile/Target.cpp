// From a processor's features to a target description. A new kind of processor is a row of the table.
#include "gqa/Tile/Target.h"

#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

namespace gqa {
namespace {

struct Row {
  llvm::Triple::ArchType arch;
  llvm::StringRef features; // that the processor must have
  CPUTarget target;
};

// The first row that fits. 32 KB of L1 is the least of any of these; a larger one is not needed.
const Row table[] = {
    {llvm::Triple::x86_64, "+avx512f,+avx512vl,+avx512bw,+avx512dq", {512, 32, true}},
    {llvm::Triple::x86_64, "+avx2,+fma", {256, 16, true}},
    {llvm::Triple::x86_64, "", {128, 16, false}}, // SSE2
    {llvm::Triple::aarch64, "+neon", {128, 32, true}},
    {llvm::Triple::UnknownArch, "", {128, 16, false}},
};

std::string hostFeatures() {
  std::string text;
  // The processor's name can lie (a virtual machine), its feature bits do not.
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    if (feature.second)
      text += (text.empty() ? "+" : ",+") + feature.first().str();
  return text;
}

} // namespace

llvm::Expected<CPUTarget> describeCPU(llvm::StringRef target) {
  llvm::StringRef arch = target;
  if (!arch.consume_front("cpu") || (!arch.empty() && (!arch.consume_front(":") || arch.empty())))
    return llvm::createStringError("target '" + target + "' is unknown; expected cpu or cpu:ARCH");
  static const bool initialized = !llvm::InitializeNativeTarget();
  llvm::Triple triple(llvm::sys::getProcessTriple());
  std::string message;
  const llvm::Target *native = initialized ? llvm::TargetRegistry::lookupTarget(triple, message) : nullptr;
  if (!native)
    return llvm::createStringError("this LLVM does not know the host's processors: " + message);
  std::string features = arch.empty() ? hostFeatures() : "";
  std::unique_ptr<llvm::MCSubtargetInfo> plain(native->createMCSubtargetInfo(triple, "", ""));
  if (!arch.empty() && !plain->isCPUStringValid(arch))
    return llvm::createStringError(
        "target 'cpu:" + arch + "' is not a processor that LLVM knows; try cpu, cpu:x86-64-v3 or cpu:znver4");
  std::unique_ptr<llvm::MCSubtargetInfo> info(native->createMCSubtargetInfo(triple, arch, features));
  for (const Row &row : table) {
    bool sameArch = row.arch == triple.getArch() || row.arch == llvm::Triple::UnknownArch;
    if (sameArch && (row.features.empty() || info->checkFeatures(row.features.str())))
      return row.target;
  }
  llvm_unreachable("the last row fits everything");
}

} // namespace gqa
