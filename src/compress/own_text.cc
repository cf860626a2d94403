// SPDX-License-Identifier: Apache-2.0

#include "compress/own_text.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "base/random.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "engine/sampler.h"
#include "tensor/buffer.h"

namespace altteul::compress {
namespace {

using text::TokenId;

// Chunks that are written side by side: the weights are read once for all of them.
constexpr size_t kTogether = 8;
// Behind these the tail of the probabilities is mostly noise.
constexpr int32_t kTopK = 1000;

/// BOS, any token, or, where the model knows no text without BOS, both.
std::vector<TokenId> BeginningOf(const model::Model& model, uint64_t seed, size_t chunk) {
  const text::TokenizerSpec& spec = model.tokenizer->spec();
  if (chunk % 2 == 0 && spec.bos) return {*spec.bos};
  const size_t known = std::min<size_t>(spec.tokens.size(), model.config.vocabulary);
  const auto any = static_cast<TokenId>(RandomStream(seed, "first token").Bits(chunk) % known);
  if (spec.add_bos && spec.bos) return {*spec.bos, any};
  return {any};
}

/// Up to kTogether chunks, token by token.
class Wave {
 public:
  static Result<Wave> Create(const model::Model& model, const OwnTextOptions& options, size_t first,
                             size_t count, compute::Compute& compute) {
    Wave wave;
    for (size_t i = 0; i < count; ++i) {
      ALT_ASSIGN_OR_RETURN(auto cache,
                           engine::KvCache::Create(compute, model.config, kernels::KvType::kF16,
                                                   options.context, 1));
      wave.caches_.push_back(std::move(cache));
      engine::SamplerOptions sampling;
      sampling.temperature = 1.0f;
      sampling.top_k = kTopK;
      sampling.top_p = 1.0f;
      sampling.min_p = 0.0f;
      sampling.seed = RandomStream(options.seed, "own text").Bits(first + i);
      ALT_ASSIGN_OR_RETURN(auto sampler,
                           engine::Sampler::Create(sampling, model.config.vocabulary));
      wave.samplers_.push_back(std::move(sampler));
      wave.beginnings_.push_back(BeginningOf(model, options.seed, first + i));
      wave.texts_.push_back({wave.beginnings_.back().front()});
      wave.texts_.back().reserve(options.context);
    }
    ALT_ASSIGN_OR_RETURN(wave.logits_,
                         Buffer::Allocate(count * model.config.vocabulary * sizeof(float),
                                          "the logits of " + std::to_string(count) + " texts"));
    return wave;
  }

  Status AddToken(engine::Forward& forward, size_t vocabulary) {
    ThreadTeam& team = forward.compute().team();
    std::vector<engine::SequenceInput> inputs;
    for (size_t i = 0; i < texts_.size(); ++i) {
      inputs.push_back({&caches_[i], std::span(texts_[i]).last(1)});
    }
    ALT_RETURN_IF_ERROR(forward.Run(inputs));
    const std::span<float> all = ValuesOf<float>(logits_);
    ALT_RETURN_IF_ERROR(forward.Logits(0, texts_.size(), all));
    if (!std::all_of(all.begin(), all.end(), [](float x) { return std::isfinite(x); })) {
      return Status(ErrorCode::kCorruptFile,
                    "the model's own text cannot be written: its answers are not finite");
    }
    team.Run([&](int thread) {
      const Share share = ShareOf(texts_.size(), 1, thread, team.size());
      for (size_t i = share.begin; i < share.end; ++i) {
        const auto logits = all.subspan(i * vocabulary, vocabulary);
        const size_t place = texts_[i].size();
        texts_[i].push_back(place < beginnings_[i].size() ? beginnings_[i][place]
                                                          : samplers_[i].Sample(logits, texts_[i]));
      }
    });
    return Status();
  }

  const std::vector<std::vector<TokenId>>& texts() const { return texts_; }

 private:
  std::vector<engine::KvCache> caches_;
  std::vector<engine::Sampler> samplers_;
  std::vector<std::vector<TokenId>> beginnings_, texts_;
  Buffer logits_;  // f32 [texts, vocabulary]
};

}  // namespace

Result<std::vector<TokenId>> WriteOwnText(const model::Model& model, const OwnTextOptions& options,
                                          compute::Compute& compute, const ProgressSink& progress) {
  if (model.tokenizer == nullptr || model.tokenizer->vocabulary() == 0) {
    return Status(ErrorCode::kInvalidArgument,
                  "the model has no tokenizer, so it can write no text to calibrate on");
  }
  ALT_ASSIGN_OR_RETURN(const auto forward,
                       engine::Forward::Create(model, compute, kTogether, options.context));
  std::vector<TokenId> all;
  for (size_t first = 0; first < options.n_chunks; first += kTogether) {
    const size_t count = std::min(kTogether, options.n_chunks - first);
    ALT_ASSIGN_OR_RETURN(Wave wave, Wave::Create(model, options, first, count, compute));
    for (size_t i = 1; i < options.context; ++i) {
      if (progress &&
          !progress(first * options.context + i * count, options.n_chunks * options.context)) {
        return Status(ErrorCode::kCancelled, "writing a text to calibrate on was interrupted");
      }
      ALT_RETURN_IF_ERROR(wave.AddToken(*forward, model.config.vocabulary));
    }
    for (const auto& text : wave.texts()) all.insert(all.end(), text.begin(), text.end());
  }
  return all;
}

}  // namespace altteul::compress
