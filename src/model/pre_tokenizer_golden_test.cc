// SPDX-License-Identifier: Apache-2.0

// Every name of tokenizer.ggml.pre against the ids of tests/golden/pre_tokenizers: each is written
// to a GGUF file with a vocabulary whose merges reach over every border, and read again.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "model/gguf_checkpoint.h"
#include "text/tokenizer.h"

namespace altteul::model {
namespace {

using nlohmann::json;
using text::TokenId;

class PreTokenizerGoldenTest : public ::testing::Test {
 protected:
  PreTokenizerGoldenTest() {
    std::string name = (std::filesystem::temp_directory_path() / "altteul_pre_XXXXXX").string();
    folder_ = mkdtemp(name.data());
    std::ifstream file(std::string(ALT_SOURCE_DIR) + "/tests/golden/pre_tokenizers/names.json");
    golden_ = json::parse(file);
  }
  ~PreTokenizerGoldenTest() override { std::filesystem::remove_all(folder_); }

  Result<std::unique_ptr<const text::Tokenizer>> Open(const std::string& name, bool raw) {
    const json& vocabulary = golden_[raw ? "raw" : "bytes"];
    const auto tokens = vocabulary["tokens"].get<std::vector<std::string>>();
    const auto merges = vocabulary["merges"].get<std::vector<std::string>>();
    const std::string path = (folder_ / "v.gguf").string();
    formats::GgufWriter writer;
    writer.SetString("general.architecture", "llama");
    writer.SetString("tokenizer.ggml.model", name == "whitespace" ? "whitespace" : "gpt2");
    writer.SetString("tokenizer.ggml.pre", name);
    writer.SetStrings("tokenizer.ggml.tokens",
                      std::vector<std::string_view>(tokens.begin(), tokens.end()));
    writer.SetStrings("tokenizer.ggml.merges",
                      std::vector<std::string_view>(merges.begin(), merges.end()));
    ALT_RETURN_IF_ERROR(writer.Begin(path));
    ALT_RETURN_IF_ERROR(writer.Finish());
    ALT_ASSIGN_OR_RETURN(const formats::GgufFile file, formats::GgufFile::Open(path));
    ALT_ASSIGN_OR_RETURN(text::TokenizerSpec spec, ReadGgufTokenizer(file, path, {}));
    return text::MakeTokenizer(std::move(spec));
  }

  std::filesystem::path folder_;
  json golden_;
};

TEST_F(PreTokenizerGoldenTest, EveryNameCutsAsTheModelsOwnTokenizer) {
  const auto texts = golden_["texts"].get<std::vector<std::string>>();
  size_t n_names = 0;
  for (const json& group : golden_["groups"]) {
    for (const json& name : group["names"]) {
      ++n_names;
      const auto made = Open(name.get<std::string>(), group["raw"].get<bool>());
      ASSERT_TRUE(made.ok()) << name << ": " << made.status().message();
      for (size_t i = 0; i < texts.size(); ++i) {
        const auto ids = made.value()->Encode(texts[i], {});
        ASSERT_TRUE(ids.ok()) << name << ": " << ids.status().message();
        EXPECT_EQ(ids.value(), group["ids"][i].get<std::vector<TokenId>>())
            << name << " of the text " << i << ": " << json(texts[i]).dump();
      }
    }
  }
  EXPECT_EQ(n_names, 91u) << "names that llama.cpp 0c1e570 knows";
}

}  // namespace
}  // namespace altteul::model
