// SPDX-License-Identifier: Apache-2.0

#include "hub/model_index.h"

#include <gtest/gtest.h>

#include <string>

namespace altteul::hub {
namespace {

const std::string kCommit(40, 'c'), kSha256(64, 'a'), kSha1(40, 'b');

std::string Answer(const std::string& siblings, const std::string& more = "") {
  return R"({"sha":")" + kCommit + R"(","siblings":[)" + siblings + "]" + more + "}";
}
std::string Small(const std::string& name) {
  return R"({"rfilename":")" + name + R"(","size":12,"blobId":")" + kSha1 + R"("})";
}
std::string Large(const std::string& name) {
  return R"({"rfilename":")" + name + R"(","size":135,"blobId":")" + kSha1 +
         R"(","lfs":{"sha256":")" + kSha256 + R"(","size":5000000000,"pointerSize":135}})";
}

TEST(ModelIndexTest, TellsCommitFilesAndLicense) {
  const auto index = ParseModelIndex(
      Answer(Small("config.json") + "," + Large("q/model.gguf"),
             R"(,"gated":"manual","tags":["gguf","license:mit"],"cardData":{"license":"gemma"})"),
      "URL");
  ASSERT_TRUE(index.ok()) << index.status().message();
  EXPECT_EQ(index.value().commit, kCommit);
  EXPECT_EQ(index.value().license, "gemma");
  EXPECT_TRUE(index.value().is_gated);
  ASSERT_EQ(index.value().files.size(), 2u);
  EXPECT_EQ(index.value().files[0].hash, kSha1);
  EXPECT_EQ(index.value().files[0].bytes, 12u);
  const IndexedFile* large = index.value().Find("q/model.gguf");
  ASSERT_NE(large, nullptr);
  EXPECT_EQ(large->hash, kSha256);
  EXPECT_EQ(large->bytes, 5000000000u) << "of the content, not of the pointer to it";
  EXPECT_EQ(index.value().Find("model.gguf"), nullptr);
}

TEST(ModelIndexTest, TheLicenseMayStandInATagAndGatesMayBeOpen) {
  const auto index =
      ParseModelIndex(Answer("", R"(,"gated":false,"tags":[3,"license:apache-2.0"])"), "URL");
  ASSERT_TRUE(index.ok()) << index.status().message();
  EXPECT_EQ(index.value().license, "apache-2.0");
  EXPECT_FALSE(index.value().is_gated);
}

TEST(ModelIndexTest, AProxyMayListNamesAlone) {
  const auto index = ParseModelIndex(
      Answer(R"({"rfilename":"names.gguf"},{"rfilename":"sizes.gguf","size":1},)"
             R"({"rfilename":"hashes.gguf","blobId":")" +
             kSha1 + R"("},{"rfilename":"nulls.gguf","size":null,"blobId":null,"lfs":null},)" +
             Small("both.gguf")),
      "URL");
  ASSERT_TRUE(index.ok()) << index.status().message();
  for (const IndexedFile& file : index.value().files) {
    EXPECT_EQ(file.is_described, file.name == "both.gguf") << file.name;
  }
  EXPECT_EQ(index.value().Find("hashes.gguf")->hash, kSha1);
}

TEST(ModelIndexTest, HashesInCapitalsAreThoseInSmallLetters) {
  std::string answer = Answer(Large("model.gguf"));
  answer.replace(answer.find(kSha256), kSha256.size(), std::string(kSha256.size(), 'A'));
  const auto index = ParseModelIndex(answer, "URL");
  ASSERT_TRUE(index.ok()) << index.status().message();
  EXPECT_EQ(index.value().files[0].hash, kSha256);
}

TEST(ModelIndexTest, APageOfAProxyIsNamedAsSuch) {
  const auto index = ParseModelIndex("\n<!DOCTYPE html><html>Log in</html>", "URL");
  EXPECT_NE(index.status().message().find("a page of HTML"), std::string::npos)
      << index.status().message();
}

TEST(ModelIndexTest, RefusesWhatCouldNotBeKept) {
  const std::string no_hash = R"({"rfilename":"a","size":1,"blobId":3})";
  const std::string no_size = R"({"rfilename":"a","size":"1","blobId":")" + kSha1 + R"("})";
  const std::string below = R"({"rfilename":"a","size":-1,"blobId":")" + kSha1 + R"("})";
  const std::string path_as_hash = R"({"rfilename":"a","size":1,"blobId":"../../x"})";
  for (const std::string& answer :
       {std::string(), std::string("[]"), std::string("{"), std::string("<html>"),
        std::string(R"({"sha":"main","siblings":[]})"), R"({"sha":")" + kCommit + R"("})",
        Answer("3"), Answer(no_hash), Answer(no_size), Answer(below), Answer(path_as_hash),
        Answer(Small("../x")), Answer(Small("/etc/x")), Answer(Small("a\\u0000b")),
        Answer(Small("a\\nb")), Answer(Small("a") + "," + Small("a")), std::string(100000, '[')}) {
    const auto index = ParseModelIndex(answer, "URL");
    ASSERT_FALSE(index.ok()) << answer.substr(0, 200);
    EXPECT_EQ(index.status().code(), ErrorCode::kNetwork);
    EXPECT_TRUE(index.status().message().starts_with("URL: ")) << index.status().message();
  }
}

TEST(ModelIndexTest, UrlsAreTheHubs) {
  const Repository repository{"org/name"};
  EXPECT_EQ(IndexUrl("https://hub", repository, "refs/pr/1"),
            "https://hub/api/models/org/name/revision/refs%2Fpr%2F1?blobs=true");
  EXPECT_EQ(FileUrl("https://hub", repository, kCommit, "a b/c.gguf"),
            "https://hub/org/name/resolve/" + kCommit + "/a%20b/c.gguf");
}

}  // namespace
}  // namespace altteul::hub
