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

Status CheckSameVocabulary(const model::Model& draft, const model::Model& target) {
  const text::TokenizerSpec& ours = draft.tokenizer->spec();
  const text::TokenizerSpec& theirs = target.tokenizer->spec();
  const std::string who = draft.file->path() + " cannot guess for " + target.file->path() + ": ";
  if (ours.tokens.size() != theirs.tokens.size()) {
    return Status(ErrorCode::kInvalidArgument,
                  who + "its vocabulary has " + std::to_string(ours.tokens.size()) +
                      " tokens, the other " + std::to_string(theirs.tokens.size()));
  }
  const auto different =
      std::mismatch(ours.tokens.begin(), ours.tokens.end(), theirs.tokens.begin());
  if (different.first != ours.tokens.end()) {
    return Status(ErrorCode::kInvalidArgument,
                  who + "token " + std::to_string(different.first - ours.tokens.begin()) + " is '" +
                      *different.first + "' there and '" + *different.second + "' here");
  }
  return Status();
}

}  // namespace

DraftModel::DraftModel(Forward& forward, KvCache cache, Sampler sampler, size_t longest)
    : forward_(forward),
      cache_(std::move(cache)),
      sampler_(std::move(sampler)),
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
  ALT_ASSIGN_OR_RETURN(KvCache cache, KvCache::Create(draft.config, options.kv_type,
                                                      options.context, forward.max_rows()));
  ALT_ASSIGN_OR_RETURN(Sampler sampler, Sampler::Create(options.sampler, draft.config.vocabulary));
  return std::unique_ptr<DraftModel>(
      new DraftModel(forward, std::move(cache), std::move(sampler), options.longest));
}

Status DraftModel::Begin(std::span<const TokenId> history, const std::function<bool()>& go_on) {
  n_true_ = 0;
  lost_ = !Knows(history);
  if (lost_) return Status();
  Follow(history);
  return Compute(go_on);
}

// A file may pad its vocabulary beyond the tokens it names, each to another number.
bool DraftModel::Knows(std::span<const TokenId> tokens) const {
  return std::all_of(tokens.begin(), tokens.end(),
                     [this](TokenId id) { return static_cast<size_t>(id) < logits_.size(); });
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
    guess = sampler_.Sample(logits_, tokens_);
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
    if (cache_.length() == tokens_.size()) forward_.Logits(n - 1, 1, logits_);
  }
  return Status();
}

}  // namespace altteul::engine
