// SPDX-License-Identifier: Apache-2.0

#include "compress/input_metrics.h"

#include <utility>

#include "base/check.h"
#include "compress/work_kinds.h"

namespace altteul::compress {

InputMetrics::InputMetrics(const model::Model& original, std::span<const text::TokenId> ids,
                           const Options& options, compute::Compute& compute,
                           const WorkPlace& place)
    : original_(original),
      ids_(ids),
      options_(options),
      compute_(compute),
      place_(place),
      model_(original, compute, kernels::HalfPanel(compute.kernels())) {}

Result<std::unique_ptr<InputMetrics>> InputMetrics::Create(const model::Model& original,
                                                           std::span<const text::TokenId> ids,
                                                           const Options& options,
                                                           compute::Compute& compute,
                                                           const WorkPlace& place) {
  std::unique_ptr<InputMetrics> metrics(new InputMetrics(original, ids, options, compute, place));
  ALT_ASSIGN_OR_RETURN(metrics->stream_, ActivationStream::Create(metrics->model_.model(),
                                                                  {.n_chunks = metrics->n_chunks(),
                                                                   .context = options.context},
                                                                  compute, place.folder));
  return metrics;
}

Status InputMetrics::Begin(size_t n_chunks) {
  ALT_CHECK(n_chunks <= this->n_chunks());
  n_walking_ = n_chunks;
  return stream_->Embed(ids_.first(n_chunks * options_.context));
}

Result<Metric> InputMetrics::Of(size_t layer, const LayerGroup& group) {
  const size_t width = engine::WidthOf(original_.config, layer, group.gather);
  ALT_ASSIGN_OR_RETURN(MomentSums sums, NewSums(width));
  ALT_RETURN_IF_ERROR(Walk(layer, group, &sums));
  return MetricFor(std::move(sums));
}

Status InputMetrics::Pass(size_t layer, const LayerGroup& group) {
  // Where nothing goes on, nobody reads what would be gathered.
  return group.add ? Walk(layer, group, nullptr) : Status();
}

Status InputMetrics::Walk(size_t layer, const LayerGroup& group, MomentSums* sums) {
  const size_t width = engine::WidthOf(original_.config, layer, group.gather);
  for (size_t i = 0; i < n_walking_; ++i) {
    ALT_RETURN_IF_ERROR(Step(layer, group.gather, i));
    if (sums != nullptr) Add(stream_->Rows(i, width), *sums);
    if (group.add) ALT_RETURN_IF_ERROR(Step(layer, *group.add, i));
    stream_->Release(i);
  }
  return Status();
}

Result<Metric> InputMetrics::OfHead() {
  const size_t width = original_.config.hidden;
  ALT_ASSIGN_OR_RETURN(MomentSums sums, NewSums(width));
  for (size_t i = 0; i < n_walking_; ++i) {
    const std::span<float> norm = stream_->Rows(i, width);
    ALT_RETURN_IF_ERROR(stream_->forward().Finish(stream_->X(i), norm));
    Add(norm, sums);
    stream_->Release(i);
  }
  return MetricFor(std::move(sums));
}

Status InputMetrics::Step(size_t layer, engine::BlockStep step, size_t chunk) {
  place_.BeginWork();
  ALT_RETURN_IF_ERROR(stream_->Step(layer, step, chunk));
  place_.EndWork(WorkKind::kPasses,
                 WeightsOf(original_.weights, layer, step) * static_cast<double>(options_.context));
  return Status();
}

Result<MomentSums> InputMetrics::NewSums(size_t width) const {
  return MomentSums::Create(width, options_.context, false, compute_);
}

void InputMetrics::Add(std::span<const float> rows, MomentSums& sums) const {
  place_.BeginWork();
  sums.Add(options_.context, rows, {});
  place_.EndWork(WorkKind::Sums(rows.size() / options_.context), 1);
}

Result<Metric> InputMetrics::MetricFor(MomentSums sums) const {
  Moments moments = std::move(sums).Take();
  const size_t width = moments.n;
  place_.BeginWork();
  ALT_ASSIGN_OR_RETURN(Metric metric, MakeMetric(std::move(moments), options_.damping, compute_));
  place_.EndWork(WorkKind::Metric(width), 1);
  return metric;
}

}  // namespace altteul::compress
