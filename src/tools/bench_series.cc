// SPDX-License-Identifier: Apache-2.0

#include "tools/bench_series.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/random.h"
#include "tools/interrupt.h"

namespace altteul::tools {
namespace {

using engine::Forward;
using engine::KvCache;
using engine::SequenceInput;
using text::TokenId;

constexpr size_t kShortPrompt = 8;

// What RandomTokens() numbers its streams by: fills by their sequence, then these.
constexpr uint64_t kPromptStream = 1'000'000;
constexpr uint64_t kAnswerStream = 1'000'001;

}  // namespace

SeriesRunner::SeriesRunner(const Clock& clock, std::unique_ptr<Forward> forward)
    : clock_(clock), forward_(std::move(forward)) {}

Result<std::unique_ptr<SeriesRunner>> SeriesRunner::Create(const model::Model& model,
                                                           compute::Compute& compute,
                                                           const Clock& clock,
                                                           std::span<const SeriesSpec> specs,
                                                           kernels::KvType kv) {
  struct Room {
    size_t sequences = 0;
    size_t context = 0;
  };
  std::map<size_t, Room> rooms;  // by depth
  size_t context = 1;
  size_t most_rows = 1;  // of one pass
  for (const SeriesSpec& spec : specs) {
    Room& room = rooms[spec.depth];
    room.sequences = std::max(room.sequences, spec.sequences);
    room.context = std::max(room.context, StartOf(spec) + spec.tokens + 1);
    context = std::max(context, room.context);
    most_rows = std::max(most_rows, spec.sequences);
  }
  most_rows = std::max(most_rows, std::min(kPassTokens, context));
  ALT_ASSIGN_OR_RETURN(auto forward, Forward::Create(model, compute, most_rows, context));
  std::unique_ptr<SeriesRunner> runner(new SeriesRunner(clock, std::move(forward)));
  for (const auto& [depth, room] : rooms) {
    for (size_t i = 0; i < room.sequences; ++i) {
      ALT_ASSIGN_OR_RETURN(KvCache cache,
                           KvCache::Create(compute, model.config, kv, room.context,
                                           std::min(kPassTokens, runner->forward_->max_rows())));
      runner->sequences_[depth].push_back({.cache = std::move(cache)});
    }
  }
  return runner;
}

size_t SeriesRunner::StartOf(const SeriesSpec& spec) {
  return spec.depth == 0 && spec.sequences > 1 ? kShortPrompt : spec.depth;
}

std::vector<TokenId> SeriesRunner::RandomTokens(uint64_t stream, size_t n) const {
  const size_t vocabulary = forward_->model().config.vocabulary;
  const RandomStream random(1 + stream, "bench tokens");
  std::vector<TokenId> ids(n);
  for (size_t i = 0; i < n; ++i) ids[i] = static_cast<TokenId>(random.Bits(i) % vocabulary);
  return ids;
}

Status SeriesRunner::Run(std::span<const SequenceInput> inputs) {
  if (Interrupted()) return Status(ErrorCode::kCancelled, "the measurement was interrupted");
  return forward_->Run(inputs);
}

/// Brings a sequence to `start` positions, computing only what winding back cannot bring: a window
/// may have overwritten it.
Status SeriesRunner::Rewind(Sequence& sequence, size_t index, size_t start) {
  if (sequence.filled < start || !sequence.cache.TruncateTo(start)) {
    sequence.cache.TruncateTo(0);
    const std::vector<TokenId> ids = RandomTokens(index, start);
    for (size_t done = 0; done < start;) {
      const size_t count = std::min(sequence.cache.max_chunk(), start - done);
      const SequenceInput input{.cache = &sequence.cache,
                                .tokens = std::span(ids).subspan(done, count)};
      ALT_RETURN_IF_ERROR(Run({&input, 1}));
      done += count;
    }
  }
  sequence.filled = start;
  return Status();
}

Status SeriesRunner::ReadPrompt(Sequence& sequence, size_t n_tokens) {
  const std::vector<TokenId> ids = RandomTokens(kPromptStream, n_tokens);
  for (size_t done = 0; done < n_tokens;) {
    const size_t count = std::min(sequence.cache.max_chunk(), n_tokens - done);
    const SequenceInput input{.cache = &sequence.cache,
                              .tokens = std::span(ids).subspan(done, count)};
    ALT_RETURN_IF_ERROR(Run({&input, 1}));
    done += count;
    if (done == n_tokens)
      ALT_RETURN_IF_ERROR(forward_->Logits(count - 1, 1, ValuesOf<float>(logits_)));
  }
  return Status();
}

Status SeriesRunner::AnswerTogether(std::span<Sequence> sequences, size_t n_tokens) {
  const size_t n = sequences.size();
  const std::vector<TokenId> ids = RandomTokens(kAnswerStream, n * n_tokens);
  std::vector<SequenceInput> inputs(n);
  for (size_t step = 0; step < n_tokens; ++step) {
    for (size_t i = 0; i < n; ++i) {
      inputs[i] = {.cache = &sequences[i].cache, .tokens = std::span(ids).subspan(step * n + i, 1)};
    }
    ALT_RETURN_IF_ERROR(Run(inputs));
    ALT_RETURN_IF_ERROR(forward_->Logits(0, n, ValuesOf<float>(logits_)));
  }
  return Status();
}

Result<double> SeriesRunner::Measure(const SeriesSpec& spec) {
  const std::span<Sequence> sequences = std::span(sequences_[spec.depth]).first(spec.sequences);
  for (size_t i = 0; i < sequences.size(); ++i) {
    ALT_RETURN_IF_ERROR(Rewind(sequences[i], i, StartOf(spec)));
  }
  const size_t logits_bytes = spec.sequences * forward_->model().config.vocabulary * sizeof(float);
  if (logits_bytes > logits_.size()) {
    ALT_ASSIGN_OR_RETURN(
        logits_, Buffer::Allocate(logits_bytes, "the logits of " + std::to_string(spec.sequences) +
                                                    " sequences"));
  }
  const bool prompt = spec.kind == SeriesSpec::Kind::kPrompt;
  const double start = clock_.Seconds();
  ALT_RETURN_IF_ERROR(prompt ? ReadPrompt(sequences.front(), spec.tokens)
                             : AnswerTogether(sequences, spec.tokens));
  const double seconds = clock_.Seconds() - start;
  return static_cast<double>(spec.tokens * spec.sequences) / seconds;
}

}  // namespace altteul::tools
