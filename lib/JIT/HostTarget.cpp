// Features come from the processor's own list: its name can promise less or more than a virtual machine
// offers.
#include "HostTarget.h"
#include "Diagnostics.h"

#include "gqa/Runtime/Function.h"
#include "gqa/Runtime/Runtime.h"
#include "gqa/Tile/Target.h"

#include "llvm/ADT/StringExtras.h"
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

} // namespace

llvm::Triple hostTriple() { return llvm::Triple(llvm::sys::getProcessTriple()); }

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeMachine(llvm::StringRef cpu,
                                                                        llvm::StringRef features) {
  static const bool initialized =
      !llvm::InitializeNativeTarget() && !llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple = hostTriple();
  std::string message;
  const llvm::Target *native = initialized ? llvm::TargetRegistry::lookupTarget(triple, message) : nullptr;
  if (!native)
    return makeError("this LLVM cannot generate code for the host: " + message);
  return std::unique_ptr<llvm::TargetMachine>(
      native->createTargetMachine(triple, cpu, features, llvm::TargetOptions(), llvm::Reloc::PIC_,
                                  llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makePlainTarget() { return makeMachine("", ""); }

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTarget(llvm::StringRef target) {
  auto description = describeCPU(target); // says what is wrong with a target
  if (!description)
    return description.takeError();
  llvm::StringRef arch = llvm::cantFail(parseTargetName(target)).arch;
  return arch.empty() ? makeMachine(llvm::sys::getHostCPUName(), hostFeatures()) : makeMachine(arch, "");
}

std::string processorOf(llvm::StringRef target) {
  if (target != "cpu" && !target.starts_with("cpu+"))
    return target.str();
  static const std::string host =
      llvm::sys::getHostCPUName().str() + " " + hostFeatures() + (gqa_rt_request_amx() ? " tiles" : "");
  return host;
}

std::string featuresOf(const llvm::TargetMachine &machine) {
  std::vector<std::string> names;
  for (const llvm::SubtargetFeatureKV &feature : machine.getMCSubtargetInfo()->getEnabledProcessorFeatures())
    if (gqa_rt_knows_feature(feature.Key))
      names.push_back(feature.Key);
  return llvm::join(names, ",");
}

llvm::Error checkHost(llvm::StringRef target) {
  auto machine = makeTarget(target);
  if (!machine)
    return machine.takeError();
  if (llvm::cantFail(parseTargetName(target)).arch.empty())
    return llvm::Error::success();
  std::string features = featuresOf(**machine);
  const char *missing = gqa_rt_missing_feature(features.c_str());
  if (!missing)
    return llvm::Error::success();
  return makeError("target '" + target + "' needs the processor feature " +
                   llvm::StringRef(missing).split(',').first + ", which this machine lacks");
}

} // namespace gqa
