// tokenizer.ggml.* of small made-up files.

#include <gtest/gtest.h>

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
    const std::vector<float> values(4, 0.0f);
    Shape shape;
    shape.dims[shape.n_dims++] = values.size();
    ALT_RETURN_IF_ERROR(writer.DeclareTensor("x", DType::kF32, shape));
    ALT_RETURN_IF_ERROR(writer.Begin(path));
    ALT_RETURN_IF_ERROR(writer.WriteTensorData(std::as_bytes(std::span(values))));
    ALT_RETURN_IF_ERROR(writer.Finish());
    ALT_ASSIGN_OR_RETURN(const GgufFile file, GgufFile::Open(path));
    return ReadGgufTokenizer(file, path, {});
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
  ExpectRefused([](GgufWriter& w) { w.SetNumber<uint32_t>("tokenizer.ggml.bos_token_id", 6); },
                ErrorCode::kCorruptFile, "bos_token_id is 6, but there are 6 tokens");
  constexpr int32_t kTooFew[] = {1, 1};
  ExpectRefused([&](GgufWriter& w) { w.SetNumbers<int32_t>("tokenizer.ggml.token_type", kTooFew); },
                ErrorCode::kCorruptFile, "2 entries for 6 tokens");
  constexpr int32_t kUnknownKind[] = {1, 1, 1, 7, 1, 1};
  ExpectRefused(
      [&](GgufWriter& w) { w.SetNumbers<int32_t>("tokenizer.ggml.token_type", kUnknownKind); },
      ErrorCode::kCorruptFile, "token 3 has the unknown type 7");
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
