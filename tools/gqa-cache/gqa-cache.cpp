// gqa-cache: what is in the cache of compiled kernels.
#include "gqa/Cache/KernelCache.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace gqa;

static constexpr const char *help =
    R"(gqa-cache list      the kernels that are cached: bytes, when they were used last, what they are
gqa-cache clear     removes them
gqa-cache path      the folder in which they are

Environment: GQA_CACHE_DIR (the folder), GQA_CACHE_SIZE (the most MiB, by default 512), GQA_CACHE=off (no cache).
)";

static void list(KernelCache &cache) {
  uint64_t bytes = 0;
  std::vector<KernelCache::Entry> entries = cache.list();
  for (const KernelCache::Entry &entry : entries) {
    char used[32];
    std::tm local;
    std::strftime(used, sizeof used, "%Y-%m-%d %H:%M:%S", localtime_r(&entry.used, &local));
    llvm::outs() << llvm::format("%9llu  %s  ", static_cast<unsigned long long>(entry.bytes), used)
                 << (entry.title.empty() ? "damaged, or not this user's" : entry.title) << "\n";
    bytes += entry.bytes;
  }
  llvm::outs() << entries.size() << (entries.size() == 1 ? " kernel, " : " kernels, ") << bytes << " bytes\n";
}

int main(int argc, char **argv) {
  llvm::StringRef command = argc > 1 ? argv[1] : "";
  if (command == "--help" || command == "-h") {
    llvm::outs() << help;
    return 0;
  }
  std::string folder = KernelCache::defaultFolder();
  if (argc != 2 || (command != "list" && command != "clear" && command != "path")) {
    llvm::errs() << "gqa-cache: error: expected list, clear or path; see gqa-cache --help\n";
    return 2;
  }
  if (folder.empty()) {
    llvm::errs() << "gqa-cache: error: there is no folder; set GQA_CACHE_DIR or HOME\n";
    return 2;
  }
  KernelCache cache(folder, 0);
  if (command == "list")
    list(cache);
  else if (command == "path")
    llvm::outs() << folder << "\n";
  else
    llvm::outs() << "removed " << cache.clear() << " kernels from " << folder << "\n";
  return 0;
}
