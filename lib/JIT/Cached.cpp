#include "Cached.h"
#include "HostTarget.h"

#include "gqa/Cache/KernelCache.h"
#include "gqa/NVPTX/Assemble.h"
#include "gqa/Runtime/Function.h"
#include "gqa/Tile/Target.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

#include <elf.h>
#include <link.h>

namespace gqa {
namespace {

/// The build identifier that the linker has put into a loaded library, or "".
std::string buildId(const dl_phdr_info &library) {
  for (const ElfW(Phdr) &header : llvm::ArrayRef(library.dlpi_phdr, library.dlpi_phnum)) {
    if (header.p_type != PT_NOTE)
      continue;
    const char *at = reinterpret_cast<const char *>(library.dlpi_addr + header.p_vaddr),
               *end = at + header.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      const auto *note = reinterpret_cast<const ElfW(Nhdr) *>(at);
      const char *name = at + sizeof(*note), *value = name + llvm::alignTo(note->n_namesz, 4);
      if (note->n_type == NT_GNU_BUILD_ID &&
          llvm::StringRef(name, note->n_namesz) == llvm::StringRef("GNU\0", 4))
        return std::string(value, note->n_descsz);
      at = value + llvm::alignTo(note->n_descsz, 4);
    }
  }
  return "";
}

bool contains(const dl_phdr_info &library, const void *address) {
  auto at = reinterpret_cast<uintptr_t>(address) - library.dlpi_addr;
  return llvm::any_of(llvm::ArrayRef(library.dlpi_phdr, library.dlpi_phnum), [at](const ElfW(Phdr) & header) {
    return header.p_type == PT_LOAD && at >= header.p_vaddr && at - header.p_vaddr < header.p_memsz;
  });
}

/// The builds of what compiles: this library or program, LLVM and MLIR. Empty if one of them does not say.
const std::string &compilerBuild() {
  static const std::string builds = [] {
    struct Found {
      std::string ids;
      bool complete = true;
    } found;
    auto visit = [](dl_phdr_info *library, size_t, void *context) {
      auto &found = *static_cast<Found *>(context);
      llvm::StringRef name = llvm::StringRef(library->dlpi_name).rsplit('/').second;
      bool compiles = name.starts_with("libLLVM") || name.starts_with("libMLIR") ||
                      contains(*library, reinterpret_cast<const void *>(&compilerBuild));
      std::string id = compiles ? buildId(*library) : "";
      found.ids += id;
      found.complete &= !compiles || !id.empty();
      return 0;
    };
    dl_iterate_phdr(visit, &found);
    return found.complete ? found.ids : "";
  }();
  return builds;
}

llvm::json::Array listOf(const std::vector<TensorType> &types) {
  llvm::json::Array list;
  for (const TensorType &type : types)
    list.push_back(llvm::json::Object{{"code", type.dtype.code},
                                      {"bits", type.dtype.bits},
                                      {"shape", llvm::json::Array(type.shape)},
                                      {"param", type.param},
                                      {"device", type.onDevice},
                                      {"donated_to", type.donatedTo}});
  return list;
}

/// "main(f32[1x8x?x64]) on cpu"
std::string titleOf(const Signature &signature, llvm::StringRef target) {
  auto types = llvm::map_range(signature.inputs, [](const TensorType &type) { return toString(type); });
  return signature.name + "(" + llvm::join(types, ", ") + ") on " + target.str();
}

} // namespace

// Where llvm::json finds them.

/// What stands in front of an entry's object files.
struct CachedHead {
  CompiledCode code; // without the files
  std::vector<int64_t> sizes;
};

static bool fromJSON(const llvm::json::Value &value, TensorType &type, llvm::json::Path path) {
  llvm::json::ObjectMapper map(value, path);
  unsigned code, bits;
  if (!map || !map.map("code", code) || !map.map("bits", bits) || !map.map("shape", type.shape) ||
      !map.map("param", type.param) || !map.map("device", type.onDevice) ||
      !map.map("donated_to", type.donatedTo))
    return false;
  type.dtype = {uint8_t(code), uint8_t(bits), 1};
  return true;
}

static bool fromJSON(const llvm::json::Value &value, CachedHead &head, llvm::json::Path path) {
  llvm::json::ObjectMapper map(value, path);
  Signature &signature = head.code.signature;
  ObjectCode &object = head.code.object;
  return map && map.map("name", signature.name) && map.map("weights", signature.weights) &&
         map.map("inputs", signature.inputs) && map.map("outputs", signature.outputs) &&
         map.map("features", object.features) && map.map("kernels", object.hasKernels) &&
         map.map("multiplies", object.multiplies) && map.map("sizes", head.sizes);
}

std::optional<std::string> cacheKey(llvm::StringRef text, const CompileOptions &options) {
  bool tellsMore = !options.report.empty() || !options.dumpPhases.empty() || options.onRemark;
  if (tellsMore || !KernelCache::get() || compilerBuild().empty())
    return std::nullopt;
  std::string processor = processorOf(hostOf(options.target)), assembler, all;
  if (isCUDA(options.target)) {
    llvm::Expected<CUDATarget> chips = describeCUDA(options.target);
    if (!chips)
      llvm::consumeError(chips.takeError()); // compiling says what is wrong with it
    else if (!chips->cubins.empty())
      assembler = identifyAssembler();
  }
  for (llvm::StringRef part :
       {llvm::StringRef(compilerBuild()), llvm::StringRef(options.target), llvm::StringRef(processor),
        llvm::StringRef(assembler), llvm::StringRef(options.function), llvm::StringRef(options.filename),
        llvm::StringRef(options.reference ? "reference" : ""),
        llvm::StringRef(options.simplify ? "simplify" : ""), text})
    all += llvm::utostr(part.size()) + ":" + part.str();
  return KernelCache::digest(all);
}

std::optional<CompiledCode> loadCached(llvm::StringRef key) {
  std::optional<std::string> content = KernelCache::get()->load(key);
  if (!content)
    return std::nullopt;
  auto [text, bytes] = llvm::StringRef(*content).split('\n');
  llvm::Expected<CachedHead> head = llvm::json::parse<CachedHead>(text);
  if (!head) {
    llvm::consumeError(head.takeError());
    return std::nullopt;
  }
  ObjectCode &object = head->code.object;
  // The folder can be shared with other machines.
  if (gqa_rt_missing_feature(object.features.c_str()))
    return std::nullopt;
  for (int64_t size : head->sizes) {
    llvm::StringRef file = bytes.take_front(size_t(size));
    object.files.emplace_back(file.begin(), file.end());
    bytes = bytes.drop_front(file.size());
  }
  return std::move(head->code);
}

void storeCached(llvm::StringRef key, const CompiledCode &code, const CompileOptions &options) {
  const Signature &signature = code.signature;
  const ObjectCode &object = code.object;
  llvm::json::Array sizes;
  for (const auto &file : object.files)
    sizes.push_back(int64_t(file.size()));
  llvm::json::Value head = llvm::json::Object{{"name", signature.name},
                                              {"weights", signature.weights},
                                              {"inputs", listOf(signature.inputs)},
                                              {"outputs", listOf(signature.outputs)},
                                              {"features", object.features},
                                              {"kernels", object.hasKernels},
                                              {"multiplies", object.multiplies},
                                              {"sizes", std::move(sizes)}};
  std::string content;
  llvm::raw_string_ostream out(content);
  out << head << "\n";
  for (const auto &file : object.files)
    out << llvm::toStringRef(file);
  KernelCache::get()->store(key, titleOf(signature, options.target), content);
}

} // namespace gqa
