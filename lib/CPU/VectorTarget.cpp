// The vector registers of the processor that code is generated for.
#include "VectorBuilder.h"
#include "gqa/CPU/Passes.h"

#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

namespace gqa {

VectorTarget vectorTargetOf(unsigned bits) { return {bits, bits == 512 ? 32u : 16u}; }

unsigned hostVectorBits() {
  // The processor's name can lie (a virtual machine), its feature bits do not.
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  return features.lookup("avx512f") ? 512 : features.lookup("avx2") ? 256 : 128;
}

unsigned vectorBitsOf(llvm::StringRef target) {
  llvm::StringRef arch = target;
  if (!arch.consume_front("cpu:"))
    return hostVectorBits();
  static const bool initialized = !llvm::InitializeNativeTarget();
  llvm::Triple triple(llvm::sys::getProcessTriple());
  std::string message;
  const llvm::Target *native = initialized ? llvm::TargetRegistry::lookupTarget(triple, message) : nullptr;
  if (!native)
    return 128;
  std::unique_ptr<llvm::MCSubtargetInfo> info(native->createMCSubtargetInfo(triple, "", ""));
  if (!info || !info->isCPUStringValid(arch)) // code generation says what is wrong with it
    return 128;
  info.reset(native->createMCSubtargetInfo(triple, arch, ""));
  return info->checkFeatures("+avx512f") ? 512 : info->checkFeatures("+avx2") ? 256 : 128;
}

} // namespace gqa
