// SPDX-License-Identifier: Apache-2.0

#include "hub/fetch_journal.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace altteul::hub {
namespace {

TEST(FetchJournalTest, SaysWhatWasAddedForThisCacheAndRepository) {
  std::string folder = ::testing::TempDir() + "/altteul_journal_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/state/fetched.jsonl";
  const FetchJournal journal(path);
  EXPECT_TRUE(journal.Of("/cache", {"org/a"}).empty());
  ASSERT_TRUE(journal.Add("/cache", {"org/a"}, {"h1", "h2"}).ok());
  ASSERT_TRUE(journal.Add("/other", {"org/a"}, {"h3"}).ok());
  ASSERT_TRUE(journal.Add("/cache", {"org/b"}, {"h4"}).ok());
  std::ofstream(path, std::ios::app) << "not JSON\n[1]\n{\"cache\":3}\n";
  ASSERT_TRUE(journal.Add("/cache", {"org/a"}, {"h5"}).ok());
  EXPECT_EQ(journal.Of("/cache", {"org/a"}),
            (std::set<std::string, std::less<>>{"h1", "h2", "h5"}));
  EXPECT_EQ(FetchJournal(folder).Add("/c", {"org/a"}, {"h"}).code(), ErrorCode::kIoError);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace altteul::hub
