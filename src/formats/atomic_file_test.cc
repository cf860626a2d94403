// SPDX-License-Identifier: Apache-2.0

#include "formats/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "formats/test_bytes.h"

namespace altteul::formats {
namespace {

TEST(AtomicFileTest, AppearsOnlyWithCommit) {
  const TempFolder folder;
  AtomicFile file = AtomicFile::Create(folder.Path("out")).value();
  const std::string large(3 << 20, 'l');  // beyond the buffer
  ASSERT_TRUE(file.Write(AsBytes("small ")).ok());
  ASSERT_TRUE(file.Write(AsBytes(large)).ok());
  ASSERT_TRUE(file.Write(AsBytes(" end")).ok());
  EXPECT_EQ(file.position(), large.size() + 10);
  EXPECT_FALSE(std::filesystem::exists(folder.Path("out")));
  ASSERT_TRUE(file.Commit().ok());
  EXPECT_EQ(ReadAll(folder.Path("out")), "small " + large + " end");
  EXPECT_EQ(folder.Names(), std::vector<std::string>{"out"});
}

TEST(AtomicFileTest, WithoutCommitTheOldFileStaysAndNothingElse) {
  const TempFolder folder;
  folder.Write("out", "old");
  {
    AtomicFile file = AtomicFile::Create(folder.Path("out")).value();
    AtomicFile moved = std::move(file);
    ASSERT_TRUE(moved.Write(AsBytes("new")).ok());
    EXPECT_EQ(folder.Names().size(), 2u);
  }
  EXPECT_EQ(folder.Names(), std::vector<std::string>{"out"});
  EXPECT_EQ(ReadAll(folder.Path("out")), "old");
}

TEST(AtomicFileTest, ReplacesTheTargetOfALinkAndKeepsTheLink) {
  const TempFolder folder;
  folder.Write("target", "old");
  std::filesystem::create_symlink("target", folder.Path("link"));
  AtomicFile file = AtomicFile::Create(folder.Path("link")).value();
  ASSERT_TRUE(file.Write(AsBytes("new")).ok());
  ASSERT_TRUE(file.Commit().ok());
  EXPECT_TRUE(std::filesystem::is_symlink(folder.Path("link")));
  EXPECT_EQ(ReadAll(folder.Path("target")), "new");
}

TEST(AtomicFileTest, RefusesFoldersDevicesAndMissingFolders) {
  const TempFolder folder;
  EXPECT_EQ(AtomicFile::Create(folder.Path("")).status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(AtomicFile::Create("").status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(AtomicFile::Create(folder.Path("new/")).status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(AtomicFile::Create("/dev/null").status().code(), ErrorCode::kInvalidArgument);
  const Status status = AtomicFile::Create(folder.Path("missing/out")).status();
  EXPECT_EQ(status.code(), ErrorCode::kNotFound);
  EXPECT_NE(status.message().find("missing/out"), std::string::npos) << status.message();
}

TEST(AtomicFileTest, RefusesToBeginWhatTheDiskCannotHold) {
  const TempFolder folder;
  AtomicFile small = AtomicFile::Create(folder.Path("small")).value();
  ASSERT_TRUE(small.Reserve(100000).ok());
  ASSERT_TRUE(small.Write(AsBytes("less than reserved")).ok());
  ASSERT_TRUE(small.Commit().ok());
  EXPECT_EQ(ReadAll(folder.Path("small")), "less than reserved");

  AtomicFile large = AtomicFile::Create(folder.Path("large")).value();
  const Status status = large.Reserve(uint64_t{1} << 55);
  if (status.ok()) GTEST_SKIP() << "the file system of " << folder.Path("") << " reserves nothing";
  EXPECT_EQ(status.code(), ErrorCode::kIoError);
  EXPECT_NE(status.message().find("/large: cannot reserve 36,028,797,018,963,968 bytes: "),
            std::string::npos)
      << status.message();
  EXPECT_EQ(large.Write(AsBytes("x")).message(), status.message());
  EXPECT_EQ(folder.Names(), std::vector<std::string>{"small"});
}

/// Lets no file grow beyond `bytes`. A full disk cannot be made without mounting one; the system
/// refuses this the same way, in the middle of a write (EFBIG in place of ENOSPC).
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
  void (*old_handler_)(int) = nullptr;
};

TEST(AtomicFileTest, ADiskThatTakesNoMoreLeavesNothingAndSaysWhere) {
  const TempFolder folder;
  AtomicFile file = AtomicFile::Create(folder.Path("out")).value();
  const std::string chunk(2 << 20, 'x');
  Status first, second, commit;
  {
    const FileSizeLimit limit(3 << 20);
    ASSERT_TRUE(file.Write(AsBytes(chunk)).ok());
    first = file.Write(AsBytes(chunk));
    second = file.Write(AsBytes("more"));
    commit = file.Commit();
  }
  EXPECT_EQ(first.code(), ErrorCode::kIoError);
  EXPECT_NE(first.message().find("/out: cannot write 1,048,576 bytes at offset 3,145,728: "),
            std::string::npos)
      << first.message();
  EXPECT_EQ(second.message(), first.message());
  EXPECT_EQ(commit.message(), first.message());
  EXPECT_TRUE(folder.Names().empty());
}

TEST(AtomicFileTest, ADiskThatTakesNoMoreAtCommitLeavesNothing) {
  const TempFolder folder;
  AtomicFile file = AtomicFile::Create(folder.Path("out")).value();
  ASSERT_TRUE(file.Write(AsBytes("buffered")).ok());
  {
    const FileSizeLimit limit(4);
    EXPECT_EQ(file.Commit().code(), ErrorCode::kIoError);
  }
  EXPECT_TRUE(folder.Names().empty());
}

TEST(PendingFileTest, HasItsNameOnlyWhenPublished) {
  const TempFolder folder;
  PendingFile file = PendingFile::Beside(folder.Path("out")).value();
  std::ofstream(file.name()) << "content";
  EXPECT_FALSE(std::filesystem::exists(folder.Path("out")));
  PendingFile moved = std::move(file);
  ASSERT_TRUE(moved.Publish().ok());
  EXPECT_EQ(ReadAll(folder.Path("out")), "content");
  EXPECT_EQ(folder.Names(), std::vector<std::string>{"out"});
}

TEST(PendingFileTest, UnpublishedTheOldFileStaysAndNothingElse) {
  const TempFolder folder;
  folder.Write("out", "old");
  {
    const PendingFile file = PendingFile::Beside(folder.Path("out")).value();
    std::ofstream(file.name()) << "new";
    const PendingFile another = PendingFile::Beside(folder.Path("out")).value();
    EXPECT_NE(another.name(), file.name());
    EXPECT_EQ(folder.Names().size(), 2u);
  }
  EXPECT_EQ(folder.Names(), std::vector<std::string>{"out"});
  EXPECT_EQ(ReadAll(folder.Path("out")), "old");
}

TEST(PendingFileTest, PublishesThroughALinkAndNeverOverADevice) {
  const TempFolder folder;
  folder.Write("target", "old");
  std::filesystem::create_symlink("target", folder.Path("link"));
  PendingFile file = PendingFile::Beside(folder.Path("link")).value();
  std::ofstream(file.name()) << "new";
  ASSERT_TRUE(file.Publish().ok());
  EXPECT_TRUE(std::filesystem::is_symlink(folder.Path("link")));
  EXPECT_EQ(ReadAll(folder.Path("target")), "new");
  EXPECT_EQ(PendingFile::Beside("/dev/null").status().code(), ErrorCode::kInvalidArgument);
}

TEST(PendingFileTest, WhatWasNeverWrittenIsMissed) {
  const TempFolder folder;
  PendingFile file = PendingFile::Beside(folder.Path("out")).value();
  const Status status = file.Publish();
  EXPECT_EQ(status.code(), ErrorCode::kNotFound);
  EXPECT_NE(status.message().find("out"), std::string::npos);
}

}  // namespace
}  // namespace altteul::formats
