#include "compress/activation_stream.h"

#include <algorithm>
#include <string>

#include "compress/layer_groups.h"

namespace altteul::compress {

using engine::BlockStep;
using engine::Forward;
using engine::KvCache;

Result<ActivationStream> ActivationStream::Create(const model::Model& model, size_t n_chunks,
                                                  size_t context,
                                                  const kernels::KernelTable& kernels,
                                                  ThreadTeam& team, const WorkFolder* work) {
  const model::ModelConfig& c = model.config;
  const size_t tokens = n_chunks * context;
  ActivationStream stream;
  stream.n_chunks_ = n_chunks;
  stream.context_ = context;
  stream.hidden_ = c.hidden;
  stream.widest_ = std::max({c.hidden, c.n_heads * c.head_dim, c.ffn});
  ALT_ASSIGN_OR_RETURN(stream.forward_, Forward::Create(model, kernels, team, context, context));
  ALT_ASSIGN_OR_RETURN(KvCache cache, KvCache::CreateForSteps(c, kernels::KvType::kF32, context));
  stream.cache_ = std::make_unique<KvCache>(std::move(cache));
  ALT_ASSIGN_OR_RETURN(stream.memory_,
                       RoomFor(tokens * (c.hidden + stream.widest_) * sizeof(float),
                               "the activations of " + std::to_string(tokens) + " tokens", work));
  stream.x_ = reinterpret_cast<float*>(stream.memory_.mutable_bytes().data());
  stream.rows_ = stream.x_ + tokens * c.hidden;
  return stream;
}

std::span<float> ActivationStream::X(size_t chunk) const {
  const size_t n = context_ * hidden_;
  return {x_ + chunk * n, n};
}

std::span<float> ActivationStream::Rows(size_t chunk, size_t width) const {
  return {rows_ + chunk * context_ * widest_, context_ * width};
}

void ActivationStream::Embed(std::span<const text::TokenId> ids) {
  for (size_t i = 0; i < ids.size() / context_; ++i) {
    forward_->Embed(ids.subspan(i * context_, context_), X(i));
    Release(i);
  }
}

void ActivationStream::Step(size_t layer, BlockStep step, size_t chunk) {
  const size_t width = engine::WidthOf(step, forward_->model().config);
  forward_->RunStep(layer, step, *cache_, context_, X(chunk), Rows(chunk, width));
}

void ActivationStream::StepLayer(size_t layer, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    for (const BlockStep step : {BlockStep::kMix, BlockStep::kAttentionOutput, BlockStep::kGate,
                                 BlockStep::kFeedForwardOutput}) {
      Step(layer, step, i);
    }
    Release(i);
  }
}

void ActivationStream::Release(size_t chunk) const {
  const std::byte* start = memory_.bytes().data();
  for (const std::span<float> part : {X(chunk), Rows(chunk, widest_)}) {
    const auto first = static_cast<size_t>(reinterpret_cast<const std::byte*>(part.data()) - start);
    memory_.ReleasePages(first, part.size_bytes());
  }
}

}  // namespace altteul::compress
