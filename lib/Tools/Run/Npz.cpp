// .npz is a zip of .npy.
#include "Npy.h"
#include "Zip.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

namespace gqa::run {

llvm::Expected<Arrays> readNpz(const std::string &path, llvm::StringRef prefix) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return fail(path + ": " + file.getError().message());
  llvm::StringRef archive = (*file)->getBuffer();
  llvm::Expected<std::vector<ZipMember>> members = listZip(archive);
  if (!members)
    return fail(path + ": " + llvm::toString(members.takeError()));
  Arrays arrays;
  for (const ZipMember &member : *members) {
    llvm::StringRef name = member.name, number;
    unsigned ignored;
    if (!name.consume_back(".npy") || !(number = name).consume_front(prefix) ||
        number.getAsInteger(10, ignored))
      continue;
    llvm::Expected<std::string> bytes = readZip(archive, member);
    llvm::Expected<Array> array = bytes ? parseNpy(*bytes) : llvm::Expected<Array>(bytes.takeError());
    if (!array)
      return fail(path + ": array '" + name + "': " + llvm::toString(array.takeError()));
    arrays.insert_or_assign(name.str(), std::move(*array));
  }
  return arrays;
}

/// A device or a pipe, whose place no other file may take.
static bool isNoFile(const std::string &path) {
  return llvm::sys::fs::exists(path) && !llvm::sys::fs::is_regular_file(path);
}

static llvm::Error writeInto(const std::string &path,
                             llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write) {
  std::error_code error;
  llvm::raw_fd_ostream out(path, error, llvm::sys::fs::OF_None);
  if (error)
    return llvm::errorCodeToError(error);
  llvm::Error failed = write(out);
  out.flush();
  error = out.error();
  out.clear_error();
  return llvm::joinErrors(std::move(failed), llvm::errorCodeToError(error));
}

llvm::Error writeNpz(const std::string &path, const Arrays &arrays) {
  auto write = [&](llvm::raw_ostream &out) -> llvm::Error {
    ZipWriter archive(out);
    for (const auto &[name, array] : arrays) {
      std::string header = npyHeader(array.type);
      archive.add(name + ".npy", {header, llvm::StringRef(array.raw(), size_t(array.bytes()))});
    }
    archive.finish();
    return llvm::Error::success();
  };
  llvm::Error error = isNoFile(path) ? writeInto(path, write) : llvm::writeToOutput(path, write);
  return error ? fail(path + ": " + llvm::toString(std::move(error))) : llvm::Error::success();
}

} // namespace gqa::run
