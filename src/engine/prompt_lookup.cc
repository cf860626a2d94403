// SPDX-License-Identifier: Apache-2.0

#include "engine/prompt_lookup.h"

#include <algorithm>

#include "base/check.h"

namespace altteul::engine {
namespace {

using text::TokenId;

// Trials that a record remembers: old ones fade as new ones come.
constexpr float kMemory = 48.0f;

uint64_t HashOf(const TokenId* run, size_t length) {
  uint64_t hash = length;
  for (size_t i = 0; i < length; ++i) {
    hash = (hash ^ static_cast<uint32_t>(run[i])) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace

PromptLookup::PromptLookup(size_t longest)
    : longest_(longest),
      slots_(1024, 0),
      // What to believe before anything was seen, as four trials. Copies of copies are long.
      records_{{{0.8f, 4}, {1.2f, 4}, {2.0f, 4}, {2.8f, 4}, {3.4f, 4}, {3.8f, 4}}} {
  ALT_CHECK(longest > 0);
}

// Agreements of 2, 3, 4, 5 to 7, 8 to 15, and more.
size_t PromptLookup::RecordOf(size_t agreement) {
  if (agreement < 5) return agreement - kShortest;
  return agreement < 8 ? 3 : agreement < kFarEnough ? 4 : 5;
}

Status PromptLookup::Begin(std::span<const TokenId> history, const std::function<bool()>&) {
  const bool continues = history.size() >= tokens_.size() &&
                         std::equal(tokens_.begin(), tokens_.end(), history.begin());
  if (!continues) {
    tokens_.clear();
    std::fill(slots_.begin(), slots_.end(), size_t{0});
    used_slots_ = 0;
    source_ = 0;
    agreement_ = 0;
  }
  // Nothing is learned from a prompt: how it repeats itself says little about its answer.
  Extend(history, false);
  return Status();
}

size_t PromptLookup::Forecast(std::span<const TokenId> history, std::span<float> chances) {
  Extend(history, true);
  if (source_ == 0) return 0;
  for (size_t i = 0; i < longest_; ++i) {
    const Record& record = records_[RecordOf(std::min(agreement_ + i, kFarEnough))];
    chances[i] = record.hits / record.trials;
  }
  return longest_;
}

Status PromptLookup::Propose(std::span<const TokenId> history, std::span<TokenId> out) {
  ALT_CHECK(source_ != 0 && history.size() == tokens_.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t from = source_ + i;
    // A source that runs into the end of the history goes on in what was just guessed.
    out[i] = from < tokens_.size() ? tokens_[from] : out[from - tokens_.size()];
  }
  return Status();
}

void PromptLookup::Extend(std::span<const TokenId> history, bool learn) {
  while (tokens_.size() < history.size()) {
    const TokenId token = history[tokens_.size()];
    const bool hit = source_ != 0 && tokens_[source_] == token;
    if (learn && source_ != 0) Score(hit);
    tokens_.push_back(token);
    if (hit) {
      ++source_;
      agreement_ = std::min(agreement_ + 1, kFarEnough);
    } else {
      FindSource();
    }
    Insert();
  }
}

void PromptLookup::Score(bool hit) {
  Record& record = records_[RecordOf(agreement_)];
  if (record.trials >= kMemory) {
    record.hits *= 1.0f - 1.0f / kMemory;
    record.trials *= 1.0f - 1.0f / kMemory;
  }
  record.hits += hit ? 1.0f : 0.0f;
  record.trials += 1.0f;
}

// The place behind the latest run that equals the history's end, the longest run first.
void PromptLookup::FindSource() {
  source_ = 0;
  for (size_t length = std::min(kLongest, tokens_.size()); length >= kShortest; --length) {
    const size_t found = *SlotOf(tokens_.size(), length);
    if (found == 0) continue;
    source_ = found / 4;
    agreement_ = Agreement(source_);
    return;
  }
}

/// Tokens before `position` that equal the history's last ones, at most kFarEnough.
size_t PromptLookup::Agreement(size_t position) const {
  const size_t most = std::min(kFarEnough, position);
  size_t n = 0;
  while (n < most && tokens_[position - 1 - n] == tokens_[tokens_.size() - 1 - n]) ++n;
  return n;
}

// From now on the history's last runs stand here.
void PromptLookup::Insert() {
  if (2 * (used_slots_ + kLongest) > slots_.size()) Grow();
  for (size_t length = kShortest; length <= std::min(kLongest, tokens_.size()); ++length) {
    size_t* slot = SlotOf(tokens_.size(), length);
    if (*slot == 0) ++used_slots_;
    *slot = 4 * tokens_.size() + length - 1;
  }
}

/// The slot of the run tokens_[end - length, end), or the empty one where it belongs.
size_t* PromptLookup::SlotOf(size_t end, size_t length) {
  const TokenId* run = tokens_.data() + end - length;
  const size_t mask = slots_.size() - 1;
  size_t at = HashOf(run, length) & mask;
  while (slots_[at] != 0) {
    const size_t other = slots_[at] / 4;
    if (slots_[at] % 4 == length - 1 && std::equal(run, run + length, &tokens_[other - length])) {
      break;
    }
    at = (at + 1) & mask;
  }
  return &slots_[at];
}

void PromptLookup::Grow() {
  std::vector<size_t> old(slots_.size() * 2, 0);
  old.swap(slots_);
  for (const size_t value : old) {
    if (value != 0) *SlotOf(value / 4, value % 4 + 1) = value;
  }
}

}  // namespace altteul::engine
