// Reads archives that anybody may have written: nothing that one says of itself is believed.
#include "Zip.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"

#include <zlib.h>

namespace gqa::run {
namespace {

using namespace llvm::support::endian;

constexpr uint16_t kStored = 0, kDeflated = 8, kEncrypted = 1;
constexpr uint32_t kElsewhere = 0xffffffff; // a number of 32 bits that does not fit: see the extra field

llvm::Error fail(const llvm::Twine &message) { return llvm::createStringError(message); }

llvm::Error notAnArchive() { return fail("it is no zip archive, or a part of one; expected a .npz file"); }

/// `size` bytes from `offset` on; empty if the archive ends before.
llvm::StringRef slice(llvm::StringRef archive, uint64_t offset, uint64_t size) {
  return offset <= archive.size() && size <= archive.size() - offset ? archive.substr(offset, size)
                                                                     : llvm::StringRef();
}

struct Directory {
  uint64_t offset, count;
};

/// At the end of the archive, before a comment.
llvm::Expected<Directory> findDirectory(llvm::StringRef archive) {
  constexpr size_t kEnd = 22, kLocator = 20, kEnd64 = 56;
  size_t end = archive.rfind("PK\5\6");
  llvm::StringRef record = end == llvm::StringRef::npos ? llvm::StringRef() : slice(archive, end, kEnd);
  if (record.empty())
    return notAnArchive();
  Directory directory = {read32le(record.data() + 16), read16le(record.data() + 10)};
  llvm::StringRef locator = end < kLocator ? llvm::StringRef() : archive.substr(end - kLocator, kLocator);
  if (!locator.starts_with("PK\6\7"))
    return directory;
  llvm::StringRef record64 = slice(archive, read64le(locator.data() + 8), kEnd64);
  if (!record64.starts_with("PK\6\6"))
    return notAnArchive();
  return Directory{read64le(record64.data() + 48), read64le(record64.data() + 32)};
}

/// The numbers that did not fit into 32 bits, in the extra field of the directory's entry.
bool readLarge(llvm::StringRef extra, ZipMember &member) {
  constexpr uint16_t kLarge = 1;
  while (extra.size() >= 4) {
    uint16_t kind = read16le(extra.data()), size = read16le(extra.data() + 2);
    llvm::StringRef field = extra.substr(4, size);
    if (field.size() != size)
      return false;
    for (uint64_t *number : {&member.size, &member.packed, &member.offset}) {
      if (kind != kLarge || *number != kElsewhere)
        continue;
      if (field.size() < 8)
        return false;
      *number = read64le(field.data());
      field = field.drop_front(8);
    }
    extra = extra.drop_front(4 + size);
  }
  return true;
}

llvm::StringRef bytesOf(const std::string &text) { return text; }

/// Grown as data arrives: the size that the directory claims may be a lie.
llvm::Expected<std::string> inflate(llvm::StringRef packed, uint64_t size) {
  constexpr size_t kStep = size_t(16) << 20;
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return fail("there is no memory to unpack it");
  llvm::scope_exit close([&] { inflateEnd(&stream); });
  std::string bytes;
  int state = Z_OK;
  while (state == Z_OK) {
    if (stream.avail_in == 0) {
      llvm::StringRef next = packed.take_front(kStep);
      packed = packed.drop_front(next.size());
      stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(next.data()));
      stream.avail_in = uInt(next.size());
    }
    size_t have = bytes.size(),
           room = size_t(std::min<uint64_t>(kStep, size - have + 1)); // one too many shows
    bytes.resize(have + room);
    stream.next_out = reinterpret_cast<Bytef *>(bytes.data() + have);
    stream.avail_out = uInt(room);
    state = ::inflate(&stream, Z_NO_FLUSH);
    bytes.resize(have + room - stream.avail_out);
    if (bytes.size() > size)
      break;
  }
  if (state != Z_STREAM_END || bytes.size() != size)
    return fail("its compressed bytes are damaged, or no more than a part of them");
  return bytes;
}

} // namespace

llvm::Expected<std::vector<ZipMember>> listZip(llvm::StringRef archive) {
  constexpr size_t kEntry = 46;
  llvm::Expected<Directory> directory = findDirectory(archive);
  if (!directory)
    return directory.takeError();
  std::vector<ZipMember> members;
  uint64_t offset = directory->offset;
  for (uint64_t number = 0; number < directory->count; ++number) {
    llvm::StringRef entry = slice(archive, offset, kEntry);
    if (!entry.starts_with("PK\1\2"))
      return notAnArchive();
    const char *at = entry.data();
    uint64_t name = read16le(at + 28), extra = read16le(at + 30), comment = read16le(at + 32);
    llvm::StringRef texts = slice(archive, offset + kEntry, name + extra);
    ZipMember member = {texts.take_front(name).str(),
                        read16le(at + 8),
                        read16le(at + 10),
                        read32le(at + 16),
                        read32le(at + 20),
                        read32le(at + 24),
                        read32le(at + 42)};
    if (texts.size() != name + extra || !readLarge(texts.drop_front(name), member))
      return notAnArchive();
    members.push_back(std::move(member));
    offset += kEntry + name + extra + comment;
  }
  return members;
}

llvm::Expected<std::string> readZip(llvm::StringRef archive, const ZipMember &member) {
  constexpr size_t kHeader = 30;
  constexpr uint64_t kMost = uint64_t(1) << 46;
  if (member.flags & kEncrypted)
    return fail("it is encrypted");
  if (member.method != kStored && member.method != kDeflated)
    return fail("it is packed by method " + llvm::Twine(member.method) +
                "; expected 0 (stored) or 8 (deflated)");
  llvm::StringRef header = slice(archive, member.offset, kHeader);
  if (!header.starts_with("PK\3\4") || member.size > kMost)
    return fail("its header is not where the directory says, or its size is impossible");
  uint64_t begin = member.offset + kHeader + read16le(header.data() + 26) + read16le(header.data() + 28);
  llvm::StringRef packed = slice(archive, begin, member.packed);
  if (packed.size() != member.packed || (member.method == kStored && member.packed != member.size))
    return fail("it is cut off");
  llvm::Expected<std::string> bytes =
      member.method == kStored ? llvm::Expected<std::string>(packed.str()) : inflate(packed, member.size);
  if (bytes && llvm::crc32(llvm::arrayRefFromStringRef(bytesOf(*bytes))) != member.checksum)
    return fail("CRC error: its bytes are not those that were written");
  return bytes;
}

} // namespace gqa::run
