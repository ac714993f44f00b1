// All sizes have 64 bits: readers of NumPy's files know them.
#include "Zip.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/EndianStream.h"

namespace gqa::run {
namespace {

constexpr uint16_t kVersion = 45; // of the format, the first with 64 bits
constexpr uint16_t kFirstOfJanuary1980 = 0x21, kLarge = 1, kElsewhere16 = 0xffff;
constexpr uint32_t kElsewhere = 0xffffffff;

/// Numbers as they are passed, little-endian.
template <typename... Numbers> void put(llvm::raw_ostream &out, Numbers... numbers) {
  llvm::support::endian::Writer writer(out, llvm::endianness::little);
  (writer.write(numbers), ...);
}

/// What headers and entries of the directory have in common.
void describe(llvm::raw_ostream &out, const ZipMember &member, uint16_t extra) {
  put(out, kVersion, member.flags, member.method, /*time=*/uint16_t(0), kFirstOfJanuary1980, member.checksum,
      kElsewhere, kElsewhere, uint16_t(member.name.size()), extra);
}

} // namespace

void ZipWriter::add(llvm::StringRef name, llvm::ArrayRef<llvm::StringRef> parts) {
  ZipMember member;
  member.name = name.str();
  member.offset = out.tell() - begin;
  for (llvm::StringRef part : parts) {
    member.checksum = llvm::crc32(member.checksum, llvm::arrayRefFromStringRef(part));
    member.size = member.packed += part.size();
  }
  constexpr uint16_t kSizes = 16;
  out << "PK\3\4";
  describe(out, member, kSizes + 4);
  out << name;
  put(out, kLarge, kSizes, member.size, member.packed);
  for (llvm::StringRef part : parts)
    out << part;
  members.push_back(std::move(member));
}

void ZipWriter::finish() {
  uint64_t directory = out.tell() - begin, count = members.size();
  constexpr uint16_t kSizesAndOffset = 24;
  for (const ZipMember &member : members) {
    out << "PK\1\2";
    put(out, kVersion);
    describe(out, member, kSizesAndOffset + 4);
    put(out, /*comment=*/uint16_t(0), /*disk=*/uint16_t(0), /*attributes=*/uint16_t(0), uint32_t(0),
        kElsewhere);
    out << member.name;
    put(out, kLarge, kSizesAndOffset, member.size, member.packed, member.offset);
  }
  uint64_t end = out.tell() - begin;
  out << "PK\6\6";
  put(out, /*size of the rest=*/uint64_t(44), kVersion, kVersion, /*disks=*/uint32_t(0), uint32_t(0), count,
      count, end - directory, directory);
  out << "PK\6\7";
  put(out, /*disk=*/uint32_t(0), end, /*disks=*/uint32_t(1));
  out << "PK\5\6";
  put(out, /*disks=*/uint16_t(0), uint16_t(0), kElsewhere16, kElsewhere16, kElsewhere, kElsewhere,
      /*comment=*/uint16_t(0));
}

} // namespace gqa::run
