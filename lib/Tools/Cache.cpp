// gqa-cache: what is in the cache of compiled kernels.
#include "gqa/Cache/KernelCache.h"
#include "gqa/Tools/Tools.h"
#include "gqa/Version.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace gqa;

static constexpr const char *help =
    R"(gqa-cache list      the kernels that are cached: bytes, when they were used last, what they are
gqa-cache clear     removes them
gqa-cache path      the folder in which they are

Exit code: 0 good, 2 the folder cannot be used. --version says which gqa this is.
Environment: GQA_CACHE_DIR (the folder, by default $XDG_CACHE_HOME/gqa, else ~/.cache/gqa), GQA_CACHE_SIZE (the most MiB
that programs keep there, by default 512), GQA_CACHE=off (programs use no cache).
)";

static int fail(const llvm::Twine &message) {
  llvm::errs() << "gqa-cache: error: " << message << "\n";
  return 2;
}

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

int gqa::cacheMain(int argc, char **argv) {
  llvm::StringRef command = argc > 1 ? argv[1] : "";
  if (command == "--help" || command == "-h") {
    llvm::outs() << help;
    return 0;
  }
  if (command == "--version") {
    llvm::outs() << GQA_VERSION_LINE("gqa-cache");
    return 0;
  }
  if (argc != 2 || (command != "list" && command != "clear" && command != "path"))
    return fail("expected list, clear or path; see gqa-cache --help");
  std::string folder = KernelCache::defaultFolder();
  if (folder.empty())
    return fail("there is no folder; set GQA_CACHE_DIR or HOME");
  if (llvm::sys::fs::exists(folder) && !llvm::sys::fs::is_directory(folder))
    return fail("'" + folder + "' is not a folder; set GQA_CACHE_DIR to one");
  KernelCache cache(folder, 0);
  if (command == "list")
    list(cache);
  else if (command == "path")
    llvm::outs() << folder << "\n";
  else
    llvm::outs() << "removed " << cache.clear() << " kernels from " << folder << "\n";
  return 0;
}
