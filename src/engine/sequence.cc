// SPDX-License-Identifier: Apache-2.0

#include "engine/sequence.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace altteul::engine {

using text::TokenId;

Sequence::Sequence(const model::Model& model, const Clock& clock, KvCache cache)
    : model_(&model), clock_(&clock), cache_(std::move(cache)) {
  history_.reserve(cache_.context());
}

Status Sequence::SetPrompt(std::span<const TokenId> ids) {
  if (ids.empty()) return Status(ErrorCode::kInvalidArgument, "the prompt has no tokens");
  if (ids.size() >= cache_.context()) {
    return Status(ErrorCode::kDoesNotFit,
                  "the prompt has " + std::to_string(ids.size()) + " tokens, the context holds " +
                      std::to_string(cache_.context()) +
                      " and an answer needs at least one; ask for a larger context (-c) or "
                      "shorten the prompt");
  }
  // The last token is always computed anew: its logits start the answer.
  const size_t shared = std::min(CommonBeginning(ids), ids.size() - 1);
  if (!cache_.TruncateTo(shared)) cache_.TruncateTo(0);
  history_.assign(ids.begin(), ids.end());
  logits_.clear();
  return Status();
}

/// How many of the tokens that the cache holds `ids` begins with.
size_t Sequence::CommonBeginning(std::span<const TokenId> ids) const {
  const size_t most = std::min(cache_.length(), ids.size());
  const auto differs =
      std::mismatch(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(most), history_.begin());
  return static_cast<size_t>(differs.first - ids.begin());
}

size_t Sequence::ShareBeginning(const Sequence& other) {
  if (history_.empty()) return 0;
  const size_t common = std::min(other.CommonBeginning(history_), history_.size() - 1);
  const size_t before = cache_.length();
  if (common <= before || !cache_.ShareFrom(other.cache_, common)) return 0;
  return common - before;
}

void Sequence::BeginReading(std::function<bool()> go_on) {
  go_on_ = std::move(go_on);
  sampler_ = nullptr;
  options_ = {};
  status_ = Status();
  begin_ = clock_->Seconds();
  n_to_read_ = n_pending();
  state_ = n_to_read_ == 0 ? State::kIdle : State::kReading;
}

Status Sequence::BeginAnswer(const GenerateOptions& options, Sampler& sampler, ShowText show) {
  if (history_.empty()) return Status(ErrorCode::kInvalidArgument, "an answer without a prompt");
  // Where all has been computed before, the logits may be gone: the last token is computed anew.
  if (n_pending() == 0 && logits_.empty() && !cache_.TruncateTo(cache_.length() - 1)) {
    cache_.TruncateTo(0);
  }
  BeginReading(show ? [show] { return show(""); } : std::function<bool()>());
  options_ = options;
  sampler_ = &sampler;
  result_ = {};
  text_.emplace(*model_->tokenizer, options_.stop, std::move(show));
  if (n_to_read_ > 0) return Status();
  // Only its reading was wanted before: it is answered at once.
  std::vector<float> logits = std::move(logits_);
  logits_.clear();
  return EndReading(logits);
}

Result<Sequence::Rows> Sequence::NextRows(size_t most) {
  ALT_CHECK(most > 0);
  if (state_ == State::kAnswering) {
    const Status guessed = Guess(most);
    if (!guessed.ok()) {
      Fail(guessed);
      return guessed;
    }
    return Rows{.tokens = pass_, .n_logits = pass_.size()};
  }
  if (state_ != State::kReading) return Rows{};
  if (go_on_ && !go_on_()) {
    status_ = Status(ErrorCode::kCancelled, "reading the prompt was interrupted");
    End(FinishReason::kCancelled);
    return Rows{};
  }
  const size_t n = std::min({most, cache_.max_chunk(), n_pending()});
  return Rows{.tokens = std::span(history_).subspan(cache_.length(), n),
              .n_logits = n == n_pending() ? size_t{1} : 0};
}

Status Sequence::TakeRows(std::span<float> logits, double seconds) {
  result_.compute_seconds += seconds;
  if (state_ == State::kReading) {
    logits_.clear();
    return n_pending() > 0 ? Status() : EndReading(logits);
  }
  ALT_CHECK(state_ == State::kAnswering);
  row_ = 0;
  pace_.RecordPass(pass_.size(), seconds);
  result_.proposed_tokens += pass_.size() - 1;
  return Answer(logits);
}

void Sequence::Fail(Status status) {
  pass_.clear();
  status_ = std::move(status);
  state_ = State::kIdle;
}

