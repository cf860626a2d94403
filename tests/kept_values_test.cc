// SPDX-License-Identifier: Apache-2.0

// A pass whose values are all kept gives the same bits as one that keeps none, and what it keeps is
// what it says; and how often threads wait for each other in a layer.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "compute/cpu_compute.h"
#include "compute/cpu_player.h"
#include "engine/forward.h"
#include "engine/pass_writer.h"
#include "support/family_golden.h"
#include "support/test_models.h"
#include "tensor/buffer.h"

namespace altteul::tests {
namespace {

using compute::CpuCompute;
using compute::CpuPlayer;
using compute::Floats;
using compute::Linear;
using engine::KvCache;
using engine::LayerActivations;
using engine::PassWriter;
using kernels::KernelTable;
using kernels::KvType;
using kernels::Precision;
using model::AttentionPlan;
using model::MatrixRole;
using text::TokenId;

constexpr size_t kContext = 64, kMostRows = 40;

/// A model with what a pass needs, on the processor, where a test may look at every value.
struct Bench {
  ThreadTeam team{2};
  CpuCompute compute;
  std::unique_ptr<model::Model> model;
  std::vector<engine::RopeAngles> ropes;
  std::vector<LayerActivations> layers;  // kept, one a layer
  LayerActivations shared;
  Floats x, last, logits;
  compute::Memory memory;
  std::unique_ptr<CpuPlayer> player;
  std::vector<KvCache> caches;  // one

  Bench(const std::string& family, const KernelTable& kernels, Precision precision)
      : compute(kernels, team) {
    model = std::move(LoadBare(ReadFamilyGolden(family).folder, compute, precision)).value();
    for (const model::RopePlan& plan : config().ropes) {
      ropes.push_back({.frequencies = &plan.frequencies, .magnitude = plan.magnitude});
    }
    compute::Carver sizes;
    Carve(sizes);
    memory = std::move(compute.Allocate(sizes.used(), "a test")).value();
    compute::Carver places(memory.at);
    Carve(places);
    caches.push_back(
        std::move(KvCache::Create(compute, config(), KvType::kF32, kContext, kMostRows)).value());
    player = std::move(CpuPlayer::Create(kernels, team, Limits())).value();
  }

  const model::ModelConfig& config() const { return model->config; }

  void Carve(compute::Carver& carver) {
    layers.clear();
    for (size_t layer = 0; layer < config().n_layers(); ++layer) {
      layers.push_back(LayerActivations::Kept(carver, config(), layer, kMostRows));
    }
    shared = LayerActivations::OnePass(carver, config(), kMostRows);
    for (engine::RopeAngles& rope : ropes) {
      rope.cos = carver.Take<float>(kMostRows * rope.frequencies->size());
      rope.sin = carver.Take<float>(kMostRows * rope.frequencies->size());
    }
    x = carver.Take<float>(kMostRows * config().hidden);
    last = carver.Take<float>(kMostRows * config().hidden);
    logits = carver.Take<float>(kMostRows * config().vocabulary);
  }

  compute::TapeLimits Limits() const {
    return {.max_rows = kMostRows,
            .widest = std::max(config().hidden, config().Most(&AttentionPlan::mix_width)),
            .widest_glu = config().widest_inner(),
            .widest_head = config().widest_head(),
            .most_heads = config().layers[0].attention()->n_heads,
            .longest = kContext};
  }

  std::vector<kernels::SequenceRows> Sequence(size_t layer, size_t n) {
    return {{.layout = caches[0].layout(layer),
             .pages = compute::PageTable(caches[0].pages(layer)),
             .page_offset = caches[0].page_offset(layer),
             .n_rows = n,
             .first_position = caches[0].length()}};
  }

  /// One pass that keeps everything. The logits behind each token.
  std::vector<float> Keep(std::span<const TokenId> tokens) {
    EXPECT_TRUE(caches[0].Reserve(tokens.size()).ok());
    std::vector<size_t> positions(tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) positions[i] = caches[0].length() + i;
    std::vector<std::vector<kernels::SequenceRows>> sequences;
    for (size_t layer = 0; layer < layers.size(); ++layer) {
      sequences.push_back(Sequence(layer, tokens.size()));
    }
    compute::Tape tape;
    tape.Clear(tokens.size());
    PassWriter writer(*model, ropes, nullptr, tape);
    writer.Embed(tokens, x);
    writer.Angles(positions);
    for (size_t layer = 0; layer < layers.size(); ++layer) {
      writer.Layer(layer, sequences[layer], layers[layer], x);
    }
    writer.LastNorm(x, last);
    tape.Add(compute::ProductsStep{
        .in = last,
        .outputs = {compute::Output{.linear = &model->weights.output, .out = logits}},
        .n_outputs = 1});
    if (config().final_softcap != 0) {
      tape.Add(compute::SoftcapStep{
          .x = logits, .width = config().vocabulary, .cap = config().final_softcap});
    }
    EXPECT_TRUE(player->Play(tape).ok());
    caches[0].Advance(tokens.size());
    const auto all = Values(logits, tokens.size() * config().vocabulary);
    return {all.begin(), all.end()};
  }

