#include "gqa/Cache/KernelCache.h"
#include "Files.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/SHA256.h"

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <unistd.h>

namespace gqa {
namespace {

constexpr llvm::StringLiteral kSuffix = ".kernel", kUnfinished = ".tmp";
constexpr llvm::StringLiteral kMagic = "gqa kernel 1\n";
constexpr uint64_t kDefaultMiB = 512;
constexpr time_t kAbandoned = 3600; // seconds, for a file that is being written

const char *variable(const char *name) {
  const char *value = std::getenv(name);
  return value && *value ? value : nullptr;
}

/// One line for each process: whatever it is, it is the same for every kernel.
void sayOnce(const std::string &message) {
  static std::once_flag said;
  std::call_once(said, [&] {
    std::fprintf(
        stderr,
        "gqa: the kernel cache %s; kernels are compiled instead (GQA_CACHE_DIR names another folder, "
        "GQA_CACHE=off turns it off)\n",
        message.c_str());
  });
}

uint64_t mostBytesAllowed() {
  const char *text = variable("GQA_CACHE_SIZE");
  uint64_t mebibytes = kDefaultMiB;
  if (text && llvm::StringRef(text).getAsInteger(10, mebibytes)) {
    mebibytes = kDefaultMiB;
    std::fprintf(stderr, "gqa: GQA_CACHE_SIZE is '%s', expected a number of MiB; using %llu\n", text,
                 static_cast<unsigned long long>(mebibytes));
  }
  return llvm::SaturatingMultiply(mebibytes, uint64_t(1) << 20);
}

/// An entry: the magic, the digest of what follows, the title, a line's end, the content.
std::string seal(llvm::StringRef title, llvm::StringRef content) {
  std::string body = (title + "\n" + content).str();
  return (kMagic + KernelCache::digest(body) + "\n" + body).str();
}

/// The title and the content; none if they are not as they were written.
std::optional<std::pair<std::string, std::string>> unseal(llvm::StringRef entry) {
  if (!entry.consume_front(kMagic))
    return std::nullopt;
  auto [digest, body] = entry.split('\n');
  if (KernelCache::digest(body) != digest)
    return std::nullopt;
  auto [title, content] = body.split('\n');
  return std::pair(title.str(), content.str());
}

} // namespace

std::string KernelCache::digest(llvm::StringRef text) {
  return llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(text)), /*LowerCase=*/true);
}

std::string KernelCache::defaultFolder() {
  if (const char *folder = variable("GQA_CACHE_DIR"))
    return folder;
  if (const char *caches = variable("XDG_CACHE_HOME"))
    return std::string(caches) + "/gqa";
  const char *home = variable("HOME");
  return home ? std::string(home) + "/.cache/gqa" : "";
}

KernelCache *KernelCache::get() {
  static const std::unique_ptr<KernelCache> cache = []() -> std::unique_ptr<KernelCache> {
    const char *state = variable("GQA_CACHE");
    std::string folder = defaultFolder();
    if (folder.empty() || (state && llvm::is_contained({"off", "0"}, llvm::StringRef(state))))
      return nullptr;
    return std::make_unique<KernelCache>(folder, mostBytesAllowed());
  }();
  return cache.get();
}

KernelCache::KernelCache(std::string folder, uint64_t mostBytes)
    : folder(std::move(folder)), mostBytes(mostBytes) {}

std::optional<std::string> KernelCache::load(llvm::StringRef key) {
  std::string problem = checkFolder(folder), path = fileOf(key);
  if (!problem.empty()) {
    if (access(folder.c_str(), F_OK) == 0)
      sayOnce(folder + " is not used: it " + problem);
    return std::nullopt;
  }
  auto entry = readOwnFile(path, problem, /*use=*/true);
  if (!problem.empty())
    sayOnce("does not use " + path + ": it " + problem);
  if (!entry)
    return std::nullopt;
  auto parts = unseal(*entry);
  if (!parts) {
    sayOnce("has removed " + path + ", which is damaged");
    unlink(path.c_str());
    return std::nullopt;
  }
  return std::move(parts->second);
}

bool KernelCache::prepareFolder() {
  namespace fs = llvm::sys::fs;
  std::error_code error = fs::create_directories(folder, /*IgnoreExisting=*/true, fs::owner_all);
  std::string problem = error ? error.message() : checkFolder(folder);
  if (!problem.empty())
    sayOnce(folder + " cannot be used: " + problem);
  return problem.empty();
}

void KernelCache::store(llvm::StringRef key, llvm::StringRef title, llvm::StringRef content) {
  std::string entry = seal(title, content);
  if (entry.size() > std::min(mostBytes, kMostFileBytes) || !prepareFolder())
    return;
  std::string problem = replaceFile(fileOf(key), entry);
  if (!problem.empty())
    return sayOnce(folder + " cannot be written: " + problem);
  evict();
}

void KernelCache::evict() {
  std::vector<FileInfo> files = listFiles(folder);
  uint64_t bytes = 0;
  for (const FileInfo &file : files)
    bytes += llvm::StringRef(file.name).ends_with(kSuffix) ? file.bytes : 0;
  llvm::sort(files, [](const FileInfo &a, const FileInfo &b) { return a.used < b.used; });
  time_t now = time(nullptr);
  for (const FileInfo &file : files) {
    llvm::StringRef name = file.name;
    bool entry = name.ends_with(kSuffix) && bytes > mostBytes;
    bool abandoned = name.contains(kSuffix) && name.ends_with(kUnfinished) && file.used + kAbandoned < now;
    if (entry || abandoned)
      unlink((folder + "/" + file.name).c_str());
    if (entry)
      bytes -= file.bytes;
  }
}

std::vector<KernelCache::Entry> KernelCache::list() {
  std::vector<Entry> entries;
  for (const FileInfo &file : listFiles(folder)) {
    llvm::StringRef key = file.name;
    if (!key.consume_back(kSuffix))
      continue;
    std::string problem;
    auto content = readOwnFile(fileOf(key), problem, /*use=*/false);
    auto parts = content ? unseal(*content) : std::nullopt;
    entries.push_back({key.str(), parts ? parts->first : "", file.bytes, file.used});
  }
  llvm::sort(entries, [](const Entry &a, const Entry &b) { return a.used > b.used; });
  return entries;
}

size_t KernelCache::clear() {
  size_t count = 0;
  for (const FileInfo &file : listFiles(folder)) {
    llvm::StringRef name = file.name;
    bool entry = name.ends_with(kSuffix), unfinished = name.contains(kSuffix) && name.ends_with(kUnfinished);
    if ((entry || unfinished) && unlink((folder + "/" + file.name).c_str()) == 0)
      count += entry;
  }
  return count;
}

} // namespace gqa
