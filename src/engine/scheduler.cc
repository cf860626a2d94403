// SPDX-License-Identifier: Apache-2.0

#include "engine/scheduler.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"

namespace altteul::engine {

void Scheduler::Remove(Sequence& sequence) {
  sequences_.erase(std::remove(sequences_.begin(), sequences_.end(), &sequence), sequences_.end());
}

bool Scheduler::Step() {
  ShareOut();
  if (shares_.empty()) {
    // Nobody is left who could give pages back.
    for (auto& [sequence, why] : waiting_) sequence->Fail(std::move(why));
    return !waiting_.empty();
  }
  const double start = clock_->Seconds();
  Status computed = Compute();
  const double middle = clock_->Seconds();
  if (computed.ok()) {
    computed = forward_->Logits(logit_rows_, LogitsOf(0, logit_rows_.size()));
    if (!computed.ok()) TakeBack();
  }
  if (!computed.ok()) {
    for (const Share& share : shares_) {
      share.sequence->cache().Abandon();  // what no pass came to use
      share.sequence->Fail(computed);
    }
    return true;
  }
  const double end = clock_->Seconds();
  meter_.compute_seconds += end - start;
  ++meter_.passes;
  meter_.rows += n_rows_;
  meter_.logits += logit_rows_.size();
  Hand(middle - start, end - middle);
  return true;
}

/// Asks the sequences for rows until the pass is full.
void Scheduler::ShareOut() {
  shares_.clear();
  waiting_.clear();
  logit_rows_.clear();
  n_rows_ = 0;
  std::vector<Sequence*> answering, reading;
  for (size_t i = 0; i < sequences_.size(); ++i) {
    Sequence* sequence = sequences_[(turn_ + i) % sequences_.size()];
    if (sequence->is_answering()) answering.push_back(sequence);
  }
  for (Sequence* sequence : sequences_) {
    if (sequence->wants_rows() && !sequence->is_answering()) reading.push_back(sequence);
  }
  const size_t most = forward_->max_rows();
  if (answering.size() > most) turn_ = (turn_ + most) % sequences_.size();
  for (size_t i = 0; i < answering.size() && n_rows_ < most; ++i) {
    // One for each that is still to come, and what is left for guesses.
    const size_t others = answering.size() - i - 1;
    Give(*answering[i], most - n_rows_ > others ? most - n_rows_ - others : 1);
  }
  for (size_t i = 0; i < reading.size() && n_rows_ < most; ++i) Give(*reading[i], most - n_rows_);
}

void Scheduler::Give(Sequence& sequence, size_t most) {
  const Result<Sequence::Rows> wanted = sequence.NextRows(most);
  if (!wanted.ok() || wanted.value().tokens.empty()) return;
  const Sequence::Rows& rows = wanted.value();
  if (Status reserved = sequence.cache().Reserve(rows.tokens.size()); !reserved.ok()) {
    waiting_.emplace_back(&sequence, std::move(reserved));
    return;
  }
  shares_.push_back({.sequence = &sequence, .rows = rows, .first_row = n_rows_});
  n_rows_ += rows.tokens.size();
  for (size_t row = n_rows_ - rows.n_logits; row < n_rows_; ++row) logit_rows_.push_back(row);
}

Status Scheduler::Compute() {
  // Before the pass, which could not be taken back.
  const size_t bytes = logit_rows_.size() * forward_->model().config.vocabulary * sizeof(float);
  if (bytes > logits_.size()) {
    ALT_ASSIGN_OR_RETURN(
        logits_,
        Buffer::Allocate(bytes, "the logits of " + std::to_string(logit_rows_.size()) + " rows"));
  }
  std::vector<SequenceInput> inputs;
  for (const Share& share : shares_) {
    inputs.push_back({.cache = &share.sequence->cache(), .tokens = share.rows.tokens});
  }
  return forward_->Run(inputs);
}

/// A pass without its logits is as good as none: its rows are to be computed again.
void Scheduler::TakeBack() {
  for (const Share& share : shares_) {
    KvCache& cache = share.sequence->cache();
    const bool taken_back = cache.TruncateTo(cache.length() - share.rows.tokens.size());
    ALT_CHECK(taken_back);
  }
}

/// Gives each sequence its logits and its share of the seconds, by rows.
void Scheduler::Hand(double pass_seconds, double head_seconds) {
  const double of_row = pass_seconds / static_cast<double>(n_rows_);
  const double of_logits =
      logit_rows_.empty() ? 0 : head_seconds / static_cast<double>(logit_rows_.size());
  size_t first = 0;
  for (const Share& share : shares_) {
    const Sequence::Rows& rows = share.rows;
    const double seconds = of_row * static_cast<double>(rows.tokens.size()) +
                           of_logits * static_cast<double>(rows.n_logits);
    // Its failure, a speculator's, is its own.
    static_cast<void>(share.sequence->TakeRows(LogitsOf(first, rows.n_logits), seconds));
    first += rows.n_logits;
  }
}

std::span<float> Scheduler::LogitsOf(size_t first, size_t count) {
  if (count == 0) return {};
  const size_t vocabulary = forward_->model().config.vocabulary;
  return ValuesOf<float>(logits_).subspan(first * vocabulary, count * vocabulary);
}

}  // namespace altteul::engine
