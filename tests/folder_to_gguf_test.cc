// SPDX-License-Identifier: Apache-2.0

// A Hugging Face folder written as a GGUF file is the same model: configuration, tokens, logits;
// and the file says what llama.cpp's converter says of the golden families (their model.gguf).

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "compress/recode.h"
#include "formats/gguf.h"
#include "kernels/codecs/codec.h"
#include "model/family.h"
#include "support/made_folder.h"
#include "support/test_models.h"

namespace altteul::tests {
namespace {

using compress::EncodedTensors;
using compress::RecodeReport;
using compress::TypeRules;
using kernels::KernelTable;
using kernels::Precision;
using nlohmann::json;

struct Source {
  const char* family;
  const char* tokenizer;
};

// Gemma's files of the golden size mean a scale of 1 / sqrt(head_dim); the folder has another.
void UsualScale(json& config) { config["query_pre_attn_scalar"] = config["head_dim"]; }

FolderChange ChangeFor(const std::string& family) {
  FolderChange change;
  if (family == "gemma2") change.config = UsualScale;
  return change;
}

class FolderToGguf {
 public:
  std::string folder() const { return (temp_.path() / "My-Model").string(); }
  std::string out(const std::string& name = "out.gguf") const {
    return (temp_.path() / name).string();
  }

  Result<RecodeReport> Recode(const std::string& from, DType type, const std::string& to,
                              const EncodedTensors& calibrated = {},
                              const std::vector<std::string>& exceptions = {}) {
    ALT_ASSIGN_OR_RETURN(const auto rules, TypeRules::Create(type, exceptions));
    ALT_ASSIGN_OR_RETURN(const auto source, model::Checkpoint::Open(from));
    return compress::Recode(*source, rules, calibrated, to, team_, {});
  }

  std::unique_ptr<const model::Model> Load(const std::string& path, const KernelTable& kernels,
                                           Precision precision) {
    compute::CpuCompute compute(kernels, team_);
    auto model = model::LoadModel(path, {.precision = precision}, compute, {});
    EXPECT_TRUE(model.ok()) << model.status().message();
    return model.ok() ? std::move(model).value() : nullptr;
  }

  ThreadTeam& team() { return team_; }

 private:
  TempFolder temp_;
  ThreadTeam team_{2};
};

void ExpectSameConfig(const model::ModelConfig& a, const model::ModelConfig& b) {
  EXPECT_EQ(a.family, b.family);
  for (const auto size : {&model::ModelConfig::hidden, &model::ModelConfig::vocabulary,
                          &model::ModelConfig::context}) {
    EXPECT_EQ(a.*size, b.*size);
  }
  EXPECT_EQ(a.norm_eps, b.norm_eps);
  EXPECT_EQ(a.embedding_scale, b.embedding_scale);
  EXPECT_EQ(a.final_softcap, b.final_softcap);
  ASSERT_EQ(a.ropes.size(), b.ropes.size());
  for (size_t i = 0; i < a.ropes.size(); ++i) {
    model::RopePlan rope = a.ropes[i];
    rope.pairs = b.ropes[i].pairs;  // the one thing that rows in another order change
    // A plain rope's file may name the original context; nothing asks for it then.
    if (rope.frequencies_long.empty()) rope.original_context = b.ropes[i].original_context;
    EXPECT_EQ(rope, b.ropes[i]) << "rope " << i;
  }
  ASSERT_EQ(a.layers.size(), b.layers.size());
  for (size_t i = 0; i < a.layers.size(); ++i) EXPECT_EQ(a.layers[i], b.layers[i]) << "layer " << i;
}

void ExpectSameTokenizer(const text::Tokenizer& a, const text::Tokenizer& b) {
  const char* const texts[] = {
      "The quick brown fox, it's 12345 times quicker.\n\n  Then:\tdone!",
      "\xEC\x95\x88\xEB\x85\x95\xED\x95\x98\xEC\x84\xB8\xEC\x9A\x94, "
      "\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4 \xEB\xAC\xB8\xEC\x9E\xA5.",   // Korean
      "\xF0\x9F\x98\x80\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x80 ok",  // emoji
      "<s>user<|im_start|>hi <|im_end|></s> and <tool>x</tool>",
      "",
      " ",
  };
  for (const char* text : texts) {
    for (const bool special : {true, false}) {
      const text::Tokenizer::EncodeOptions options{.parse_special = special,
                                                   .add_bos_eos = special};
      const auto expected = a.Encode(text, options), got = b.Encode(text, options);
      ASSERT_TRUE(expected.ok() && got.ok()) << got.status().message();
      EXPECT_EQ(expected.value(), got.value()) << text;
      EXPECT_EQ(a.Decode(expected.value(), true), b.Decode(expected.value(), true)) << text;
    }
  }
  EXPECT_EQ(a.spec().bos, b.spec().bos);
  EXPECT_EQ(a.spec().eos, b.spec().eos);
  EXPECT_EQ(a.spec().end_of_turn, b.spec().end_of_turn);
  EXPECT_EQ(b.vocabulary(), a.vocabulary() + 9) << "as many tokens as the embedding has rows";
}

class FolderToGgufTest : public ::testing::TestWithParam<Source>, protected FolderToGguf {
 protected:
  void SetUp() override {
    const Status written =
        WriteFolder(folder(), GetParam().family, GetParam().tokenizer, ChangeFor(Family()));
    ASSERT_TRUE(written.ok()) << written.message();
  }
  std::string Family() const { return GetParam().family; }

