#include "engine/session.h"

#include <algorithm>
#include <utility>

namespace altteul::engine {
namespace {

using text::TokenId;

// Text as it may be shown: holds back what could still grow into a stop text.
class StopFilter {
 public:
  explicit StopFilter(const std::vector<std::string>& stops) : stops_(stops) {}

  /// Takes new text, returns what is certain not to belong to a stop text.
  std::string Push(const std::string& piece) {
    held_ += piece;
    size_t cut = std::string::npos;
    for (const std::string& stop : stops_) {
      if (!stop.empty()) cut = std::min(cut, held_.find(stop));
    }
    if (cut != std::string::npos) {
      stopped_ = true;
      return Release(cut);
    }
    return Release(held_.size() - LongestTail());
  }
  std::string Finish() { return stopped_ ? "" : Release(held_.size()); }
  bool stopped() const { return stopped_; }

 private:
  std::string Release(size_t n) {
    std::string out = held_.substr(0, n);
    held_.erase(0, n);
    return out;
  }
  // Longest end of held_ that begins a stop text.
  size_t LongestTail() const {
    size_t longest = 0;
    for (const std::string& stop : stops_) {
      for (size_t n = std::min(held_.size(), stop.size()); n > longest; --n) {
        if (held_.compare(held_.size() - n, n, stop, 0, n) == 0) longest = n;
      }
    }
    return longest;
  }

  const std::vector<std::string>& stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace

Session::Session(Forward& forward, const Clock& clock, KvCache cache)
    : forward_(&forward), clock_(&clock), cache_(std::move(cache)) {
  history_.reserve(cache_.context());
  logits_.resize(forward.model().config.vocabulary);
}

Result<Session> Session::Create(Forward& forward, const Clock& clock, kernels::KvType kv_type,
                                size_t context) {
  ALT_ASSIGN_OR_RETURN(
      KvCache cache, KvCache::Create(forward.model().config, kv_type, context, forward.max_rows()));
  return Session(forward, clock, std::move(cache));
}

Status Session::SetPrompt(std::span<const TokenId> ids) {
  if (ids.empty()) return Status(ErrorCode::kInvalidArgument, "the prompt has no tokens");
  if (ids.size() >= cache_.context()) {
    return Status(ErrorCode::kDoesNotFit,
                  "the prompt has " + std::to_string(ids.size()) + " tokens, the context holds " +
                      std::to_string(cache_.context()) +
                      " and an answer needs at least one; ask for a larger context (-c) or "
                      "shorten the prompt");
  }
  size_t shared = 0;
  const size_t computed = cache_.length();
  while (shared < computed && shared < ids.size() && ids[shared] == history_[shared]) ++shared;
  // The last token is always computed anew: its logits start the answer.
  shared = std::min(shared, ids.size() - 1);
  if (!cache_.TruncateTo(shared)) cache_.TruncateTo(0);
  history_.assign(ids.begin(), ids.end());
  return Status();
}

Status Session::Prefill(const std::function<bool()>& go_on) {
  while (cache_.length() < history_.size()) {
    if (go_on && !go_on())
      return Status(ErrorCode::kCancelled, "reading the prompt was interrupted");
    const size_t n = std::min(forward_->max_rows(), history_.size() - cache_.length());
    const SequenceInput input{.cache = &cache_,
                              .tokens = std::span(history_).subspan(cache_.length(), n)};
    ALT_RETURN_IF_ERROR(forward_->Run({&input, 1}));
    if (cache_.length() == history_.size()) forward_->Logits(n - 1, 1, logits_);
  }
  return Status();
}

Result<Generated> Session::Generate(const GenerateOptions& options, Sampler& sampler,
                                    const std::function<bool(std::string_view)>& show) {
  const text::Tokenizer& tokenizer = *forward_->model().tokenizer;
  if (history_.empty()) return Status(ErrorCode::kInvalidArgument, "an answer without a prompt");
  Generated result;
  result.prompt_tokens = history_.size() - cache_.length();
  const double start = clock_->Seconds();
  const Status prefilled = Prefill([&] { return !show || show(""); });
  const double answering = clock_->Seconds();
  result.prompt_seconds = answering - start;
  if (prefilled.code() == ErrorCode::kCancelled) {
    result.reason = FinishReason::kCancelled;
    result.prompt_tokens -= history_.size() - cache_.length();
    return result;
  }
  ALT_RETURN_IF_ERROR(prefilled);

  text::StreamDecoder decoder(tokenizer);
  StopFilter filter(options.stop);
  const auto emit = [&](const std::string& piece) {
    result.text += piece;
    return !show || show(piece);
  };
  while (true) {
    if (options.max_tokens != 0 && result.ids.size() == options.max_tokens) {
      result.reason = FinishReason::kMaxTokens;
      break;
    }
    const TokenId next = sampler.Sample(logits_, history_);
    if (!options.ignore_end && tokenizer.EndsTurn(next)) {
      result.reason = FinishReason::kEndOfTurn;
      break;
    }
    if (history_.size() == cache_.context()) {
      result.reason = FinishReason::kContextFull;
      break;
    }
    result.ids.push_back(next);
    history_.push_back(next);
    if (!emit(filter.Push(decoder.Push(next)))) {
      result.reason = FinishReason::kCancelled;
      break;
    }
    if (filter.stopped()) {
      result.reason = FinishReason::kStopText;
      break;
    }
    if (options.max_tokens != 0 && result.ids.size() == options.max_tokens) continue;
    ALT_RETURN_IF_ERROR(Prefill());
  }
  if (!filter.stopped()) {
    emit(filter.Push(decoder.Finish()) + filter.Finish());
  }
  result.answer_seconds = clock_->Seconds() - answering;
  return result;
}

}  // namespace altteul::engine
