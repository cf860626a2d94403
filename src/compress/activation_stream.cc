// SPDX-License-Identifier: Apache-2.0

#include "compress/activation_stream.h"

#include <algorithm>
#include <string>

#include "compress/layer_groups.h"
#include "compress/work_kinds.h"

namespace altteul::compress {

using engine::BlockStep;
using engine::Forward;
using engine::KvCache;

Result<ActivationStream> ActivationStream::Create(const model::Model& model, const Size& size,
                                                  compute::Compute& compute,
                                                  const WorkFolder* work) {
  const model::ModelConfig& c = model.config;
  const size_t tokens = size.n_chunks * size.context;
  ActivationStream stream;
  stream.size_ = size;
  stream.hidden_ = c.hidden;
  stream.widest_ = std::max({c.hidden, c.Most(&model::AttentionPlan::mix_width), c.widest_inner()});
  ALT_ASSIGN_OR_RETURN(stream.forward_,
                       Forward::Create(model, compute, size.at_once * size.context, size.context));
  while (stream.caches_.size() < size.at_once) {
    ALT_ASSIGN_OR_RETURN(KvCache cache,
                         KvCache::CreateForSteps(compute, c, kernels::KvType::kF32, size.context));
    stream.caches_.push_back(std::move(cache));
  }
  ALT_ASSIGN_OR_RETURN(stream.memory_,
                       RoomFor(tokens * (c.hidden + stream.widest_) * sizeof(float),
                               "the activations of " + std::to_string(tokens) + " tokens", work));
  stream.x_ = ValuesOf<float>(stream.memory_).data();
  stream.rows_ = stream.x_ + tokens * c.hidden;
  return stream;
}

std::span<float> ActivationStream::X(size_t chunk) const {
  const size_t n = size_.context * hidden_;
  return {x_ + chunk * n, n};
}

std::span<float> ActivationStream::Rows(size_t chunk, size_t width) const {
  return {rows_ + chunk * size_.context * widest_, size_.context * width};
}

Status ActivationStream::Embed(std::span<const text::TokenId> ids) {
  for (size_t i = 0; i < ids.size() / size_.context; ++i) {
    ALT_RETURN_IF_ERROR(forward_->Embed(ids.subspan(i * size_.context, size_.context), X(i)));
    Release(i);
  }
  return Status();
}

Status ActivationStream::Step(size_t layer, BlockStep step, size_t chunk) {
  return Step(layer, step, chunk, 1);
}

/// Chunks that go together have their rows together, from where those of the first one rest.
Status ActivationStream::Step(size_t layer, BlockStep step, size_t first_chunk, size_t n) {
  const size_t width = engine::WidthOf(forward_->model().config, layer, step);
  return forward_->RunStep(layer, step, std::span(caches_).first(n),
                           {X(first_chunk).data(), n * size_.context * hidden_},
                           {Rows(first_chunk, width).data(), n * size_.context * width});
}

Status ActivationStream::StepLayer(size_t layer, size_t n) {
  for (size_t first = 0; first < n; first += size_.at_once) {
    const size_t together = std::min(size_.at_once, n - first);
    for (const BlockStep step : engine::StepsOf(forward_->model().config, layer)) {
      ALT_RETURN_IF_ERROR(Step(layer, step, first, together));
    }
    for (size_t i = 0; i < together; ++i) Release(first + i);
  }
  return Status();
}

void ActivationStream::Release(size_t chunk) const {
  const std::byte* start = memory_.bytes().data();
  for (const std::span<float> part : {X(chunk), Rows(chunk, widest_)}) {
    const auto first = static_cast<size_t>(reinterpret_cast<const std::byte*>(part.data()) - start);
    memory_.ReleasePages(first, part.size_bytes());
  }
}

Status WalkLayer(const model::Model& original, size_t layer, ActivationStream& stream, size_t n,
                 const WorkPlace& place) {
  place.BeginWork();
  ALT_RETURN_IF_ERROR(stream.StepLayer(layer, n));
  place.EndWork(WorkKind::kPasses,
                WeightsOf(original.weights, layer) * static_cast<double>(n * stream.context()));
  ReleaseLayer(*original.file, layer);
  return Status();
}

}  // namespace altteul::compress
