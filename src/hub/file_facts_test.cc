// SPDX-License-Identifier: Apache-2.0

#include "hub/file_facts.h"

#include <gtest/gtest.h>

#include <string>

#include "hub/test_server.h"

namespace altteul::hub {
namespace {

using testing::TestServer;

const std::string kSha256(64, 'a'), kSha1(40, 'b');

TEST(FileFactsTest, TheHubsOwnWordCountsBeforeItsStores) {
  const FileFacts facts =
      FactsIn({.status = 200,
               .headers = {{"etag", "\"" + kSha1 + "\""}, {"content-length", "7"}},
               .redirect_headers = {{"x-linked-etag", "\"" + kSha256 + "\""},
                                    {"x-linked-size", "12"},
                                    {"content-length", "0"}}});
  EXPECT_EQ(facts.hash, kSha256);
  EXPECT_EQ(facts.bytes, 12u);
  const FileFacts tag_of_redirect =
      FactsIn({.status = 200,
               .headers = {{"etag", "\"d41d8cd9-3\""}, {"content-length", "7"}},
               .redirect_headers = {{"etag", kSha256}}});
  EXPECT_EQ(tag_of_redirect.hash, kSha256) << "the store's tag is no hash";
  EXPECT_EQ(tag_of_redirect.bytes, 7u) << "of the file, not of the words of a redirect";
}

TEST(FileFactsTest, TagsThatAreHashesAreHashes) {
  const auto hash_of = [](const std::string& tag) {
    return FactsIn({.status = 200, .headers = {{"etag", tag}}, .redirect_headers = {}}).hash;
  };
  EXPECT_EQ(hash_of("\"" + kSha256 + "\""), kSha256);
  EXPECT_EQ(hash_of("W/\"" + kSha1 + "\""), kSha1);
  EXPECT_EQ(hash_of("\"" + std::string(64, 'A') + "\""), kSha256) << "in large letters";
  for (const std::string& other :
       {std::string(), std::string("\""), std::string(32, 'a'), "../" + std::string(61, 'a'),
        kSha256 + "-2", "sha256:" + kSha256, std::string(64, 'g')}) {
    EXPECT_EQ(hash_of(other), "") << other;
  }
  const FileFacts artifactory = FactsIn(
      {.status = 200,
       .headers = {{"etag", kSha1}, {"x-checksum-sha256", kSha256}, {"content-length", "5"}},
       .redirect_headers = {}});
  EXPECT_EQ(artifactory.hash, kSha256) << "the stronger of both";
}

TEST(FileFactsTest, SizesThatAreNoneAreNone) {
  for (const char* text : {"", "-1", "1e3", "99999999999999999999", "12 "}) {
    EXPECT_FALSE(
        FactsIn({.status = 200, .headers = {{"content-length", text}}, .redirect_headers = {}})
            .bytes)
        << text;
  }
  const FileFacts part =
      FactsIn({.status = 206,
               .headers = {{"content-length", "1"}, {"content-range", "bytes 0-0/5000000000"}},
               .redirect_headers = {}});
  EXPECT_EQ(part.bytes, 5'000'000'000u) << "the whole file's, not of what was sent";
}

TEST(FileFactsTest, AServerIsAskedForHeads) {
  TestServer server({{"/m.gguf", std::string(100'000, 'm')}, {"/empty", ""}});
  server.Redirect("/moved", server.Url("/m.gguf"));
  const auto client = HttpClient::Create({});
  ASSERT_TRUE(client.ok());
  for (const char* path : {"/m.gguf", "/moved"}) {
    const auto facts = AskFacts(*client.value(), server.Url(path), "");
    ASSERT_TRUE(facts.ok()) << facts.status().message();
    EXPECT_EQ(facts.value().bytes, 100'000u);
    EXPECT_EQ(facts.value().hash, "");
  }
  EXPECT_EQ(server.sent_bytes(), 0u);
  const auto empty = AskFacts(*client.value(), server.Url("/empty"), "");
  ASSERT_TRUE(empty.ok()) << empty.status().message();
  EXPECT_EQ(empty.value().bytes, 0u);
  EXPECT_EQ(AskFacts(*client.value(), server.Url("/none"), "").status().code(),
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace altteul::hub
