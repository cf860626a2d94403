// SPDX-License-Identifier: Apache-2.0

#include "engine/session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "engine/stop_filter.h"

namespace altteul::engine {

using text::TokenId;

/// Tokens to text, shown as it becomes certain.
class Session::AnswerText {
 public:
  using Show = std::function<bool(std::string_view)>;

  AnswerText(const text::Tokenizer& tokenizer, const std::vector<std::string>& stops,
             const Show& show)
      : tokenizer_(tokenizer), decoder_(tokenizer), filter_(stops), show_(show) {}

  /// False: whoever reads it wants no more.
  bool Push(TokenId id) {
    if (IsHidden(id)) return PushHidden(id);
    return Emit(filter_.Push(decoder_.Push(id)));
  }
  /// A token that is not shown, but may be stopped at.
  bool PushHidden(TokenId id) { return Emit(filter_.PushHidden(tokenizer_.TokenBytes(id, true))); }
  void Finish() {
    if (filter_.stopped()) return;
    // One after the other: operands of + are evaluated in any order.
    std::string rest = filter_.Push(decoder_.Finish());
    rest += filter_.Finish();
    Emit(rest);
  }
  bool stopped() const { return filter_.stopped(); }
  const std::string& all() const { return all_; }

 private:
  // Control and unknown tokens today; what else a tokenizer keeps to itself is hidden too.
  bool IsHidden(TokenId id) const { return tokenizer_.TokenBytes(id, false).empty(); }
  bool Emit(const std::string& piece) {
    all_ += piece;
    return !show_ || show_(piece);
  }

  const text::Tokenizer& tokenizer_;
  text::StreamDecoder decoder_;
  StopFilter filter_;
  const Show& show_;
  std::string all_;
};

Session::Session(Forward& forward, const Clock& clock, KvCache cache, Buffer logits)
    : forward_(&forward), clock_(&clock), cache_(std::move(cache)), logits_(std::move(logits)) {
  history_.reserve(cache_.context());
}

Result<Session> Session::Create(Forward& forward, const Clock& clock, kernels::KvType kv_type,
                                size_t context) {
  ALT_ASSIGN_OR_RETURN(
      KvCache cache, KvCache::Create(forward.model().config, kv_type, context, forward.max_rows()));
  Session session(forward, clock, std::move(cache), Buffer());
  ALT_RETURN_IF_ERROR(session.ReserveRows(1));
  return session;
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
    if (cache_.length() < history_.size()) continue;
    row_ = 0;
    forward_->Logits(n - 1, 1, logits());
  }
  return Status();
}

Result<Generated> Session::Generate(const GenerateOptions& options, Sampler& sampler,
                                    const std::function<bool(std::string_view)>& show) {
  if (history_.empty()) return Status(ErrorCode::kInvalidArgument, "an answer without a prompt");
  Generated result;
  const Status read = ReadPrompt(
      options, [&] { return !show || show(""); }, &result);
  if (read.code() == ErrorCode::kCancelled) {
    result.reason = FinishReason::kCancelled;
    return result;
  }
  ALT_RETURN_IF_ERROR(read);

  const double start = clock_->Seconds();
  pace_.BeginAnswer();
  AnswerText text(*forward_->model().tokenizer, options.stop, show);
  Result<bool> goes_on = true;
  do {
    goes_on = Step(options, sampler, text, &result);
  } while (goes_on.ok() && goes_on.value());
  DropGuesses(options.speculator, false);
  if (!goes_on.ok()) return goes_on.status();
  text.Finish();
  result.text = text.all();
  result.answer_seconds = clock_->Seconds() - start;
  return result;
}

/// Everything before the first token of the answer.
Status Session::ReadPrompt(const GenerateOptions& options, const std::function<bool()>& go_on,
                           Generated* result) {
  const size_t pending = history_.size() - cache_.length();
  const double start = clock_->Seconds();
  Status status = Prefill(go_on);
  if (Speculator* speculator = options.speculator; speculator != nullptr && status.ok()) {
    chances_.resize(speculator->longest());
    ALT_RETURN_IF_ERROR(ReserveRows(1 + std::min(speculator->longest(), forward_->max_rows() - 1)));
    status = speculator->Begin(history_, go_on);
  }
  result->prompt_tokens = pending - (history_.size() - cache_.length());
  result->prompt_seconds = clock_->Seconds() - start;
  return status;
}

