// From a processor's features to a target description. A new kind of processor is a row of the table.
#include "gqa/Tile/Target.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace gqa {
namespace {

struct Row {
  llvm::Triple::ArchType arch;
  llvm::StringRef features; // that the processor must have
  CPUTarget target;
};

// The first row that fits.
const Row table[] = {
    // AMX accumulates in tiles, but softmax and packing go on in vectors.
    {llvm::Triple::x86_64,
     "+amx-tile,+amx-bf16,+avx512f,+avx512vl,+avx512bw,+avx512dq",
     {512, 32, true, /*amx=*/true}},
    // No feature says how fast vdpbf16ps is: on AMD's processors, which alone have sse4a, as fast as a product
    // of f32, so that it does twice as much; on Intel's half as fast, which is no gain.
    {llvm::Triple::x86_64,
     "+avx512bf16,+sse4a,+avx512f,+avx512vl,+avx512bw,+avx512dq",
     {512, 32, true, /*amx=*/false, /*pairs=*/true}},
    {llvm::Triple::x86_64, "+avx512f,+avx512vl,+avx512bw,+avx512dq", {512, 32, true}},
    {llvm::Triple::x86_64, "+avx2,+fma", {256, 16, true}},
    {llvm::Triple::x86_64, "", {128, 16, false}}, // SSE2
    {llvm::Triple::aarch64, "+neon", {128, 32, true}},
    {llvm::Triple::UnknownArch, "", {128, 16, false}},
};

/// Whether this process has the kernel's permission for tile data, which gqa_rt_request_amx asks for.
bool mayUseTiles() {
#if defined(__linux__) && defined(__x86_64__)
  constexpr int kGetPermissions = 0x1022, kTileData = 18; // ARCH_GET_XCOMP_PERM, XFEATURE_XTILEDATA
  uint64_t permissions = 0;
  return syscall(SYS_arch_prctl, kGetPermissions, &permissions) == 0 && (permissions >> kTileData & 1);
#else
  return false;
#endif
}

std::string hostFeatures() {
  std::string text;
  bool tiles = mayUseTiles();
  // The processor's name can lie (a virtual machine), its feature bits do not.
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    if (feature.second && (tiles || !feature.first().starts_with("amx-")))
      text += (text.empty() ? "+" : ",+") + feature.first().str();
  return text;
}

constexpr llvm::StringLiteral kChipList = "80, 86, 87, 89, 90, 90a, 100 or 120";
constexpr llvm::StringLiteral kGroupChipName = "sm_90a";

/// The number of a chip that code can be made for, or 0: `sm_90` is 90.
unsigned chipNumber(llvm::StringRef name) {
  constexpr unsigned kChips[] = {80, 86, 87, 89, 90, 100, 120};
  unsigned number = 0;
  if (!name.consume_front("sm_") || name.getAsInteger(10, number) || !llvm::is_contained(kChips, number))
    return 0;
  return number;
}

bool isHost(llvm::StringRef item) { return item == "cpu" || item.starts_with("cpu:"); }

} // namespace

bool isCUDA(llvm::StringRef target) {
  llvm::StringRef first = target.split(',').first;
  return first == "cuda" || first.starts_with("cuda:");
}

llvm::StringRef hostOf(llvm::StringRef target) {
  if (!isCUDA(target))
    return target;
  for (llvm::StringRef item : llvm::split(target, ','))
    if (isHost(item))
      return item;
  return "cpu";
}

/// Adds what stands behind the first chip of a list; a cubin for the first one comes with those of others.
static llvm::Error addToCUDA(CUDATarget &description, llvm::StringRef item) {
  bool groups = item == kGroupChipName;
  description.groups |= groups;
  unsigned chip = groups ? kGroupChip : chipNumber(item);
  if (!chip)
    return llvm::createStringError("has '" + item + "' in its list; expected sm_NN with NN one of " +
                                   kChipList + ", or cpu:ARCH for the host's part");
  if (chip < description.chip)
    return llvm::createStringError("lists sm_" + llvm::Twine(chip) + ", which runs no kernels for sm_" +
                                   llvm::Twine(description.chip) + "; the earliest chip comes first");
  if (description.cubins.empty())
    description.cubins.push_back(description.chip);
  if (!groups && !llvm::is_contained(description.cubins, chip))
    description.cubins.push_back(chip);
  return llvm::Error::success();
}

llvm::Expected<CUDATarget> describeCUDA(llvm::StringRef target) {
  llvm::SmallVector<llvm::StringRef> items;
  target.split(items, ',');
  CUDATarget description;
  llvm::StringRef first = items.front();
  if (first == "cuda:sm_90a") {
    description.groups = true;
    first = "cuda:sm_90";
  }
  if (first != "cuda" && (!first.consume_front("cuda:") || !(description.chip = chipNumber(first))))
    return llvm::createStringError("target '" + target +
                                   "' is unknown; expected cuda, or cuda:sm_NN with NN one of " + kChipList);
  for (llvm::StringRef item : llvm::ArrayRef(items).drop_front()) {
    if (isHost(item)) {
      if (llvm::Error error = describeCPU(item).takeError())
        return std::move(error);
    } else if (llvm::Error error = addToCUDA(description, item)) {
      return llvm::createStringError("target '" + target + "' " + llvm::toString(std::move(error)));
    }
  }
  return description;
}

llvm::Expected<TargetName> parseTargetName(llvm::StringRef target) {
  TargetName name;
  name.arch = target;
  name.emulateAMX = name.arch.consume_back("+emulate-amx");
  name.emulatePairs = !name.emulateAMX && name.arch.consume_back("+emulate-pairs");
  if (!name.arch.consume_front("cpu") ||
      (!name.arch.empty() && (!name.arch.consume_front(":") || name.arch.empty())))
    return llvm::createStringError("target '" + target +
                                   "' is unknown; expected cpu, cpu:ARCH, cuda or cuda:sm_NN");
  return name;
}

llvm::Expected<CPUTarget> describeCPU(llvm::StringRef target) {
  llvm::Expected<TargetName> name = parseTargetName(target);
  if (!name)
    return name.takeError();
  llvm::StringRef arch = name->arch;
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
    if (!sameArch || (!row.features.empty() && !info->checkFeatures(row.features.str())))
      continue;
    CPUTarget description = row.target;
    description.amx |= name->emulateAMX;
    description.emulateAMX = name->emulateAMX;
    description.pairs |= name->emulatePairs;
    description.emulatePairs = name->emulatePairs;
    return description;
  }
  llvm_unreachable("the last row fits everything");
}

} // namespace gqa
