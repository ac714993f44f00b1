// Features come from the processor's own list: its name can promise less or more than a virtual machine
// offers.
#include "HostTarget.h"
#include "Diagnostics.h"

#include "gqa/Runtime/Runtime.h"
#include "gqa/Tile/Target.h"

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

/// Fails if `machine` has a feature that this processor says it lacks.
llvm::Error checkHostHas(const llvm::TargetMachine &machine, llvm::StringRef target) {
  const llvm::MCSubtargetInfo &info = *machine.getMCSubtargetInfo();
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    if (!feature.second && info.checkFeatures(("+" + feature.first()).str()))
      return makeError("target '" + target + "' needs the processor feature " + feature.first() +
                       ", which this machine lacks");
  return llvm::Error::success();
}

} // namespace

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTarget(llvm::StringRef target) {
  auto description = describeCPU(target); // says what is wrong with a target
  if (!description)
    return description.takeError();
  llvm::StringRef arch = llvm::cantFail(parseTargetName(target)).arch;
  static const bool initialized = !llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple(llvm::sys::getProcessTriple());
  std::string message;
  const llvm::Target *native = initialized ? llvm::TargetRegistry::lookupTarget(triple, message) : nullptr;
  if (!native)
    return makeError("this LLVM cannot generate code for the host: " + message);
  bool isHost = arch.empty();
  std::string cpu = isHost ? llvm::sys::getHostCPUName().str() : arch.str();
  return std::unique_ptr<llvm::TargetMachine>(native->createTargetMachine(
      triple, cpu, isHost ? hostFeatures() : "", llvm::TargetOptions(), llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Default, /*JIT=*/true));
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeHostTarget(llvm::StringRef target) {
  auto machine = makeTarget(target);
  if (!machine || llvm::cantFail(parseTargetName(target)).arch.empty())
    return machine;
  if (llvm::Error error = checkHostHas(**machine, target))
    return error;
  CPUTarget description = llvm::cantFail(describeCPU(target));
  if (description.amx && !description.emulateAMX && !gqa_rt_request_amx())
    return makeError("target '" + target + "' needs AMX, which the kernel does not let this process use");
  return machine;
}

} // namespace gqa
