#include "Files.h"

#include "llvm/ADT/ScopeExit.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gqa {
namespace {

/// Empty, or why somebody else could have written this.
std::string checkOwner(const struct stat &status) {
  if (status.st_uid != geteuid())
    return "belongs to user " + std::to_string(status.st_uid) + ", not to " + std::to_string(geteuid());
  if (status.st_mode & (S_IWGRP | S_IWOTH))
    return "may be written by other users";
  return "";
}

std::string why() { return std::strerror(errno); }

bool writeAll(int file, llvm::StringRef content) {
  while (!content.empty()) {
    ssize_t written = write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    content = content.drop_front(size_t(written));
  }
  return true;
}

} // namespace

std::string checkFolder(const std::string &path) {
  struct stat status;
  if (stat(path.c_str(), &status))
    return why();
  return S_ISDIR(status.st_mode) ? checkOwner(status) : "is not a folder";
}

std::optional<std::string> readOwnFile(const std::string &path, std::string &problem, bool use) {
  int file = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    if (errno != ENOENT)
      problem = why();
    return std::nullopt;
  }
  llvm::scope_exit closed([file] { close(file); });
  struct stat status;
  if (fstat(file, &status)) {
    problem = why();
    return std::nullopt;
  }
  problem = S_ISREG(status.st_mode) ? checkOwner(status) : "is not a file";
  if (problem.empty() && uint64_t(status.st_size) > kMostFileBytes)
    problem = "has " + std::to_string(status.st_size) + " bytes, more than any kernel";
  if (!problem.empty())
    return std::nullopt;
  std::string content(size_t(status.st_size), '\0');
  size_t got = 0;
  while (got < content.size()) {
    ssize_t part = read(file, &content[got], content.size() - got);
    if (part < 0 && errno == EINTR)
      continue;
    if (part <= 0)
      break; // shorter than it was: the checksum tells
    got += size_t(part);
  }
  content.resize(got);
  struct timespec now[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  if (use)
    futimens(file, now); // on a read-only disk nothing is evicted either
  return content;
}

std::string replaceFile(const std::string &path, llvm::StringRef content) {
  // A name of nobody else's: in other containers that share the folder, processes have the same numbers.
  constexpr llvm::StringLiteral ending = ".tmp";
  std::string unfinished = path + ".XXXXXX" + ending.str();
  int file = mkostemps(unfinished.data(), int(ending.size()), O_CLOEXEC);
  if (file < 0)
    return why();
  // Without the flush a machine that loses power can keep the name and lose what it stands for.
  std::string problem = writeAll(file, content) && fsync(file) == 0 ? "" : why();
  if (close(file) && problem.empty())
    problem = why();
  if (problem.empty() && rename(unfinished.c_str(), path.c_str()))
    problem = why();
  if (!problem.empty())
    unlink(unfinished.c_str());
  return problem;
}

std::vector<FileInfo> listFiles(const std::string &folder) {
  std::vector<FileInfo> files;
  DIR *open = opendir(folder.c_str());
  if (!open)
    return files;
  while (const dirent *entry = readdir(open)) {
    struct stat status;
    if (!fstatat(dirfd(open), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) && S_ISREG(status.st_mode))
      files.push_back({entry->d_name, uint64_t(status.st_size), status.st_mtime});
  }
  closedir(open);
  return files;
}

} // namespace gqa
