// SPDX-License-Identifier: Apache-2.0

// Adapters for some rows of a pass: W x + B (A x), for these rows and no others.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "compute/cpu_compute.h"
#include "compute/fenced_compute.h"
#include "engine/test_model.h"
#include "kernels/codecs/codec.h"
#include "support/test_models.h"

namespace altteul::tests {
namespace {

using compute::AdapterRows;
using compute::CpuCompute;
using compute::FencedCompute;
using compute::Linear;
using engine::Adapters;
using engine::KvCache;
using engine::SequenceInput;
using kernels::KernelTable;
using kernels::KvType;
using kernels::Precision;
using model::MatrixRole;
using text::TokenId;

constexpr size_t kRank = 6, kContext = 96, kMostRows = 96;

/// A and B of every matrix of a model.
class Lora {
 public:
  Lora(const model::Model& model, DType type, uint64_t seed, const KernelTable& kernels) {
    for (size_t layer = 0; layer < model.config.n_layers(); ++layer) {
      ForEachMatrix(model.weights.blocks[layer], [&](MatrixRole role, const Linear& linear) {
        Pair& pair = pairs_[{layer, role}];
        const std::string name = std::to_string(layer) + " " +
                                 std::string(model::kMatrices[static_cast<size_t>(role)].name);
        pair.a = Random(type, kRank, linear.w.cols, seed, name + " A", kernels, pair.a_bytes);
        pair.b = Random(type, linear.w.rows, kRank, seed, name + " B", kernels, pair.b_bytes);
      });
    }
  }

  /// On these rows of a pass, behind those that `adapters` has already.
  void Add(size_t first_row, size_t n_rows, Adapters& adapters) const {
    for (const auto& [place, pair] : pairs_) {
      const auto before = adapters.Of(place.first, place.second);
      std::vector<AdapterRows> rows(before.begin(), before.end());
      rows.push_back({.first_row = first_row, .n_rows = n_rows, .a = &pair.a, .b = &pair.b});
      adapters.Set(place.first, place.second, std::move(rows));
    }
  }

  std::vector<std::unique_ptr<compute::Owned>> HandOver(compute::Compute& compute) const {
    std::vector<std::unique_ptr<compute::Owned>> held;
    for (const auto& [place, pair] : pairs_) {
      for (const auto* bytes : {&pair.a_bytes, &pair.b_bytes}) {
        held.push_back(std::move(compute.Hold(*bytes)).value());
      }
    }
    return held;
  }

  /// W + B A, in f32, in place of W. @param kept  takes what the model then refers to
  void MergeInto(model::Model& model, std::vector<std::vector<float>>& kept) const {
    for (const auto& [place, pair] : pairs_) {
      kernels::WeightMatrix& w = model.weights.blocks[place.first].at(place.second).w;
      std::vector<float>& merged = kept.emplace_back(Decoded(w));
      const std::vector<float> a = Decoded(pair.a.w), b = Decoded(pair.b.w);
      for (size_t row = 0; row < w.rows; ++row) {
        for (size_t col = 0; col < w.cols; ++col) {
          double sum = merged[row * w.cols + col];
          for (size_t r = 0; r < kRank; ++r) {
            sum +=
                static_cast<double>(b[row * kRank + r]) * static_cast<double>(a[r * w.cols + col]);
          }
          merged[row * w.cols + col] = static_cast<float>(sum);
        }
      }
      w.type = DType::kF32;
      w.data = reinterpret_cast<const std::byte*>(merged.data());
    }
  }

 private:
  struct Pair {
    Linear a, b;
    std::vector<std::byte> a_bytes, b_bytes;
  };

