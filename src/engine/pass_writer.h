// SPDX-License-Identifier: Apache-2.0

// Writes the parts of a model on a tape. It reads like the papers: steps over named values, no
// graph. Family names do not appear: model::LayerPlan says what a layer has.

#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "compute/tape.h"
#include "engine/activations.h"
#include "model/model.h"

namespace altteul::engine {

/// What adapters add to a model's matrices in one pass, by layer and role.
class Adapters {
 public:
  /// @param rows  ascending, without overlap
  void Set(size_t layer, model::MatrixRole role, std::vector<compute::AdapterRows> rows) {
    rows_[{layer, role}] = std::move(rows);
  }
  std::span<const compute::AdapterRows> Of(size_t layer, model::MatrixRole role) const {
    const auto found = rows_.find({layer, role});
    if (found == rows_.end()) return {};
    return found->second;
  }

 private:
  std::map<std::pair<size_t, model::MatrixRole>, std::vector<compute::AdapterRows>> rows_;
};

class PassWriter {
 public:
  using Floats = compute::Floats;
  using Sequences = std::span<const kernels::SequenceRows>;

  /// @param model, ropes, adapters  must stay until the tape has been played
  /// @param ropes     one a rope of the model
  /// @param adapters  may be null
  PassWriter(const model::Model& model, std::span<const RopeAngles> ropes, const Adapters* adapters,
             compute::Tape& tape)
      : model_(model), ropes_(ropes), adapters_(adapters), tape_(tape) {}

  /// x = scale * rows of the embedding.
  void Embed(std::span<const int32_t> ids, Floats x);
  /// What layers with rope need, once a pass.
  void Angles(std::span<const size_t> positions);
  /// x += attention's part, x += the feed-forward's part, where the layer has them.
  void Layer(size_t layer, Sequences sequences, const LayerActivations& values, Floats x);
  void LastNorm(Floats x, Floats out);

  // A layer in pieces.
  void AttentionInput(size_t layer, Floats x, Floats out);
  void Mix(size_t layer, Sequences sequences, const LayerActivations& values, Floats x);
  void AttentionOutput(size_t layer, const LayerActivations& values, Floats x);
  void FeedForwardInput(size_t layer, Floats x, Floats out);
  void Gate(size_t layer, const LayerActivations& values, Floats x);
  void FeedForwardOutput(size_t layer, const LayerActivations& values, Floats x);

 private:
  compute::NormWeights Norm(const float* weight) const;
  compute::Output To(size_t layer, model::MatrixRole role, Floats out) const;
  void Turn(const model::AttentionPlan& plan, const float* norm, size_t n_heads, Floats in,
            Floats out);

  const model::Model& model_;
  const std::span<const RopeAngles> ropes_;
  const Adapters* const adapters_;
  compute::Tape& tape_;
};

}  // namespace altteul::engine
