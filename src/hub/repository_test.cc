// SPDX-License-Identifier: Apache-2.0

#include "hub/repository.h"

#include <gtest/gtest.h>

#include <string>

namespace altteul::hub {
namespace {

using namespace std::string_literals;

TEST(RepositoryTest, TakesTheNamesOfHubs) {
  for (const char* id : {"HuggingFaceTB/SmolLM2-135M-Instruct", "google/gemma-3-270m", "gpt2",
                         "a/b.c_d-e", "LGAI-EXAONE/EXAONE-3.5-2.4B-Instruct"}) {
    const auto parsed = ParseRepository(id);
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    EXPECT_EQ(parsed.value().id, id);
  }
}

TEST(RepositoryTest, RefusesWhatWouldBeMoreThanAName) {
  for (const std::string& id : {""s,
                                "/"s,
                                "a/"s,
                                "/a"s,
                                "a/b/c"s,
                                "../a"s,
                                "a/.."s,
                                "a/."s,
                                "a/b..c"s,
                                "a--b/c"s,
                                "a/-b"s,
                                "a/b-"s,
                                "a/.b"s,
                                "a b/c"s,
                                "a/b\n"s,
                                "a/b\0c"s,
                                "a/%2e%2e"s,
                                "a\\b/c"s,
                                "a/b?c"s,
                                "a/b#c"s,
                                "\xed\x95\x9c/b"s,
                                std::string(97, 'a') + "/b"}) {
    const auto parsed = ParseRepository(id);
    EXPECT_FALSE(parsed.ok()) << id;
    EXPECT_EQ(parsed.status().code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(parsed.status().message().find('\n'), std::string::npos);
    EXPECT_EQ(parsed.status().message().find('\0'), std::string::npos);
  }
}

TEST(RepositoryTest, RevisionsAndFilesStayInsideTheirFolder) {
  EXPECT_TRUE(CheckRevision("main").ok());
  EXPECT_TRUE(CheckRevision("refs/pr/12").ok());
  EXPECT_TRUE(CheckFileName("model-00001-of-00002.safetensors").ok());
  EXPECT_TRUE(CheckFileName("gguf/Q4_K_M/a model.gguf").ok());
  EXPECT_TRUE(CheckFileName("..hidden/a..b").ok());
  for (const std::string& name : {""s, "/etc/passwd"s, "a//b"s, "a/"s, "."s, ".."s, "a/../b"s,
                                  "a/.."s, "..\\b"s, "a\nb"s, "a\0b"s, std::string(256, 'a')}) {
    EXPECT_FALSE(CheckFileName(name).ok()) << name;
    EXPECT_FALSE(CheckRevision(name).ok()) << name;
  }
}

TEST(RepositoryTest, HashesAreHexadecimalAndOfTwoLengths) {
  const std::string commit(40, 'a'), sha(64, '0');
  EXPECT_TRUE(IsCommit(commit));
  EXPECT_FALSE(IsCommit("main"));
  EXPECT_FALSE(IsCommit(std::string(40, 'g')));
  EXPECT_TRUE(IsBlobHash(commit));
  EXPECT_TRUE(IsBlobHash(sha));
  EXPECT_FALSE(IsBlobHash(std::string(64, 'A'))) << "they become file names as the hub writes them";
  EXPECT_FALSE(IsBlobHash("../" + std::string(61, '0')));
}

TEST(RepositoryTest, UrlsHoldNothingButLettersDigitsAndAFewSigns) {
  EXPECT_EQ(UrlEncoded("a/B-c._~9"), "a/B-c._~9");
  EXPECT_EQ(UrlEncoded("a b%2f?#\xed\x95\x9c"), "a%20b%252f%3F%23%ED%95%9C");
}

}  // namespace
}  // namespace altteul::hub