  static std::vector<float> Decoded(const kernels::WeightMatrix& w) {
    std::vector<float> values(w.rows * w.cols);
    kernels::FindCodec(w.type)->decode(w.data, values.size(), values.data());
    return values;
  }
  static Linear Random(DType type, size_t rows, size_t cols, uint64_t seed, const std::string& name,
                       const KernelTable& kernels, std::vector<std::byte>& bytes) {
    const RandomStream random(seed, name);
    std::vector<float> values(rows * cols);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = 0.5f / std::sqrt(static_cast<float>(cols)) * random.Normal(i);
    }
    bytes.resize(rows * *RowBytes(type, cols));
    kernels::FindCodec(type)->encode(values.data(), values.size(), bytes.data());
    const bool is_half = type != DType::kF32;
    return {.w = {.type = type,
                  .panel = is_half ? kernels::HalfPanel(kernels) : kernels::PanelKind::kP32,
                  .rows = rows,
                  .cols = cols,
                  .data = bytes.data()}};
  }

  std::map<std::pair<size_t, MatrixRole>, Pair> pairs_;
};

/// Two sequences side by side, the second one longer, in passes of `chunks` tokens of each.
struct Text {
  std::vector<TokenId> tokens[2];
  size_t chunks[2];
};

/// @param loras  of each sequence; null: none
/// @return the logits behind every token of each sequence
std::vector<std::vector<float>> Compute(const model::Model& model, compute::Compute& compute,
                                        const Text& text, const Lora* const (&loras)[2]) {
  const size_t vocabulary = model.config.vocabulary;
  auto forward =
      std::move(engine::Forward::Create(model, compute, kMostRows, kContext, kRank)).value();
  std::vector<KvCache> caches;
  std::vector<std::vector<float>> logits(2);
  for (size_t s = 0; s < 2; ++s) {
    caches.push_back(
        std::move(KvCache::Create(compute, model.config, KvType::kF32, kContext, kMostRows))
            .value());
    logits[s].resize(text.tokens[s].size() * vocabulary);
  }
  for (;;) {
    std::vector<SequenceInput> inputs;
    std::vector<size_t> owners;
    Adapters adapters;
    size_t n_rows = 0;
    for (size_t s = 0; s < 2; ++s) {
      const auto rest = std::span(text.tokens[s]).subspan(caches[s].length());
      if (rest.empty()) continue;
      const auto now = rest.first(std::min(rest.size(), text.chunks[s]));
      if (loras[s] != nullptr) loras[s]->Add(n_rows, now.size(), adapters);
      n_rows += now.size();
      inputs.push_back({.cache = &caches[s], .tokens = now});
      owners.push_back(s);
    }
    if (inputs.empty()) return logits;
    const Status run = forward->Run(inputs, &adapters);
    EXPECT_TRUE(run.ok()) << run.message();
    if (!run.ok()) return {};
    size_t row = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const size_t n = inputs[i].tokens.size(), first = inputs[i].cache->length() - n;
      const auto out = std::span(logits[owners[i]]).subspan(first * vocabulary, n * vocabulary);
      EXPECT_TRUE(forward->Logits(row, n, out).ok());
      row += n;
    }
  }
}

class AdaptersTest : public ::testing::TestWithParam<DType> {
 protected:
  AdaptersTest() { EXPECT_TRUE(engine::testing::WriteTestModel(path_, {.layers = 2}).ok()); }
  std::unique_ptr<model::Model> Load(compute::Compute& compute) {
    return std::move(LoadBare(path_, compute, Precision::kF32)).value();
  }
  static Text Tokens(size_t first_chunk, size_t second_chunk) {
    return {{RandomTokens(20, engine::testing::kVocabulary, 1),
             RandomTokens(50, engine::testing::kVocabulary, 2)},
            {first_chunk, second_chunk}};
  }

  engine::testing::TestFolder folder_;
  const std::string path_ = folder_.Path("model.gguf");
};

