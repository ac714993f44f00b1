// Compiled kernels on disk, so that the second process starts warm.
//
// An entry is one file, named after its key, in a folder that belongs to this user alone. It is written
// beside its place, flushed and renamed, so that readers and other writers see all of it or nothing, whenever
// a process dies; what a reader finds is used only if it is this user's, nobody else may write it, and its
// checksum is right. Whatever goes wrong, the caller compiles; a line on stderr says what, once for each
// process.
//
// Environment:
// GQA_CACHE       off: no cache
// GQA_CACHE_DIR   the folder; by default gqa in $XDG_CACHE_HOME or ~/.cache
// GQA_CACHE_SIZE  the most MiB that entries take, by default 512; those that were used longest ago go first
#ifndef GQA_CACHE_KERNELCACHE_H
#define GQA_CACHE_KERNELCACHE_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

namespace gqa {

class KernelCache {
public:
  /// The one that the environment names; null if it is off, or if there is no folder that may be used. Safe
  /// to call from several threads, as are the functions below.
  static KernelCache *get();

  /// The environment's folder, whether or not it is there; "" without one.
  static std::string defaultFolder();

  KernelCache(std::string folder, uint64_t mostBytes);

  /// The key of something: a digest, as a name for a file.
  static std::string digest(llvm::StringRef text);

  /// What was stored under `key`.
  std::optional<std::string> load(llvm::StringRef key);

  /// Stores `content`; `title`, one line, is for people.
  void store(llvm::StringRef key, llvm::StringRef title, llvm::StringRef content);

  struct Entry {
    std::string key, title; ///< the title is empty for an entry that is damaged
    uint64_t bytes;
    time_t used;
  };

  /// The entries, those that were used last first.
  std::vector<Entry> list();

  /// Removes all entries, and nothing else. Returns how many there were.
  size_t clear();

private:
  std::string fileOf(llvm::StringRef key) const { return folder + "/" + key.str() + ".kernel"; }
  bool prepareFolder();
  void evict();

  std::string folder;
  uint64_t mostBytes;
};

} // namespace gqa

#endif // GQA_CACHE_KERNELCACHE_H
