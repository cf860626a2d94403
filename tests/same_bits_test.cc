// SPDX-License-Identifier: Apache-2.0

// Same tokens, same bits (ARCHITECTURE.md): logits do not depend on the number of threads, on how a
// prompt was cut into passes, or on who shares a pass. Every instruction set of this machine, every
// fast type, windows whose rings wrap around, every type of KV cache.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <ostream>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "support/made_gguf.h"
#include "support/test_models.h"

namespace altteul::tests {
namespace {

using kernels::KernelTable;
using kernels::KvType;
using kernels::Precision;
using text::TokenId;

/// What may be wrong, or nothing.
std::string FirstDifference(std::span<const float> expected, std::span<const float> got,
                            size_t vocabulary) {
  if (expected.size() != got.size()) return "another number of logits";
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::memcmp(&expected[i], &got[i], sizeof(float)) == 0) continue;
    return "position " + std::to_string(i / vocabulary) + ", token " +
           std::to_string(i % vocabulary) + ": " + std::to_string(expected[i]) + " became " +
           std::to_string(got[i]);
  }
  return "";
}

/// Computes `tokens` in many ways and compares with one thread and a single pass.
void ExpectSameBits(const model::Model& model, const KernelTable& kernels,
                    const std::vector<TokenId>& tokens, const std::vector<size_t>& chunks,
                    KvType kv_type) {
  const size_t vocabulary = model.config.vocabulary;
  const size_t context = tokens.size() + 5;
  ThreadTeam alone(1), two(2), three(3);
  compute::CpuCompute one(kernels, alone);
  const auto expected = AllLogits(model, one, tokens, {.context = context, .kv_type = kv_type});
  const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
  ASSERT_GT(*high - *low, 0.5f) << "logits that say nothing";

  for (ThreadTeam* team : {&alone, &two, &three}) {
    compute::CpuCompute compute(kernels, *team);
    for (const size_t chunk : chunks) {
      if (chunk == 1 && team == &two) continue;
      // Token by token, the beginning is enough to go around a ring of 64, and much faster.
      const size_t n_tokens = chunk == 1 ? std::min<size_t>(80, tokens.size()) : tokens.size();
      const auto got = AllLogits(model, compute, std::span(tokens).first(n_tokens),
                                 {.context = context, .chunk = chunk, .kv_type = kv_type});
      EXPECT_EQ(FirstDifference(std::span(expected).first(n_tokens * vocabulary), got, vocabulary),
                "")
          << kernels.name << ", " << team->size() << " threads, passes of " << chunk;
    }
  }

  // Beside others, in the middle, first and last; the others begin or end in other passes.
  const size_t n = tokens.size();
  const std::vector<std::vector<TokenId>> sequences = {
      RandomTokens(n / 3 + 1, vocabulary, 77), tokens, RandomTokens(n / 2 + 1, vocabulary, 78),
      tokens};
  const std::vector<size_t> cuts = {4, 23, 9, 40};
  for (ThreadTeam* team : {&two, &three}) {
    compute::CpuCompute compute(kernels, *team);
    const auto got =
        BatchLogits(model, compute, sequences, cuts, {.context = context, .kv_type = kv_type});
    ASSERT_EQ(got.size(), sequences.size());
    for (const size_t s : {1u, 3u}) {
      EXPECT_EQ(FirstDifference(expected, got[s], vocabulary), "")
          << kernels.name << ", " << team->size() << " threads, sequence " << s << " of 4";
    }
  }
}

/// How many layers use pages again when `n_tokens` are computed in passes of `chunk`.
size_t LayersThatRecycle(compute::Compute& compute, const model::ModelConfig& config,
                         size_t n_tokens, size_t chunk) {
  auto made = engine::KvCache::Create(compute, config, KvType::kF16, n_tokens, chunk);
  if (!made.ok()) return 0;
  engine::KvCache cache = std::move(made).value();
  while (cache.length() < n_tokens) {
    const size_t rows = std::min(chunk, n_tokens - cache.length());
    if (!cache.Reserve(rows).ok()) return 0;
    cache.Advance(rows);
  }
  size_t n = 0;
  for (size_t layer = 0; layer < config.n_layers(); ++layer) {
    n += cache.pages(layer)[0].is_null();
  }
  return n;
}

struct FamilyCase {
  const char* model;
  bool recycles;  // has windows
};
void PrintTo(const FamilyCase& one, std::ostream* out) { *out << one.model; }

class SameBitsTest : public ::testing::TestWithParam<FamilyCase> {};

