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
                                                  const kernels::KernelTable& kernels,
                                                  ThreadTeam& team, const WorkFolder* work) {
  const model::ModelConfig& c = model.config;
  const size_t tokens = size.n_chunks * size.context;
  ActivationStream stream;
  stream.size_ = size;
  stream.hidden_ = c.hidden;
  stream.widest_ = std::max({c.hidden, c.Most(&model::AttentionPlan::mix_width), c.widest_inner()});
  ALT_ASSIGN_OR_RETURN(stream.forward_, Forward::Create(model, kernels, team,
                                                        size.at_once * size.context, size.context));
  while (stream.caches_.size() < size.at_once) {
    ALT_ASSIGN_OR_RETURN(KvCache cache,
                         KvCache::CreateForSteps(c, kernels::KvType::kF32, size.context));
    stream.caches_.push_back(std::move(cache));
  }
  ALT_ASSIGN_OR_RETURN(stream.memory_,
                       RoomFor(tokens * (c.hidden + stream.widest_) * sizeof(float),
                               "the activations of " + std::to_string(tokens) + " tokens", work));
  stream.x_ = reinterpret_cast<float*>(stream.memory_.mutable_bytes().data());
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

void ActivationStream::Embed(std::span<const text::TokenId> ids) {
  for (size_t i = 0; i < ids.size() / size_.context; ++i) {
    forward_->Embed(ids.subspan(i * size_.context, size_.context), X(i));
    Release(i);
  }
}

void ActivationStream::Step(size_t layer, BlockStep step, size_t chunk) {
  Step(layer, step, chunk, 1);
}

/// Chunks that go together have their rows together, from where those of the first one rest.
void ActivationStream::Step(size_t layer, BlockStep step, size_t first_chunk, size_t n) {
  const size_t width = engine::WidthOf(forward_->model().config, layer, step);
  forward_->RunStep(layer, step, std::span(caches_).first(n),
                    {X(first_chunk).data(), n * size_.context * hidden_},
                    {Rows(first_chunk, width).data(), n * size_.context * width});
}

void ActivationStream::StepLayer(size_t layer, size_t n) {
  for (size_t first = 0; first < n; first += size_.at_once) {
    const size_t together = std::min(size_.at_once, n - first);
    for (const BlockStep step : engine::StepsOf(forward_->model().config, layer)) {
      Step(layer, step, first, together);
    }
    for (size_t i = 0; i < together; ++i) Release(first + i);
  }
}

void ActivationStream::Release(size_t chunk) const {
  const std::byte* start = memory_.bytes().data();
  for (const std::span<float> part : {X(chunk), Rows(chunk, widest_)}) {
    const auto first = static_cast<size_t>(reinterpret_cast<const std::byte*>(part.data()) - start);
    memory_.ReleasePages(first, part.size_bytes());
  }
}

void WalkLayer(const model::Model& original, size_t layer, ActivationStream& stream, size_t n,
               const WorkPlace& place) {
  place.BeginWork();
  stream.StepLayer(layer, n);
  place.EndWork(WorkKind::kPasses,
                WeightsOf(original.weights, layer) * static_cast<double>(n * stream.context()));
  ReleaseLayer(*original.file, layer);
}

}  // namespace altteul::compress
