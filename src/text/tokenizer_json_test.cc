// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "text/tokenizer.h"

namespace altteul::text {
namespace {

using nlohmann::json;

/// Pieces a, b, ab and one control token.
json Small() {
  return json::parse(R"({
    "added_tokens": [{"id": 3, "content": "</s>", "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
    "decoder": {"type": "ByteLevel"},
    "post_processor": null,
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
  })");
}

Status RefusalOf(const std::function<void(json&)>& damage) {
  json tokenizer = Small();
  damage(tokenizer);
  auto spec = ParseTokenizerJson(tokenizer.dump(), "", "");
  return spec.ok() ? MakeTokenizer(std::move(spec).value()).status() : spec.status();
}

void ExpectRefusal(ErrorCode code, const std::string& says,
                   const std::function<void(json&)>& damage) {
  const Status status = RefusalOf(damage);
  EXPECT_EQ(status.code(), code) << says;
  EXPECT_NE(status.message().find(says), std::string::npos) << status.message();
}

TEST(TokenizerJsonTest, MergesMayBePairsOrStrings) {
  EXPECT_TRUE(RefusalOf([](json&) {}).ok());
  EXPECT_TRUE(RefusalOf([](json& t) {
                t["model"]["merges"] = json::array({json::array({"a", "b"})});
              }).ok());
}

TEST(TokenizerJsonTest, UnknownComponentsAreNamed) {
  ExpectRefusal(ErrorCode::kUnsupported, "\"Unigram\"",
                [](json& t) { t["model"]["type"] = "Unigram"; });
  ExpectRefusal(ErrorCode::kUnsupported, "normalizer \"Lowercase\"", [](json& t) {
    t["normalizer"] = {{"type", "Lowercase"}};
  });
  ExpectRefusal(ErrorCode::kUnsupported, "pre_tokenizer \"BertPreTokenizer\"", [](json& t) {
    t["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  });
  ExpectRefusal(ErrorCode::kUnsupported, "decoder \"WordPiece\"", [](json& t) {
    t["decoder"] = {{"type", "WordPiece"}};
  });
  ExpectRefusal(ErrorCode::kUnsupported, "post_processor \"Magic\"", [](json& t) {
    t["post_processor"] = {{"type", "Magic"}};
  });
  ExpectRefusal(ErrorCode::kUnsupported, "end_of_word_suffix",
                [](json& t) { t["model"]["end_of_word_suffix"] = "</w>"; });
  ExpectRefusal(ErrorCode::kUnsupported, "dropout", [](json& t) { t["model"]["dropout"] = 0.1; });
}

TEST(TokenizerJsonTest, BrokenTablesAreRefused) {
  const auto kCorrupt = ErrorCode::kCorruptFile;
  ExpectRefusal(kCorrupt, "no model", [](json& t) { t.erase("model"); });
  ExpectRefusal(kCorrupt, "vocab", [](json& t) { t["model"]["vocab"] = 5; });
  ExpectRefusal(kCorrupt, "\"a\" has no number", [](json& t) { t["model"]["vocab"]["a"] = -1; });
  ExpectRefusal(kCorrupt, "\"a\" has no number", [](json& t) { t["model"]["vocab"]["a"] = 1.5; });
  ExpectRefusal(kCorrupt, "\"a\" has no number",
                [](json& t) { t["model"]["vocab"]["a"] = 0x80000000u; });
  ExpectRefusal(kCorrupt, "ids up to 2000000000",
                [](json& t) { t["model"]["vocab"]["x"] = 2000000000; });
  ExpectRefusal(kCorrupt, "token 1 is", [](json& t) { t["model"]["vocab"]["x"] = 1; });
  ExpectRefusal(kCorrupt, "merge 1", [](json& t) { t["model"]["merges"].push_back("b x"); });
  ExpectRefusal(kCorrupt, "merge 1", [](json& t) { t["model"]["merges"].push_back("b b"); });
  ExpectRefusal(kCorrupt, "merge 1", [](json& t) { t["model"]["merges"].push_back(7); });
  ExpectRefusal(kCorrupt, "without a type", [](json& t) { t["normalizer"] = 3; });
  ExpectRefusal(kCorrupt, "without normalizers", [](json& t) {
    t["normalizer"] = {{"type", "Sequence"}};
  });
  ExpectRefusal(kCorrupt, "not true or false",
                [](json& t) { t["model"]["ignore_merges"] = "yes"; });
}

TEST(TokenizerJsonTest, DeepSequencesAreRefusedNotFollowed) {
  json nested = {{"type", "NFC"}};
  for (int i = 0; i < 50; ++i) {
    nested = json{{"type", "Sequence"}, {"normalizers", json::array({nested})}};
  }
  ExpectRefusal(ErrorCode::kUnsupported, "8 deep", [&](json& t) { t["normalizer"] = nested; });
  const std::string brackets(1'000'000, '[');
  EXPECT_EQ(ParseTokenizerJson(brackets, "", "").status().code(), ErrorCode::kCorruptFile);
}

TEST(TokenizerJsonTest, EveryTruncationIsRefused) {
  const std::string whole = Small().dump();
  for (size_t length = 0; length < whole.size(); ++length) {
    ASSERT_FALSE(ParseTokenizerJson(std::string_view(whole).substr(0, length), "", "").ok())
        << length;
  }
  EXPECT_TRUE(ParseTokenizerJson(whole, "", "").ok());
}

TEST(TokenizerJsonTest, NeighboursNameTheEnds) {
  const std::string tokenizer = Small().dump();
  for (const char* config : {R"({"eos_token": "</s>"})", R"({"eos_token": {"content": "</s>"}})"}) {
    auto spec = ParseTokenizerJson(tokenizer, config, R"({"eos_token_id": [2, 3]})");
    ASSERT_TRUE(spec.ok()) << spec.status().message();
    EXPECT_EQ(spec.value().eos, 3);
    EXPECT_EQ(spec.value().end_of_turn, (std::vector<TokenId>{2, 3}));
  }
  auto number = ParseTokenizerJson(tokenizer, "", R"({"eos_token_id": 3})");
  ASSERT_TRUE(number.ok());
  EXPECT_EQ(number.value().eos, 3);
  for (const char* ends : {R"({"eos_token_id": "x"})", R"({"eos_token_id": [{}]})", "[]", "{"}) {
    EXPECT_EQ(ParseTokenizerJson(tokenizer, "", ends).status().code(), ErrorCode::kCorruptFile)
        << ends;
  }
}

// What a file with these neighbours says, and all that was said about it.
struct Heard {
  TokenizerSpec spec;
  std::string warnings;
};

Heard Read(const json& tokenizer, const char* tokenizer_config, const char* generation_config,
           const char* config) {
  Heard heard;
  auto spec = ParseTokenizerJson(tokenizer.dump(), tokenizer_config, generation_config, config,
                                 [&](LogLevel level, std::string_view what) {
                                   EXPECT_EQ(level, LogLevel::kWarning);
                                   heard.warnings += std::string(what) + "\n";
                                 });
  EXPECT_TRUE(spec.ok()) << spec.status().message();
  if (spec.ok()) heard.spec = std::move(spec).value();
  return heard;
}

TEST(TokenizerJsonTest, ConfigJsonNamesTheEndsWhereGenerationConfigDoesNot) {
  const json tokenizer = Small();
  const auto ends = [&](const char* generation, const char* config) {
    const Heard heard = Read(tokenizer, "", generation, config);
    EXPECT_EQ(heard.warnings, "");
    return heard.spec.end_of_turn;
  };
  EXPECT_EQ(ends("", R"({"eos_token_id": 1})"), std::vector<TokenId>{1});
  EXPECT_EQ(ends("", R"({"eos_token_id": [1, 2]})"), (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(ends("", R"({"text_config": {"eos_token_id": 2}})"), std::vector<TokenId>{2});
  EXPECT_EQ(ends("", R"({"eos_token_id": 1, "text_config": {"eos_token_id": 2}})"),
            std::vector<TokenId>{1});
  EXPECT_EQ(ends(R"({"eos_token_id": 3})", R"({"eos_token_id": 1})"), std::vector<TokenId>{3});
  EXPECT_EQ(ends(R"({"do_sample": true})", R"({"eos_token_id": 1})"), std::vector<TokenId>{1});
  EXPECT_TRUE(ends("", R"({"eos_token_id": -1})").empty()) << "-1 stands for none";
  EXPECT_TRUE(ends("", R"({"eos_token_id": null})").empty());
}

TEST(TokenizerJsonTest, TokensThatAreNotThereAreIgnoredAloud) {
  Heard heard = Read(Small(), R"({"pad_token": "[PAD]", "eos_token": "</s>"})", "", "");
  EXPECT_EQ(heard.spec.pad, std::nullopt);
  EXPECT_EQ(heard.spec.eos, 3);
  EXPECT_NE(heard.warnings.find("pad_token \"[PAD]\" is not in the vocabulary"), std::string::npos)
      << heard.warnings;
  heard = Read(Small(), R"({"eos_token": "nobody"})", "", "");
  EXPECT_EQ(heard.spec.eos, std::nullopt);
  EXPECT_NE(heard.warnings.find("eos_token \"nobody\""), std::string::npos) << heard.warnings;
  heard = Read(Small(), "", R"({"eos_token_id": [4, 3]})", "");
  EXPECT_EQ(heard.spec.end_of_turn, std::vector<TokenId>{3});
  EXPECT_NE(heard.warnings.find("eos_token_id 4 is no token of a vocabulary of 4"),
            std::string::npos)
      << heard.warnings;
  json unknown = Small();
  unknown["model"]["unk_token"] = "<unk>";
  heard = Read(unknown, "", "", "");
  EXPECT_EQ(heard.spec.unk, std::nullopt);
  EXPECT_NE(heard.warnings.find("unk_token \"<unk>\""), std::string::npos) << heard.warnings;
}

TEST(TokenizerJsonTest, TheConfigDecidesAboutTheFirstToken) {
  json tokenizer = Small();
  tokenizer["post_processor"] = json::parse(
      R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "</s>"}},
          {"Sequence": {"id": "A"}}], "special_tokens": {}})");
  auto by_template = ParseTokenizerJson(tokenizer.dump(), "", "");
  ASSERT_TRUE(by_template.ok()) << by_template.status().message();
  EXPECT_TRUE(by_template.value().add_bos);
  EXPECT_EQ(by_template.value().bos, 3);
  auto by_config = ParseTokenizerJson(tokenizer.dump(), R"({"add_bos_token": false})", "");
  ASSERT_TRUE(by_config.ok());
  EXPECT_FALSE(by_config.value().add_bos);
}

}  // namespace
}  // namespace altteul::text
