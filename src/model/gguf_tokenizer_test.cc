// SPDX-License-Identifier: Apache-2.0

// tokenizer.ggml.* of small made-up files.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "model/gguf_checkpoint.h"

namespace altteul::model {
namespace {

using formats::GgufFile;
using formats::GgufWriter;
using text::TokenizerSpec;
using text::TokenKind;

class GgufTokenizerTest : public ::testing::Test {
 protected:
  GgufTokenizerTest() {
    std::string name = (std::filesystem::temp_directory_path() / "altteul_model_XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~GgufTokenizerTest() override { std::filesystem::remove_all(folder_); }

  /// What is read from a file with these keys, and one small tensor.
  Result<TokenizerSpec> Read(const std::function<void(GgufWriter&)>& set_keys) {
    const std::string path = (folder_ / "tokenizer.gguf").string();
    GgufWriter writer;
    writer.SetString("general.architecture", "llama");
    set_keys(writer);
    const std::vector<float> values(4 * n_rows_, 0.0f);
    Shape shape;
    shape.dims[shape.n_dims++] = n_rows_;
    shape.dims[shape.n_dims++] = 4;
    ALT_RETURN_IF_ERROR(writer.DeclareTensor("token_embd.weight", DType::kF32, shape));
    ALT_RETURN_IF_ERROR(writer.Begin(path));
    ALT_RETURN_IF_ERROR(writer.WriteTensorData(std::as_bytes(std::span(values))));
    ALT_RETURN_IF_ERROR(writer.Finish());
    ALT_ASSIGN_OR_RETURN(const GgufFile file, GgufFile::Open(path));
    said_.clear();
    return ReadGgufTokenizer(file, path, [&](LogLevel level, std::string_view what) {
      EXPECT_EQ(level, LogLevel::kWarning);
      said_ += std::string(what) + "\n";
    });
  }

  static void SetVocabulary(GgufWriter& writer, std::string_view model) {
    constexpr std::string_view kTokens[] = {"<unk>", "<s>", "</s>", "a", "b", "ab"};
    constexpr int32_t kKinds[] = {2, 3, 3, 1, 1, 0};
    writer.SetString("tokenizer.ggml.model", model);
    writer.SetStrings("tokenizer.ggml.tokens", kTokens);
    writer.SetNumbers<int32_t>("tokenizer.ggml.token_type", kKinds);
  }

  void ExpectRefused(const std::function<void(GgufWriter&)>& damage, ErrorCode code,
                     std::string_view said) {
    const auto spec = Read([&](GgufWriter& writer) {
      SetVocabulary(writer, "gpt2");
      damage(writer);
    });
    ASSERT_FALSE(spec.ok()) << said;
    EXPECT_EQ(spec.status().code(), code) << spec.status().message();
    EXPECT_NE(spec.status().message().find(said), std::string::npos) << spec.status().message();
    EXPECT_NE(spec.status().message().find("tokenizer.gguf"), std::string::npos)
        << "the file is named: " << spec.status().message();
  }

  std::string said_;   ///< warnings of the last Read()
  size_t n_rows_ = 6;  ///< of the embedding

  /// Opens all the same, and says so.
  TokenizerSpec ReadMended(const std::function<void(GgufWriter&)>& damage, std::string_view said) {
    const auto spec = Read([&](GgufWriter& writer) {
      SetVocabulary(writer, "gpt2");
      writer.SetString("tokenizer.ggml.pre", "gpt-2");
      constexpr std::string_view kMerges[] = {"a b"};
      writer.SetStrings("tokenizer.ggml.merges", kMerges);
      damage(writer);
    });
    EXPECT_TRUE(spec.ok()) << spec.status().message();
    EXPECT_NE(said_.find(said), std::string::npos) << said_;
    EXPECT_EQ(std::count(said_.begin(), said_.end(), '\n'), said.empty() ? 0 : 1) << said_;
    return spec.ok() ? spec.value() : TokenizerSpec();
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(GgufTokenizerTest, ByteLevelTablesAreTakenAsTheyStand) {
  const auto spec = Read([](GgufWriter& writer) {
    SetVocabulary(writer, "gpt2");
    constexpr std::string_view kMerges[] = {"a b"};
    writer.SetStrings("tokenizer.ggml.merges", kMerges);
    writer.SetString("tokenizer.ggml.pre", "smollm");
    writer.SetNumber<uint32_t>("tokenizer.ggml.bos_token_id", 1);
    writer.SetNumber<uint32_t>("tokenizer.ggml.eos_token_id", 2);
  });
  ASSERT_TRUE(spec.ok()) << spec.status().message();
  const TokenizerSpec& s = spec.value();
  EXPECT_EQ(s.model, TokenizerSpec::Model::kByteLevelBpe);
  EXPECT_EQ(s.tokens, (std::vector<std::string>{"<unk>", "<s>", "</s>", "a", "b", "ab"}));
  EXPECT_EQ(s.kinds[0], TokenKind::kUnknown);
  EXPECT_EQ(s.kinds[1], TokenKind::kControl);
  EXPECT_EQ(s.kinds[5], TokenKind::kNormal) << "0 is undefined and behaves as normal";
  EXPECT_EQ(s.merges, (std::vector<std::string>{"a b"}));
  EXPECT_EQ(s.pre_tokenizer, "smollm");
  EXPECT_EQ(s.bos, std::optional<text::TokenId>(1));
  EXPECT_EQ(s.eos, std::optional<text::TokenId>(2));
  EXPECT_EQ(s.end_of_turn, (std::vector<text::TokenId>{2}));
  EXPECT_FALSE(s.add_bos);
  EXPECT_FALSE(s.add_space_prefix);
}

TEST_F(GgufTokenizerTest, SentencePieceBeginsWithBosAndASpaceUnlessTheFileSaysOtherwise) {
  const auto spec = Read([](GgufWriter& writer) {
    SetVocabulary(writer, "llama");
    constexpr float kScores[] = {0, 0, 0, -1, -2, -0.5f};
    writer.SetNumbers<float>("tokenizer.ggml.scores", kScores);
  });
  ASSERT_TRUE(spec.ok()) << spec.status().message();
  EXPECT_EQ(spec.value().model, TokenizerSpec::Model::kSentencePieceBpe);
  EXPECT_TRUE(spec.value().add_bos);
  EXPECT_TRUE(spec.value().add_space_prefix);
  EXPECT_EQ(spec.value().scores[5], -0.5f);

  const auto without = Read([](GgufWriter& writer) {
    SetVocabulary(writer, "llama");
    writer.SetNumber<bool>("tokenizer.ggml.add_bos_token", false);
    writer.SetNumber<bool>("tokenizer.ggml.add_space_prefix", false);
    writer.SetNumber<bool>("tokenizer.ggml.add_eos_token", true);
  });
  ASSERT_TRUE(without.ok()) << without.status().message();
  EXPECT_FALSE(without.value().add_bos);
  EXPECT_FALSE(without.value().add_space_prefix);
  EXPECT_TRUE(without.value().add_eos);
}

TEST_F(GgufTokenizerTest, Llama3BeginsWithBosAlthoughTheFileIsSilent) {
  const auto spec = Read([](GgufWriter& writer) {
    SetVocabulary(writer, "gpt2");
    writer.SetString("tokenizer.ggml.pre", "llama-bpe");
  });
  ASSERT_TRUE(spec.ok()) << spec.status().message();
  EXPECT_TRUE(spec.value().add_bos);
  EXPECT_TRUE(spec.value().ignore_merges);
}

TEST_F(GgufTokenizerTest, EveryKindOfEndEndsATurn) {
  const auto spec = Read([](GgufWriter& writer) {
    SetVocabulary(writer, "gpt2");
    writer.SetNumber<uint32_t>("tokenizer.ggml.eos_token_id", 2);
    writer.SetNumber<uint32_t>("tokenizer.ggml.eot_token_id", 1);
    writer.SetNumber<uint32_t>("tokenizer.ggml.eom_token_id", 0);
  });
  ASSERT_TRUE(spec.ok()) << spec.status().message();
  EXPECT_EQ(spec.value().end_of_turn, (std::vector<text::TokenId>{2, 1, 0}));
}

TEST_F(GgufTokenizerTest, AnIdOfAllOnesMeansNone) {
  const auto spec = Read([](GgufWriter& writer) {
    SetVocabulary(writer, "gpt2");
    writer.SetNumber<uint32_t>("tokenizer.ggml.bos_token_id", 0xFFFFFFFFu);
  });
  ASSERT_TRUE(spec.ok()) << spec.status().message();
  EXPECT_EQ(spec.value().bos, std::nullopt);
}

TEST_F(GgufTokenizerTest, AFileMayHaveNoTokenizer) {
  for (const char* name : {"none", "no_vocab"}) {
    const auto spec =
        Read([&](GgufWriter& writer) { writer.SetString("tokenizer.ggml.model", name); });
    ASSERT_TRUE(spec.ok()) << spec.status().message();
    EXPECT_EQ(spec.value().model, TokenizerSpec::Model::kNone);
    EXPECT_TRUE(spec.value().tokens.empty());
  }
}

TEST_F(GgufTokenizerTest, ContradictionsAreNamed) {
  ExpectRefused([](GgufWriter& w) { w.SetString("tokenizer.ggml.model", "bert"); },
                ErrorCode::kUnsupported, "'bert'");
}

TEST_F(GgufTokenizerTest, WhatDoesNoHarmOpensWithAWord) {
  ReadMended([](GgufWriter&) {}, "");
  for (const char* role : {"bos", "eos", "padding", "unknown", "eot", "eom"}) {
    const std::string key = "tokenizer.ggml." + std::string(role) + "_token_id";
    const TokenizerSpec spec = ReadMended([&](GgufWriter& w) { w.SetNumber<uint32_t>(key, 6); },
                                          key + " is 6, but there are 6 tokens; ignored");
    EXPECT_EQ(spec.bos, std::nullopt);
    EXPECT_EQ(spec.eos, std::nullopt);
    EXPECT_EQ(spec.pad, std::nullopt);
    EXPECT_TRUE(spec.end_of_turn.empty());
  }
  ReadMended([](GgufWriter& w) { w.SetNumber<int32_t>("tokenizer.ggml.bos_token_id", -1); }, "");
  constexpr int32_t kTooFew[] = {2, 3};
  TokenizerSpec spec = ReadMended(
      [&](GgufWriter& w) { w.SetNumbers<int32_t>("tokenizer.ggml.token_type", kTooFew); },
      "token_type has 2 entries for 6 tokens; those without are taken as normal");
  EXPECT_EQ(spec.kinds[1], TokenKind::kControl);
  EXPECT_EQ(spec.kinds[5], TokenKind::kNormal);
  constexpr int32_t kTooMany[] = {2, 3, 3, 1, 1, 1, 3};
  ReadMended([&](GgufWriter& w) { w.SetNumbers<int32_t>("tokenizer.ggml.token_type", kTooMany); },
             "has 7 entries for 6 tokens; the last ones are ignored");
  constexpr int32_t kUnknownKind[] = {2, 3, 3, 7, 1, -1};
  spec = ReadMended(
      [&](GgufWriter& w) { w.SetNumbers<int32_t>("tokenizer.ggml.token_type", kUnknownKind); },
      "token 3 has the unknown type 7, and there are 1 more like it");
  EXPECT_EQ(spec.kinds[3], TokenKind::kNormal);
  n_rows_ = 4;
  spec = ReadMended([](GgufWriter&) {},
                    "the tokenizer has 6 tokens, but the embedding only 4 rows: \"b\"");
  EXPECT_EQ(spec.tokens, (std::vector<std::string>{"<unk>", "<s>", "</s>", "a"}));
  EXPECT_TRUE(spec.merges.empty()) << "they speak of what is gone";
}

TEST_F(GgufTokenizerTest, APreTokenizerThatIsNotNamedIsWarnedOf) {
  ReadMended([](GgufWriter& w) { w.SetString("tokenizer.ggml.pre", "default"); },
             "the pre-tokenizer is \"default\"");
  const auto none = Read([](GgufWriter& writer) {
    SetVocabulary(writer, "gpt2");
    constexpr std::string_view kMerges[] = {"a b"};
    writer.SetStrings("tokenizer.ggml.merges", kMerges);
  });
  ASSERT_TRUE(none.ok());
  EXPECT_NE(said_.find("no pre-tokenizer is named"), std::string::npos) << said_;
  const auto pieces = Read([](GgufWriter& writer) {
    SetVocabulary(writer, "llama");
    constexpr float kScores[] = {0, 0, 0, -1, -2, -0.5f};
    writer.SetNumbers<float>("tokenizer.ggml.scores", kScores);
  });
  ASSERT_TRUE(pieces.ok());
  EXPECT_EQ(said_, "") << "SentencePiece has none";
}

TEST_F(GgufTokenizerTest, SentencePiecesIdsStandWhereTheyUsuallyDo) {
  const auto spec = Read([](GgufWriter& writer) { SetVocabulary(writer, "llama"); });
  ASSERT_TRUE(spec.ok()) << spec.status().message();
  EXPECT_EQ(spec.value().unk, std::optional<text::TokenId>(0));
  EXPECT_EQ(spec.value().bos, std::optional<text::TokenId>(1));
  EXPECT_EQ(spec.value().eos, std::optional<text::TokenId>(2));
  EXPECT_NE(said_.find("scores has 0 entries for 6 tokens"), std::string::npos) << said_;
}

TEST_F(GgufTokenizerTest, WhiteSpaceBelongsToThePhi3Tokens) {
  const auto strips = [&](const char* name, const char* architecture) {
    const auto spec = Read([&](GgufWriter& writer) {
      SetVocabulary(writer, "llama");
      writer.SetString("general.architecture", architecture);
      if (name != nullptr) writer.SetString("general.name", name);
    });
    EXPECT_TRUE(spec.ok());
    std::vector<text::TokenId> ids;
    for (const text::AddedToken& token : spec.value().added) {
      EXPECT_TRUE(token.rstrip);
      EXPECT_FALSE(token.lstrip);
      ids.push_back(token.id);
    }
    return ids;
  };
  using Ids = std::vector<text::TokenId>;
  EXPECT_EQ(strips("Phi-3.5-mini", "phi3"), Ids{2}) << "</s>, but not <unk> and <s>";
  EXPECT_EQ(strips("my PHI3 tune", "llama"), Ids{2}) << "by its name";
  EXPECT_TRUE(strips(nullptr, "phi3").empty()) << "another vocabulary in its architecture";
  EXPECT_TRUE(strips("Llama 2", "llama").empty());
}

TEST_F(GgufTokenizerTest, MissingKeysAreNamed) {
  const auto no_model = Read([](GgufWriter&) {});
  ASSERT_FALSE(no_model.ok());
  EXPECT_EQ(no_model.status().code(), ErrorCode::kCorruptFile);
  EXPECT_NE(no_model.status().message().find("tokenizer.ggml.model"), std::string::npos);
  const auto no_tokens =
      Read([](GgufWriter& writer) { writer.SetString("tokenizer.ggml.model", "gpt2"); });
  ASSERT_FALSE(no_tokens.ok());
  EXPECT_EQ(no_tokens.status().code(), ErrorCode::kCorruptFile);
  EXPECT_NE(no_tokens.status().message().find("tokenizer.ggml.tokens"), std::string::npos);
}

TEST_F(GgufTokenizerTest, TablesOfAnotherTypeAreRefused) {
  const auto spec = Read([](GgufWriter& writer) {
    writer.SetString("tokenizer.ggml.model", "gpt2");
    constexpr int32_t kNumbers[] = {1, 2, 3};
    writer.SetNumbers<int32_t>("tokenizer.ggml.tokens", kNumbers);
  });
  EXPECT_FALSE(spec.ok());
}

}  // namespace
}  // namespace altteul::model
