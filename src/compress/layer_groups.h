// The matrices of a layer, grouped by the rows that they read, and a model in which they can be
// exchanged.

#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "engine/forward.h"
#include "kernels/kernel_table.h"
#include "model/model.h"

namespace altteul::compress {

/// A tensor of a layer and the linear layers that are its rows, in their order.
struct LayerTensor {
  const char* name;  ///< behind "blk.N."
  std::vector<model::Linear model::BlockWeights::*> linears;
};

/// Tensors that read the same rows, and the step that goes on behind them.
struct LayerGroup {
  engine::BlockStep gather;
  std::vector<LayerTensor> tensors;
  engine::BlockStep go_on;
  bool goes_on;
};

/// The groups of every layer, in the order in which a pass reads them.
std::vector<LayerGroup> GroupsOf(const model::ModelConfig& config);

std::string NameOf(size_t layer, const LayerTensor& tensor);

/// A second model on the file of the first, whose matrices can be replaced one by one.
class ChangedModel {
 public:
  /// @param original  loaded with Precision::kF32; outlives the result
  static Result<ChangedModel> Create(const model::Model& original,
                                     const kernels::KernelTable& kernels, ThreadTeam& team);

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
  explicit ChangedModel(const model::Model& original) : original_(&original) {}

  const model::Model* original_;
  model::Model model_;
};

}  // namespace altteul::compress
