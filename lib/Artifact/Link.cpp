// Links with lld in this process. It reads files only, so that everything is written to a folder of its own
// first.
#include "Link.h"
#include "RuntimeArchive.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <link.h>
#include <mutex>

LLD_HAS_DRIVER(elf)

namespace gqa {
namespace {

namespace fs = llvm::sys::fs;

llvm::Error fail(const llvm::Twine &message) { return llvm::createStringError(message); }

/// A folder of this user alone, which is gone when this is.
class Folder {
public:
  ~Folder() {
    if (!path.empty())
      fs::remove_directories(path);
  }

  llvm::Error make() {
    llvm::SmallString<128> name;
    llvm::sys::path::system_temp_directory(/*erasedOnReboot=*/true, name);
    llvm::sys::path::append(name, "gqa-XXXXXX");
    if (!mkdtemp(const_cast<char *>(name.c_str()))) // LLVM's own lets the group write to it
      return fail("a folder for linking cannot be made in the one for temporary files (TMPDIR): " +
                  llvm::sys::StrError());
    path = name;
    return llvm::Error::success();
  }

  std::string file(const llvm::Twine &name) const {
    llvm::SmallString<128> full = path;
    llvm::sys::path::append(full, name);
    return full.str().str();
  }

private:
  llvm::SmallString<128> path;
};

llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes, llvm::StringRef name = {}) {
  std::error_code error;
  llvm::raw_fd_ostream out(path, error, fs::OF_None);
  if (!error) {
    out << bytes;
    out.close();
    error = out.error();
    out.clear_error();
  }
  return error ? fail((name.empty() ? path : name) + ": " + error.message()) : llvm::Error::success();
}

/// The libraries that an artifact may need, where this process has them from; those that it does not need are
/// left out by the linker.
std::vector<std::string> systemLibraries() {
  std::vector<std::string> found;
  auto visit = [](dl_phdr_info *info, size_t, void *context) {
    constexpr llvm::StringLiteral wanted[] = {"libtbb.so", "libstdc++.so", "libm.so", "libgcc_s.so",
                                              "libc.so",   "libdl.so",     "ld-linux"};
    llvm::StringRef name = llvm::sys::path::filename(info->dlpi_name);
    if (llvm::any_of(wanted, [&](llvm::StringRef prefix) { return name.starts_with(prefix); }))
      static_cast<std::vector<std::string> *>(context)->push_back(info->dlpi_name);
    return 0;
  };
  dl_iterate_phdr(visit, &found);
  return found;
}

/// Runs lld; one link at a time.
llvm::Error runLinker(llvm::ArrayRef<std::string> arguments) {
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  std::vector<const char *> pointers;
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string output, errors;
  llvm::raw_string_ostream outputStream(output), errorStream(errors);
  lld::Result result = lld::lldMain(pointers, outputStream, errorStream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode == 0)
    return llvm::Error::success();
  if (errors.empty()) // it maps what it writes, and a disk that is full is a signal
    errors = "ld.lld has crashed; is there room in the folder for temporary files (TMPDIR)?";
  return fail("the library cannot be linked: " + llvm::StringRef(errors).trim());
}

/// Copies a library to its place by way of a file beside it and a rename: a program that has the old one
/// loaded keeps it, and a disk that is full leaves nothing behind.
llvm::Error install(llvm::StringRef linked, llvm::StringRef path) {
  auto bytes = llvm::MemoryBuffer::getFile(linked, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!bytes)
    return fail(linked + ": " + bytes.getError().message());
  if (fs::exists(path) && !fs::is_regular_file(path)) // a device, which must not be replaced
    return writeFile(path, (*bytes)->getBuffer());
  llvm::SmallString<128> unfinished;
  if (std::error_code error = fs::getPotentiallyUniqueFileName(path + ".%%%%%%%%", unfinished))
    return fail(path + ": " + error.message());
  if (llvm::Error error = writeFile(unfinished, (*bytes)->getBuffer(), path)) {
    fs::remove(unfinished);
    return error;
  }
  llvm::ErrorOr<fs::perms> mode = fs::getPermissions(linked);
  std::error_code error = mode ? fs::setPermissions(unfinished, *mode) : mode.getError();
  if (!error)
    error = fs::rename(unfinished, path);
  if (!error)
    return llvm::Error::success();
  fs::remove(unfinished);
  return fail(path + ": " + error.message());
}

} // namespace

llvm::Error linkLibrary(llvm::ArrayRef<llvm::StringRef> objects, llvm::StringRef path) {
  Folder folder;
  if (llvm::Error error = folder.make())
    return error;
  std::string linked = folder.file("library.so");
  std::vector<std::string> arguments = {"ld.lld",
                                        "-shared",
                                        "--gc-sections",
                                        "--eh-frame-hdr",
                                        "--hash-style=gnu",
                                        "--exclude-libs=ALL",
                                        "--as-needed",
                                        "--strip-all",
                                        "-znow",
                                        "-znodelete", // results and threads need its code
                                        "-zrelro",
                                        "-znoexecstack",
                                        "-zdefs",
                                        "--threads=1",
                                        ("-soname=" + llvm::sys::path::filename(path)).str(),
                                        "-o",
                                        linked};
  for (auto [index, bytes] : llvm::enumerate(objects)) {
    arguments.push_back(folder.file(llvm::Twine(index) + ".o"));
    if (llvm::Error error = writeFile(arguments.back(), bytes))
      return error;
  }
  arguments.push_back(folder.file("libGQARuntime.a"));
  if (llvm::Error error = writeFile(arguments.back(), runtimeArchive()))
    return error;
  llvm::append_range(arguments, systemLibraries());
  if (llvm::Error error = runLinker(arguments))
    return error;
  return install(linked, path);
}

} // namespace gqa
