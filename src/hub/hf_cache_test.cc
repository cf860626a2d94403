// SPDX-License-Identifier: Apache-2.0

#include "hub/hf_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace altteul::hub {
namespace {

namespace fs = std::filesystem;

const Repository kRepository{"org/name"};
const std::string kCommit(40, 'c'), kHash(64, 'a');

class HfCacheTest : public ::testing::Test {
 protected:
  HfCacheTest() {
    std::string name = ::testing::TempDir() + "/altteul_cache_XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~HfCacheTest() override { fs::remove_all(folder_); }

  HfCache cache() const { return HfCache(folder_ + "/hub"); }
  std::string Models() const { return folder_ + "/hub/models--org--name"; }
  void Write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
  }
  void KeepBlob(const std::string& text = "content") const {
    Write(cache().BlobPath(kRepository, kHash), text);
  }

  std::string folder_;
};

TEST_F(HfCacheTest, PlacesAreHuggingfaceHubs) {
  EXPECT_EQ(cache().BlobPath(kRepository, kHash), Models() + "/blobs/" + kHash);
  const auto lock = cache().LockBlob(kRepository, kHash, {});
  ASSERT_TRUE(lock.ok()) << lock.status().message();
  EXPECT_TRUE(fs::exists(folder_ + "/hub/.locks/models--org--name/" + kHash + ".lock"));
  EXPECT_TRUE(fs::exists(folder_ + "/hub/CACHEDIR.TAG"));
  EXPECT_EQ(HfCache("/c").RepositoryFolder({"gpt2"}), "/c/models--gpt2");
}

TEST_F(HfCacheTest, AFileIsFoundThroughItsLink) {
  KeepBlob();
  EXPECT_EQ(cache().Find(kRepository, kCommit, "a/b/m.gguf").status().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(cache().Link(kRepository, kCommit, "a/b/m.gguf", kHash).ok());
  const std::string path = Models() + "/snapshots/" + kCommit + "/a/b/m.gguf";
  EXPECT_EQ(fs::read_symlink(path), "../../../../blobs/" + kHash);
  const auto found = cache().Find(kRepository, kCommit, "a/b/m.gguf");
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_EQ(found.value(), path);
  ASSERT_TRUE(cache().Link(kRepository, kCommit, "a/b/m.gguf", kHash).ok()) << "again";
}

TEST_F(HfCacheTest, ALinkToNothingIsMadeAnew) {
  const std::string path = Models() + "/snapshots/" + kCommit + "/m.gguf";
  fs::create_directories(fs::path(path).parent_path());
  fs::create_symlink("../../blobs/gone", path);
  EXPECT_EQ(cache().Find(kRepository, kCommit, "m.gguf").status().code(), ErrorCode::kNotFound);
  KeepBlob();
  ASSERT_TRUE(cache().Link(kRepository, kCommit, "m.gguf", kHash).ok());
  EXPECT_TRUE(cache().Find(kRepository, kCommit, "m.gguf").ok());
}

TEST_F(HfCacheTest, RevisionsAreRemembered) {
  EXPECT_EQ(cache().CommitOf(kRepository, "main"), std::nullopt);
  EXPECT_EQ(cache().CommitOf(kRepository, kCommit), kCommit);
  ASSERT_TRUE(cache().SetCommit(kRepository, "refs/pr/1", kCommit).ok());
  EXPECT_EQ(cache().CommitOf(kRepository, "refs/pr/1"), kCommit);
  ASSERT_TRUE(cache().SetCommit(kRepository, kCommit, kCommit).ok());
  EXPECT_FALSE(fs::exists(Models() + "/refs/" + kCommit));
  Write(Models() + "/refs/main", "../../../etc/passwd");
  EXPECT_EQ(cache().CommitOf(kRepository, "main"), std::nullopt);
  Write(Models() + "/refs/main", kCommit + "\n");
  EXPECT_EQ(cache().CommitOf(kRepository, "main"), kCommit);
}

TEST_F(HfCacheTest, NothingIsFollowedOutOfTheCache) {
  Write(folder_ + "/secret", "secret");
  const std::string snapshot = Models() + "/snapshots/" + kCommit;
  fs::create_directories(snapshot);
  fs::create_symlink(folder_ + "/secret", snapshot + "/absolute");
  fs::create_symlink("../../../../secret", snapshot + "/relative");
  fs::create_directory_symlink(folder_, snapshot + "/folder");
  for (const char* name : {"absolute", "relative", "folder/secret"}) {
    EXPECT_EQ(cache().Find(kRepository, kCommit, name).status().code(), ErrorCode::kRefused)
        << name;
  }
  const auto listed = cache().List();
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed.value().size(), 1u);
  EXPECT_TRUE(listed.value()[0].files.empty());
}

TEST_F(HfCacheTest, ABlobMayBeALinkInsideTheCacheAndASnapshotTheFileItself) {
  Write(folder_ + "/hub/blobs/aa/" + kHash, "shared");
  fs::create_directories(Models() + "/blobs");
  fs::create_symlink("../../blobs/aa/" + kHash, cache().BlobPath(kRepository, kHash));
  ASSERT_TRUE(cache().Link(kRepository, kCommit, "shared", kHash).ok());
  EXPECT_TRUE(cache().Find(kRepository, kCommit, "shared").ok());
  Write(Models() + "/snapshots/" + kCommit + "/copied", "copied");
  EXPECT_TRUE(cache().Find(kRepository, kCommit, "copied").ok());
}

TEST_F(HfCacheTest, ListsWhatIsThereAndCountsEachBlobOnce) {
  EXPECT_TRUE(cache().List().value().empty()) << "no cache at all";
  KeepBlob("12345");
  const std::string other(40, 'd');
  ASSERT_TRUE(cache().Link(kRepository, kCommit, "q/m.gguf", kHash).ok());
  ASSERT_TRUE(cache().Link(kRepository, other, "m.gguf", kHash).ok());
  fs::create_directories(folder_ + "/hub/datasets--org--name/snapshots");
  fs::create_directories(folder_ + "/hub/models--..--x");
  const auto listed = cache().List();
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed.value().size(), 1u);
  const HfCache::Listed& only = listed.value()[0];
  EXPECT_EQ(only.repository, kRepository);
  EXPECT_EQ(only.bytes, 5u);
  ASSERT_EQ(only.files.size(), 2u);
  EXPECT_EQ(only.files[0].name, "q/m.gguf");
  EXPECT_EQ(only.files[0].blob, kHash);
  EXPECT_EQ(only.files[1].commit, other);
}