// f16, bf16 and f32 weights; windows of 8 over pages of 64, 140 tokens.
TEST_P(SameBitsTest, FamiliesInPlainTypes) {
  const auto folder = GoldenFolder() / "families" / GetParam().model;
  const auto gguf = folder / "model.gguf";
  const auto path = std::filesystem::exists(gguf) ? gguf : folder;
  for (const KernelTable* kernels : KernelsHere()) {
    ThreadTeam team(1);
    compute::CpuCompute compute(*kernels, team);
    const auto model = LoadBare(path.string(), compute, Precision::kFast);
    ASSERT_TRUE(model.ok()) << model.status().message();
    const model::Model& m = *model.value();
    const auto tokens = RandomTokens(140, m.config.vocabulary, 76);
    if (GetParam().recycles) {
      ASSERT_GT(LayersThatRecycle(compute, m.config, tokens.size(), 64), 0u);
    }
    ExpectSameBits(m, *kernels, tokens, {1, 7, 64, 0}, KvType::kF16);
    if (!GetParam().recycles) ExpectSameBits(m, *kernels, tokens, {7}, KvType::kF32);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SameBitsTest,
                         ::testing::Values(FamilyCase{"llama_linear", false},
                                           FamilyCase{"qwen3", false}, FamilyCase{"gemma2", true},
                                           FamilyCase{"phi3_window", true},
                                           FamilyCase{"exaone4_window", true},
                                           FamilyCase{"gemma3_two_heads", true},
                                           FamilyCase{"ernie4_5", false}),
                         [](const auto& one) { return std::string(one.param.model); });

/// A model of random weights in as many types as fit.
struct MixedCase {
  const char* name;
  std::span<const DType> (*types)();
};

class MixedModelTest : public ::testing::TestWithParam<MixedCase> {};

INSTANTIATE_TEST_SUITE_P(Types, MixedModelTest,
                         ::testing::Values(MixedCase{"FourBitsAndMore", RandomTypes},
                                           MixedCase{"FewBits", RandomFewBitTypes}),
                         [](const auto& one) { return std::string(one.param.name); });

// Types with a fast kernel, in layers of a local and a global kind.
TEST_P(MixedModelTest, HasTheSameBitsHoweverItIsCut) {
  const TempFolder folder;
  const std::string path = (folder.path() / "mixed.gguf").string();
  const Status written = WriteQuantizedModel(path, GetParam().types());
  ASSERT_TRUE(written.ok()) << written.message();
  for (const KernelTable* kernels : KernelsHere()) {
    ThreadTeam team(2);
    compute::CpuCompute compute(*kernels, team);
    const auto model = LoadBare(path, compute, Precision::kFast);
    ASSERT_TRUE(model.ok()) << model.status().message();
    const model::Model& m = *model.value();
    // The reference is slow; the others go past a segment of attention (512 keys).
    const bool reference = kernels == &kernels::kReferenceKernels;
    const auto tokens = RandomTokens(reference ? 100 : 540, m.config.vocabulary, 79);
    ASSERT_EQ(LayersThatRecycle(compute, m.config, tokens.size(), 7), 1u);
    const std::vector<size_t> chunks =
        reference ? std::vector<size_t>{7, 0} : std::vector<size_t>{1, 7, 64, 0};
    ExpectSameBits(m, *kernels, tokens, chunks, KvType::kQ8_0);
    if (!reference) ExpectSameBits(m, *kernels, tokens, {64}, KvType::kF16);
    if (!reference) ExpectSameBits(m, *kernels, tokens, {64}, KvType::kQ4_0);
  }
}

TEST_P(MixedModelTest, UsesEveryPanel) {
  const TempFolder folder;
  const std::string path = (folder.path() / "mixed.gguf").string();
  ASSERT_TRUE(WriteQuantizedModel(path, GetParam().types()).ok());
  for (const KernelTable* kernels : KernelsHere()) {
    if (kernels == &kernels::kReferenceKernels) continue;
    ThreadTeam team(1);
    compute::CpuCompute compute(*kernels, team);
    const auto model = LoadBare(path, compute, Precision::kFast);
    ASSERT_TRUE(model.ok()) << model.status().message();
    std::set<DType> grouped;
    for (const model::BlockWeights& w : model.value()->weights.blocks) {
      for (const auto* linear : {&w.q, &w.k, &w.v, &w.o, &w.gate, &w.up, &w.down}) {
        if (linear->w.form == kernels::RestForm::kGroups16) grouped.insert(linear->w.type);
      }
    }
    for (const DType type : GetParam().types()) {
      kernels::PanelKind panel{};
      const bool is_fast = kernels->fast_panel(type, &panel);
      EXPECT_EQ(grouped.count(type) == 1, is_fast) << TraitsOf(type).name << ", " << kernels->name;
    }
  }
}

// Fast arithmetic is close to the weights' own in f32: no panel is plainly wrong.
TEST_P(MixedModelTest, FastIsNearF32) {
  const TempFolder folder;
  const std::string path = (folder.path() / "mixed.gguf").string();
  ASSERT_TRUE(WriteQuantizedModel(path, GetParam().types()).ok());
  ThreadTeam team(2);
  compute::CpuCompute plain(kernels::kReferenceKernels, team);
  const auto truth = LoadBare(path, plain, Precision::kF32);
  ASSERT_TRUE(truth.ok()) << truth.status().message();
  const auto tokens = RandomTokens(80, truth.value()->config.vocabulary, 80);
  const auto expected = AllLogits(*truth.value(), plain, tokens, {.context = tokens.size()});
  double squares = 0;
  for (const float logit : expected) squares += static_cast<double>(logit) * logit;
  for (const KernelTable* kernels : KernelsHere()) {
    compute::CpuCompute compute(*kernels, team);
    const auto model = LoadBare(path, compute, Precision::kFast);
    ASSERT_TRUE(model.ok()) << model.status().message();
    const auto got = AllLogits(*model.value(), compute, tokens, {.context = tokens.size()});
    double error = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      const double off = static_cast<double>(got[i]) - static_cast<double>(expected[i]);
      error += off * off;
    }
    const double relative = std::sqrt(error / squares);
    RecordProperty("relative_" + std::string(kernels->name), std::to_string(relative));
    // 8-bit activations err by some 0.4 % of a product's size, once for each of the 15 products in
    // a row; random weights neither damp nor amplify much.
    EXPECT_LT(relative, 0.1) << kernels->name;
  }
}

