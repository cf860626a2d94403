// SPDX-License-Identifier: Apache-2.0

// Every supported family against transformers: tiny models with every option switched on, from a
// folder in both spellings of config.json and from GGUF, on every instruction set of this machine.
// tests/golden/families/MANIFEST.md tells how the numbers were made.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "support/family_golden.h"
#include "support/family_options.h"
#include "support/test_models.h"

namespace altteul::tests {
namespace {

using kernels::KernelTable;
using kernels::Precision;

constexpr const char* kModels[] = {"llama2",       "llama3",      "llama_linear",  "mistral",
                                   "qwen2",        "qwen3",       "qwen3_tied",    "gemma2",
                                   "gemma3",       "phi3_window", "phi3_longrope", "exaone4_window",
                                   "exaone4_full", "ernie4_5"};
// GGUF has no words for these.
constexpr const char* kOnlyFolders[] = {"gemma3_two_heads", "ernie4_5_bias"};

class FamiliesTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string ModelName() const { return GetParam(); }

  std::unique_ptr<model::Model> Load(const std::string& path, const KernelTable& kernels) {
    compute::CpuCompute compute(kernels, team_);
    auto model = LoadBare(path, compute, Precision::kF32);
    EXPECT_TRUE(model.ok()) << model.status().message();
    return model.ok() ? std::move(model).value() : nullptr;
  }

  std::vector<float> Logits(const model::Model& model, const KernelTable& kernels,
                            const GoldenRun& run) {
    compute::CpuCompute compute(kernels, team_);
    return AllLogits(model, compute, run.tokens, {.context = run.tokens.size()});
  }

  /// All runs that hold for `file` ("folder", "gguf"), on every table.
  void ExpectGoldenLogits(const std::string& path, const std::string& file) {
    const FamilyGolden golden = ReadFamilyGolden(ModelName());
    size_t n_compared = 0;
    for (const KernelTable* kernels : KernelsHere()) {
      const auto model = Load(path, *kernels);
      if (model == nullptr) return;
      double worst = 0;  // in tolerances
      for (const GoldenRun& run : golden.runs) {
        if (!run.HoldsFor(file)) continue;
        const double off = LargestDifference(Logits(*model, *kernels, run), run.logits);
        EXPECT_LE(off, run.tolerance)
            << ModelName() << ", " << file << ", run " << run.name << ", " << kernels->name;
        worst = std::max(worst, off / run.tolerance);
        ++n_compared;
      }
      RecordProperty("tolerances_" + std::string(kernels->name), std::to_string(worst));
    }
    EXPECT_GE(n_compared, KernelsHere().size()) << "no run of this model is for a " << file;
  }

  ThreadTeam team_{2};
};

TEST_P(FamiliesTest, FolderGivesTransformersLogits) {
  ExpectGoldenLogits(ReadFamilyGolden(ModelName()).folder, "folder");
}

TEST_P(FamiliesTest, FolderInTheOtherSpellingGivesTheSame) {
  const TempFolder copy;
  const std::filesystem::path original = ReadFamilyGolden(ModelName()).folder;
  for (const auto& entry : std::filesystem::directory_iterator(original)) {
    if (entry.path().filename().string().rfind("model", 0) != 0) continue;  // .safetensors
    std::filesystem::copy_file(entry.path(), copy.path() / entry.path().filename());
  }
  std::filesystem::copy_file(original / "config.other.json", copy.path() / "config.json");
  ExpectGoldenLogits(copy.path().string(), "folder");
}

class FamiliesGgufTest : public FamiliesTest {};

TEST_P(FamiliesGgufTest, GivesTransformersLogits) {
  ExpectGoldenLogits(ReadFamilyGolden(ModelName()).folder + "/model.gguf", "gguf");
}

// The test of the test: without any one option the logits move as far as transformers' do, which is
// at least 100 tolerances. So none of them can be forgotten unseen.
TEST_P(FamiliesTest, EveryOptionMovesTheLogits) {
  const KernelTable& kernels = kernels::kReferenceKernels;
  const FamilyGolden golden = ReadFamilyGolden(ModelName());
  const GoldenRun& run = golden.Run("main");
  size_t n_turned_off = 0;
  for (const auto& [option, change] : golden.options) {
    const auto model = Load(golden.folder, kernels);
    ASSERT_NE(model, nullptr);
    Buffer memory;
    if (!TurnOff(option, *model, memory)) {
      // In the order of Forward's steps and in the kernels, not in numbers that a file could set.
      EXPECT_TRUE(option == "kv_head_groups" || option == "qk_norm_before_rope") << option;
      continue;
    }
    ++n_turned_off;
    const double moved = LargestDifference(Logits(*model, kernels, run), run.logits);
    EXPECT_GT(moved, 100 * run.tolerance) << option;
    // Both sides' logits are within one tolerance of the truth, with the option and without.
    EXPECT_NEAR(moved, change, 4 * run.tolerance) << option;
  }
  EXPECT_GE(n_turned_off, 3u);
}

std::string NameOf(const ::testing::TestParamInfo<const char*>& one) { return one.param; }

INSTANTIATE_TEST_SUITE_P(AllModels, FamiliesTest, ::testing::ValuesIn(kModels), NameOf);
INSTANTIATE_TEST_SUITE_P(OnlyFolders, FamiliesTest, ::testing::ValuesIn(kOnlyFolders), NameOf);
INSTANTIATE_TEST_SUITE_P(AllModels, FamiliesGgufTest, ::testing::ValuesIn(kModels), NameOf);

}  // namespace
}  // namespace altteul::tests