  /// Rows of q and k in another order are summed in another order by attention.
  bool Reordered() const {
    const auto file = model::Checkpoint::Open(folder());
    const model::Family& family = *model::FindFamily(file.value()->architecture());
    return family.gguf_rope_pairs != family.hf_rope_pairs;
  }

  void ExpectSameLogits(const model::Model& a, const model::Model& b, const KernelTable& kernels) {
    const auto tokens = RandomTokens(40, a.config.vocabulary, 20240901);
    const Way way{.context = tokens.size()};
    compute::CpuCompute compute(kernels, team());
    const std::vector<float> expected = AllLogits(a, compute, tokens, way);
    const std::vector<float> got = AllLogits(b, compute, tokens, way);
    if (!Reordered()) {
      EXPECT_TRUE(expected == got)
          << Family() << ", " << kernels.name << ": " << LargestDifference(expected, got);
      return;
    }
    // Sums of head_dim products in another order: some roundings of f32 a layer, and softmax is
    // steep in these models. A hundredth of the golden logits' tolerance.
    float largest = 0;
    for (const float logit : expected) largest = std::max(largest, std::abs(logit));
    EXPECT_LE(LargestDifference(expected, got), 1e-5 * largest) << Family() << ", " << kernels.name;
  }
};

TEST_P(FolderToGgufTest, IsTheSameModelInEveryFloatType) {
  for (const DType type : {DType::kBF16, DType::kF16, DType::kF32}) {
    const auto report = Recode(folder(), type, out());
    ASSERT_TRUE(report.ok()) << report.status().message();
    for (const KernelTable* kernels : KernelsHere()) {
      const auto from = Load(folder(), *kernels, Precision::kF32);
      const auto to = Load(out(), *kernels, Precision::kF32);
      ASSERT_TRUE(from && to);
      ExpectSameConfig(from->config, to->config);
      ExpectSameTokenizer(*from->tokenizer, *to->tokenizer);
      EXPECT_EQ(from->chat_template, to->chat_template);
      EXPECT_FALSE(to->chat_template.empty());
      EXPECT_EQ(from->weights.tied, to->weights.tied);
      ExpectSameLogits(*from, *to, *kernels);
    }
  }
}

TEST_P(FolderToGgufTest, IsTheSameModelOnTheFastPath) {
  ASSERT_TRUE(Recode(folder(), DType::kBF16, out()).ok());
  const KernelTable& kernels = *KernelsHere().back();
  const auto from = Load(folder(), kernels, Precision::kFast);
  const auto to = Load(out(), kernels, Precision::kFast);
  ASSERT_TRUE(from && to);
  // bf16 activations round what differs in the last bit of an f32 to another bf16.
  if (!Reordered()) ExpectSameLogits(*from, *to, kernels);
}

// Everything but the vocabulary: llama.cpp's converter wrote model.gguf of the same weights.
TEST_P(FolderToGgufTest, SaysWhatTheConverterSays) {
  ASSERT_TRUE(Recode(folder(), DType::kF32, out()).ok());
  const auto ours = formats::GgufFile::Open(out());
  const auto theirs =
      formats::GgufFile::Open((GoldenFolder() / "families" / Family() / "model.gguf").string());
  ASSERT_TRUE(ours.ok() && theirs.ok()) << ours.status().message();
  for (const formats::GgufEntry& entry : theirs.value().metadata()) {
    const std::string key(entry.key);
    if (key.starts_with("general.") && key != "general.architecture" && key != "general.type" &&
        key != "general.quantization_version") {
      continue;
    }
    if (key == "tokenizer.ggml.model" || key.ends_with(".vocab_size")) continue;
    const formats::GgufValue* value = ours.value().FindValue(key);
    ASSERT_NE(value, nullptr) << key;
    EXPECT_EQ(value->type, entry.value.type) << key;
    EXPECT_TRUE(std::equal(value->bytes.begin(), value->bytes.end(), entry.value.bytes.begin(),
                           entry.value.bytes.end()))
        << key;
  }
  EXPECT_EQ(ours.value().tensors().size(), theirs.value().tensors().size());
  for (const formats::GgufTensor& tensor : theirs.value().tensors()) {
    const formats::GgufTensor* found = ours.value().FindTensor(tensor.name);
    ASSERT_NE(found, nullptr) << tensor.name;
    EXPECT_EQ(found->view.type, DType::kF32) << tensor.name;
    EXPECT_EQ(found->view.shape.cols(), tensor.view.shape.cols()) << tensor.name;
    // The embedding and the head have more rows here.
    const size_t n = tensor.view.shape.Elements();
    std::vector<float> expected(n), got(n);
    kernels::FindCodec(tensor.view.type)->decode(tensor.view.bytes.data(), n, expected.data());
    std::memcpy(got.data(), found->view.bytes.data(), n * sizeof(float));
    if (std::string_view(tensor.name).starts_with("rope_freqs")) {
      // The converter computes these in f32.
      EXPECT_LE(LargestDifference(expected, got), 2e-6) << tensor.name;
    } else {
      EXPECT_TRUE(expected == got) << tensor.name;
    }
  }
}

TEST_P(FolderToGgufTest, EncodesAsFromTheFile) {
  ASSERT_TRUE(Recode(folder(), DType::kBF16, out()).ok());
  const auto direct = Recode(folder(), DType::kQ8_0, out("direct.gguf"));
  const auto twice = Recode(out(), DType::kQ8_0, out("twice.gguf"));
  ASSERT_TRUE(direct.ok() && twice.ok()) << direct.status().message();
  EXPECT_EQ(direct.value().file_bytes, std::filesystem::file_size(out("direct.gguf")));
  const auto read = [](const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  EXPECT_TRUE(read(out("direct.gguf")) == read(out("twice.gguf")));
}

TEST_P(FolderToGgufTest, WritesCalibratedRowsInTheFilesOrder) {
  // What rounding alone gives, encoded in the folder's order, stands for calibrated tensors.
  const auto file = model::Checkpoint::Open(folder());
  ASSERT_TRUE(file.ok());
  EncodedTensors encoded;
  for (const auto& tensor : file.value()->tensors()) {
    const Shape& shape = tensor.view.shape;
    if (shape.n_dims != 2) continue;
    std::vector<float> row(shape.cols());
    const size_t from = *RowBytes(tensor.view.type, shape.cols());
    const size_t to = *RowBytes(DType::kQ8_0, shape.cols());
    auto made = compress::EncodedTensor::InMemory(DType::kQ8_0, shape);
    ASSERT_TRUE(made.ok()) << made.status().message();
    compress::EncodedTensor& out = encoded[tensor.name] = std::move(made).value();
    for (size_t r = 0; r < shape.rows(); ++r) {
      kernels::FindCodec(tensor.view.type)
          ->decode(tensor.view.bytes.data() + r * from, row.size(), row.data());
      kernels::FindCodec(DType::kQ8_0)
          ->encode(row.data(), row.size(), &out.mutable_bytes()[r * to]);
    }
  }
  ASSERT_TRUE(Recode(folder(), DType::kQ8_0, out("calibrated.gguf"), encoded).ok());
  ASSERT_TRUE(Recode(folder(), DType::kQ8_0, out("plain.gguf")).ok());
  const auto a = formats::GgufFile::Open(out("calibrated.gguf"));
  const auto b = formats::GgufFile::Open(out("plain.gguf"));
  ASSERT_TRUE(a.ok() && b.ok());
  for (const formats::GgufTensor& tensor : a.value().tensors()) {
    const auto bytes = b.value().FindTensor(tensor.name)->view.bytes;
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), tensor.view.bytes.begin())) << tensor.name;
  }
}

