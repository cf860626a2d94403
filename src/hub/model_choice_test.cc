// SPDX-License-Identifier: Apache-2.0

#include "hub/model_choice.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace altteul::hub {
namespace {

ModelIndex IndexOf(const std::vector<std::string>& names) {
  ModelIndex index;
  for (const std::string& name : names) {
    index.files.push_back({.name = name, .bytes = 10, .hash = std::string(64, 'a')});
  }
  return index;
}

std::vector<std::string> Chosen(const ModelIndex& index, const std::string& what) {
  const auto chosen = ChooseFiles(index, what);
  if (!chosen.ok()) return {chosen.status().message()};
  std::vector<std::string> names;
  for (const IndexedFile& file : chosen.value().files) names.push_back(file.name);
  return names;
}

using Names = std::vector<std::string>;

const Names kQuants = {"README.md", "m-Q4_K_M.gguf", "m-Q8_0.gguf", "m-IQ4_NL.gguf",
                       "mmproj-m-f16.gguf"};
const Names kSplit = {"Q8_0/m-Q8_0-00002-of-00002.gguf", "Q8_0/m-Q8_0-00001-of-00002.gguf",
                      "m-Q4_0.gguf"};

TEST(HubReferenceTest, HasRevisionAndFile) {
  const auto plain = ParseHubReference("org/name");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain.value().repository.id, "org/name");
  EXPECT_EQ(plain.value().revision, "main");
  EXPECT_EQ(plain.value().what, "");
  const auto full = ParseHubReference("org/name@refs/pr/1:q/m.gguf");
  ASSERT_TRUE(full.ok());
  EXPECT_EQ(full.value().revision, "refs/pr/1");
  EXPECT_EQ(full.value().what, "q/m.gguf");
  for (const char* wrong : {"", "org/name:", "org/name@", "org/name@../x", "org/name:../x",
                            "org/name:/etc/passwd", "../name", "org/name@a:b/../c"}) {
    EXPECT_FALSE(ParseHubReference(wrong).ok()) << wrong;
  }
}

TEST(ChooseFilesTest, ATypeMeansTheFileThatCarriesIt) {
  EXPECT_EQ(Chosen(IndexOf(kQuants), "q8_0"), Names{"m-Q8_0.gguf"});
  EXPECT_EQ(Chosen(IndexOf(kQuants), "Q4_K_M"), Names{"m-Q4_K_M.gguf"});
  EXPECT_EQ(Chosen(IndexOf({"a.Q4_K_M.gguf", "a.Q5_K_M.gguf"}), "Q5_K_M"), Names{"a.Q5_K_M.gguf"});
  const auto none = Chosen(IndexOf(kQuants), "NL");
  ASSERT_EQ(none.size(), 1u);
  EXPECT_NE(none[0].find("no file and no type NL; there are m-IQ4_NL.gguf, m-Q4_K_M.gguf"),
            std::string::npos)
      << none[0];
}

TEST(ChooseFilesTest, ASplitFileIsOne) {
  const auto chosen = ChooseFiles(IndexOf(kSplit), "Q8_0");
  ASSERT_TRUE(chosen.ok()) << chosen.status().message();
  ASSERT_EQ(chosen.value().files.size(), 2u);
  EXPECT_EQ(chosen.value().first, "Q8_0/m-Q8_0-00001-of-00002.gguf");
  EXPECT_EQ(chosen.value().bytes(), 20u);
  EXPECT_EQ(Chosen(IndexOf(kSplit), "Q8_0/m-Q8_0-00002-of-00002.gguf").size(), 2u);
}

TEST(ChooseFilesTest, NothingMeansTheFolderTheOnlyFileOrTheUsualType) {
  const ModelIndex folder = IndexOf({"config.json", "model.safetensors", "tokenizer.json",
                                     "onnx/model.safetensors", "model.bin", "m-Q4_K_M.gguf"});
  EXPECT_EQ(Chosen(folder, ""), (Names{"config.json", "model.safetensors", "tokenizer.json"}));
  EXPECT_EQ(ChooseFiles(folder, "").value().first, "");
  EXPECT_EQ(Chosen(folder, "Q4_K_M"), Names{"m-Q4_K_M.gguf"});
  EXPECT_EQ(Chosen(IndexOf({"README.md", "only.gguf"}), ""), Names{"only.gguf"});
  EXPECT_EQ(Chosen(IndexOf(kQuants), ""), Names{"m-Q4_K_M.gguf"});
  EXPECT_FALSE(ChooseFiles(IndexOf({"a-Q8_0.gguf", "b-Q8_0.gguf"}), "").ok());
  EXPECT_FALSE(ChooseFiles(IndexOf({"a-Q8_0.gguf", "b-Q8_0.gguf"}), "Q8_0").ok());
  EXPECT_FALSE(ChooseFiles(IndexOf({"README.md"}), "").ok());
}

TEST(ChooseFilesTest, AnyFileCanBeNamed) {
  EXPECT_EQ(Chosen(IndexOf(kQuants), "README.md"), Names{"README.md"});
}

}  // namespace
}  // namespace altteul::hub
