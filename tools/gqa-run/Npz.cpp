// Reads and writes .npz with libzip, which checks sizes and checksums.
#include "Npy.h"

#include "llvm/ADT/ScopeExit.h"

#include <zip.h>

namespace gqa::run {
namespace {

struct ZipCloser {
  void operator()(zip_t *archive) const { zip_discard(archive); }
};
using Zip = std::unique_ptr<zip_t, ZipCloser>;

llvm::Expected<Zip> open(const std::string &path, int flags) {
  int code = 0;
  if (zip_t *archive = zip_open(path.c_str(), flags, &code))
    return Zip(archive);
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return fail(path + ": " + text +
              (code == ZIP_ER_NOZIP || code == ZIP_ER_INCONS ? "; expected a .npz file" : ""));
}

/// The bytes of one member.
llvm::Expected<std::string> readMember(zip_t *archive, uint64_t index) {
  zip_stat_t stat;
  if (zip_stat_index(archive, index, 0, &stat) || !(stat.valid & ZIP_STAT_SIZE) ||
      stat.size > (uint64_t(1) << 46))
    return fail("its size is unknown or impossible");
  zip_file_t *file = zip_fopen_index(archive, index, 0);
  if (!file)
    return fail(zip_strerror(archive));
  llvm::scope_exit close([&] { zip_fclose(file); });
  std::string bytes;
  // Grown as data arrives: the size that the directory claims may be a lie.
  constexpr size_t step = size_t(16) << 20;
  while (bytes.size() < stat.size) {
    size_t have = bytes.size(), want = std::min<size_t>(step, stat.size - have);
    bytes.resize(have + want);
    zip_int64_t got = zip_fread(file, bytes.data() + have, want);
    if (got <= 0)
      return fail(got < 0 ? zip_file_strerror(file) : "it is cut off");
    bytes.resize(have + size_t(got));
  }
  char beyond;
  if (zip_fread(file, &beyond, 1) != 0) // reading to the end is what checks the checksum
    return fail(zip_file_strerror(file));
  return bytes;
}

} // namespace

llvm::Expected<Arrays> readNpz(const std::string &path, llvm::StringRef prefix) {
  llvm::Expected<Zip> archive = open(path, ZIP_RDONLY);
  if (!archive)
    return archive.takeError();
  Arrays arrays;
  for (zip_int64_t i = 0, count = zip_get_num_entries(archive->get(), 0); i < count; ++i) {
    const char *member = zip_get_name(archive->get(), uint64_t(i), 0);
    llvm::StringRef name = member ? member : "", number = name;
    unsigned ignored;
    if (!name.consume_back(".npy") || !(number = name).consume_front(prefix) ||
        number.getAsInteger(10, ignored))
      continue;
    llvm::Expected<std::string> bytes = readMember(archive->get(), uint64_t(i));
    llvm::Expected<Array> array = bytes ? parseNpy(*bytes) : llvm::Expected<Array>(bytes.takeError());
    if (!array)
      return fail(path + ": array '" + name + "': " + llvm::toString(array.takeError()));
    arrays.insert_or_assign(name.str(), std::move(*array));
  }
  return arrays;
}

llvm::Error writeNpz(const std::string &path, const Arrays &arrays) {
  llvm::Expected<Zip> archive = open(path, ZIP_CREATE | ZIP_TRUNCATE);
  if (!archive)
    return archive.takeError();
  std::vector<std::string> members;
  members.reserve(arrays.size());
  for (const auto &[name, array] : arrays) {
    std::string &member = members.emplace_back(npyHeader(array.type));
    member.append(array.raw(), size_t(array.bytes()));
    zip_source_t *source = zip_source_buffer(archive->get(), member.data(), member.size(), 0);
    zip_int64_t index = zip_file_add(archive->get(), (name + ".npy").c_str(), source, ZIP_FL_OVERWRITE);
    if (index < 0 || zip_set_file_compression(archive->get(), uint64_t(index), ZIP_CM_STORE, 0))
      return fail(path + ": " + zip_strerror(archive->get()));
  }
  if (zip_close(archive->get()))
    return fail(path + ": " + zip_strerror(archive->get()));
  (void)archive->release();
  return llvm::Error::success();
}

} // namespace gqa::run
