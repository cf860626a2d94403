// SPDX-License-Identifier: Apache-2.0

#include "text/gguf_words.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace altteul::text {
namespace {

using nlohmann::json;

json LoadGolden(const std::string& name) {
  std::ifstream file(std::string(ALT_SOURCE_DIR) + "/tests/golden/tokenizer/" + name + ".json");
  return json::parse(file);
}

TokenizerSpec Parse(const json& tokenizer) {
  auto spec = ParseTokenizerJson({tokenizer.dump(), "", ""});
  EXPECT_TRUE(spec.ok()) << spec.status().message();
  return std::move(spec).value();
}

std::unique_ptr<const Tokenizer> Make(TokenizerSpec spec) {
  auto made = MakeTokenizer(std::move(spec));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(made).value();
}

std::vector<TokenId> Encode(const Tokenizer& tokenizer, const std::string& text, bool special) {
  auto ids = tokenizer.Encode(text, {.parse_special = special});
  EXPECT_TRUE(ids.ok()) << ids.status().message();
  return ids.ok() ? ids.value() : std::vector<TokenId>();
}

class GgufWordsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(GgufWordsTest, GiveTheSameIds) {
  const json golden = LoadGolden(GetParam());
  const TokenizerSpec spelled = Parse(golden["tokenizer"]);
  auto words = InGgufWords(spelled);
  ASSERT_TRUE(words.ok()) << words.status().message();
  EXPECT_FALSE(words.value().explicit_steps);
  TokenizerSpec without_nfc = spelled;
  std::erase_if(without_nfc.normalizers,
                [](const NormalizeStep& step) { return step.kind == NormalizeStep::Kind::kNfc; });
  const auto named = Make(std::move(words).value());
  const auto bare = Make(std::move(without_nfc));
  for (const json& one : golden["cases"]) {
    const auto text = one["text"].get<std::string>();
    for (const bool special : {true, false}) {
      EXPECT_EQ(Encode(*named, text, special), Encode(*bare, text, special)) << one["text"].dump();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, GgufWordsTest,
                         ::testing::Values("gpt2", "smollm", "llama3", "qwen2", "gpt4o", "tekken",
                                           "default", "llama2", "gemma"),
                         [](const auto& param) { return std::string(param.param); });

class GgufWordsNameTest : public ::testing::TestWithParam<const char*> {};

TEST_P(GgufWordsNameTest, IsThatOfThePublishedFiles) {
  const json golden = LoadGolden(GetParam());
  const auto words = InGgufWords(Parse(golden["tokenizer"]));
  ASSERT_TRUE(words.ok()) << words.status().message();
  const auto name = golden["gguf_name"].get<std::string>();
  EXPECT_EQ(words.value().pre_tokenizer, name == "gpt2" ? "gpt-2" : name);
}

INSTANTIATE_TEST_SUITE_P(Kinds, GgufWordsNameTest,
                         ::testing::Values("gpt2", "smollm", "llama3", "qwen2", "gpt4o", "tekken",
                                           "default"),
                         [](const auto& param) { return std::string(param.param); });

// sentencepiece's own scores of the models from which the golden llama2 and gemma were made.
TEST(GgufWordsScoresTest, OrderPiecesAsSentencePieceDoes) {
  const json original = LoadGolden("spm_prefix");
  const auto words = InGgufWords(Parse(LoadGolden("llama2")["tokenizer"]));
  ASSERT_TRUE(words.ok()) << words.status().message();
  const TokenizerSpec& spec = words.value();
  const auto tokens = original["tokens"].get<std::vector<std::string>>();
  const auto scores = original["scores"].get<std::vector<float>>();
  ASSERT_LE(tokens.size(), spec.tokens.size());
  size_t n_merged = 0;
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (spec.tokens[id] != tokens[id] || spec.kinds[id] != TokenKind::kNormal) continue;
    const bool merged = spec.scores[id] > spec.scores.back();
    if (!merged) continue;
    EXPECT_EQ(spec.scores[id], scores[id]) << tokens[id];
    ++n_merged;
  }
  EXPECT_GT(n_merged, 100u);
  EXPECT_TRUE(spec.add_space_prefix);
  EXPECT_EQ(spec.kinds[static_cast<size_t>(spec.unk.value())], TokenKind::kUnknown);
}

TEST(GgufWordsSpacesTest, UserDefinedTokensAreFoundInRawText) {
  json tokenizer = LoadGolden("gemma")["tokenizer"];
  const std::string marks = "\xE2\x96\x81\xE2\x96\x81";
  const int id = tokenizer["model"]["vocab"].value(marks, -1);
  ASSERT_GE(id, 0) << "an added token keeps the id that its text has";
  tokenizer["added_tokens"].push_back({{"id", id}, {"content", marks}, {"special", false}});
  const auto words = InGgufWords(Parse(tokenizer));
  ASSERT_TRUE(words.ok()) << words.status().message();
  EXPECT_EQ(words.value().tokens[static_cast<size_t>(id)], "  ");
}

TEST(GgufWordsHolesTest, GetATextOfTheirOwn) {
  json tokenizer = LoadGolden("qwen2")["tokenizer"];
  const int id = static_cast<int>(tokenizer["model"]["vocab"].size()) + 20;
  tokenizer["model"]["vocab"]["<far>"] = id;
  const auto words = InGgufWords(Parse(tokenizer));
  ASSERT_TRUE(words.ok()) << words.status().message();
  const auto hole = static_cast<size_t>(id) - 1;
  EXPECT_EQ(words.value().tokens[hole], "[PAD" + std::to_string(hole) + "]");
  EXPECT_EQ(words.value().kinds[hole], TokenKind::kUnused);
}

TEST(GgufWordsRefusalTest, NamesTheStepThatHasNoWord) {
  struct Wrong {
    const char* golden;
    std::function<void(json&)> change;
    const char* said;
  };
  const auto nothing = [](json&) {};
  const Wrong wrongs[] = {
      {"prefix_space", nothing, "a space before each piece"},
      {"behaviors", nothing, "[aeiou]"},
      {"metaspace_split", nothing, "before it merges them"},
      {"llama3", [](json& t) { t["model"]["ignore_merges"] = false; }, nullptr},  // dbrx
      {"qwen2", [](json& t) { t["model"]["ignore_merges"] = true; }, "with ignore_merges"},
      {"qwen2",
       [](json& t) {
         t["normalizer"] = {{"type", "NFKC"}};
       },
       "before cutting it"},
      {"gpt4o",
       [](json& t) { t["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "[a-z]+|."; },
       "[a-z]+|."},
      {"llama2",
       [](json& t) {
         t["normalizer"]["normalizers"].push_back({{"type", "NFC"}});
       },
       "more of the text than its spaces"},
      {"llama2", [](json& t) { t["normalizer"] = nullptr; }, "U+2581"},
      {"llama2", [](json& t) { t["model"]["byte_fallback"] = false; }, "byte_fallback"},
      {"gemma",
       [](json& t) {
         json& merges = t["model"]["merges"];
         merges.erase(merges.size() - 1);
       },
       "none joins"},
      {"gemma",
       [](json& t) {
         json& merges = t["model"]["merges"];
         merges.push_back(merges[0]);
       },
       "at two ranks"},
  };
  for (const Wrong& wrong : wrongs) {
    json tokenizer = LoadGolden(wrong.golden)["tokenizer"];
    wrong.change(tokenizer);
    const auto words = InGgufWords(Parse(tokenizer));
    if (wrong.said == nullptr) {
      ASSERT_TRUE(words.ok()) << words.status().message();
      EXPECT_EQ(words.value().pre_tokenizer, "dbrx");
      continue;
    }
    ASSERT_FALSE(words.ok()) << wrong.golden << ": " << wrong.said;
    EXPECT_EQ(words.status().code(), ErrorCode::kUnsupported);
    EXPECT_NE(words.status().message().find(wrong.said), std::string::npos)
        << words.status().message();
  }
}

}  // namespace
}  // namespace altteul::text
