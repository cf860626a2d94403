// SPDX-License-Identifier: Apache-2.0

// Configurations that GGUF files may spell in several ways, and what is refused: written as tiny
// files, read as a checkpoint.

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "model/family.h"
#include "support/made_gguf.h"
#include "support/test_models.h"

namespace altteul::tests {
namespace {

using formats::GgufWriter;
using model::ModelConfig;

using Change = std::function<void(GgufWriter&)>;

class GgufConfigTest : public ::testing::Test {
 protected:
  /// A golden family's file with changed metadata.
  Result<ModelConfig> ChangedFamily(const std::string& family, const Change& change) {
    auto original =
        formats::GgufFile::Open((GoldenFolder() / "families" / family / "model.gguf").string());
    EXPECT_TRUE(original.ok()) << original.status().message();
    GgufWriter writer;
    writer.CopyMetadata(original.value());
    change(writer);
    for (const formats::GgufTensor& tensor : original.value().tensors()) {
      ALT_RETURN_IF_ERROR(writer.DeclareTensor(tensor.name, tensor.view.type, tensor.view.shape));
    }
    ALT_RETURN_IF_ERROR(writer.Begin(path()));
    for (const formats::GgufTensor& tensor : original.value().tensors()) {
      ALT_RETURN_IF_ERROR(writer.WriteTensorData(tensor.view.bytes));
    }
    ALT_RETURN_IF_ERROR(writer.Finish());
    return Read();
  }

  /// The made Gemma 2 with changed metadata.
  Result<ModelConfig> ChangedGemma(const Change& change) {
    constexpr std::array kTypes = {DType::kF16};
    ALT_RETURN_IF_ERROR(WriteQuantizedModel(path(), kTypes, change));
    return Read();
  }

  static std::vector<size_t> Windows(const ModelConfig& config) {
    std::vector<size_t> windows;
    for (const model::LayerPlan& layer : config.layers) {
      windows.push_back(layer.attention()->window);
    }
    return windows;
  }

 private:
  std::string path() const { return (folder_.path() / "changed.gguf").string(); }

  Result<ModelConfig> Read() {
    ALT_ASSIGN_OR_RETURN(const auto file, model::Checkpoint::Open(path()));
    return model::ReadConfig(*file);
  }