TEST_F(HfCacheTest, OneAtATimeHoldsALock) {
  auto first = cache().LockBlob(kRepository, kHash, {});
  ASSERT_TRUE(first.ok());
  int asked = 0;
  const auto second = cache().LockBlob(kRepository, kHash, [&asked] { return ++asked < 3; });
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), ErrorCode::kCancelled);
  std::atomic<bool> got = false;
  std::thread waiting([&] { got = cache().LockBlob(kRepository, kHash, {}).ok(); });
  EXPECT_FALSE(got);
  { const FileLock released = std::move(first).value(); }
  waiting.join();
  EXPECT_TRUE(got);
}

TEST_F(HfCacheTest, ReadOnlyCachesAreReadable) {
  if (geteuid() == 0) GTEST_SKIP() << "nothing is read-only for root";
  KeepBlob();
  ASSERT_TRUE(cache().Link(kRepository, kCommit, "m.gguf", kHash).ok());
  ASSERT_TRUE(cache().SetCommit(kRepository, "main", kCommit).ok());
  fs::permissions(Models(), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_TRUE(cache().Find(kRepository, kCommit, "m.gguf").ok());
  EXPECT_TRUE(cache().SetCommit(kRepository, "main", kCommit).ok()) << "nothing to write";
  fs::permissions(Models(), fs::perms::owner_all);
}

TEST_F(HfCacheTest, WhatIsRemovedTakesNothingElseWithIt) {
  KeepBlob();
  const std::string other(40, 'd');
  ASSERT_TRUE(cache().Link(kRepository, kCommit, "q/m.gguf", kHash).ok());
  ASSERT_TRUE(cache().Link(kRepository, other, "m.gguf", kHash).ok());
  ASSERT_TRUE(cache().SetCommit(kRepository, "main", kCommit).ok());
  ASSERT_TRUE(cache().SetCommit(kRepository, "refs/pr/1", other).ok());

  EXPECT_EQ(cache().Remove(kRepository, kCommit, "no.gguf", {}).code(), ErrorCode::kNotFound);
  ASSERT_TRUE(cache().Remove(kRepository, kCommit, "q/m.gguf", {}).ok());
  EXPECT_FALSE(fs::exists(Models() + "/snapshots/" + kCommit));
  EXPECT_EQ(cache().CommitOf(kRepository, "main"), std::nullopt);
  EXPECT_TRUE(cache().Find(kRepository, other, "m.gguf").ok()) << "another snapshot has it";
  EXPECT_TRUE(fs::exists(cache().BlobPath(kRepository, kHash)));

  ASSERT_TRUE(cache().Remove(kRepository, other, "m.gguf", {}).ok());
  EXPECT_FALSE(fs::exists(Models())) << "nothing is left of the repository";
}

TEST_F(HfCacheTest, AFileThatLeadsOutIsNotRemoved) {
  Write(folder_ + "/secret", "secret");
  const std::string snapshot = Models() + "/snapshots/" + kCommit;
  fs::create_directories(snapshot);
  fs::create_symlink(folder_ + "/secret", snapshot + "/m.gguf");
  EXPECT_EQ(cache().Remove(kRepository, kCommit, "m.gguf", {}).code(), ErrorCode::kRefused);
  EXPECT_TRUE(fs::exists(folder_ + "/secret"));
}

}  // namespace
}  // namespace altteul::hub
