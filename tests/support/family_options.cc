// SPDX-License-Identifier: Apache-2.0

#include "support/family_options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <utility>

#include "model/family.h"

namespace altteul::tests {
namespace {

using kernels::Activation;
using kernels::RopePairs;
using model::AttentionPlan;
using model::BlockWeights;
using model::LayerPlan;
using model::Model;
using model::ModelConfig;
using model::PlainFrequencies;
using model::RopePlan;

void ForEachAttention(Model& model, const std::function<void(AttentionPlan&)>& edit) {
  for (LayerPlan& layer : model.config.layers) edit(*layer.attention());
}

size_t HeadDim(const Model& model) { return model.config.layers[0].attention()->key_dim; }

void ForEachWeights(Model& model, const std::function<void(BlockWeights&)>& edit) {
  for (BlockWeights& block : model.weights.blocks) edit(block);
}

void NoScaling(Model& model) {
  const double base = model.file->RequiredFloat("rope.freq_base").value();
  RopePlan& rope = model.config.ropes[0];
  rope.frequencies = PlainFrequencies(base, rope.n_rotated());
  rope.frequencies_long.clear();
  rope.magnitude = 1.0;
}

// Rotates the whole head, the factors of the last pair repeated for the pairs added.
void FullRotary(Model& model) {
  const double base = model.file->RequiredFloat("rope.freq_base").value();
  RopePlan& rope = model.config.ropes[0];
  const std::vector<double> partial = PlainFrequencies(base, rope.n_rotated());
  for (std::vector<double>* list : {&rope.frequencies, &rope.frequencies_long}) {
    std::vector<double> whole = PlainFrequencies(base, HeadDim(model));
    for (size_t i = 0; i < whole.size(); ++i) {
      const size_t from = std::min(i, partial.size() - 1);
      whole[i] /= partial[from] / (*list)[from];
    }
    *list = std::move(whole);
  }
}

// An output matrix of its own: the embeddings of other tokens.
void Untie(Model& model, Buffer& memory) {
  kernels::WeightMatrix& head = model.weights.output.w;
  const size_t row_bytes = *RowBytes(head.type, head.cols);
  auto allocated = Buffer::Allocate(head.rows * row_bytes, "a head of its own");
  ASSERT_TRUE(allocated.ok());
  ASSERT_EQ(head.form, kernels::RestForm::kFileRows) << "load with Precision::kF32";
  memory = std::move(allocated).value();
  std::byte* rows = memory.mutable_bytes().data();
  std::memcpy(rows, head.data + (head.rows - 1) * row_bytes, row_bytes);
  std::memcpy(rows + row_bytes, head.data, (head.rows - 1) * row_bytes);
  head.data = rows;
}

void NoBiases(Model& model) {
  ForEachWeights(model, [](BlockWeights& w) {
    for (const model::MatrixRow& row : model::kMatrices) w.at(row.role).bias = nullptr;
  });
}

void PairsOf(Model& model, RopePairs pairs) {
  for (RopePlan& rope : model.config.ropes) rope.pairs = pairs;
}

// The local layers' width of a head where the global ones' belongs.
void GlobalRopeAsLocal(Model& model) {
  const double base = model.file->RequiredFloat("rope.freq_base").value();
  RopePlan& rope = model.config.ropes[0];
  const double factor = PlainFrequencies(base, rope.n_rotated())[0] / rope.frequencies[0];
  const auto width = static_cast<double>(HeadDim(model));
  for (size_t i = 0; i < rope.frequencies.size(); ++i) {
    rope.frequencies[i] = std::pow(base, -2.0 * static_cast<double>(i) / width) / factor;
  }
}

void WindowsEverywhere(Model& model) {
  const AttentionPlan local = *model.config.layers[0].attention();
  ForEachAttention(model, [&](AttentionPlan& plan) {
    plan.window = local.window;
    if (plan.rope) plan.rope = local.rope;  // exaone4's global layers have none and get none
  });
}

void OtherActivation(Model& model) {
  for (LayerPlan& layer : model.config.layers) {
    Activation& activation = layer.dense()->activation;
    activation = activation == Activation::kSilu ? Activation::kGeluTanh : Activation::kSilu;
  }
}

void OtherAttentionScale(Model& model) {
  // gemma2's as if from head_dim, gemma3's as if from another query_pre_attn_scalar.
  const double dim = model.config.family == "gemma2" ? static_cast<double>(HeadDim(model)) : 256.0;
  ForEachAttention(
      model, [dim](AttentionPlan& plan) { plan.scale = static_cast<float>(1.0 / std::sqrt(dim)); });
}

void ScaleLocalLayersToo(Model& model) {
  const double base = model.file->RequiredFloat("rope.freq_base").value();
  const double factor =
      PlainFrequencies(base, HeadDim(model))[0] / model.config.ropes[0].frequencies[0];
  for (double& frequency : model.config.ropes[1].frequencies) frequency /= factor;
}

void LocalBaseAsGlobal(Model& model) {
  const double base = model.file->RequiredFloat("rope.freq_base").value();
  model.config.ropes[1].frequencies = PlainFrequencies(base, HeadDim(model));
}

const std::map<std::string, std::function<void(Model&)>>& Edits() {
  static const std::map<std::string, std::function<void(Model&)>> edits = {
      {"rope", [](Model& m) { ForEachAttention(m, [](AttentionPlan& b) { b.rope.reset(); }); }},
      {"rope_pairs_are_halves", [](Model& m) { PairsOf(m, RopePairs::kInterleaved); }},
      {"rope_pairs_are_interleaved", [](Model& m) { PairsOf(m, RopePairs::kHalves); }},
      {"activation", OtherActivation},
      {"window", [](Model& m) { ForEachAttention(m, [](AttentionPlan& b) { b.window = 0; }); }},
      {"window_bound",
       [](Model& m) { ForEachAttention(m, [](AttentionPlan& b) { b.window += b.window != 0; }); }},
      {"global_layers", WindowsEverywhere},
      {"no_window_on_global_layers",
       [](Model& m) {
         const size_t window = m.config.layers[0].attention()->window;
         ForEachAttention(m, [window](AttentionPlan& b) { b.window = window; });
       }},
      {"global_rope_width", GlobalRopeAsLocal},
      {"no_rope_on_global_layers",
       [](Model& m) { ForEachAttention(m, [](AttentionPlan& b) { b.rope = 0; }); }},
      {"qk_norm",
       [](Model& m) { ForEachAttention(m, [](AttentionPlan& b) { b.qk_norm = false; }); }},
      {"post_attention_norm",
       [](Model& m) { ForEachWeights(m, [](BlockWeights& w) { w.attn_post_norm = nullptr; }); }},
      {"post_feedforward_norm",
       [](Model& m) { ForEachWeights(m, [](BlockWeights& w) { w.ffn_post_norm = nullptr; }); }},
      {"embedding_scale", [](Model& m) { m.config.embedding_scale = 1.0f; }},
      {"norm_plus_one", [](Model& m) { m.config.norm_weight_offset = 0.0f; }},
      {"attention_softcap",
       [](Model& m) { ForEachAttention(m, [](AttentionPlan& b) { b.softcap = 0.0f; }); }},
      {"final_softcap", [](Model& m) { m.config.final_softcap = 0.0f; }},
      {"attention_scale", OtherAttentionScale},
      {"rope_scaling", NoScaling},
      {"rope_scaling_global_only", ScaleLocalLayersToo},
      {"local_rope_base", LocalBaseAsGlobal},
      {"partial_rotary", FullRotary},
      {"attention_factor", [](Model& m) { m.config.ropes[0].magnitude = 1.0; }},
      {"long_and_short_factors",
       [](Model& m) {
         std::swap(m.config.ropes[0].frequencies, m.config.ropes[0].frequencies_long);
       }},
      {"gate_before_up",
       [](Model& m) { ForEachWeights(m, [](BlockWeights& w) { std::swap(w.gate, w.up); }); }},
      {"biases", NoBiases},
  };
  return edits;
}

}  // namespace

bool TurnOff(const std::string& option, Model& model, Buffer& memory) {
  if (option == "tied_embeddings") {
    Untie(model, memory);
    return true;
  }
  const auto edit = Edits().find(option);
  if (edit == Edits().end()) return false;
  edit->second(model);
  return true;
}

}  // namespace altteul::tests
