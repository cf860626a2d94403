// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
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
  auto spec = ParseTokenizerJson({tokenizer.dump(), "", ""});
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
  EXPECT_EQ(ParseTokenizerJson({brackets, "", ""}).status().code(), ErrorCode::kCorruptFile);
}

TEST(TokenizerJsonTest, EveryTruncationIsRefused) {
  const std::string whole = Small().dump();
  for (size_t length = 0; length < whole.size(); ++length) {
    ASSERT_FALSE(ParseTokenizerJson({std::string_view(whole).substr(0, length), "", ""}).ok())
        << length;
  }
  EXPECT_TRUE(ParseTokenizerJson({whole, "", ""}).ok());
}

TEST(TokenizerJsonTest, NeighboursNameTheEnds) {
  const std::string tokenizer = Small().dump();
  for (const char* config : {R"({"eos_token": "</s>"})", R"({"eos_token": {"content": "</s>"}})"}) {
    auto spec = ParseTokenizerJson({tokenizer, config, R"({"eos_token_id": [2, 3]})"});
    ASSERT_TRUE(spec.ok()) << spec.status().message();
    EXPECT_EQ(spec.value().eos, 3);
    EXPECT_EQ(spec.value().end_of_turn, (std::vector<TokenId>{2, 3}));
  }
  auto number = ParseTokenizerJson({tokenizer, "", R"({"eos_token_id": 3})"});
  ASSERT_TRUE(number.ok());
  EXPECT_EQ(number.value().eos, 3);
}

// What a file with these neighbours says, and all that was said about it.
struct Heard {
  TokenizerSpec spec;
  std::string warnings;
};