/// Computes tokens [cache.length(), tokens.size()) in passes of 7; the logits of the last.
std::vector<float> GoOn(engine::Forward& forward, engine::KvCache& cache,
                        std::span<const TokenId> tokens) {
  std::vector<float> logits(forward.model().config.vocabulary);
  while (cache.length() < tokens.size()) {
    const auto rest = tokens.subspan(cache.length());
    const engine::SequenceInput input{.cache = &cache,
                                      .tokens = rest.first(std::min<size_t>(7, rest.size()))};
    const Status status = forward.Run({&input, 1});
    EXPECT_TRUE(status.ok()) << status.message();
    if (!status.ok()) break;
    EXPECT_TRUE(forward.Logits(input.tokens.size() - 1, 1, logits).ok());
  }
  return logits;
}

// A conversation that goes back and takes another turn: what was forgotten leaves no trace, and
// what a window has already lost is not given back.
TEST(SameBitsTest, ForgettingLeavesNoTrace) {
  const auto path = GoldenFolder() / "families" / "gemma2" / "model.gguf";
  for (const KernelTable* kernels : KernelsHere()) {
    ThreadTeam team(2);
    compute::CpuCompute compute(*kernels, team);
    const auto model = LoadBare(path.string(), compute, Precision::kFast);
    ASSERT_TRUE(model.ok()) << model.status().message();
    const model::Model& m = *model.value();
    const size_t vocabulary = m.config.vocabulary;
    const auto tokens = RandomTokens(150, vocabulary, 90);
    const auto forward = engine::Forward::Create(m, compute, 7, 200);
    ASSERT_TRUE(forward.ok()) << forward.status().message();
    auto made = engine::KvCache::Create(compute, m.config, KvType::kF16, 200, 7);
    ASSERT_TRUE(made.ok()) << made.status().message();
    engine::KvCache cache = std::move(made).value();
    const auto expected = GoOn(*forward.value(), cache, tokens);

    // A window of 8 and the page it begins in: positions 128 and on.
    EXPECT_FALSE(cache.TruncateTo(134)) << "lost to the window";
    EXPECT_EQ(cache.length(), 150u);
    ASSERT_TRUE(cache.TruncateTo(143)) << "a pass back";
    auto other = tokens;
    for (size_t i = 143; i < 149; ++i) other[i] = static_cast<TokenId>((other[i] + 1) % 96);
    GoOn(*forward.value(), cache, std::span(other).first(149));
    ASSERT_TRUE(cache.TruncateTo(143));
    EXPECT_EQ(FirstDifference(expected, GoOn(*forward.value(), cache, tokens), vocabulary), "");

    ASSERT_TRUE(cache.TruncateTo(0));
    EXPECT_EQ(FirstDifference(expected, GoOn(*forward.value(), cache, tokens), vocabulary), "");
  }
}

TEST(SameBitsSlowTest, SmolLm2) {
  std::string why_not;
  const auto path = RealModel("smollm2.gguf", &why_not);
  if (!path) GTEST_SKIP() << why_not;
  for (const KernelTable* kernels : KernelsHere()) {
    if (kernels == &kernels::kReferenceKernels) continue;
    ThreadTeam team(2);
    compute::CpuCompute compute(*kernels, team);
    const auto model = LoadBare(*path, compute, Precision::kFast);
    ASSERT_TRUE(model.ok()) << model.status().message();
    const auto tokens = RandomTokens(70, model.value()->config.vocabulary, 81);
    ExpectSameBits(*model.value(), *kernels, tokens, {7, 64}, KvType::kF16);
  }
}

}  // namespace
}  // namespace altteul::tests
