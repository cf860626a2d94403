// SPDX-License-Identifier: Apache-2.0

// Engine and compression over a compute whose memory the host cannot touch: the reference's bits.

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "compress/calibrated_encoder.h"
#include "compress/refine.h"
#include "compress/survey.h"
#include "compress/type_plan.h"
#include "compute/cpu_compute.h"
#include "compute/fenced_compute.h"
#include "engine/test_model.h"
#include "support/family_golden.h"
#include "support/made_gguf.h"
#include "support/test_models.h"

namespace altteul::tests {
namespace {

using compute::CpuCompute;
using compute::FencedCompute;
using kernels::KvType;
using kernels::Precision;
using text::TokenId;

constexpr KvType kTypes[] = {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0,
                             KvType::kQ4_0};

std::unique_ptr<model::Model> Load(const std::string& path, compute::Compute& compute,
                                   Precision precision) {
  auto model = LoadBare(path, compute, precision);
  EXPECT_TRUE(model.ok()) << model.status().message();
  return model.ok() ? std::move(model).value() : nullptr;
}

// --- families ------------------------------------------------------------------------------------

class FencedFamiliesTest : public ::testing::TestWithParam<const char*> {};

TEST_P(FencedFamiliesTest, LogitsAreTheReferencesBitForBit) {
  const FamilyGolden golden = ReadFamilyGolden(GetParam());
  ThreadTeam team(1);
  CpuCompute cpu(kernels::kReferenceKernels, team);
  // Three sequences side by side, one with more than a page of keys, in chunks that divide nothing.
  const size_t chunks[] = {7, 1, 30};
  const size_t lengths[] = {20, 5, 70};
  size_t n_types = 0;
  for (const int n_threads : {1, 2}) {
    FencedCompute fenced(team, n_threads);
    const auto on_cpu = Load(golden.folder, cpu, Precision::kF32);
    const auto on_fenced = Load(golden.folder, fenced, Precision::kF32);
    ASSERT_TRUE(on_cpu != nullptr && on_fenced != nullptr);
    std::vector<std::vector<TokenId>> sequences;
    for (const size_t n : lengths) {
      sequences.push_back(RandomTokens(n, on_cpu->config.vocabulary, n));
    }
    for (const KvType type : kTypes) {
      if (!engine::KvCache::BytesOf(on_cpu->config, type, 70, 30).ok()) continue;
      const Way way{.context = 70, .kv_type = type};
      const auto expected = BatchLogits(*on_cpu, cpu, sequences, chunks, way);
      ASSERT_FALSE(expected.empty());
      EXPECT_EQ(BatchLogits(*on_fenced, fenced, sequences, chunks, way), expected)
          << KvTypeName(type) << ", " << n_threads << " threads";
      ++n_types;
    }
  }
  EXPECT_GE(n_types, 6u);
}

std::string NameOf(const ::testing::TestParamInfo<const char*>& one) { return one.param; }

INSTANTIATE_TEST_SUITE_P(AllModels, FencedFamiliesTest,
                         ::testing::Values("llama2", "llama3", "llama_linear", "mistral", "qwen2",
                                           "qwen3", "qwen3_tied", "gemma2", "gemma3",
                                           "gemma3_two_heads", "phi3_window", "phi3_longrope",
                                           "exaone4_window", "exaone4_full", "ernie4_5",
                                           "ernie4_5_bias"),
                         NameOf);

// Matrices in every form of rest: in the arena's groups, in the file, looked up.
TEST(FencedTypesTest, QuantizedMatricesGiveTheReferencesBits) {
  const TempFolder folder;
  const std::string path = (folder.path() / "model.gguf").string();
  ThreadTeam team(1);
  CpuCompute cpu(kernels::kReferenceKernels, team);
  FencedCompute fenced(team);
  for (const auto types : {RandomTypes(), RandomFewBitTypes()}) {
    ASSERT_TRUE(WriteQuantizedModel(path, types).ok());
    const auto on_cpu = Load(path, cpu, Precision::kFast);
    const auto on_fenced = Load(path, fenced, Precision::kFast);
    ASSERT_TRUE(on_cpu != nullptr && on_fenced != nullptr);
    const auto tokens = RandomTokens(40, on_cpu->config.vocabulary, 1);
    const Way way{.context = 40, .chunk = 16, .kv_type = KvType::kF16};
    EXPECT_EQ(AllLogits(*on_fenced, fenced, tokens, way), AllLogits(*on_cpu, cpu, tokens, way));
  }
}

TEST(FencedTypesTest, WeightsThatAreGoneFailThePassAndNothingElse) {
  ThreadTeam team(1);
  FencedCompute fenced(team);
  const FamilyGolden golden = ReadFamilyGolden("qwen3");
  const auto model = Load(golden.folder, fenced, Precision::kF32);
  ASSERT_NE(model, nullptr);
  auto cache = engine::KvCache::Create(fenced, model->config, KvType::kF16, 8, 8);
  auto forward = engine::Forward::Create(*model, fenced, 8, 8);
  ASSERT_TRUE(cache.ok() && forward.ok());
  const TokenId tokens[] = {1, 2};
  const engine::SequenceInput input{.cache = &cache.value(), .tokens = tokens};
  ASSERT_TRUE(forward.value()->Run({&input, 1}).ok());
  model->weights.held.pop_back();
  const Status status = forward.value()->Run({&input, 1});
  EXPECT_NE(status.message().find("given back"), std::string::npos) << status.message();
  EXPECT_EQ(cache.value().length(), 2u);
}

// --- real models ---------------------------------------------------------------------------------

class FencedRealModelsSlowTest : public ::testing::TestWithParam<const char*> {};

TEST_P(FencedRealModelsSlowTest, AGoldenPromptGivesTheReferencesBits) {
  const std::string name = GetParam();
  std::string why_not;
  const auto path = RealModel(name + ".gguf", &why_not);
  if (!path) GTEST_SKIP() << why_not;
  std::ifstream file(GoldenFolder() / (name + "_logits.json"));
  const auto prompt = nlohmann::json::parse(file)["logits"][0]["ids"].get<std::vector<TokenId>>();
  ThreadTeam team(2);
  const Way way{.context = prompt.size(), .chunk = 4, .kv_type = KvType::kF16};
  for (const Precision precision : {Precision::kF32, Precision::kFast}) {
    CpuCompute cpu(kernels::kReferenceKernels, team);
    FencedCompute fenced(team, 2);
    const auto on_cpu = Load(*path, cpu, precision);
    const auto on_fenced = Load(*path, fenced, precision);
    ASSERT_TRUE(on_cpu != nullptr && on_fenced != nullptr);
    const auto expected = AllLogits(*on_cpu, cpu, prompt, way);
    ASSERT_EQ(expected.size(), prompt.size() * on_cpu->config.vocabulary);
    EXPECT_TRUE(AllLogits(*on_fenced, fenced, prompt, way) == expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, FencedRealModelsSlowTest, ::testing::Values("smollm2", "gemma"),
                         NameOf);

// --- compression ---------------------------------------------------------------------------------

TEST(FencedCompressTest, CalibratedMatricesHaveTheReferencesBytes) {
  using compress::EncodedTensors;
  using engine::testing::TestFolder;
  const TestFolder folder;
  const std::string path = folder.Path("model.gguf");
  ASSERT_TRUE(engine::testing::WriteTestModel(path, {.layers = 2}).ok());
  constexpr size_t kContext = 32;
  const auto ids = RandomTokens(4 * kContext, engine::testing::kVocabulary, 3);
  const auto encode = [&](compute::Compute& compute) -> Result<EncodedTensors> {
    const auto model = Load(path, compute, Precision::kF32);
    const compress::TypeChoice choose = [](std::string_view name, const TensorView& tensor) {
      const bool is_matrix = tensor.shape.n_dims == 2 && name.ends_with(".weight");
      return Result<DType>(is_matrix ? DType::kQ4_0 : tensor.type);
    };
    compress::CalibrationOptions options;
    options.context = kContext;
    return compress::EncodeCalibrated(*model, choose, ids, options, compute, {});
  };
  ThreadTeam team(2);
  CpuCompute cpu(kernels::kReferenceKernels, team);
  FencedCompute fenced(team, 2);
  const auto expected = encode(cpu);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  const auto encoded = encode(fenced);
  ASSERT_TRUE(encoded.ok()) << encoded.status().message();
  EXPECT_EQ(fenced.held_bytes(), 0u) << "what replaced matrices was given back";
  ASSERT_EQ(encoded.value().size(), expected.value().size());
  EXPECT_EQ(encoded.value().size(), 15u);
  for (const auto& [name, tensor] : expected.value()) {
    const auto found = encoded.value().find(name);
    ASSERT_NE(found, encoded.value().end()) << name;
    EXPECT_TRUE(std::equal(tensor.bytes().begin(), tensor.bytes().end(),
                           found->second.bytes().begin(), found->second.bytes().end()))
        << name;
  }
}

// Trials exchange matrices of every kind, tables too, and give them back.
TEST(FencedCompressTest, SurveyAndRefinementMeasureTheReferencesDivergences) {
  namespace c = compress;
  const engine::testing::TestFolder folder;
  const std::string path = folder.Path("model.gguf");
  ASSERT_TRUE(engine::testing::WriteTestModel(path, {.layers = 1}).ok());
  constexpr size_t kContext = 32;
  const auto text = [](uint64_t seed) {
    return RandomTokens(4 * kContext, engine::testing::kVocabulary, seed);
  };
  const c::TypeChoices choices = [](std::string_view name, const TensorView& tensor) {
    const bool is_matrix = tensor.shape.n_dims == 2 && name.ends_with(".weight");
    return Result<std::vector<DType>>(is_matrix ? std::vector{DType::kQ4_0, DType::kQ8_0}
                                                : std::vector{tensor.type});
  };
  struct Measured {
    std::vector<double> kl;
    double before = 0, after = 0;
  };
  const auto measure = [&](compute::Compute& compute, Measured& measured) {
    const auto model = Load(path, compute, Precision::kF32);
    auto surveys = c::SurveyTensors(*model, choices, text(1), text(2),
                                    {.context = kContext, .probe_context = kContext}, compute, {});
    ASSERT_TRUE(surveys.ok()) << surveys.status().message();
    for (const c::TensorSurvey& survey : surveys.value()) {
      for (const c::TypeCost& cost : survey.costs) measured.kl.push_back(cost.kl);
    }
    const auto plan = std::move(c::TypePlan::Create(std::move(surveys).value(), *model->file,
                                                    c::TypeRules::Create(DType::kQ8_0, {}).value()))
                          .value();
    const auto front = plan.Front();
    const uint64_t bytes = (front.front().file_bytes + front.back().file_bytes) / 2;
    const SteadyClock clock;
    const auto refined = c::RefineMix(
        *model, plan, plan.Within(bytes).value(), bytes, text(1), text(3),
        {.encoding = {.context = kContext}, .meter = {.context = kContext}, .n_swaps = 2}, compute,
        {.clock = clock});
    ASSERT_TRUE(refined.ok()) << refined.status().message();
    EXPECT_EQ(refined.value().tried.size(), 2u);
    measured.before = refined.value().before.mean;
    measured.after = refined.value().after.mean;
  };
  ThreadTeam team(2);
  CpuCompute cpu(kernels::kReferenceKernels, team);
  FencedCompute fenced(team);
  Measured expected, measured;
  measure(cpu, expected);
  measure(fenced, measured);
  EXPECT_EQ(fenced.held_bytes(), 0u);
  EXPECT_EQ(measured.kl.size(), 2 * 9u);
  EXPECT_EQ(measured.kl, expected.kl);
  EXPECT_GT(measured.before, 0);
  EXPECT_EQ(measured.before, expected.before);
  EXPECT_EQ(measured.after, expected.after);
}

}  // namespace
}  // namespace altteul::tests
