// SPDX-License-Identifier: Apache-2.0

// Configurations that Hugging Face folders may spell in several ways, and what is refused: golden
// families' folders with a changed config.json.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/family.h"
#include "support/test_models.h"

namespace altteul::tests {
namespace {

using model::ModelConfig;
using nlohmann::json;
namespace fs = std::filesystem;

Result<ModelConfig> Changed(const std::string& family, const std::function<void(json&)>& change,
                            const LogSink& log = {}) {
  const fs::path original = GoldenFolder() / "families" / family;
  const TempFolder copy;
  for (const auto& entry : fs::directory_iterator(original)) {
    const std::string name = entry.path().filename().string();
    if (name.find("safetensors") == std::string::npos) continue;
    fs::copy_file(entry.path(), copy.path() / name);
  }
  std::ifstream in(original / "config.json");
  json config = json::parse(in);
  change(config);
  std::ofstream(copy.path() / "config.json") << config.dump();
  ALT_ASSIGN_OR_RETURN(const auto file, model::Checkpoint::Open(copy.path().string(), log));
  return model::ReadConfig(*file, log);
}

std::vector<size_t> Windows(const ModelConfig& config) {
  std::vector<size_t> windows;
  for (const model::LayerPlan& layer : config.layers) {
    windows.push_back(layer.attention()->window);
  }
  return windows;
}

TEST(FolderConfigTest, PatternOfLettersMarksLocalLayers) {
  const auto config = Changed("exaone4_window", [](json& c) {
    c.erase("layer_types");
    c["sliding_window_pattern"] = "LG";
  });
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(Windows(config.value()), (std::vector<size_t>{8, 0, 8, 0}));
  EXPECT_FALSE(config.value().layers[1].attention()->rope.has_value())
      << "global layers are not turned";
}

TEST(FolderConfigTest, PeriodMarksGlobalLayers) {
  const auto exaone = Changed("exaone4_window", [](json& c) {
    c.erase("layer_types");
    c["sliding_window_pattern"] = 3;
  });
  ASSERT_TRUE(exaone.ok()) << exaone.status().message();
  EXPECT_EQ(Windows(exaone.value()), (std::vector<size_t>{8, 8, 0, 8}));
  const auto gemma3 = Changed("gemma3", [](json& c) {
    c.erase("layer_types");
    c["sliding_window_pattern"] = 2;
    c["_sliding_window_pattern"] = 2;
  });
  ASSERT_TRUE(gemma3.ok()) << gemma3.status().message();
  EXPECT_EQ(Windows(gemma3.value()), (std::vector<size_t>{8, 0, 8, 0, 8, 0}));
  const auto both = Changed("gemma3", [](json& c) {
    c.erase("layer_types");
    c["sliding_window_pattern"] = 3;
    c["_sliding_window_pattern"] = 6;  // transformers saves this one, and reads the other
  });
  ASSERT_TRUE(both.ok()) << both.status().message();
  EXPECT_EQ(Windows(both.value()), (std::vector<size_t>{8, 8, 0, 8, 8, 0}));
}

TEST(FolderConfigTest, LayersWithoutAnyWordFollowTheFamily) {
  const auto exaone = Changed("exaone4_window", [](json& c) {
    c.erase("layer_types");
    c.erase("sliding_window_pattern");
  });
  ASSERT_TRUE(exaone.ok()) << exaone.status().message();
  EXPECT_EQ(Windows(exaone.value()), (std::vector<size_t>{8, 8, 8, 0}));
  const auto gemma2 = Changed("gemma2", [](json& c) { c.erase("layer_types"); });
  ASSERT_TRUE(gemma2.ok()) << gemma2.status().message();
  EXPECT_EQ(Windows(gemma2.value()), (std::vector<size_t>{8, 0, 8, 0}));
}

TEST(FolderConfigTest, QwensWindowIsOffUnlessSwitchedOn) {
  const auto window = [](bool on) {
    return Changed("qwen2", [on](json& c) {
      c.erase("layer_types");
      c["sliding_window"] = 16;
      c["use_sliding_window"] = on;
      c["max_window_layers"] = 1;
    });
  };
  ASSERT_TRUE(window(false).ok() && window(true).ok());
  EXPECT_EQ(Windows(window(false).value()), (std::vector<size_t>{0, 0}));
  EXPECT_EQ(Windows(window(true).value()), (std::vector<size_t>{0, 16}));
}

TEST(FolderConfigTest, AbsentHeadSizeAndKvHeadsFollowFromTheOthers) {
  const auto config = Changed("llama2", [](json& c) { c["head_dim"] = nullptr; });
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config.value().layers[0].attention()->key_dim, 16u);
  const auto heads = Changed("llama2", [](json& c) { c.erase("num_key_value_heads"); });
  ASSERT_TRUE(heads.ok()) << heads.status().message();
  const model::AttentionPlan& plan = *heads.value().layers[0].attention();
  EXPECT_EQ(plan.n_kv_heads, plan.n_heads);
}

TEST(FolderConfigTest, GlobalLayersMayHaveHeadsOfTheirOwn) {
  const auto read = Changed("gemma3_two_heads", [](json&) {});
  ASSERT_TRUE(read.ok()) << read.status().message();
  const ModelConfig& config = read.value();
  for (const size_t layer : {0u, 1u, 2u}) {
    const bool is_global = layer == 1;
    const model::AttentionPlan& plan = *config.layers[layer].attention();
    EXPECT_EQ(plan.n_heads, 4u);
    EXPECT_EQ(plan.n_kv_heads, is_global ? 2u : 1u);
    EXPECT_EQ(plan.key_dim, is_global ? 32u : 16u);
    EXPECT_EQ(plan.value_dim, plan.key_dim);
    EXPECT_EQ(plan.scale, 0.25f) << "query_pre_attn_scalar is 16 for both kinds";
    EXPECT_EQ(plan.window, is_global ? 0u : 8u);
    EXPECT_EQ(config.ropes[*plan.rope].n_rotated(), plan.key_dim);
  }
  // One of the two words is enough; without any there is one kind of heads.
  const auto kv_heads =
      Changed("gemma3_two_heads", [](json& c) { c["global_head_dim"] = nullptr; });
  ASSERT_TRUE(kv_heads.ok()) << kv_heads.status().message();
  EXPECT_EQ(kv_heads.value().layers[1].attention()->n_kv_heads, 2u);
  EXPECT_EQ(kv_heads.value().layers[1].attention()->key_dim, 16u);
  const auto none = Changed("gemma3_two_heads", [](json& c) {
    c.erase("global_head_dim");
    c.erase("num_global_key_value_heads");
  });
  ASSERT_TRUE(none.ok()) << none.status().message();
  EXPECT_EQ(none.value().layers[1].attention()->k_width(), 16u);
  EXPECT_EQ(none.value().ropes[0].n_rotated(), 16u);
}

TEST(FolderConfigTest, ErnieTakesWhatItsClassTakes) {
  std::string said;
  const auto read = Changed(
      "ernie4_5",
      [](json& c) {
        for (const char* key : {"num_key_value_heads", "head_dim", "rope_parameters",
                                "tie_word_embeddings", "use_bias", "num_attention_heads"}) {
          c.erase(key);
        }
      },
      [&](LogLevel, std::string_view sentence) { said += std::string(sentence) + "\n"; });
  ASSERT_TRUE(read.ok()) << read.status().message();
  const model::AttentionPlan& plan = *read.value().layers[0].attention();
  EXPECT_EQ(plan.n_heads, 16u);
  EXPECT_EQ(plan.n_kv_heads, 2u);
  EXPECT_EQ(plan.key_dim, 128u);
  EXPECT_EQ(read.value().ropes[0].frequencies, model::PlainFrequencies(500000.0, 128));
  EXPECT_EQ(read.value().ropes[0].pairs, kernels::RopePairs::kInterleaved);
  EXPECT_NE(said.find("rope_theta is missing; 500000.0 is taken"), std::string::npos) << said;
  EXPECT_EQ(said.find("lm_head"), std::string::npos) << "the class ties: " << said;
  const auto null =
      Changed("ernie4_5", [](json& c) { c["num_key_value_heads"] = c["head_dim"] = nullptr; });
  ASSERT_TRUE(null.ok()) << null.status().message();
  EXPECT_EQ(null.value().layers[0].attention()->n_kv_heads, 4u);
  EXPECT_EQ(null.value().layers[0].attention()->key_dim, 8u);
}

TEST(FolderConfigTest, LinearScalingNeedsAType) {
  // transformers 5: without a type the rope is a plain one; before it was an error.
  const std::vector<double> plain =
      Changed("llama2", [](json& c) { c.erase("rope_scaling"); }).value().ropes[0].frequencies;
  for (const char* key : {"type", "rope_type"}) {
    const auto scaled = Changed("llama2", [&](json& c) {
      c["rope_scaling"] = {{key, "linear"}, {"factor", 4.0}};
    });
    ASSERT_TRUE(scaled.ok()) << scaled.status().message();
    for (size_t i = 0; i < plain.size(); ++i) {
      EXPECT_EQ(scaled.value().ropes[0].frequencies[i], plain[i] / 4) << key << " " << i;
    }
  }
  std::string said;
  const auto unnamed = Changed(
      "llama2",
      [](json& c) {
        c["rope_scaling"] = {{"factor", 4.0}};
      },
      [&](LogLevel, std::string_view sentence) { said += sentence; });
  ASSERT_TRUE(unnamed.ok()) << unnamed.status().message();
  EXPECT_EQ(unnamed.value().ropes[0].frequencies, plain);
  EXPECT_NE(said.find("a factor of 4.0, but no \"rope_type\""), std::string::npos) << said;
}

TEST(FolderConfigTest, ScalingThatOwnersAddGoesBeforeWhatIsThere) {
  const auto both = Changed("llama2", [](json& c) {
    c.erase("rope_theta");
    c["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 5000.0}};
    c["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  });
  ASSERT_TRUE(both.ok()) << both.status().message();
  const model::RopePlan& rope = both.value().ropes[0];
  EXPECT_EQ(rope.frequencies[1], model::PlainFrequencies(5000.0, rope.n_rotated())[1] / 2);
}

TEST(FolderConfigTest, AbsentKeysAreWhatTheClassTakes) {
  std::vector<std::string> said;
  const LogSink log = [&](LogLevel, std::string_view sentence) { said.emplace_back(sentence); };
  const auto gemma = Changed(
      "gemma2",
      [](json& c) {
        for (const char* key : {"final_logit_softcapping", "sliding_window", "rms_norm_eps"}) {
          c.erase(key);
        }
        c["attn_logit_softcapping"] = nullptr;
      },
      log);
  ASSERT_TRUE(gemma.ok()) << gemma.status().message();
  EXPECT_EQ(gemma.value().final_softcap, 30.0f);
  EXPECT_EQ(gemma.value().layers[0].attention()->softcap, 0.0f) << "null is a word: none";
  EXPECT_EQ(Windows(gemma.value()), (std::vector<size_t>{4096, 0, 4096, 0}));
  EXPECT_EQ(said.size(), 3u);

  said.clear();
  const auto qwen = Changed(
      "qwen2",
      [](json& c) {
        for (const char* key : {"sliding_window", "max_window_layers"}) c.erase(key);
        c["use_sliding_window"] = false;
      },
      log);
  ASSERT_TRUE(qwen.ok()) << qwen.status().message();
  EXPECT_TRUE(said.empty()) << said[0] << " (nothing reads it)";
}

TEST(FolderConfigTest, TheSameNumberInOtherWordsIsTaken) {
  const ModelConfig plain = Changed("llama2", [](json&) {}).value();
  const auto floats = Changed("llama2", [](json& c) {
    for (const char* key : {"hidden_size", "num_hidden_layers", "num_attention_heads"}) {
      c[key] = c[key].get<double>();
    }
    c["rope_scaling"] = false;  // as good as none, as in Python
    c["max_position_embeddings"] = 1e30;
    c["sliding_window"] = -1;
  });
  ASSERT_TRUE(floats.ok()) << floats.status().message();
  EXPECT_EQ(floats.value().hidden, plain.hidden);
  EXPECT_EQ(floats.value().layers, plain.layers);
  EXPECT_EQ(floats.value().context, size_t{UINT32_MAX});
  const auto null = Changed("llama2", [](json& c) { c["rms_norm_eps"] = nullptr; });
  ASSERT_TRUE(null.ok()) << null.status().message();
  EXPECT_EQ(null.value().norm_eps, 1e-6f) << "the class's";
}

TEST(FolderConfigTest, LayersOfAWindowMayBeWrittenAsFloats) {
  const auto qwen = [](const json& from) {
    return Changed("qwen2", [&](json& c) {
      c.erase("layer_types");
      c["sliding_window"] = 16.0;
      c["use_sliding_window"] = true;
      c["max_window_layers"] = from;
    });
  };
  ASSERT_TRUE(qwen(1.0).ok()) << qwen(1.0).status().message();
  EXPECT_EQ(Windows(qwen(1.0).value()), (std::vector<size_t>{0, 16}));
  EXPECT_NE(qwen("all").status().message().find("max_window_layers is \"all\""), std::string::npos)
      << qwen("all").status().message();
  const auto gemma3 = Changed("gemma3", [](json& c) {
    c.erase("layer_types");
    c["sliding_window_pattern"] = 2.0;
    c.erase("_sliding_window_pattern");
  });
  ASSERT_TRUE(gemma3.ok()) << gemma3.status().message();
  EXPECT_EQ(Windows(gemma3.value()), (std::vector<size_t>{8, 0, 8, 0, 8, 0}));
}

TEST(FolderConfigTest, GemmaLooksAtAnActivationKeyOfItsOwn) {
  const auto gemma = Changed("gemma2", [](json& c) {
    c["hidden_act"] = "gelu";
    c["hidden_activation"] = nullptr;
  });
  EXPECT_TRUE(gemma.ok()) << gemma.status().message();
}

TEST(FolderConfigTest, AnUnknownArchitectureIsTheModelTypesClass) {
  std::vector<std::string> said;
  const auto config = Changed(
      "llama2",
      [](json& c) {
        c["architectures"] = {"OurOwnForCausalLM"};
        c["model_type"] = "mistral";
        c["sliding_window"] = 8;
      },
      [&](LogLevel, std::string_view sentence) { said.emplace_back(sentence); });
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(Windows(config.value()).front(), 8u) << "Mistral's class has windows";
  ASSERT_FALSE(said.empty());
  EXPECT_NE(said[0].find("\"OurOwnForCausalLM\" is not known; MistralForCausalLM is taken"),
            std::string::npos)
      << said[0];
}

TEST(FolderConfigTest, DynamicScalingChangesNothingUpToTheContext) {
  std::string said;
  const auto plain = Changed("llama2", [](json& c) { c.erase("rope_scaling"); });
  const auto dynamic = Changed(
      "llama2",
      [](json& c) {
        c["rope_scaling"] = {{"type", "dynamic"}, {"factor", 2.0}};
        c["max_position_embeddings"] = 96;
      },
      [&](LogLevel, std::string_view sentence) { said += sentence; });
  ASSERT_TRUE(plain.ok() && dynamic.ok()) << dynamic.status().message();
  EXPECT_EQ(dynamic.value().ropes, plain.value().ropes);
  EXPECT_NE(said.find("'dynamic' is followed up to 96 tokens"), std::string::npos) << said;
}

TEST(FolderConfigTest, TheOriginalContextOfTheConfigGoesBeforeRopes) {
  const auto llama3 = [](bool own, bool among) {
    return Changed("llama2", [&](json& c) {
      c["rope_scaling"] = {{"rope_type", "llama3"},
                           {"factor", 8.0},
                           {"low_freq_factor", 1.0},
                           {"high_freq_factor", 4.0}};
      if (own) c["original_max_position_embeddings"] = 64;
      if (among) c["rope_scaling"]["original_max_position_embeddings"] = own ? 8192 : 64;
    });
  };
  ASSERT_TRUE(llama3(true, true).ok());
  EXPECT_EQ(llama3(true, false).value().ropes, llama3(false, true).value().ropes);
  EXPECT_EQ(llama3(true, true).value().ropes, llama3(false, true).value().ropes);
  // Phi-3's class has 4096 of its own, whatever stands among rope's parameters.
  std::string said;
  const auto phi3 = Changed(
      "phi3_longrope",
      [](json& c) {
        c.erase("original_max_position_embeddings");
        c["rope_scaling"]["original_max_position_embeddings"] = 32;
      },
      [&](LogLevel, std::string_view sentence) { said += sentence; });
  ASSERT_TRUE(phi3.ok()) << phi3.status().message();
  EXPECT_EQ(phi3.value().ropes[0].original_context, 4096u);
  EXPECT_NE(said.find("4096 is taken"), std::string::npos) << said;
}

TEST(FolderConfigTest, WhatIsNotSupportedIsNamed) {
  struct Wrong {
    const char* family;
    std::function<void(json&)> change;
    ErrorCode code;
    const char* word;  // in the message
  };
  const Wrong wrongs[] = {
      {"llama2", [](json& c) { c["hidden_act"] = "gelu"; }, ErrorCode::kUnsupported, "gelu"},
      {"gemma2", [](json& c) { c["hidden_activation"] = "silu"; }, ErrorCode::kUnsupported, "silu"},
      {"llama2", [](json& c) { c["rope_scaling"] = "linear"; }, ErrorCode::kUnsupported,
       "config.json: rope_scaling is \"linear\", expected an object"},
      {"phi3_longrope", [](json& c) { c["rope_scaling"] = {"longrope"}; }, ErrorCode::kUnsupported,
       "rope_scaling is [\"longrope\"]"},
      {"llama2",
       [](json& c) {
         c["rope_scaling"] = {{"rope_type", "longrope"}, {"factor", 2.0}};
       },
       ErrorCode::kUnsupported, "not supported in llama, only in phi3"},
      {"llama2",
       [](json& c) {
         c["rope_scaling"] = {{"rope_type", "yarn"}, {"original_max_position_embeddings", nullptr}};
       },
       ErrorCode::kCorruptFile, "lacks the number 'factor'"},
      {"llama2",
       [](json& c) {
         c["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", -1.0}};
       },
       ErrorCode::kCorruptFile, "yarn rope scaling has a factor of -1"},
      {"phi3_longrope",
       [](json& c) {
         c["rope_scaling"] = {{"type", "yarn"}, {"factor", 2.0}};
       },
       ErrorCode::kCorruptFile, "longrope lacks the list short_factor"},
      {"llama2",
       [](json& c) {
         c["architectures"] = {"MambaForCausalLM"};
         c["model_type"] = "mamba";
       },
       ErrorCode::kUnsupported, "MambaForCausalLM"},
      {"llama2", [](json& c) { c["architectures"] = {"LlamaForSequenceClassification"}; },
       ErrorCode::kUnsupported, "LlamaForSequenceClassification"},
      {"llama2",
       [](json& c) {
         c.erase("architectures");
         c.erase("model_type");
       },
       ErrorCode::kCorruptFile, "architectures"},
      {"llama2",
       [](json& c) {
         c.erase("architectures");
         c["model_type"] = "mamba";
       },
       ErrorCode::kUnsupported, "mamba"},
      {"llama2", [](json& c) { c["num_hidden_layers"] = "two"; }, ErrorCode::kCorruptFile, "two"},
      {"llama2", [](json& c) { c["num_attention_heads"] = -4; }, ErrorCode::kCorruptFile, "-4"},
      {"llama2", [](json& c) { c.erase("hidden_size"); }, ErrorCode::kCorruptFile,
       "expected [vocabulary, 4096]"},
      {"llama2", [](json& c) { c["hidden_size"] = nullptr; }, ErrorCode::kCorruptFile,
       "expected [vocabulary, 4096]"},
      {"llama2", [](json& c) { c["hidden_size"] = 64.5; }, ErrorCode::kCorruptFile,
       "config.json: hidden_size is 64.5"},
      {"llama2", [](json& c) { c["num_hidden_layers"] = 0; }, ErrorCode::kCorruptFile,
       "config.json: num_hidden_layers is 0"},
      {"gemma3", [](json& c) { c["layer_types"] = {"full_attention"}; }, ErrorCode::kCorruptFile,
       "layer_types"},
      {"exaone4_full", [](json& c) { c["rope_scaling"].erase("low_freq_factor"); },
       ErrorCode::kCorruptFile, "low_freq_factor"},
      {"phi3_longrope",
       [](json& c) {
         c["rope_scaling"]["long_factor"] = {1.0, 2.0};
       },
       ErrorCode::kCorruptFile, "2 long factors"},
      {"phi3_longrope",
       [](json& c) { c["rope_scaling"]["short_factor"] = {1.0, 1.0, 0.0, 1.0, 1.0, 1.0}; },
       ErrorCode::kCorruptFile, "no numbers"},
      {"phi3_longrope", [](json& c) { c["partial_rotary_factor"] = 1.5; }, ErrorCode::kCorruptFile,
       "partial_rotary_factor"},
      {"gemma2", [](json& c) { c["query_pre_attn_scalar"] = 0; }, ErrorCode::kCorruptFile,
       "query_pre_attn_scalar"},
      {"gemma3_two_heads", [](json& c) { c["global_head_dim"] = 0; }, ErrorCode::kCorruptFile,
       "config.json: global_head_dim is 0"},
      {"gemma3_two_heads", [](json& c) { c["global_head_dim"] = uint64_t{1} << 20; },
       ErrorCode::kCorruptFile, "4 heads of 1048576"},
      {"gemma3_two_heads", [](json& c) { c["global_head_dim"] = 33; }, ErrorCode::kCorruptFile,
       "rope turns 33 of a head's 33 dimensions"},
      {"gemma3_two_heads", [](json& c) { c["num_global_key_value_heads"] = 3; },
       ErrorCode::kCorruptFile, "4 heads cannot share 3 KV heads"},
      {"ernie4_5", [](json& c) { c["rope_parameters"]["partial_rotary_factor"] = 0.5; },
       ErrorCode::kUnsupported, "rope turns 8 of a head's 16 dimensions; ernie4_5 turns all"},
      {"ernie4_5", [](json& c) { c["use_bias"] = true; }, ErrorCode::kCorruptFile,
       "use_bias is true, but blk.0.attn_q.bias is missing"},
      {"ernie4_5_bias", [](json& c) { c.erase("use_bias"); }, ErrorCode::kCorruptFile,
       "use_bias is not true, but there is a tensor blk.0.attn_q.bias"},
  };
  for (const Wrong& wrong : wrongs) {
    const auto config = Changed(wrong.family, wrong.change);
    ASSERT_FALSE(config.ok()) << wrong.family << " " << wrong.word;
    EXPECT_EQ(config.status().code(), wrong.code) << config.status().message();
    EXPECT_NE(config.status().message().find(wrong.word), std::string::npos)
        << config.status().message() << " does not say " << wrong.word;
  }
}

}  // namespace
}  // namespace altteul::tests
