// SPDX-License-Identifier: Apache-2.0

#include "compress/layer_groups.h"

#include "tensor/dtype.h"

namespace altteul::compress {
namespace {

using engine::BlockStep;
using kernels::WeightMatrix;
using model::BlockWeights;

constexpr model::Linear BlockWeights::*kLinears[] = {
    &BlockWeights::q,    &BlockWeights::k,  &BlockWeights::v,   &BlockWeights::o,
    &BlockWeights::gate, &BlockWeights::up, &BlockWeights::down};

/// The matrix at `data`, in the form of a file. Returns the byte behind it.
const std::byte* PointTo(DType type, const std::byte* data, WeightMatrix& matrix) {
  matrix.type = type;
  matrix.form = kernels::RestForm::kFileRows;
  matrix.data = data;
  return data + matrix.rows * *RowBytes(type, matrix.cols);
}

}  // namespace

std::vector<LayerGroup> GroupsOf(const model::ModelConfig& config) {
  using W = BlockWeights;
  std::vector<LayerTensor> qkv = {
      {"attn_q.weight", {&W::q}}, {"attn_k.weight", {&W::k}}, {"attn_v.weight", {&W::v}}};
  if (config.fused_qkv) qkv = {{"attn_qkv.weight", {&W::q, &W::k, &W::v}}};
  std::vector<LayerTensor> gate_up = {{"ffn_gate.weight", {&W::gate}}, {"ffn_up.weight", {&W::up}}};
  if (config.fused_gate_up) gate_up = {{"ffn_up.weight", {&W::gate, &W::up}}};
  return {
      {BlockStep::kAttentionInput, qkv, BlockStep::kAttentionInput, false},
      {BlockStep::kMix, {{"attn_output.weight", {&W::o}}}, BlockStep::kAttentionOutput, true},
      {BlockStep::kFeedForwardInput, gate_up, BlockStep::kFeedForwardInput, false},
      {BlockStep::kGate, {{"ffn_down.weight", {&W::down}}}, BlockStep::kFeedForwardOutput, true}};
}

std::string NameOf(size_t layer, const LayerTensor& tensor) {
  return "blk." + std::to_string(layer) + "." + tensor.name;
}

std::vector<std::string> NamesOf(size_t layer, const LayerGroup& group) {
  std::vector<std::string> names;
  for (const LayerTensor& tensor : group.tensors) names.push_back(NameOf(layer, tensor));
  return names;
}

double WeightsOf(const model::Weights& weights, size_t layer, BlockStep step) {
  const BlockWeights& w = weights.blocks[layer];
  const auto size = [](const model::Linear& l) {
    return static_cast<double>(l.w.rows) * static_cast<double>(l.w.cols);
  };
  switch (step) {
    case BlockStep::kMix:
      return size(w.q) + size(w.k) + size(w.v);
    case BlockStep::kAttentionOutput:
      return size(w.o);
    case BlockStep::kGate:
      return size(w.gate) + size(w.up);
    case BlockStep::kFeedForwardOutput:
      return size(w.down);
    case BlockStep::kAttentionInput:
    case BlockStep::kFeedForwardInput:
      break;
  }
  return 0;
}

double WeightsOf(const model::Weights& weights, size_t layer) {
  double sum = 0;
  for (const BlockStep step : {BlockStep::kMix, BlockStep::kAttentionOutput, BlockStep::kGate,
                               BlockStep::kFeedForwardOutput}) {
    sum += WeightsOf(weights, layer, step);
  }
  return sum;
}

void ReleaseLayer(const model::Checkpoint& file, size_t layer) {
  const std::string block = "blk." + std::to_string(layer) + ".";
  for (const auto& tensor : file.tensors()) {
    if (tensor.name.starts_with(block)) file.ReleasePages(tensor.view.bytes);
  }
}

ChangedModel::ChangedModel(const model::Model& original, kernels::PanelKind panel)
    : original_(&original) {
  const model::Weights& from = original.weights;
  model::Weights& weights = model_.weights;
  model_.config = original.config;
  weights.embedding = from.embedding;
  weights.output = from.output;
  weights.tied = from.tied;
  weights.output_norm = from.output_norm;
  weights.blocks = from.blocks;
  for (BlockWeights& block : weights.blocks) {
    for (const auto linear : kLinears) {
      WeightMatrix& w = (block.*linear).w;
      if (w.cols % 2 == 0) w.panel = panel;
    }
  }
  weights.resting_bytes = from.resting_bytes;
}

void ChangedModel::Replace(size_t layer, const LayerTensor& tensor, DType type,
                           const std::byte* rows) {
  for (const auto linear : tensor.linears) {
    rows = PointTo(type, rows, (model_.weights.blocks[layer].*linear).w);
  }
}

void ChangedModel::Restore(size_t layer, const LayerTensor& tensor) {
  for (const auto linear : tensor.linears) {
    const WeightMatrix& from = (original_->weights.blocks[layer].*linear).w;
    PointTo(from.type, from.data, (model_.weights.blocks[layer].*linear).w);
  }
}

void ChangedModel::ReplaceEmbedding(DType type, const std::byte* rows) {
  PointTo(type, rows, model_.weights.embedding);
  if (model_.weights.tied) ReplaceHead(type, rows);
}

void ChangedModel::RestoreEmbedding() {
  model_.weights.embedding = original_->weights.embedding;
  if (model_.weights.tied) RestoreHead();
}

void ChangedModel::ReplaceHead(DType type, const std::byte* rows) {
  PointTo(type, rows, model_.weights.output.w);
}

void ChangedModel::RestoreHead() { model_.weights.output.w = original_->weights.output.w; }

}  // namespace altteul::compress
