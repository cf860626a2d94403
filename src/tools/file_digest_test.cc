// SPDX-License-Identifier: Apache-2.0

#include "tools/file_digest.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/sha256.h"
#include "engine/test_model.h"

namespace altteul::tools {
namespace {

using engine::testing::TestFolder;

TEST(FileDigestTest, AFileIsDigestedWhole) {
  const TestFolder folder;
  const std::string content((size_t{5} << 19) + 7, 'x');  // pieces of 1 MiB, and a rest
  std::ofstream(folder.Path("a.bin")) << content;
  const auto digest = DigestFile(folder.Path("a.bin"));
  ASSERT_TRUE(digest.ok()) << digest.status().message();
  Sha256 expected;
  expected.Add(content);
  EXPECT_EQ(digest.value().sha256, expected.Hex());
  EXPECT_EQ(digest.value().name, "a.bin");
  EXPECT_EQ(DigestFile(folder.Path("b.bin")).status().code(), ErrorCode::kNotFound);
  EXPECT_EQ(DigestFile(folder.Path("")).status().code(), ErrorCode::kIoError) << "a folder";
}

TEST(FileDigestTest, OneFileIsItselfAndSeveralAreTheirList) {
  EXPECT_EQ(JoinDigests({{"a.gguf", "00ff"}}), "00ff");
  Sha256 expected;
  expected.Add("00ff  a\n11ee  b\n");
  EXPECT_EQ(JoinDigests({{"a", "00ff"}, {"b", "11ee"}}), expected.Hex());
}

TEST(FileDigestTest, AModelIsItsFile) {
  const TestFolder folder;
  const std::string path = folder.Path("m.gguf");
  ASSERT_TRUE(engine::testing::WriteTestModel(path, {}).ok());
  const auto model = model::Checkpoint::Open(path).value();
  const auto digests = DigestModel(*model);
  ASSERT_TRUE(digests.ok()) << digests.status().message();
  ASSERT_EQ(digests.value().size(), 1u);
  EXPECT_EQ(digests.value()[0].sha256, DigestFile(path).value().sha256);
}

}  // namespace
}  // namespace altteul::tools