TEST_P(AdaptersTest, AreWhatTheirProductAddedToTheMatrixWouldBe) {
  for (const KernelTable* kernels : KernelsHere()) {
    SCOPED_TRACE(kernels->name);
    ThreadTeam team(2);
    CpuCompute compute(*kernels, team);
    const auto model = Load(compute), merged = Load(compute);
    // A and B in bf16 pairs would round what they read.
    const Lora lora(*model, GetParam(), 1, kernels::kReferenceKernels);
    std::vector<std::vector<float>> kept;
    lora.MergeInto(*merged, kept);
    const Text text = Tokens(20, 50);
    const auto plain = Compute(*model, compute, text, {nullptr, nullptr});
    const auto adapted = Compute(*model, compute, text, {nullptr, &lora});
    const auto expected = Compute(*merged, compute, text, {nullptr, nullptr});
    ASSERT_FALSE(adapted.empty());
    EXPECT_EQ(adapted[0], plain[0]) << "rows without an adapter keep their bits";
    float largest = 0;
    for (const float logit : expected[1]) largest = std::max(largest, std::abs(logit));
    // Sums of 64 to 128 products in another order, through two layers: some hundred roundings.
    const double limit = 256 * 0x1p-23 * static_cast<double>(largest);
    EXPECT_LT(LargestDifference(adapted[1], expected[1]), limit);
    EXPECT_GT(LargestDifference(adapted[1], plain[1]), 100 * limit);
  }
}

TEST_P(AdaptersTest, GiveTheSameBitsHoweverThePassIsCutAndShared) {
  for (const KernelTable* kernels : {KernelsHere().front(), KernelsHere().back()}) {
    SCOPED_TRACE(kernels->name);
    std::vector<std::vector<float>> expected;
    for (const int n_threads : {1, 2, 3}) {
      ThreadTeam team(n_threads);
      CpuCompute compute(*kernels, team);
      const auto model = Load(compute);
      const Lora one(*model, GetParam(), 1, *kernels), two(*model, GetParam(), 2, *kernels);
      // In the end a single row is left, of which threads may take all.
      for (const auto& [first, second] : {std::pair<size_t, size_t>{20, 50}, {7, 16}, {20, 1}}) {
        const auto logits = Compute(*model, compute, Tokens(first, second), {&one, &two});
        if (expected.empty()) expected = logits;
        ASSERT_EQ(logits.size(), 2u);
        for (size_t s = 0; s < 2; ++s) {
          EXPECT_TRUE(logits[s] == expected[s]) << n_threads << " threads, chunks of " << first
                                                << " and " << second << ", sequence " << s;
        }
      }
    }
  }
}

TEST_P(AdaptersTest, OverTheFencedComputeTheyGiveTheReferencesBits) {
  ThreadTeam team(1);
  CpuCompute cpu(kernels::kReferenceKernels, team);
  FencedCompute fenced(team, 2);
  const auto on_cpu = Load(cpu), on_fenced = Load(fenced);
  const Lora lora(*on_cpu, GetParam(), 1, cpu.kernels());
  const auto held = lora.HandOver(fenced);
  const Text text = Tokens(7, 16);
  EXPECT_EQ(Compute(*on_fenced, fenced, text, {nullptr, &lora}),
            Compute(*on_cpu, cpu, text, {nullptr, &lora}));
}

TEST_P(AdaptersTest, ThatWereNotHandedOverFailThePass) {
  ThreadTeam team(1);
  FencedCompute fenced(team);
  const auto model = Load(fenced);
  const Lora lora(*model, GetParam(), 1, fenced.kernels());
  auto forward =
      std::move(engine::Forward::Create(*model, fenced, kMostRows, kContext, kRank)).value();
  auto cache =
      std::move(KvCache::Create(fenced, model->config, KvType::kF32, kContext, kMostRows)).value();
  const TokenId tokens[] = {1, 2, 3};
  const SequenceInput input{.cache = &cache, .tokens = tokens};
  Adapters adapters;
  lora.Add(0, 3, adapters);
  const Status status = forward->Run({&input, 1}, &adapters);
  EXPECT_NE(status.message().find("the A of an adapter"), std::string::npos) << status.message();
  EXPECT_TRUE(forward->Run({&input, 1}).ok());
}

INSTANTIATE_TEST_SUITE_P(Types, AdaptersTest, ::testing::Values(DType::kF32, DType::kF16),
                         [](const auto& one) { return std::string(TraitsOf(one.param).name); });

}  // namespace
}  // namespace altteul::tests