Heard Read(const json& tokenizer, const char* tokenizer_config, const char* generation_config,
           const char* config) {
  Heard heard;
  const std::string text = tokenizer.dump();
  auto spec = ParseTokenizerJson({.tokenizer_json = text,
                                  .tokenizer_config_json = tokenizer_config,
                                  .generation_config_json = generation_config,
                                  .config_json = config},
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

TEST(TokenizerJsonTest, EndsOfOddTypesAreReadAloud) {
  struct Odd {
    const char* generation;
    std::vector<TokenId> ends;
    const char* said;
  };
  const Odd odds[] = {
      {R"({"eos_token_id": 3.0})", {3}, "3.0 is no whole number; taken as 3"},
      {R"({"eos_token_id": "3"})", {3}, "taken as 3"},
      {R"({"eos_token_id": ["</s>", 1]})", {3, 1}, "\"</s>\" is no whole number; taken as 3"},
      {R"({"eos_token_id": [[1, [2]], 3]})", {1, 2, 3}, ""},
      {R"({"eos_token_id": true})", {}, "true is no number; ignored"},
      {R"({"eos_token_id": [2.5, {}, 2]})", {2}, "2.5 is no number; ignored"},
      {R"({"eos_token_id": [1e300, -7, 99999999999, 2]})", {2}, "-7 is no token"},
      {R"({"eos_token_id": "nobody"})", {}, "\"nobody\" is no number; ignored"},
      {"[]", {0}, "generation_config.json is not a JSON object; ignored"},
      {"{", {0}, "generation_config.json is not a JSON object; ignored"},
  };
  for (const Odd& odd : odds) {
    const Heard heard = Read(Small(), "", odd.generation, R"({"eos_token_id": 0})");
    EXPECT_EQ(heard.spec.end_of_turn, odd.ends) << odd.generation;
    EXPECT_NE(heard.warnings.find(odd.said), std::string::npos) << heard.warnings;
    EXPECT_EQ(heard.warnings.empty(), *odd.said == '\0') << heard.warnings;
  }
}

TEST(TokenizerJsonTest, OddValuesOfTheConfigAreIgnoredAloud) {
  json with_bos = Small();
  with_bos["added_tokens"][0]["content"] = "<s>";
  const struct {
    const char* config;
    bool adds;
    const char* said;
  } odds[] = {
      {R"({"bos_token": "<s>", "pad_token": false})", false,
       "pad_token false is not a token's text"},
      {R"({"bos_token": "<s>", "eos_token": ["<s>"]})", false, "eos_token [\"<s>\"] is not"},
      {R"({"bos_token": "<s>", "add_bos_token": "true"})", true, "taken as true"},
      {R"({"bos_token": "<s>", "add_bos_token": 0})", false, "taken as false"},
      {R"({"bos_token": "<s>", "add_bos_token": {}})", false, "{} is not true or false; ignored"},
      {R"([1])", false, "tokenizer_config.json is not a JSON object; ignored"},
  };
  for (const auto& odd : odds) {
    const Heard heard = Read(with_bos, odd.config, "", "");
    EXPECT_EQ(heard.spec.add_bos, odd.adds) << odd.config;
    EXPECT_NE(heard.warnings.find(odd.said), std::string::npos) << heard.warnings;
    EXPECT_EQ(std::count(heard.warnings.begin(), heard.warnings.end(), '\n'), 1) << odd.config;
  }
}

// Ids, kinds and order: transformers 4.57.6 (AutoTokenizer) with tokenizers 0.22.2.
TEST(TokenizerJsonTest, AddedTokensGetTheIdsThatTheirPlaceGives) {
  json tokenizer = Small();
  tokenizer["added_tokens"] = json::parse(R"([
    {"id": 1, "content": "<x>", "special": true}, {"id": 7, "content": ""},
    {"id": 9, "content": "ab", "special": false}, {"content": "<y>", "special": false}])");
  const Heard heard = Read(tokenizer, "", "", "");
  EXPECT_EQ(heard.spec.tokens, (std::vector<std::string>{"a", "b", "ab", "<x>", "<y>"}));
  EXPECT_EQ(heard.spec.kinds,
            (std::vector<TokenKind>{TokenKind::kNormal, TokenKind::kNormal, TokenKind::kUserDefined,
                                    TokenKind::kControl, TokenKind::kUserDefined}));
  for (const char* said : {"\"<x>\" is written as 1 and is 3", "token 7 has no text; ignored",
                           "\"ab\" is written as 9 and is 2", "\"<y>\" is written as no id"}) {
    EXPECT_NE(heard.warnings.find(said), std::string::npos) << heard.warnings;
  }
}

/// Tokens and their kinds of Small() with these neighbours, from the first that was added on: the
/// letter of a kind (c: control, u: user-defined, n: normal) and the text.
std::string AddedTo(const TokenizerFolder& neighbours, std::string* warnings = nullptr) {
  const std::string text = Small().dump();
  TokenizerFolder folder = neighbours;
  folder.tokenizer_json = text;
  auto spec = ParseTokenizerJson(folder, [&](LogLevel, std::string_view what) {
    if (warnings != nullptr) *warnings += std::string(what) + "\n";
  });
  if (!spec.ok()) return spec.status().message();
  std::string shown;
  for (size_t id = 0; id < spec.value().tokens.size(); ++id) {
    const TokenKind kind = spec.value().kinds[id];
    const char* letter = kind == TokenKind::kControl       ? "c"
                         : kind == TokenKind::kUserDefined ? "u"
                                                           : "n";
    shown += (id == 0 ? "" : " ") + std::string(letter) + ":" + spec.value().tokens[id];
  }
  return shown;
}

TEST(TokenizerJsonTest, NeighboursAddTokensAsTransformersDoes) {
  EXPECT_EQ(AddedTo({.tokenizer_config_json = R"({"pad_token": "ab", "unk_token": "b"})"}),
            "n:a u:b c:ab c:</s>")
      << "a letter stays text: it is the only way to spell itself";
  EXPECT_EQ(AddedTo({.tokenizer_config_json = R"({"extra_special_tokens": {"q_token": "<q>"},
                       "additional_special_tokens": ["<m>"], "pad_token": "<p>", "bos_token": "<b>",
                       "added_tokens_decoder": {"12": {"content": "<l>", "special": false},
                                                "9": {"content": "<k>", "special": true}}})",
                     .n_rows = 20}),
            "n:a n:b n:ab c:</s> c:<k> u:<l> c:<b> c:<p> c:<m> c:<q>");
  EXPECT_EQ(AddedTo({.tokenizer_config_json = R"({"extra_special_tokens": ["<m>", "<n>"]})",
                     .n_rows = 20}),
            "n:a n:b n:ab c:</s> c:<m> c:<n>");
  EXPECT_EQ(AddedTo({.tokenizer_config_json = "{}",
                     .added_tokens_json = R"({"<z>": 6, "<y>": 5, "<x>": 4})",
                     .special_tokens_map_json = R"({"pad_token": {"content": "<y>"}})",
                     .n_rows = 20}),
            "n:a n:b n:ab c:</s> u:<x> c:<y> u:<z>");
  EXPECT_EQ(AddedTo({.tokenizer_config_json = R"({"added_tokens_decoder": {}})",
                     .added_tokens_json = R"({"<z>": 6})",
                     .special_tokens_map_json = R"({"pad_token": "<y>"})",
                     .n_rows = 20}),
            "n:a n:b n:ab c:</s>")
      << "the older files are not read where the newer is";
  std::string warnings;
  EXPECT_EQ(AddedTo({.tokenizer_config_json = R"({"pad_token": "<p>", "cls_token": "<c>",
                                                  "sep_token": "<s>"})",
                     .n_rows = 5},
                    &warnings),
            "n:a n:b n:ab c:</s> c:<s>");
  EXPECT_EQ(warnings,
            "tokenizer_config.json: pad_token \"<p>\" and 1 more are not in the vocabulary; "
            "ignored\n");
}

