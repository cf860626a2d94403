// SPDX-License-Identifier: Apache-2.0

// What the original's matrices read, as metrics: one walk over the layers on calibration text.

#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "base/status.h"
#include "base/thread_team.h"
#include "compress/activation_stream.h"
#include "compress/layer_groups.h"
#include "compress/moments.h"
#include "compress/second_order.h"
#include "compress/work_place.h"
#include "compute/compute.h"
#include "model/model.h"

namespace altteul::compress {

/// A walk: Begin(), then every group of every layer once, in their order, by Of() or Pass(), then
/// OfHead() where it is wanted.
class InputMetrics {
 public:
  struct Options {
    size_t context = 512;  ///< tokens of a chunk
    double damping = 0.1;  ///< see MakeMetric
  };

  /// @param original  loaded with Precision::kF32; outlives the result
  /// @param ids       whole chunks, outlive the result
  /// @param place     its estimate is told of passes, sums (a unit is a chunk) and metrics;
  /// outlives the result
  /// @return kOutOfMemory, kIoError
  static Result<std::unique_ptr<InputMetrics>> Create(const model::Model& original,
                                                      std::span<const text::TokenId> ids,
                                                      const Options& options,
                                                      compute::Compute& compute,
                                                      const WorkPlace& place);

  size_t n_chunks() const { return ids_.size() / options_.context; }

  /// To before the first layer, with the first n_chunks chunks.
  Status Begin(size_t n_chunks);

  /// Of what the group's tensors read; and goes on behind the group.
  /// @return kOutOfMemory, kCorruptFile for activations that are not finite
  Result<Metric> Of(size_t layer, const LayerGroup& group);
  /// Only goes on behind the group.
  Status Pass(size_t layer, const LayerGroup& group);

  /// Of what the head reads, behind the last layer.
  /// @return as Of()
  Result<Metric> OfHead();

 private:
  InputMetrics(const model::Model& original, std::span<const text::TokenId> ids,
               const Options& options, compute::Compute& compute, const WorkPlace& place);
  /// @param sums  may be null
  Status Walk(size_t layer, const LayerGroup& group, MomentSums* sums);
  Status Step(size_t layer, engine::BlockStep step, size_t chunk);
  Result<MomentSums> NewSums(size_t width) const;
  void Add(std::span<const float> rows, MomentSums& sums) const;
  Result<Metric> MetricFor(MomentSums sums) const;

  const model::Model& original_;
  const std::span<const text::TokenId> ids_;
  const Options options_;
  compute::Compute& compute_;
  const WorkPlace& place_;
  ChangedModel model_;  // the original, in bf16 where that is faster
  std::optional<ActivationStream> stream_;
  size_t n_walking_ = 0;  // chunks
};

}  // namespace altteul::compress