  TempFolder folder_;
};

TEST_F(GgufConfigTest, ListOfLocalLayersIsFollowed) {
  const auto config = ChangedFamily("exaone4_window", [](GgufWriter& writer) {
    constexpr bool kLocal[] = {false, true, true, true};
    writer.SetNumbers<bool>("exaone4.attention.sliding_window_pattern", kLocal);
  });
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(Windows(config.value()), (std::vector<size_t>{0, 8, 8, 8}));
  EXPECT_FALSE(config.value().layers[0].attention()->rope.has_value())
      << "global layers are not turned";
  EXPECT_TRUE(config.value().layers[3].attention()->rope.has_value());
}

TEST_F(GgufConfigTest, PeriodOfGlobalLayersIsFollowed) {
  const auto exaone = ChangedFamily("exaone4_window", [](GgufWriter& writer) {
    writer.SetNumber<uint32_t>("exaone4.attention.sliding_window_pattern", 2);
  });
  ASSERT_TRUE(exaone.ok()) << exaone.status().message();
  EXPECT_EQ(Windows(exaone.value()), (std::vector<size_t>{8, 0, 8, 0}));
  const auto gemma3 = ChangedFamily("gemma3", [](GgufWriter& writer) {
    writer.SetNumber<uint32_t>("gemma3.attention.sliding_window_pattern", 3);
  });
  ASSERT_TRUE(gemma3.ok()) << gemma3.status().message();
  EXPECT_EQ(Windows(gemma3.value()), (std::vector<size_t>{8, 8, 0, 8, 8, 0}));
  EXPECT_EQ(gemma3.value().layers[2].attention()->rope, std::optional<size_t>(0));
  EXPECT_EQ(gemma3.value().layers[3].attention()->rope, std::optional<size_t>(1))
      << "the local rope";
}

TEST_F(GgufConfigTest, ListOfAnotherLengthAndPeriodZeroAreRefused) {
  const auto short_list = ChangedFamily("exaone4_window", [](GgufWriter& writer) {
    constexpr bool kLocal[] = {true, true, false};
    writer.SetNumbers<bool>("exaone4.attention.sliding_window_pattern", kLocal);
  });
  EXPECT_EQ(short_list.status().code(), ErrorCode::kCorruptFile);
  EXPECT_NE(short_list.status().message().find("no list of 4 truth values"), std::string::npos)
      << short_list.status().message();
  const auto zero = ChangedFamily("gemma3", [](GgufWriter& writer) {
    writer.SetNumber<uint32_t>("gemma3.attention.sliding_window_pattern", 0);
  });
  EXPECT_EQ(zero.status().code(), ErrorCode::kCorruptFile);
}

TEST_F(GgufConfigTest, LayersMayDifferInTheirSizes) {
  const auto config = ChangedGemma([](GgufWriter& writer) {
    constexpr uint32_t kInner[] = {512, 256}, kHeads[] = {4, 2}, kKvHeads[] = {2, 1};
    writer.SetNumbers<uint32_t>("gemma2.feed_forward_length", kInner);
    writer.SetNumbers<uint32_t>("gemma2.attention.head_count", kHeads);
    writer.SetNumbers<uint32_t>("gemma2.attention.head_count_kv", kKvHeads);
  });
  ASSERT_TRUE(config.ok()) << config.status().message();
  const auto& layers = config.value().layers;
  EXPECT_EQ(layers[0].dense()->inner, 512u);
  EXPECT_EQ(layers[1].dense()->inner, 256u);
  EXPECT_EQ(layers[0].attention()->n_heads, 4u);
  EXPECT_EQ(layers[1].attention()->n_heads, 2u);
  EXPECT_EQ(layers[1].attention()->n_kv_heads, 1u);
}

TEST_F(GgufConfigTest, ListsForLayersThatMakeNoSenseAreRefused) {
  for (const char* key : {"gemma2.feed_forward_length", "gemma2.attention.head_count",
                          "gemma2.attention.head_count_kv"}) {
    const auto of_three = ChangedGemma([&](GgufWriter& writer) {
      constexpr uint32_t kSizes[] = {4, 4, 4};
      writer.SetNumbers<uint32_t>(key, kSizes);
    });
    EXPECT_EQ(of_three.status().code(), ErrorCode::kCorruptFile) << key;
    EXPECT_NE(of_three.status().message().find("list of 3 numbers for 2 layers"), std::string::npos)
        << of_three.status().message();
    const auto zero = ChangedGemma([&](GgufWriter& writer) {
      constexpr uint32_t kSizes[] = {4, 0};
      writer.SetNumbers<uint32_t>(key, kSizes);
    });
    EXPECT_EQ(zero.status().code(), ErrorCode::kCorruptFile) << key;
    EXPECT_NE(zero.status().message().find("of layer 1 is 0"), std::string::npos)
        << zero.status().message();
    const auto texts = ChangedGemma([&](GgufWriter& writer) {
      constexpr std::string_view kTexts[] = {"4", "4"};
      writer.SetStrings(key, kTexts);
    });
    EXPECT_FALSE(texts.ok()) << key;
  }
  const auto widths = ChangedGemma([](GgufWriter& writer) {
    constexpr uint32_t kWidths[] = {64, 32};
    writer.SetNumbers<uint32_t>("gemma2.attention.key_length", kWidths);
  });
  EXPECT_EQ(widths.status().code(), ErrorCode::kUnsupported) << "GGUF gives one for all layers";
}

TEST_F(GgufConfigTest, SizesThatNoModelHasAreRefused) {
  struct Wrong {
    const char* key;
    uint32_t value;
  };
  constexpr Wrong kWrong[] = {
      {"gemma2.block_count", 0},          {"gemma2.block_count", 100000},
      {"gemma2.attention.head_count", 0}, {"gemma2.attention.head_count_kv", 3},
      {"gemma2.attention.key_length", 0}, {"gemma2.embedding_length", 128},
  };
  for (const Wrong& wrong : kWrong) {
    const auto config = ChangedGemma(
        [&](GgufWriter& writer) { writer.SetNumber<uint32_t>(wrong.key, wrong.value); });
    EXPECT_EQ(config.status().code(), ErrorCode::kCorruptFile) << wrong.key << " " << wrong.value;
  }
}

TEST_F(GgufConfigTest, ANumberForEachLayerIsTheNumber) {
  const auto plain = ChangedGemma([](GgufWriter&) {});
  const auto lists = ChangedGemma([](GgufWriter& writer) {
    constexpr float kBases[] = {5000.0f, 5000.0f};
    constexpr int64_t kHeads[] = {4, 4};
    writer.SetNumbers<float>("gemma2.rope.freq_base", kBases);
    writer.SetNumbers<int64_t>("gemma2.attention.head_count", kHeads);
    writer.SetNumber<int32_t>("gemma2.attention.sliding_window", -1);
    writer.SetNumber<int32_t>("gemma2.expert_count", -1);
    writer.SetNumber<uint64_t>("gemma2.context_length", UINT64_MAX);
  });
  ASSERT_TRUE(plain.ok() && lists.ok()) << lists.status().message();
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(lists.value().layers[i].attention()->n_heads,
              plain.value().layers[i].attention()->n_heads);
  }
  EXPECT_EQ(lists.value().ropes[0].frequencies,
            model::PlainFrequencies(5000.0, lists.value().ropes[0].n_rotated()));
  EXPECT_EQ(lists.value().context, size_t{UINT32_MAX});
}

TEST_F(GgufConfigTest, AnEmptyTypeOfScalingIsNone) {
  const auto plain = ChangedFamily("qwen2", [](GgufWriter&) {});
  const auto empty = ChangedFamily(
      "qwen2", [](GgufWriter& writer) { writer.SetString("qwen2.rope.scaling.type", ""); });
  ASSERT_TRUE(plain.ok() && empty.ok()) << empty.status().message();
  EXPECT_EQ(empty.value().ropes, plain.value().ropes);
  const auto doubtful = ChangedFamily("qwen2", [](GgufWriter& writer) {
    writer.SetString("qwen2.rope.scaling.type", "");
    writer.SetNumber<float>("qwen2.rope.scaling.factor", 4.0f);
  });
  EXPECT_EQ(doubtful.status().code(), ErrorCode::kUnsupported);
  EXPECT_NE(doubtful.status().message().find("qwen2.rope.scaling.type is empty beside a factor"),
            std::string::npos)
      << doubtful.status().message();
  const auto longrope = ChangedFamily(
      "qwen2", [](GgufWriter& writer) { writer.SetString("qwen2.rope.scaling.type", "longrope"); });
  EXPECT_NE(longrope.status().message().find("'longrope' is not supported in qwen2, only in phi3"),
            std::string::npos)
      << longrope.status().message();
}

TEST_F(GgufConfigTest, RopeThatIsNoNumberIsRefused) {
  const auto negative = ChangedFamily("llama_linear", [](GgufWriter& writer) {
    writer.SetNumber<float>("llama.rope.scaling.factor", -2.0f);
  });
  EXPECT_EQ(negative.status().code(), ErrorCode::kCorruptFile);
  const auto tiny = ChangedFamily("llama_linear", [](GgufWriter& writer) {
    writer.SetNumber<double>("llama.rope.scaling.factor", 5e-324);
  });
  EXPECT_EQ(tiny.status().code(), ErrorCode::kCorruptFile) << "frequencies would be infinite";
  const auto unknown = ChangedFamily("llama_linear", [](GgufWriter& writer) {
    writer.SetString("llama.rope.scaling.type", "dynamic");
  });
  EXPECT_EQ(unknown.status().code(), ErrorCode::kUnsupported);
  EXPECT_NE(unknown.status().message().find("dynamic"), std::string::npos);
  const auto yarn = ChangedFamily("qwen2", [](GgufWriter& writer) {
    writer.SetString("qwen2.rope.scaling.type", "yarn");
    writer.SetNumber<float>("qwen2.rope.scaling.yarn_beta_fast", -1.0f);
  });
  EXPECT_EQ(yarn.status().code(), ErrorCode::kCorruptFile);
}

TEST_F(GgufConfigTest, AFactorOf0MeansNoScaling) {
  // llama.cpp's own writer says that there is none so.
  const auto plain = ChangedFamily("qwen2", [](GgufWriter&) {});
  const auto zero = ChangedFamily("qwen2", [](GgufWriter& writer) {
    writer.SetString("qwen2.rope.scaling.type", "linear");
    writer.SetNumber<float>("qwen2.rope.scaling.factor", 0.0f);
  });
  ASSERT_TRUE(plain.ok() && zero.ok()) << zero.status().message();
  EXPECT_EQ(zero.value().ropes, plain.value().ropes);
}

TEST_F(GgufConfigTest, OldKeyOfLinearScalingHoldsForEveryFamily) {
  for (const std::string family : {"qwen2", "qwen3", "gemma2"}) {
    const auto plain = ChangedFamily(family, [](GgufWriter&) {});
    const auto scaled = ChangedFamily(family, [&](GgufWriter& writer) {
      writer.SetNumber<float>(family + ".rope.scale_linear", 4.0f);
    });
    ASSERT_TRUE(plain.ok() && scaled.ok()) << scaled.status().message();
    EXPECT_EQ(scaled.value().ropes[0].frequencies[1], plain.value().ropes[0].frequencies[1] / 4);
  }
}

TEST_F(GgufConfigTest, AttentionFactorHoldsForEveryRope) {
  const auto gemma3 = ChangedFamily("gemma3", [](GgufWriter& writer) {
    writer.SetNumber<float>("gemma3.rope.scaling.attn_factor", 0.5f);
  });
  ASSERT_TRUE(gemma3.ok()) << gemma3.status().message();
  EXPECT_EQ(gemma3.value().ropes[0].magnitude, 0.5);
  EXPECT_EQ(gemma3.value().ropes[1].magnitude, 0.5);
}

TEST_F(GgufConfigTest, Gemma3WithoutAWindowHasNoLocalLayers) {
  const auto rnj = ChangedFamily("gemma3", [](GgufWriter& writer) {
    writer.SetNumber<uint32_t>("gemma3.attention.sliding_window", 0);
  });
  ASSERT_TRUE(rnj.ok()) << rnj.status().message();
  for (const model::LayerPlan& layer : rnj.value().layers) {
    EXPECT_EQ(layer.attention()->rope, std::optional<size_t>(0));
    EXPECT_EQ(layer.attention()->window, 0u);
  }
}

TEST_F(GgufConfigTest, MixtureOfExpertsIsRefused) {
  const auto config = ChangedFamily(
      "llama2", [](GgufWriter& writer) { writer.SetNumber<uint32_t>("llama.expert_count", 8); });
  EXPECT_EQ(config.status().code(), ErrorCode::kUnsupported) << config.status().message();
}

TEST_F(GgufConfigTest, UnknownArchitectureIsRefusedWithTheKnownOnes) {
  const auto config =
      ChangedGemma([](GgufWriter& writer) { writer.SetString("general.architecture", "mamba"); });
  EXPECT_EQ(config.status().code(), ErrorCode::kUnsupported);
  for (const char* word : {"mamba", "llama", "exaone4"}) {
    EXPECT_NE(config.status().message().find(word), std::string::npos) << config.status().message();
  }
}

}  // namespace
}  // namespace altteul::tests