constexpr Source kSources[] = {
    {"llama2", "llama2"},        {"llama3", "llama3"},       {"llama_linear", "smollm"},
    {"mistral", "tekken"},       {"qwen2", "qwen2"},         {"qwen3", "qwen2"},
    {"qwen3_tied", "qwen2"},     {"gemma2", "gemma"},        {"gemma3", "gemma"},
    {"phi3_window", "llama2"},   {"phi3_longrope", "gpt4o"}, {"exaone4_window", "gpt2"},
    {"exaone4_full", "default"}, {"ernie4_5", "llama2"},
};
INSTANTIATE_TEST_SUITE_P(Families, FolderToGgufTest, ::testing::ValuesIn(kSources),
                         [](const auto& one) { return std::string(one.param.family); });

class FolderRefusalTest : public ::testing::Test, protected FolderToGguf {
 protected:
  void Write(const char* family, const char* tokenizer, const FolderChange& change = {}) {
    const Status written = WriteFolder(folder(), family, tokenizer, change);
    ASSERT_TRUE(written.ok()) << written.message();
  }
  void ExpectRefused(const std::string& to, ErrorCode code, const std::string& said) {
    const auto report = Recode(folder(), DType::kBF16, to);
    ASSERT_FALSE(report.ok()) << said;
    EXPECT_EQ(report.status().code(), code) << report.status().message();
    EXPECT_NE(report.status().message().find(said), std::string::npos) << report.status().message();
    EXPECT_FALSE(std::filesystem::exists(to));
  }
  void ExpectRefused(ErrorCode code, const std::string& said) { ExpectRefused(out(), code, said); }
};