TEST(TokenizerJsonTest, FlagsOfTheOlderMapCount) {
  const std::string text = Small().dump();
  auto spec = ParseTokenizerJson(
      {.tokenizer_json = text,
       .tokenizer_config_json = R"({"additional_special_tokens": ["<m>", "<n>"]})",
       .special_tokens_map_json =
           R"({"additional_special_tokens": ["<n>", {"content": "<m>", "lstrip": true}]})",
       .n_rows = 20});
  ASSERT_TRUE(spec.ok()) << spec.status().message();
  ASSERT_EQ(spec.value().added.size(), 3u);
  EXPECT_EQ(spec.value().added[1].id, 4);
  EXPECT_TRUE(spec.value().added[1].lstrip);
  EXPECT_FALSE(spec.value().added[2].lstrip);
  EXPECT_EQ(spec.value().additional_special, (std::vector<std::string>{"<m>", "<n>"}));
}

TEST(TokenizerJsonTest, TemplatesReadTheTextsOfNamedTokens) {
  const Heard heard = Read(Small(), R"({"pad_token": "[PAD]", "unk_token": {"content": "ab"},
      "extra_special_tokens": {"image_token": "<i>"}, "additional_special_tokens": ["<m>"]})",
                           "", "");
  using Texts = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(heard.spec.named_texts,
            (Texts{{"unk_token", "ab"}, {"pad_token", "[PAD]"}, {"image_token", "<i>"}}));
  EXPECT_EQ(heard.spec.additional_special, std::vector<std::string>{"<m>"});
  EXPECT_EQ(heard.spec.unk, std::nullopt) << "what text becomes is said by the model alone";
}

TEST(TokenizerJsonTest, TheConfigDecidesAboutTheFirstToken) {
  json tokenizer = Small();
  tokenizer["post_processor"] = json::parse(
      R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "</s>"}},
          {"Sequence": {"id": "A"}}], "special_tokens": {}})");
  auto by_template = ParseTokenizerJson({tokenizer.dump(), "", ""});
  ASSERT_TRUE(by_template.ok()) << by_template.status().message();
  EXPECT_TRUE(by_template.value().add_bos);
  EXPECT_EQ(by_template.value().bos, 3);
  auto by_config = ParseTokenizerJson({tokenizer.dump(), R"({"add_bos_token": false})", ""});
  ASSERT_TRUE(by_config.ok());
  EXPECT_FALSE(by_config.value().add_bos);
}

}  // namespace
}  // namespace altteul::text
