// SPDX-License-Identifier: Apache-2.0

#include "compress/layer_groups.h"

#include <utility>

#include "tensor/dtype.h"

namespace altteul::compress {
namespace {

using engine::BlockStep;
using kernels::WeightMatrix;
using model::BlockWeights;
using model::MatrixRole;

/// The step that multiplies with it.
BlockStep StepOf(MatrixRole role) {
  if (role < MatrixRole::kO) return BlockStep::kMix;
  if (role == MatrixRole::kO) return BlockStep::kAttentionOutput;
  return role < MatrixRole::kDown ? BlockStep::kGate : BlockStep::kFeedForwardOutput;
}

double SizeOf(const model::Linear& linear) {
  return static_cast<double>(linear.w.rows) * static_cast<double>(linear.w.cols);
}

void AddAttention(const model::AttentionPlan& plan, std::vector<LayerGroup>& groups) {
  using R = MatrixRole;
  std::vector<LayerTensor> qkv = {
      {"attn_q.weight", {R::kQ}}, {"attn_k.weight", {R::kK}}, {"attn_v.weight", {R::kV}}};
  if (plan.fused_qkv) qkv = {{"attn_qkv.weight", {R::kQ, R::kK, R::kV}}};
  groups.push_back({BlockStep::kAttentionInput, std::move(qkv), std::nullopt});
  groups.push_back(
      {BlockStep::kMix, {{"attn_output.weight", {R::kO}}}, BlockStep::kAttentionOutput});
}

void AddDense(const model::DensePlan& plan, std::vector<LayerGroup>& groups) {
  using R = MatrixRole;
  std::vector<LayerTensor> gate_up = {{"ffn_gate.weight", {R::kGate}}, {"ffn_up.weight", {R::kUp}}};
  if (plan.fused_gate_up) gate_up = {{"ffn_up.weight", {R::kGate, R::kUp}}};
  groups.push_back({BlockStep::kFeedForwardInput, std::move(gate_up), std::nullopt});
  groups.push_back(
      {BlockStep::kGate, {{"ffn_down.weight", {R::kDown}}}, BlockStep::kFeedForwardOutput});
}

size_t BytesIn(DType type, const WeightMatrix& matrix) {
  return matrix.rows * *RowBytes(type, matrix.cols);
}

/// The matrix at `data`, in the form of a file. Returns the byte behind it.
const std::byte* PointTo(DType type, const std::byte* data, WeightMatrix& matrix) {
  matrix.type = type;
  matrix.form = kernels::RestForm::kFileRows;
  matrix.data = data;
  return data + BytesIn(type, matrix);
}

}  // namespace

std::vector<LayerGroup> GroupsOf(const model::ModelConfig& config, size_t layer) {
  std::vector<LayerGroup> groups;
  const model::LayerPlan& plan = config.layers[layer];
  if (plan.attention() != nullptr) AddAttention(*plan.attention(), groups);
  if (plan.dense() != nullptr) AddDense(*plan.dense(), groups);
  return groups;
}

size_t NumberOfGroups(const model::ModelConfig& config, size_t n_layers) {
  size_t n = 0;
  for (size_t layer = 0; layer < n_layers; ++layer) n += GroupsOf(config, layer).size();
  return n;
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
  double sum = 0;
  ForEachMatrix(weights.blocks[layer], [&](MatrixRole role, const model::Linear& linear) {
    if (StepOf(role) == step) sum += SizeOf(linear);
  });
  return sum;
}

double WeightsOf(const model::Weights& weights, size_t layer) {
  double sum = 0;
  ForEachMatrix(weights.blocks[layer],
                [&](MatrixRole, const model::Linear& linear) { sum += SizeOf(linear); });
  return sum;
}

void ReleaseLayer(const model::Checkpoint& file, size_t layer) {
  const std::string block = "blk." + std::to_string(layer) + ".";
  for (const auto& tensor : file.tensors()) {
    if (tensor.name.starts_with(block)) file.ReleasePages(tensor.view.bytes);
  }
}

ChangedModel::ChangedModel(const model::Model& original, compute::Compute& compute,
                           kernels::PanelKind panel)
    : original_(&original), compute_(&compute) {
  const model::Weights& from = original.weights;
  model::Weights& weights = model_.weights;
  model_.config = original.config;
  weights.embedding = from.embedding;
  weights.output = from.output;
  weights.tied = from.tied;
  weights.output_norm = from.output_norm;
  weights.blocks = from.blocks;
  for (BlockWeights& block : weights.blocks) {
    ForEachMatrix(block, [panel](MatrixRole, model::Linear& linear) {
      if (linear.w.cols % 2 == 0) linear.w.panel = panel;
    });
  }
  weights.resting_bytes = from.resting_bytes;
}

/// Of the tensor that replaces these matrices.
size_t ChangedModel::BytesOf(size_t layer, const LayerTensor& tensor, DType type) const {
  size_t bytes = 0;
  for (const MatrixRole role : tensor.matrices) {
    bytes += BytesIn(type, model_.weights.blocks[layer].at(role).w);
  }
  return bytes;
}

/// Instead of what the compute held in this tensor's place.
Status ChangedModel::Hold(const std::string& name, std::span<const std::byte> bytes) {
  ALT_ASSIGN_OR_RETURN(held_[name], compute_->Hold(bytes));
  return Status();
}

Status ChangedModel::Replace(size_t layer, const LayerTensor& tensor, DType type,
                             const std::byte* rows) {
  ALT_RETURN_IF_ERROR(Hold(NameOf(layer, tensor), {rows, BytesOf(layer, tensor, type)}));
  for (const MatrixRole role : tensor.matrices) {
    rows = PointTo(type, rows, model_.weights.blocks[layer].at(role).w);
  }
  return Status();
}

void ChangedModel::Restore(size_t layer, const LayerTensor& tensor) {
  for (const MatrixRole role : tensor.matrices) {
    const WeightMatrix& from = original_->weights.blocks[layer].at(role).w;
    PointTo(from.type, from.data, model_.weights.blocks[layer].at(role).w);
  }
  held_.erase(NameOf(layer, tensor));
}

Status ChangedModel::ReplaceEmbedding(DType type, const std::byte* rows) {
  model::Weights& weights = model_.weights;
  ALT_RETURN_IF_ERROR(Hold(kEmbedding, {rows, BytesIn(type, weights.embedding)}));
  PointTo(type, rows, weights.embedding);
  if (weights.tied) PointTo(type, rows, weights.output.w);
  return Status();
}

void ChangedModel::RestoreEmbedding() {
  model_.weights.embedding = original_->weights.embedding;
  if (model_.weights.tied) model_.weights.output.w = original_->weights.output.w;
  held_.erase(kEmbedding);
}

Status ChangedModel::ReplaceHead(DType type, const std::byte* rows) {
  ALT_RETURN_IF_ERROR(Hold(kHead, {rows, BytesIn(type, model_.weights.output.w)}));
  PointTo(type, rows, model_.weights.output.w);
  return Status();
}

void ChangedModel::RestoreHead() {
  model_.weights.output.w = original_->weights.output.w;
  held_.erase(kHead);
}

}  // namespace altteul::compress
