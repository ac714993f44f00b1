// Files that are safe to share with other processes and to find damaged.
#ifndef GQA_LIB_CACHE_FILES_H
#define GQA_LIB_CACHE_FILES_H

#include "llvm/ADT/StringRef.h"

#include <ctime>
#include <optional>
#include <string>
#include <vector>

namespace gqa {

/// Empty, or why what is at `path` must not be trusted: it belongs to somebody else, others may write it, or
/// it is no folder.
std::string checkFolder(const std::string &path);

/// The most bytes of a file that is read: code that calls reach each other in has 2 GiB at most.
constexpr uint64_t kMostFileBytes = uint64_t(4) << 30;

/// The content of a file that is this user's alone; none if there is no such file. `problem` says why one
/// that is there is not read. `use`: the file's time is noted as the one when it was used.
std::optional<std::string> readOwnFile(const std::string &path, std::string &problem, bool use);

/// Puts a file in place as a whole. Empty, or why that did not work; then nothing is left of it.
std::string replaceFile(const std::string &path, llvm::StringRef content);

struct FileInfo {
  std::string name;
  uint64_t bytes;
  time_t used;
};

/// The files in a folder.
std::vector<FileInfo> listFiles(const std::string &folder);

} // namespace gqa

#endif // GQA_LIB_CACHE_FILES_H
