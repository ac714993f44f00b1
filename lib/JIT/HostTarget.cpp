// Features come from the processor's own list: its name can promise less or more than a virtual machine
// offers.
#include "HostTarget.h"
#include "Diagnostics.h"

#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"

namespace gqa {
namespace {

std::string hostFeatures() {
  llvm::SubtargetFeatures features;
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    features.AddFeature(feature.first(), feature.second);
  return features.getString();
}

/// Fails if `arch` is unknown, or has a feature that this processor says it lacks.
llvm::Error checkArch(const llvm::Target &target, const llvm::Triple &triple, llvm::StringRef arch) {
  std::unique_ptr<llvm::MCSubtargetInfo> plain(target.createMCSubtargetInfo(triple, "", ""));
  if (!plain->isCPUStringValid(arch))
    return makeError("target 'cpu:" + arch +
                     "' is not a processor that LLVM knows; try cpu, cpu:x86-64-v3 or cpu:znver4");
  std::unique_ptr<llvm::MCSubtargetInfo> info(target.createMCSubtargetInfo(triple, arch, ""));
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    if (!feature.second && info->checkFeatures(("+" + feature.first()).str()))
      return makeError("target 'cpu:" + arch + "' needs the processor feature " + feature.first() +
                       ", which this machine lacks");
  return llvm::Error::success();
}

} // namespace

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTargetMachine(llvm::StringRef target) {
  llvm::StringRef arch = target;
  if (!arch.consume_front("cpu") || (!arch.empty() && (!arch.consume_front(":") || arch.empty())))
    return makeError("target '" + target + "' is unknown; expected cpu or cpu:ARCH");
  static const bool initialized =
      !llvm::InitializeNativeTarget() && !llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple(llvm::sys::getProcessTriple());
  std::string message;
  const llvm::Target *native = initialized ? llvm::TargetRegistry::lookupTarget(triple, message) : nullptr;
  if (!native)
    return makeError("this LLVM cannot generate code for the host: " + message);
  if (!arch.empty())
    if (llvm::Error error = checkArch(*native, triple, arch))
      return error;
  std::string cpu = arch.empty() ? llvm::sys::getHostCPUName().str() : arch.str();
  std::string features = arch.empty() ? hostFeatures() : "";
  return std::unique_ptr<llvm::TargetMachine>(
      native->createTargetMachine(triple, cpu, features, llvm::TargetOptions(), llvm::Reloc::PIC_,
                                  std::nullopt, llvm::CodeGenOptLevel::Default, /*JIT=*/true));
}

} // namespace gqa
