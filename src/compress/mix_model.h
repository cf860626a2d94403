// SPDX-License-Identifier: Apache-2.0

// The model in a mix of types: tensors that were encoded in place of the original's, of which any
// can be exchanged for another.

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "compress/encoded_tensor.h"
#include "compress/layer_groups.h"
#include "compress/survey.h"
#include "model/model.h"

namespace altteul::compress {

class MixModel {
 public:
  /// All as in the original.
  /// @param original  loaded with Precision::kF32; outlives the result, as `compute` does
  /// @param tensors   those that can be exchanged, by name
  MixModel(const model::Model& original, const std::vector<TensorSurvey>& tensors,
           compute::Compute& compute);
  MixModel(const MixModel&) = delete;
  MixModel& operator=(const MixModel&) = delete;

  const model::Model& original() const { return original_; }
  const model::Model& model() const { return changed_.model(); }
  size_t n_tensors() const { return parts_.size(); }

  /// @param encoded  outlives its use; null: the original's
  /// @return as ChangedModel::Replace()
  Status Put(size_t tensor, const EncodedTensor* encoded);

  /// Where a tensor acts first: 0 in the embedding, 1 + n in layer n, behind them in the head.
  size_t DepthOf(size_t tensor) const { return parts_[tensor].depth; }
  size_t n_depths() const { return original_.config.n_layers() + 2; }

  /// Gives back the pages of all that a pass read in layer n.
  void ReleaseLayer(size_t layer) const;
  /// The same for rows [first, first + n) of the head.
  void ReleaseHeadRows(size_t first, size_t n) const;

 private:
  struct Part {
    size_t depth = 0;
    std::function<Status(DType type, const std::byte* rows)> replace;
    std::function<void()> restore;
    const EncodedTensor* encoded = nullptr;
  };
  Part PartOf(const std::string& name);

  const model::Model& original_;
  ChangedModel changed_;
  std::vector<Part> parts_;  // [tensors]
};

}  // namespace altteul::compress
