// SPDX-License-Identifier: Apache-2.0

// The matrices of a layer, grouped by the rows that they read, and a model in which they can be
// exchanged.

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compute/compute.h"
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

/// A second model on the weights of the first, whose matrices can be replaced one by one. The
/// compute takes over what replaces a matrix, for as long as it does.
class ChangedModel {
 public:
  /// @param original  loaded with Precision::kF32; outlives the result, as `compute` does
  /// @param panel     what the matrices of layers are multiplied in: P32, or kernels::HalfPanel()
  ChangedModel(const model::Model& original, compute::Compute& compute,
               kernels::PanelKind panel = kernels::PanelKind::kP32);

  const model::Model& model() const { return model_; }

  /// @param rows  the tensor in `type`, outlives its use and does not change
  /// @return kOutOfMemory of the compute; the matrix is then the one before
  Status Replace(size_t layer, const LayerTensor& tensor, DType type, const std::byte* rows);
  void Restore(size_t layer, const LayerTensor& tensor);
  /// The embedding, and the head where it is the same table.
  Status ReplaceEmbedding(DType type, const std::byte* rows);
  void RestoreEmbedding();
  Status ReplaceHead(DType type, const std::byte* rows);
  void RestoreHead();

 private:
  size_t BytesOf(size_t layer, const LayerTensor& tensor, DType type) const;
  Status Hold(const std::string& name, std::span<const std::byte> bytes);

  const model::Model* original_;
  compute::Compute* compute_;
  model::Model model_;
  std::map<std::string, std::unique_ptr<compute::Owned>> held_;  // by the tensor that it replaces
};

}  // namespace altteul::compress