  static std::span<const float> Values(Floats floats, size_t n) { return {floats.place(), n}; }

  /// linear(in) by one thread, with the kernels alone.
  std::vector<float> Product(const Linear& linear, Floats in, size_t n_rows) {
    const size_t cols = linear.w.cols, rows = linear.w.rows;
    std::vector<int8_t> q8(n_rows * cols);
    std::vector<float> scale(n_rows * (cols / 32 + 1)), offset(scale.size());
    std::vector<int32_t> sum16(n_rows * (cols / 16 + 1));
    std::vector<uint16_t> bf16(n_rows * cols);
    const kernels::PreparedRows prepared = {.n_rows = n_rows,
                                            .cols = cols,
                                            .f32 = in.place(),
                                            .q8 = q8.data(),
                                            .q8_scale = scale.data(),
                                            .q8_sum16 = sum16.data(),
                                            .q8_offset = offset.data(),
                                            .bf16 = bf16.data()};
    const auto& kernels = compute.kernels();
    kernels.prepare(prepared,
                    {.q8 = linear.w.panel == kernels::PanelKind::kP8,
                     .bf16 = linear.w.panel == kernels::PanelKind::kP16},
                    kernels::ShareBy::kRows, 0, 1);
    Buffer scratch =
        std::move(Buffer::Allocate(kernels::LinearScratchBytes(cols), "a test")).value();
    std::vector<float> out(n_rows * rows);
    kernels.linear({.w = &linear.w,
                    .x = &prepared,
                    .out = out.data(),
                    .out_stride = rows,
                    .bias = linear.bias},
                   scratch.mutable_bytes(), 0, 1);
    return out;
  }
  std::vector<float> Product(size_t layer, MatrixRole role, Floats in, size_t n_rows) {
    return Product(model->weights.blocks[layer].at(role), in, n_rows);
  }
};

// Norms before q and k, behind the parts, soft caps, windows, biases: each in one of these.
class KeptValuesTest : public ::testing::TestWithParam<const char*> {
 protected:
  /// The reference, and the fastest kernels here, which fast weights suit.
  template <typename Check>
  void OnBoth(const Check& check) {
    for (const KernelTable* kernels : {KernelsHere().front(), KernelsHere().back()}) {
      for (const Precision precision : {Precision::kF32, Precision::kFast}) {
        SCOPED_TRACE(std::string(kernels->name) +
                     (precision == Precision::kFast ? ", fast" : ", f32"));
        Bench bench(GetParam(), *kernels, precision);
        check(bench);
      }
    }
  }
  static std::vector<TokenId> Tokens(const Bench& bench, size_t n) {
    return RandomTokens(n, bench.config().vocabulary, 8);
  }
};

TEST_P(KeptValuesTest, KeepingChangesNoBit) {
  OnBoth([&](Bench& bench) {
    // Passes of many rows, of some, and of one, of which threads may make copies otherwise.
    const auto tokens = Tokens(bench, kMostRows + 8);
    const auto expected =
        AllLogits(*bench.model, bench.compute, tokens, {.context = kContext, .chunk = kMostRows});
    std::vector<float> kept;
    size_t first = 0;
    for (const size_t n : {kMostRows, size_t{7}, size_t{1}}) {
      const auto logits = bench.Keep(std::span(tokens).subspan(first, n));
      kept.insert(kept.end(), logits.begin(), logits.end());
      first += n;
    }
    EXPECT_TRUE(kept == expected);
  });
}

TEST_P(KeptValuesTest, ProductsAreThoseOfWhatTheyRead) {
  constexpr size_t kN = 33;
  OnBoth([&](Bench& bench) {
    bench.Keep(Tokens(bench, kN));
    for (size_t layer = 0; layer < bench.layers.size(); ++layer) {
      const LayerActivations& values = bench.layers[layer];
      const bool has_pre_norm = bench.config().layers[layer].pre_norm;
      struct Row {
        MatrixRole role;
        Floats in, out;
      };
      std::vector<Row> rows = {{MatrixRole::kO, values.mix, values.attn_out},
                               {MatrixRole::kDown, values.inner, values.ffn_out}};
      if (has_pre_norm) {  // else the residual stream is read, which went on
        rows.insert(rows.end(), {{MatrixRole::kQ, values.attn_in, values.q},
                                 {MatrixRole::kV, values.attn_in, values.v},
                                 {MatrixRole::kGate, values.ffn_in, values.gate}});
      }
      const bool adds_in_place = !bench.config().layers[layer].post_norm;
      for (const Row& row : rows) {
        const bool is_added = row.role == MatrixRole::kO || row.role == MatrixRole::kDown;
        if (is_added && adds_in_place) continue;  // its product need not be kept
        const auto expected = bench.Product(layer, row.role, row.in, kN);
        const auto kept = Bench::Values(row.out, expected.size());
        EXPECT_TRUE(std::equal(kept.begin(), kept.end(), expected.begin()))
            << "layer " << layer << ", matrix "
            << model::kMatrices[static_cast<size_t>(row.role)].name;
      }
    }
  });
}

TEST_P(KeptValuesTest, HeadsAreTurnedAndGatesTakenBehindWhatIsKept) {
  constexpr size_t kN = 33;
  OnBoth([&](Bench& bench) {
    const KernelTable& kernels = bench.compute.kernels();
    bench.Keep(Tokens(bench, kN));
    for (size_t layer = 0; layer < bench.layers.size(); ++layer) {
      const LayerActivations& values = bench.layers[layer];
      const AttentionPlan& plan = *bench.config().layers[layer].attention();
      const auto q = Bench::Values(values.q, kN * plan.q_width());
      std::vector<float> turned(q.begin(), q.end());
      if (plan.qk_norm) {
        kernels.rms_norm({.in = q.data(),
                          .out = turned.data(),
                          .n_rows = kN * plan.n_heads,
                          .width = plan.key_dim,
                          .weight = bench.model->weights.blocks[layer].q_norm,
                          .weight_offset = bench.config().norm_weight_offset,
                          .eps = bench.config().norm_eps},
                         0, 1);
      }
      if (plan.rope) {
        const engine::RopeAngles& rope = bench.ropes[*plan.rope];
        kernels.rope({.x = turned.data(),
                      .n_rows = kN,
                      .n_heads = plan.n_heads,
                      .head_dim = plan.key_dim,
                      .n_rotated = 2 * rope.frequencies->size(),
                      .pairs = bench.config().ropes[*plan.rope].pairs,
                      .cos = rope.cos.place(),
                      .sin = rope.sin.place()},
                     0, 1);
      }
      if (plan.qk_norm || plan.rope) {
        const auto kept = Bench::Values(values.turned_q, turned.size());
        EXPECT_TRUE(std::equal(kept.begin(), kept.end(), turned.begin())) << layer;
        EXPECT_FALSE(std::equal(q.begin(), q.end(), turned.begin())) << layer;
      }

      const model::DensePlan& dense = *bench.config().layers[layer].dense();
      std::vector<float> inner(kN * dense.inner);
      kernels.glu({.gate = values.gate.place(),
                   .up = values.up.place(),
                   .out = inner.data(),
                   .n_rows = kN,
                   .width = dense.inner,
                   .activation = dense.activation},
                  0, 1);
      const auto kept = Bench::Values(values.inner, inner.size());
      EXPECT_TRUE(std::equal(kept.begin(), kept.end(), inner.begin())) << layer;
    }
  });
}

/// One head of one row by hand, in double, from what was kept.
void ExpectHead(Bench& bench, size_t layer, size_t row, size_t head) {
  const LayerActivations& values = bench.layers[layer];
  const AttentionPlan& plan = *bench.config().layers[layer].attention();
  const bool turns = plan.qk_norm || plan.rope.has_value();
  const float* q =
      (turns ? values.turned_q : values.q).place() + row * plan.q_width() + head * plan.key_dim;
  const size_t kv_head = head / (plan.n_heads / plan.n_kv_heads);
  const float* k = (turns ? values.turned_k : values.k).place() + kv_head * plan.key_dim;
  const float* v = values.v.place() + kv_head * plan.value_dim;
  const float* sums = values.row_sums.place() + (row * plan.n_heads + head) * 2;
  const size_t first = plan.window == 0 || row < plan.window ? 0 : row - plan.window + 1;
  std::vector<double> out(plan.value_dim);
  double total = 0, largest_score = 0, largest_value = 0;
  for (size_t key = first; key <= row; ++key) {
    double score = 0;
    for (size_t d = 0; d < plan.key_dim; ++d) {
      score += static_cast<double>(q[d]) * static_cast<double>(k[key * plan.k_width() + d]);
    }
    score *= static_cast<double>(plan.scale);
    const auto cap = static_cast<double>(plan.softcap);
    if (cap != 0) score = cap * std::tanh(score / cap);
    const double weight =
        std::exp(score - static_cast<double>(sums[0])) / static_cast<double>(sums[1]);
    total += weight;
    largest_score = std::max(largest_score, std::abs(score));
    for (size_t d = 0; d < plan.value_dim; ++d) {
      const auto value = static_cast<double>(v[key * plan.v_width() + d]);
      out[d] += weight * value;
      largest_value = std::max(largest_value, std::abs(value));
    }
  }
  // A score of key_dim terms is off by so many roundings of its size, its weight by as much again
  // as the score is large; sums over keys add one rounding each.
  const double limit =
      (static_cast<double>(plan.key_dim) * (1 + largest_score) + static_cast<double>(row + 1)) *
      0x1p-23;
  EXPECT_NEAR(total, 1.0, limit) << "layer " << layer << ", row " << row << ", head " << head;
  for (size_t d = 0; d < plan.value_dim; ++d) {
    EXPECT_NEAR(values.mix.place()[row * plan.mix_width() + head * plan.value_dim + d], out[d],
                limit * largest_value)
        << "layer " << layer << ", row " << row << ", head " << head << ", " << d;
  }
}

TEST_P(KeptValuesTest, RowSumsGiveTheWeightsOfAttention) {
  constexpr size_t kN = 33;
  OnBoth([&](Bench& bench) {
    bench.Keep(Tokens(bench, kN));
    for (size_t layer = 0; layer < bench.layers.size(); ++layer) {
      const AttentionPlan& plan = *bench.config().layers[layer].attention();
      for (const size_t row : {size_t{0}, size_t{5}, kN - 1}) {
        for (size_t head = 0; head < plan.n_heads; ++head) ExpectHead(bench, layer, row, head);
      }
    }
  });
}

std::string NameOf(const ::testing::TestParamInfo<const char*>& one) { return one.param; }

INSTANTIATE_TEST_SUITE_P(Families, KeptValuesTest,
                         ::testing::Values("llama2", "qwen2", "qwen3", "gemma2", "gemma3",
                                           "exaone4_window"),
                         NameOf);

// --- barriers ------------------------------------------------------------------------------------

/// Barriers that one layer more adds to a tape of `n_rows`.
size_t BarriersOfLayer(const char* family, size_t n_rows) {
  Bench bench(family, kernels::kReferenceKernels, Precision::kF32);
  EXPECT_TRUE(bench.caches[0].Reserve(n_rows).ok());
  const std::vector<size_t> positions(n_rows);
  size_t n_barriers[2];
  for (const size_t n_layers : {1, 2}) {
    const auto first = bench.Sequence(0, n_rows), second = bench.Sequence(1, n_rows);
    compute::Tape tape;
    tape.Clear(n_rows);
    // As Forward::Run() does.
    const Floats passing[] = {bench.x, bench.shared.attn_in, bench.shared.mix};
    tape.SetPassing(passing);
    PassWriter writer(*bench.model, bench.ropes, nullptr, tape);
    writer.Angles(positions);
    writer.Layer(0, first, bench.shared, bench.x);
    if (n_layers == 2) writer.Layer(1, second, bench.shared, bench.x);
    EXPECT_TRUE(bench.player->Play(tape).ok());
    n_barriers[n_layers - 1] = bench.player->barriers_of_last_tape();
  }
  return n_barriers[1] - n_barriers[0];
}

TEST(BarriersTest, ALayerHasNineForManyRowsAndSixForOne) {
  // Without and with norms behind the two parts.
  for (const char* family : {"llama2", "qwen3", "gemma2", "gemma3"}) {
    EXPECT_EQ(BarriersOfLayer(family, 5), 9u) << family;
    EXPECT_EQ(BarriersOfLayer(family, 1), 6u) << family;
  }
}

}  // namespace
}  // namespace altteul::tests