/// One token of the answer. @return whether there is another one; else result->reason is set
Result<bool> Session::Step(const GenerateOptions& options, Sampler& sampler, AnswerText& text,
                           Generated* result) {
  const auto end = [result](FinishReason reason) {
    result->reason = reason;
    return false;
  };
  const auto enough = [&] {
    return options.max_tokens != 0 && result->ids.size() == options.max_tokens;
  };
  if (enough()) return end(FinishReason::kMaxTokens);
  const TokenId next = sampler.Sample(logits(), history_);
  if (!options.ignore_end && forward_->model().tokenizer->EndsTurn(next)) {
    // Its text may complete a stop text whose first part is held back.
    text.PushHidden(next);
    return end(text.stopped() ? FinishReason::kStopText : FinishReason::kEndOfTurn);
  }
  if (history_.size() == cache_.context()) return end(FinishReason::kContextFull);
  result->ids.push_back(next);
  history_.push_back(next);
  if (!text.Push(next)) return end(FinishReason::kCancelled);
  if (text.stopped()) return end(FinishReason::kStopText);
  if (enough()) return end(FinishReason::kMaxTokens);
  ALT_RETURN_IF_ERROR(Advance(options, result));
  return true;
}

/// Makes logits() those behind the last token of the history: by a pass, unless the token had been
/// guessed and is computed already.
Status Session::Advance(const GenerateOptions& options, Generated* result) {
  if (row_ + 1 < pass_.size() && pass_[row_ + 1] == history_.back()) {
    ++row_;
    ++result->accepted_tokens;
    pace_.RecordHit();
    return Status();
  }
  DropGuesses(options.speculator, true);
  ALT_RETURN_IF_ERROR(Guess(options, *result));
  const double start = clock_->Seconds();
  const SequenceInput input{.cache = &cache_, .tokens = pass_};
  const Status computed = forward_->Run({&input, 1});
  if (!computed.ok()) {
    pass_.clear();
    return computed;
  }
  row_ = 0;
  forward_->Logits(0, pass_.size(), LogitsOf(0, pass_.size()));
  pace_.RecordPass(pass_.size(), clock_->Seconds() - start);
  result->proposed_tokens += pass_.size() - 1;
  return Status();
}

/// Fills pass_: the last token and what may follow it.
Status Session::Guess(const GenerateOptions& options, const Generated& result) {
  pass_.assign(1, history_.back());
  if (options.speculator == nullptr) return Status();
  const double start = clock_->Seconds();
  size_t most = options.speculator->Forecast(history_, chances_);
  most = std::min({most, forward_->max_rows() - 1, cache_.context() - history_.size()});
  if (options.max_tokens != 0) most = std::min(most, options.max_tokens - result.ids.size() - 1);
  const size_t n = pace_.Choose(std::span(chances_).first(most));
  if (n == 0) return Status();
  pass_.resize(1 + n);
  const Status proposed = options.speculator->Propose(history_, std::span(pass_).subspan(1));
  if (!proposed.ok()) {
    pass_.clear();
    return proposed;
  }
  // A draft's vocabulary may be padded further than this one.
  const auto outside = std::find_if(pass_.begin(), pass_.end(), [this](TokenId id) {
    return static_cast<size_t>(id) >= forward_->model().config.vocabulary;
  });
  pass_.erase(outside, pass_.end());
  pace_.RecordGuess(n, clock_->Seconds() - start);
  return Status();
}

/// Forgets the guesses that did not come true, in the cache too: it had room for a whole pass
/// beyond its windows, so nothing older is lost. @param refuted  the next one turned out wrong
void Session::DropGuesses(Speculator* speculator, bool refuted) {
  if (pass_.size() > 1) {
    const size_t left = pass_.size() - 1 - row_;
    const bool rewound = cache_.TruncateTo(cache_.length() - left);
    ALT_CHECK(rewound);
    speculator->Observe(row_, refuted && left != 0);
  }
  pass_.clear();
}

Status Session::ReserveRows(size_t n_rows) {
  const size_t vocabulary = forward_->model().config.vocabulary;
  const size_t bytes = n_rows * vocabulary * sizeof(float);
  if (bytes <= logits_.size()) return Status();
  ALT_ASSIGN_OR_RETURN(
      Buffer larger, Buffer::Allocate(bytes, "the logits of " + std::to_string(n_rows) + " rows"));
  if (logits_.size() != 0) {
    std::memcpy(larger.mutable_bytes().data(), logits().data(), vocabulary * sizeof(float));
  }
  logits_ = std::move(larger);
  row_ = 0;
  return Status();
}

std::span<float> Session::LogitsOf(size_t first, size_t count) {
  const size_t vocabulary = forward_->model().config.vocabulary;
  auto* all = reinterpret_cast<float*>(logits_.mutable_bytes().data());
  return {all + first * vocabulary, count * vocabulary};
}

}  // namespace altteul::engine
