// SPDX-License-Identifier: Apache-2.0

// The matrices of a layer, grouped by the rows that they read, and a model in which they can be
// exchanged.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/forward.h"
#include "model/model.h"

namespace altteul::compress {

/// Tensors that belong to no layer.
inline constexpr const char* kEmbedding = "token_embd.weight";
inline constexpr const char* kHead = "output.weight";
/// What logits are multiplied with.
inline const char* HeadOf(const model::Weights& weights) {
  return weights.tied ? kEmbedding : kHead;
}

/// A tensor of a layer and the matrices that are its rows, in their order.
struct LayerTensor {
  const char* name;  ///< behind "blk.N."
  std::vector<model::MatrixRole> matrices;
};

/// Tensors that read the same rows.
struct LayerGroup {
  engine::BlockStep gather;  ///< the step that makes those rows
  std::vector<LayerTensor> tensors;
  /// The step behind them that adds to the residual stream; nothing where another group reads
  /// first.
  std::optional<engine::BlockStep> add;
};

/// The groups of a layer, in the order in which a pass reads them.
std::vector<LayerGroup> GroupsOf(const model::ModelConfig& config, size_t layer);
/// Of layers [0, n) together.
size_t NumberOfGroups(const model::ModelConfig& config, size_t n_layers);

std::string NameOf(size_t layer, const LayerTensor& tensor);
std::vector<std::string> NamesOf(size_t layer, const LayerGroup& group);

/// Elements of the matrices that a step, or a whole layer, multiplies with.
double WeightsOf(const model::Weights& weights, size_t layer, engine::BlockStep step);
double WeightsOf(const model::Weights& weights, size_t layer);

/// Gives back the pages of a layer's tensors.
void ReleaseLayer(const model::Checkpoint& file, size_t layer);

/// A second model on the weights of the first, whose matrices can be replaced one by one.
class ChangedModel {
 public:
  /// @param original  loaded with Precision::kF32; outlives the result
  /// @param panel     what the matrices of layers are multiplied in: P32, or kernels::HalfPanel()
  explicit ChangedModel(const model::Model& original,
                        kernels::PanelKind panel = kernels::PanelKind::kP32);

  const model::Model& model() const { return model_; }

  /// @param rows  the tensor in `type`, outlives its use
  void Replace(size_t layer, const LayerTensor& tensor, DType type, const std::byte* rows);
  void Restore(size_t layer, const LayerTensor& tensor);
  /// The embedding, and the head where it is the same table.
  void ReplaceEmbedding(DType type, const std::byte* rows);
  void RestoreEmbedding();
  void ReplaceHead(DType type, const std::byte* rows);
  void RestoreHead();

 private:
  const model::Model* original_;
  model::Model model_;
};

}  // namespace altteul::compress
