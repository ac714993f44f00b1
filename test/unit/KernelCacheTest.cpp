// The cache of kernels among other processes, other users, and damage.
#include "Cache/Files.h"

#include "gqa/Cache/KernelCache.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gqa {
namespace {

namespace fs = llvm::sys::fs;
using testing::Optional;

/// Content with every byte in it.
std::string contentOf(const std::string &name, size_t bytes = 5000) {
  std::string content = name;
  while (content.size() < bytes)
    content.push_back(char(content.size() * 7));
  return content;
}

class KernelCacheTest : public testing::Test {
protected:
  void SetUp() override {
    llvm::SmallString<64> path;
    ASSERT_FALSE(fs::createUniqueDirectory("gqa-cache-test", path));
    top = path.str().str();
    folder = top + "/cache";
  }
  void TearDown() override { fs::remove_directories(top); }

  KernelCache cache(uint64_t mostBytes = 1 << 20) { return KernelCache(folder, mostBytes); }

  std::string fileOf(const std::string &key) { return folder + "/" + key + ".kernel"; }

  std::string read(const std::string &path) {
    auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false);
    return buffer ? (*buffer)->getBuffer().str() : "";
  }
  void write(const std::string &path, const std::string &bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  /// Runs `body` in a child and returns how it ended.
  template <typename F> int inChild(F body) {
    pid_t child = fork();
    if (child == 0) {
      body();
      _exit(testing::Test::HasFailure());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }

  std::string top, folder;
};

TEST_F(KernelCacheTest, WhatIsStoredIsLoaded) {
  EXPECT_EQ(cache().load("a"), std::nullopt);
  cache().store("a", "first", contentOf("a"));
  cache().store("b", "second", "");
  EXPECT_THAT(cache().load("a"), Optional(contentOf("a")));
  EXPECT_THAT(cache().load("b"), Optional(std::string()));
  EXPECT_EQ(cache().load("c"), std::nullopt);
  cache().store("a", "again", "new");
  EXPECT_THAT(cache().load("a"), Optional(std::string("new")));
  ASSERT_EQ(cache().list().size(), 2u);
  EXPECT_EQ(cache().clear(), 2u);
  EXPECT_EQ(cache().load("a"), std::nullopt);
  struct stat status;
  ASSERT_EQ(stat(folder.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(KernelCacheTest, DamagedEntriesAreRemoved) {
  cache().store("a", "title", contentOf("a", 600));
  std::string good = read(fileOf("a"));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string flipped = good;
    flipped[i] = char(flipped[i] ^ (1 << (i % 8)));
    for (const std::string &bad : {flipped, good.substr(0, i), good + "x"}) {
      write(fileOf("a"), bad);
      ASSERT_EQ(cache().load("a"), std::nullopt) << i;
      ASSERT_FALSE(fs::exists(fileOf("a")));
    }
  }
}

TEST_F(KernelCacheTest, WhatOthersMayWriteIsNotUsed) {
  cache().store("a", "title", contentOf("a"));
  ASSERT_EQ(chmod(fileOf("a").c_str(), 0666), 0);
  EXPECT_EQ(cache().load("a"), std::nullopt);
  ASSERT_EQ(chmod(fileOf("a").c_str(), 0600), 0);
  EXPECT_THAT(cache().load("a"), Optional(contentOf("a")));
  // A link leads to what somebody else may have chosen.
  ASSERT_EQ(rename(fileOf("a").c_str(), (top + "/elsewhere").c_str()), 0);
  ASSERT_EQ(symlink((top + "/elsewhere").c_str(), fileOf("a").c_str()), 0);
  EXPECT_EQ(cache().load("a"), std::nullopt);
  ASSERT_EQ(mkfifo(fileOf("b").c_str(), 0600), 0); // reading it would wait forever
  EXPECT_EQ(cache().load("b"), std::nullopt);
  ASSERT_EQ(chmod(folder.c_str(), 0777), 0);
  cache().store("c", "title", contentOf("c"));
  EXPECT_FALSE(fs::exists(fileOf("c")));
}

TEST_F(KernelCacheTest, EntriesOfAnotherUserAreNotUsed) {
  if (geteuid() != 0)
    GTEST_SKIP() << "only root makes files of other users";
  cache().store("a", "title", contentOf("a"));
  ASSERT_EQ(chown(fileOf("a").c_str(), 12345, 12345), 0);
  EXPECT_EQ(cache().load("a"), std::nullopt);
  ASSERT_EQ(chown(fileOf("a").c_str(), 0, 0), 0);
  ASSERT_EQ(chown(folder.c_str(), 12345, 12345), 0);
  EXPECT_EQ(cache().load("a"), std::nullopt);
}

TEST_F(KernelCacheTest, AFullDiskLeavesNothingBehind) {
  cache().store("a", "title", "small");
  int status = inChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit{1000, 1000};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cache().store("b", "title", contentOf("b"));
    EXPECT_EQ(cache().load("b"), std::nullopt);
    EXPECT_THAT(cache().load("a"), Optional(std::string("small")));
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(cache().list().size(), 1u);
  std::error_code error;
  size_t files = 0;
  for (fs::directory_iterator it(folder, error), end; it != end && !error; it.increment(error))
    ++files;
  EXPECT_EQ(files, 1u);
}

// In two containers that share a folder processes have the same numbers.
TEST_F(KernelCacheTest, WhatOthersAreWritingStaysTheirs) {
  cache().store("a", "title", "content");
  auto ofOthers = [&](int count) {
    return fileOf("a") + "." + std::to_string(getpid()) + "-" + std::to_string(count) + ".tmp";
  };
  for (int count = 0; count < 1000; ++count)
    write(ofOthers(count), "half");
  cache().store("a", "title", "again");
  for (int count = 0; count < 1000; ++count)
    EXPECT_EQ(read(ofOthers(count)), "half") << count;
  EXPECT_THAT(cache().load("a"), Optional(std::string("again")));
}

TEST_F(KernelCacheTest, AFolderThatCannotBeMadeIsNoError) {
  write(top + "/file", "");
  KernelCache none(top + "/file/cache", 1 << 20);
  none.store("a", "title", "content");
  EXPECT_EQ(none.load("a"), std::nullopt);
  EXPECT_TRUE(none.list().empty());
}

TEST_F(KernelCacheTest, TheOldestGoWhenItIsFull) {
  KernelCache small = cache(16000);
  for (std::string key : {"a", "b", "c"}) {
    small.store(key, "title", contentOf(key));
    timespec old[2] = {{0, UTIME_OMIT}, {1000 + key[0], 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, fileOf(key).c_str(), old, 0), 0);
  }
  EXPECT_TRUE(small.load("a")); // used last now
  small.store("d", "title", contentOf("d"));
  EXPECT_TRUE(small.load("a"));
  EXPECT_FALSE(small.load("b"));
  EXPECT_TRUE(small.load("c"));
  EXPECT_TRUE(small.load("d"));
  small.store("e", "title", contentOf("e", 20000)); // more than all that is allowed
  EXPECT_FALSE(small.load("e"));
  EXPECT_TRUE(small.load("d"));
}

TEST_F(KernelCacheTest, AFileOfAbsurdSizeIsNotRead) {
  cache().store("a", "title", contentOf("a"));
  ASSERT_EQ(truncate(fileOf("a").c_str(), off_t(1) << 42), 0); // sparse: takes no room
  EXPECT_FALSE(cache().load("a"));
  ASSERT_EQ(cache().list().size(), 1u);
  EXPECT_EQ(cache().list()[0].title, "");
  cache().store("a", "title", contentOf("a"));
  EXPECT_THAT(cache().load("a"), Optional(contentOf("a")));
}

TEST_F(KernelCacheTest, ManyProcessesShareIt) {
  std::vector<pid_t> children;
  for (int child = 0; child < 8; ++child) {
    children.push_back(fork());
    if (children.back())
      continue;
    bool good = true;
    for (int i = 0; i < 200; ++i) {
      std::string key = std::to_string((i + child) % 5);
      if (auto found = cache(20000).load(key))
        good &= *found == contentOf(key);
      cache(20000).store(key, "title", contentOf(key));
    }
    _exit(good ? 0 : 1);
  }
  for (pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
}

TEST_F(KernelCacheTest, AProcessKilledWhileItWritesHarmsNobody) {
  const std::string content = contentOf("a", 3 << 20);
  cache(100 << 20).store("a", "title", content);
  const std::string sealed = read(fileOf("a"));
  for (int i = 0; i < 30; ++i) {
    pid_t child = fork();
    if (child == 0) {
      for (;;)
        replaceFile(fileOf("a"), sealed);
    }
    usleep(unsigned(5000 + 700 * i));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    auto found = cache().load("a");
    ASSERT_TRUE(found && *found == content);
  }
  size_t unfinished = 0;
  std::error_code wrong;
  for (fs::directory_iterator it(folder, wrong), end; it != end && !wrong; it.increment(wrong))
    unfinished += llvm::StringRef(it->path()).ends_with(".tmp");
  EXPECT_GT(unfinished, 0u); // some were killed in the middle
  // What they left is no entry, and goes when it is old.
  write(folder + "/a.kernel.1-0.tmp", "half");
  timespec old[2] = {{0, UTIME_OMIT}, {1000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, (folder + "/a.kernel.1-0.tmp").c_str(), old, 0), 0);
  EXPECT_LE(cache().list().size(), 1u);
  cache().store("b", "title", "content");
  EXPECT_FALSE(fs::exists(folder + "/a.kernel.1-0.tmp"));
  cache().clear();
  std::error_code error;
  EXPECT_EQ(fs::directory_iterator(folder, error), fs::directory_iterator());
}

} // namespace
} // namespace gqa