TEST_F(FolderRefusalTest, WithoutATokenizer) {
  Write("llama2", "llama2");
  std::filesystem::remove(folder() + "/tokenizer.json");
  ExpectRefused(ErrorCode::kNotFound, "tokenizer.json is missing");
}

TEST_F(FolderRefusalTest, OfAnUnknownArchitecture) {
  Write("llama2", "llama2", {.config = [](json& c) {
          c["architectures"] = {"MambaForCausalLM"};
          c["model_type"] = "mamba";
        }});
  ExpectRefused(ErrorCode::kUnsupported, "MambaForCausalLM");
}

TEST_F(FolderRefusalTest, WithoutATensor) {
  FolderChange change;
  change.without_tensors = {"model.layers.1.mlp.up_proj.weight"};
  Write("llama2", "llama2", change);
  ExpectRefused(ErrorCode::kCorruptFile, "blk.1.ffn_up.weight [96, 64] is missing");
}

TEST_F(FolderRefusalTest, IntoTheFolderItself) {
  Write("llama2", "llama2");
  std::filesystem::create_directory(folder() + "/sub");
  std::filesystem::create_directory_symlink(folder(), out("link"));
  for (const std::string& to : {folder() + "/out.gguf", folder() + "/sub/out.gguf",
                                folder() + "/sub/../out.gguf", out("link") + "/out.gguf"}) {
    ExpectRefused(to, ErrorCode::kInvalidArgument, "lies in the folder");
  }
  const std::string weights = folder() + "/model.safetensors";
  const auto before = std::filesystem::file_size(weights);
  EXPECT_EQ(Recode(folder(), DType::kBF16, weights).status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(std::filesystem::file_size(weights), before);
}

TEST_F(FolderRefusalTest, WithAPatternThatHasNoName) {
  FolderChange change;
  change.tokenizer = [](json& t) {
    t["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "[a-z]+|.";
  };
  Write("qwen2", "qwen2", change);
  ExpectRefused(ErrorCode::kUnsupported, "the pattern [a-z]+|.");
}

TEST_F(FolderRefusalTest, NotForATokenWithoutARow) {
  // Nine rows are spare, and tokens are added behind the others whatever their ids say.
  Write("qwen3", "qwen2", {.tokenizer = [](json& t) {
          for (int i = 0; i < 10; ++i) {
            const std::string text = "<far" + std::to_string(i) + ">";
            t["added_tokens"].push_back({{"id", 700 + i}, {"content", text}, {"special", true}});
          }
        }});
  const auto report = Recode(folder(), DType::kBF16, out());
  ASSERT_TRUE(report.ok()) << report.status().message();
  const auto file = formats::GgufFile::Open(out());
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto tokens = file.value().GetArray("tokenizer.ggml.tokens").value()->Strings().value();
  EXPECT_EQ(tokens.size(), file.value().FindTensor("token_embd.weight")->view.shape.rows());
  EXPECT_EQ(tokens.back(), "<far8>");
  EXPECT_EQ(std::find(tokens.begin(), tokens.end(), "<far9>"), tokens.end());
}

TEST_F(FolderRefusalTest, WhatGgufHasNoWordsFor) {
  struct Wrong {
    const char* family;
    const char* tokenizer;
    std::function<void(json&)> change;
    const char* said;
  };
  const Wrong wrongs[] = {
      {"gemma2", "gemma", [](json& c) { c["query_pre_attn_scalar"] = 32; },
       "query_pre_attn_scalar"},
      {"gemma2", "gemma",
       [](json& c) {
         UsualScale(c);
         c["final_logit_softcapping"] = nullptr;
       },
       "softcaps"},
      {"gemma3", "gemma",
       [](json& c) {
         c["sliding_window_pattern"] = 2;
         c["_sliding_window_pattern"] = 2;
       },
       "every 6th layer"},
      {"qwen2", "qwen2",
       [](json& c) {
         c["use_sliding_window"] = true;
         c["max_window_layers"] = 1;
       },
       "sliding window of 8"},
      {"qwen3", "qwen2",
       [](json& c) {
         c["rope_parameters"] = {
             {"rope_type", "llama3"},   {"rope_theta", 1000000.0},
             {"factor", 8.0},           {"low_freq_factor", 1.0},
             {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 32}};
       },
       "the rope scaling 'llama3'"},
      {"llama2", "llama2",
       [](json& c) {
         c["architectures"] = {"MistralForCausalLM"};
         c["sliding_window"] = uint64_t{1} << 32;
       },
       "attention.sliding_window of 4294967296 is beyond 32 bits"},
      {"llama2", "llama2", [](json& c) { c["partial_rotary_factor"] = 0.5; },
       "rope turns 8 of 16 dimensions"},
      {"gemma3_two_heads", "gemma", [](json&) {},
       "layers differ in attention.key_length (16 and 32); GGUF files of gemma3"},
      {"ernie4_5_bias", "llama2", [](json&) {}, "use_bias is true; GGUF files of ernie4_5"},
      {"ernie4_5", "llama2",
       [](json& c) {
         c["rope_parameters"] = {
             {"rope_type", "llama3"},   {"rope_theta", 500000.0},
             {"factor", 8.0},           {"low_freq_factor", 1.0},
             {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 32}};
       },
       "the rope scaling 'llama3'"},
  };
  for (const Wrong& wrong : wrongs) {
    Write(wrong.family, wrong.tokenizer, {.config = wrong.change});
    ExpectRefused(ErrorCode::kUnsupported, wrong.said);
  }
}

class FolderDetailTest : public FolderRefusalTest {
 protected:
  std::string KeyOf(const std::string& from, const char* key) {
    EXPECT_TRUE(Recode(from, DType::kBF16, out()).ok());
    const auto file = formats::GgufFile::Open(out());
    const auto text = file.value().GetString(key);
    return text.ok() && text.value() ? std::string(*text.value()) : "";
  }
};

TEST_F(FolderDetailTest, TensorsThatNothingUsesAreLeftOutAndNamed) {
  FolderChange change;
  change.extra_tensor = "model.layers.0.mlp.extra.weight";
  Write("qwen3", "qwen2", change);
  const auto report = Recode(folder(), DType::kBF16, out());
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report.value().left_out, std::vector<std::string>{change.extra_tensor});
  EXPECT_EQ(model::Checkpoint::Open(out()).value()->Find(change.extra_tensor), nullptr);
}

TEST_F(FolderDetailTest, TheNameIsTheFoldersOrThatOfTheCachesModel) {
  Write("qwen3", "qwen2");
  EXPECT_EQ(KeyOf(folder(), "general.name"), "My-Model");
  EXPECT_EQ(KeyOf(folder() + "/", "general.name"), "My-Model");
  const std::string cached = out("models--org--Tiny-1B/snapshots/0123abcd");
  std::filesystem::create_directories(out("models--org--Tiny-1B/snapshots"));
  std::filesystem::rename(folder(), cached);
  EXPECT_EQ(KeyOf(cached, "general.name"), "Tiny-1B");
}

TEST_F(FolderDetailTest, EndsThatHaveNoKnownTextAreSaid) {
  Write("qwen3", "qwen2");
  std::ofstream(folder() + "/generation_config.json") << R"({"eos_token_id": [3, 2]})";  // <s> too
  ASSERT_TRUE(Recode(folder(), DType::kBF16, out()).ok());
  const KernelTable& kernels = kernels::kReferenceKernels;
  const auto from = Load(folder(), kernels, Precision::kF32);
  const auto to = Load(out(), kernels, Precision::kF32);
  ASSERT_TRUE(from && to);
  EXPECT_EQ(from->tokenizer->spec().end_of_turn, to->tokenizer->spec().end_of_turn);
}

TEST_F(FolderDetailTest, IdsThatTheTokenizerLeavesOutComeFromTheConfig) {
  FolderChange change;
  change.config = [](json& c) { c["pad_token_id"] = 4; };
  Write("qwen3", "qwen2", change);
  ASSERT_TRUE(Recode(folder(), DType::kBF16, out()).ok());
  const auto file = formats::GgufFile::Open(out());
  EXPECT_EQ(file.value().GetUint("tokenizer.ggml.padding_token_id").value(),
            std::optional<uint64_t>(4));
}

}  // namespace
}  // namespace altteul::tests
