// Files of weights: what is written is what is read, whole or not at all.
#include "gqa/Weights/Safetensors.h"
#include "gqa/Weights/SafetensorsWriter.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <gtest/gtest.h>

using namespace gqa;

namespace {

class Weights : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("gqa-weights", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string in(llvm::StringRef name) { return (folder + "/" + name).str(); }
  /// How many files there are.
  int count() {
    std::error_code error;
    int found = 0;
    for (llvm::sys::fs::directory_iterator file(folder, error), end; file != end; file.increment(error))
      ++found;
    return found;
  }

  llvm::SmallString<128> folder;
};

TEST_F(Weights, AreReadAsTheyWereWritten) {
  std::string names[] = {"plain", "\"quoted\"\n\x01", "empty"};
  auto writer = TensorFileWriter::create(in("w"), 3, 30);
  ASSERT_TRUE(bool(writer)) << llvm::toString(writer.takeError());
  EXPECT_TRUE(writer->append(names[0], "BF16", {2, 3}, llvm::ArrayRef("abcdefghijkl", 12)));
  EXPECT_TRUE(writer->append(names[1], "U8", {1}, llvm::ArrayRef("m", 1)));
  EXPECT_TRUE(writer->append(names[2], "F64", {0, 4}, {}));
  EXPECT_FALSE(writer->append(names[0], "U8", {1}, llvm::ArrayRef("n", 1))) << "there is one of this name";
  ASSERT_FALSE(llvm::errorToBool(writer->finish()));
  EXPECT_EQ(count(), 1);

  auto file = TensorFile::open(in("w"));
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  ASSERT_EQ(file->all().size(), 3u);
  const StoredTensor *plain = file->find(names[0]), *quoted = file->find(names[1]),
                     *empty = file->find(names[2]);
  ASSERT_TRUE(plain && quoted && empty);
  EXPECT_EQ(plain->dtype, "BF16");
  EXPECT_EQ(plain->shape, (llvm::SmallVector<int64_t>{2, 3}));
  EXPECT_EQ(llvm::StringRef(plain->data.data(), plain->data.size()), "abcdefghijkl");
  EXPECT_EQ(quoted->dtype, "U8") << "not I8, which is i8 as well";
  EXPECT_EQ(empty->data.size(), 0u);
}

TEST_F(Weights, GoAwayUnfinished) {
  {
    auto writer = TensorFileWriter::create(in("w"), 1, 1);
    ASSERT_TRUE(bool(writer));
    writer->append("a", "U8", {1}, llvm::ArrayRef("b", 1));
    EXPECT_EQ(count(), 1);
  }
  EXPECT_EQ(count(), 0);
}

TEST_F(Weights, NeedRoomForTheirHeader) {
  auto writer = TensorFileWriter::create(in("w"), 1, 1);
  ASSERT_TRUE(bool(writer));
  writer->append(std::string(400, 'a'), "U8", {0}, {});
  EXPECT_NE(llvm::toString(writer->finish()).find("its header needs"), std::string::npos);
}

TEST_F(Weights, NeedAFolder) {
  auto writer = TensorFileWriter::create(in("no/such"), 1, 1);
  ASSERT_FALSE(bool(writer));
  EXPECT_EQ(llvm::toString(writer.takeError()), in("no/such") + ": No such file or directory");
}

TEST_F(Weights, DoNotReplaceAFolder) {
  auto writer = TensorFileWriter::create(folder, 1, 1);
  ASSERT_FALSE(bool(writer));
  EXPECT_EQ(llvm::toString(writer.takeError()),
            folder.str().str() + ": expected the name of a file, and it is none");
}

TEST(Dtypes, AreThoseOfTheFormat) {
  EXPECT_EQ(dtypeOf("f32"), "F32");
  EXPECT_EQ(dtypeOf("bf16"), "BF16");
  EXPECT_EQ(dtypeOf("f80"), "");
}

} // namespace
