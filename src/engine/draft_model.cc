// SPDX-License-Identifier: Apache-2.0

#include "engine/draft_model.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"

namespace altteul::engine {
namespace {

using text::TokenId;

constexpr float kFirstChance = 0.7f;
constexpr float kChanceWeight = 1.0f / 16;
// A draft that is not worth its time proposes nothing, so nothing is learned about it. Its chance
// drifts back to the first one, and in time it is tried again.
constexpr float kDrift = 1.0f / 1024;

bool IsPadding(const text::TokenizerSpec& spec, size_t id) {
  return id >= spec.tokens.size() || spec.kinds[id] == text::TokenKind::kUnused;
}

/// Tokens that both name must be the same; padding differs between sizes of one model (Qwen2.5:
/// 151,936 and 152,064), and a fine-tune adds a few.
Status CheckSameVocabulary(const model::Model& draft, const model::Model& target) {
  const text::TokenizerSpec& ours = draft.tokenizer->spec();
  const text::TokenizerSpec& theirs = target.tokenizer->spec();
  const std::string who = draft.file->path() + " cannot guess for " + target.file->path() + ": ";
  constexpr size_t kMostOfOneAlone = 128;  // as llama.cpp has it
  size_t n_of_one_alone = 0;
  for (size_t id = 0; id < std::max(ours.tokens.size(), theirs.tokens.size()); ++id) {
    const bool ours_is_padding = IsPadding(ours, id);
    const bool theirs_is_padding = IsPadding(theirs, id);
    if (ours_is_padding != theirs_is_padding) ++n_of_one_alone;
    if (ours_is_padding || theirs_is_padding || ours.tokens[id] == theirs.tokens[id]) continue;
    return Status(ErrorCode::kInvalidArgument, who + "token " + std::to_string(id) + " is '" +
                                                   ours.tokens[id] + "' there and '" +
                                                   theirs.tokens[id] + "' here");
  }
  const bool one_has_none = ours.tokens.empty() != theirs.tokens.empty();
  if (n_of_one_alone > kMostOfOneAlone || one_has_none) {
    return Status(ErrorCode::kInvalidArgument,
                  who + "its vocabulary has " + std::to_string(ours.tokens.size()) +
                      " tokens, the other " + std::to_string(theirs.tokens.size()) + ", and " +
                      std::to_string(n_of_one_alone) + " tokens are in only one of them");
  }
  return Status();
}

}  // namespace

DraftModel::DraftModel(Forward& forward, KvCache cache, Sampler sampler, size_t n_shared,
                       size_t longest)
    : forward_(forward),
      cache_(std::move(cache)),
      sampler_(std::move(sampler)),
      n_shared_(n_shared),
      longest_(longest),
      logits_(forward.model().config.vocabulary),
      chance_(kFirstChance) {
  tokens_.reserve(cache_.context() + longest_);
}

Result<std::unique_ptr<DraftModel>> DraftModel::Create(Forward& forward, const model::Model& target,
                                                       const DraftOptions& options) {
  ALT_CHECK(options.longest > 0);
  const model::Model& draft = forward.model();
  ALT_RETURN_IF_ERROR(CheckSameVocabulary(draft, target));
  ALT_ASSIGN_OR_RETURN(KvCache cache,
                       KvCache::Create(forward.compute(), draft.config, options.kv_type,
                                       options.context, forward.max_rows()));
  // What only one of the two has a row for is never guessed.
  const size_t n_shared = std::min(draft.config.vocabulary, target.config.vocabulary);
  SamplerOptions sampling = options.sampler;
  auto& biases = sampling.logit_bias;
  biases.erase(std::remove_if(biases.begin(), biases.end(),
                              [&](const auto& bias) {
                                const auto id = static_cast<size_t>(bias.first);
                                return id >= n_shared && id < target.config.vocabulary;
                              }),
               biases.end());
  ALT_ASSIGN_OR_RETURN(Sampler sampler, Sampler::Create(sampling, n_shared));
  return std::unique_ptr<DraftModel>(
      new DraftModel(forward, std::move(cache), std::move(sampler), n_shared, options.longest));
}

Status DraftModel::Begin(std::span<const TokenId> history, const std::function<bool()>& go_on) {
  n_true_ = 0;
  lost_ = !Knows(history);
  if (lost_) return Status();
  Follow(history);
  return Compute(go_on);
}

// A history may hold ids that only the target has a row for.
bool DraftModel::Knows(std::span<const TokenId> tokens) const {
  return std::all_of(tokens.begin(), tokens.end(),
                     [this](TokenId id) { return static_cast<size_t>(id) < n_shared_; });
}

size_t DraftModel::Forecast(std::span<const TokenId> history, std::span<float> chances) {
  // All others behind the last history are its own guesses.
  lost_ = lost_ || !Knows(history.last(1));
  if (lost_ || history.size() >= cache_.context()) return 0;
  chance_ += (kFirstChance - chance_) * kDrift;
  std::fill_n(chances.begin(), longest_, chance_);
  return std::min(longest_, cache_.context() - history.size());
}

Status DraftModel::Propose(std::span<const TokenId> history, std::span<TokenId> out) {
  Follow(history);
  for (TokenId& guess : out) {
    ALT_RETURN_IF_ERROR(Compute({}));
    guess = sampler_.Sample(std::span(logits_).first(n_shared_), tokens_);
    tokens_.push_back(guess);
  }
  return Status();
}

void DraftModel::Observe(size_t accepted, bool refuted) {
  for (size_t i = 0; i < accepted; ++i) chance_ += (1 - chance_) * kChanceWeight;
  if (refuted) chance_ -= chance_ * kChanceWeight;
}

// Makes tokens_ the history. Of the cache stays what is true; the last token is computed anew.
void DraftModel::Follow(std::span<const TokenId> history) {
  size_t shared = n_true_;
  const size_t most = std::min({tokens_.size(), history.size() - 1, cache_.length()});
  while (shared < most && tokens_[shared] == history[shared]) ++shared;
  shared = std::min(shared, most);
  if (!cache_.TruncateTo(shared)) cache_.TruncateTo(0);
  tokens_.resize(shared);
  tokens_.insert(tokens_.end(), history.begin() + static_cast<std::ptrdiff_t>(shared),
                 history.end());
  n_true_ = history.size();
}

// Afterwards logits_ are those behind the last token.
Status DraftModel::Compute(const std::function<bool()>& go_on) {
  while (cache_.length() < tokens_.size()) {
    if (go_on && !go_on()) {
      return Status(ErrorCode::kCancelled, "the draft's reading of the prompt was interrupted");
    }
    const size_t n = std::min(forward_.max_rows(), tokens_.size() - cache_.length());
    const SequenceInput input{.cache = &cache_,
                              .tokens = std::span(tokens_).subspan(cache_.length(), n)};
    ALT_RETURN_IF_ERROR(forward_.Run({&input, 1}));
    if (cache_.length() == tokens_.size()) {
      ALT_RETURN_IF_ERROR(forward_.Logits(n - 1, 1, logits_));
    }
  }
  return Status();
}

}  // namespace altteul::engine
