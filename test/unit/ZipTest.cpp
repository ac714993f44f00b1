// Archives that are right, and those that are not: what is read has its checksum, or there is an error.
#include "Tools/Run/Zip.h"

#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"

namespace gqa::run {
namespace {

std::string write(llvm::ArrayRef<std::pair<llvm::StringRef, llvm::StringRef>> members) {
  std::string bytes;
  llvm::raw_string_ostream out(bytes);
  ZipWriter archive(out);
  for (auto [name, content] : members)
    archive.add(name, {content.take_front(2), content.drop_front(2)});
  archive.finish();
  return bytes;
}

/// What `archive` holds as `name`; none if something is wrong with it.
std::optional<std::string> read(llvm::StringRef archive, llvm::StringRef name) {
  auto members = listZip(archive);
  if (!members)
    return llvm::consumeError(members.takeError()), std::nullopt;
  for (const ZipMember &member : *members) {
    if (member.name != name)
      continue;
    auto bytes = readZip(archive, member);
    if (bytes)
      return *bytes;
    llvm::consumeError(bytes.takeError());
  }
  return std::nullopt;
}

/// As Python's zipfile writes it: b"hello " * 9, with 32 bits for its sizes.
const std::string kDeflated = llvm::fromHex(
    "504b030414000000080000002100d58064980b000000360000000100000061cb48cdc9c957c820910400504b01021403"
    "14000000080000002100d58064980b0000003600000001000000000000000000000080010000000061504b0506000000"
    "00010001002f0000002a0000000000");

TEST(ZipTest, ReadsWhatItWrites) {
  std::string archive = write({{"a", "first"}, {"b", ""}, {"c", std::string(3000, 'x')}});
  EXPECT_EQ(read(archive, "a"), "first");
  EXPECT_EQ(read(archive, "b"), "");
  EXPECT_EQ(read(archive, "c"), std::string(3000, 'x'));
  EXPECT_EQ(read(archive, "d"), std::nullopt);
}

TEST(ZipTest, RefusesParts) {
  std::string archive = write({{"a", "first"}});
  for (size_t size = 0; size < archive.size(); ++size)
    EXPECT_EQ(read(llvm::StringRef(archive).take_front(size), "a"), std::nullopt) << size;
}

/// Of a name or a number that nobody needs something else may become, of what is in it nothing.
TEST(ZipTest, NoticesEveryBit) {
  std::string written = write({{"a", "first"}});
  for (std::string archive : {written, kDeflated}) {
    std::optional<std::string> content = read(archive, "a");
    ASSERT_TRUE(content.has_value());
    for (size_t bit = 0; bit < 8 * archive.size(); ++bit) {
      std::string flipped = archive;
      flipped[bit / 8] = char(flipped[bit / 8] ^ 1 << bit % 8);
      std::optional<std::string> found = read(flipped, "a");
      EXPECT_TRUE(!found || found == content) << bit;
    }
  }
}

} // namespace
} // namespace gqa::run