/// Everything before the first token of the answer is there.
Status Sequence::EndReading(std::span<float> logits) {
  if (sampler_ == nullptr) {
    logits_.assign(logits.begin(), logits.end());
    state_ = State::kIdle;
    return Status();
  }
  if (Speculator* speculator = options_.speculator; speculator != nullptr) {
    chances_.resize(speculator->longest());
    Status begun = speculator->Begin(history_, go_on_);
    if (begun.code() == ErrorCode::kCancelled) {
      End(FinishReason::kCancelled);
      return Status();
    }
    if (!begun.ok()) {
      Fail(begun);
      return begun;
    }
  }
  const double now = clock_->Seconds();
  result_.prompt_tokens = n_to_read_;
  result_.prompt_seconds = now - begin_;
  begin_ = now;
  pace_.BeginAnswer();
  state_ = State::kAnswering;
  row_ = 0;
  return Answer(logits);
}

/// Takes tokens as long as logits are there for them. @param logits  [rows, vocabulary]
Status Sequence::Answer(std::span<float> logits) {
  do {
    if (!TakeToken(logits.subspan(row_ * vocabulary(), vocabulary()))) return Status();
  } while (WasGuessed());
  DropGuesses(true);
  return Status();
}

/// One token of the answer. @return whether another one is to follow; else the answer has ended
bool Sequence::TakeToken(std::span<float> logits) {
  const auto end = [this](FinishReason reason) {
    End(reason);
    return false;
  };
  const auto enough = [this] {
    return options_.max_tokens != 0 && result_.ids.size() == options_.max_tokens;
  };
  if (enough()) return end(FinishReason::kMaxTokens);
  const TokenId next = sampler_->Sample(logits, history_);
  if (!options_.ignore_end && model_->tokenizer->EndsTurn(next)) {
    // Its text may complete a stop text whose first part is held back.
    text_->PushHidden(next);
    return end(text_->stopped() ? FinishReason::kStopText : FinishReason::kEndOfTurn);
  }
  if (history_.size() == cache_.context()) return end(FinishReason::kContextFull);
  result_.ids.push_back(next);
  history_.push_back(next);
  if (!text_->Push(next)) return end(FinishReason::kCancelled);
  if (text_->stopped()) return end(FinishReason::kStopText);
  if (enough()) return end(FinishReason::kMaxTokens);
  return true;
}

/// Whether the last token had been guessed, so that the logits behind it are there already.
bool Sequence::WasGuessed() {
  if (row_ + 1 >= pass_.size() || pass_[row_ + 1] != history_.back()) return false;
  ++row_;
  ++result_.accepted_tokens;
  pace_.RecordHit();
  return true;
}

/// Fills pass_: the last token and what may follow it.
Status Sequence::Guess(size_t most) {
  pass_.assign(1, history_.back());
  Speculator* speculator = options_.speculator;
  if (speculator == nullptr) return Status();
  const double start = clock_->Seconds();
  size_t n = speculator->Forecast(history_, chances_);
  n = std::min({n, most - 1, cache_.max_chunk() - 1, cache_.context() - history_.size()});
  if (options_.max_tokens != 0) n = std::min(n, options_.max_tokens - result_.ids.size() - 1);
  n = pace_.Choose(std::span(chances_).first(n));
  if (n == 0) return Status();
  pass_.resize(1 + n);
  ALT_RETURN_IF_ERROR(speculator->Propose(history_, std::span(pass_).subspan(1)));
  // A draft's vocabulary may be padded further than this one.
  const auto outside = std::find_if(pass_.begin(), pass_.end(), [this](TokenId id) {
    return static_cast<size_t>(id) >= vocabulary();
  });
  pass_.erase(outside, pass_.end());
  pace_.RecordGuess(n, clock_->Seconds() - start);
  return Status();
}

/// Forgets the guesses that did not come true, in the cache too: it had room for a whole pass
/// beyond its windows, so nothing older is lost. @param refuted  the next one turned out wrong
void Sequence::DropGuesses(bool refuted) {
  if (pass_.size() > 1) {
    const size_t left = pass_.size() - 1 - row_;
    const bool rewound = cache_.TruncateTo(cache_.length() - left);
    ALT_CHECK(rewound);
    options_.speculator->Observe(row_, refuted && left != 0);
  }
  pass_.clear();
}

void Sequence::End(FinishReason reason) {
  const double now = clock_->Seconds();
  result_.reason = reason;
  if (state_ == State::kAnswering) {
    DropGuesses(false);
    text_->Finish();
    result_.text = text_->all();
    result_.answer_seconds = now - begin_;
  } else {
    result_.prompt_tokens = n_to_read_ - n_pending();
    result_.prompt_seconds = now - begin_;
  }
  state_ = State::kIdle;
}

}  // namespace altteul::engine
