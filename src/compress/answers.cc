// SPDX-License-Identifier: Apache-2.0

#include "compress/answers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"

namespace altteul::compress {
namespace {

// Of logits that are computed at once: each time the whole head is read.
constexpr uint64_t kBytesAtOnce = uint64_t{64} << 20;

}  // namespace

Result<Answers> Answers::Create(size_t n_chunks, size_t context, const engine::Forward& forward,
                                uint64_t most_bytes, HeadRead head_read, const WorkFolder* work) {
  Answers answers;
  answers.head_read_ = std::move(head_read);
  const size_t vocabulary = forward.model().config.vocabulary;
  const uint64_t row_bytes = vocabulary * sizeof(float);
  answers.context_ = context;
  answers.vocabulary_ = vocabulary;
  answers.n_rows_ = std::clamp<size_t>(most_bytes / row_bytes / n_chunks, 1,
                                       std::max<size_t>(1, context - context / 4));
  ALT_ASSIGN_OR_RETURN(
      answers.memory_,
      RoomFor(n_chunks * answers.n_rows_ * row_bytes,
              "the answers to " + std::to_string(n_chunks * answers.n_rows_) + " tokens", work));
  answers.summaries_.resize(n_chunks * answers.n_rows_);
  answers.rows_at_once_ = std::min<size_t>(n_chunks * answers.n_rows_,
                                           std::max<uint64_t>(16, kBytesAtOnce / row_bytes));
  ALT_ASSIGN_OR_RETURN(
      answers.logits_,
      Buffer::Allocate(answers.rows_at_once_ * row_bytes,
                       "the logits of " + std::to_string(answers.rows_at_once_) + " tokens"));
  const size_t most_rows = std::min(n_chunks * answers.n_rows_, forward.max_rows());
  ALT_ASSIGN_OR_RETURN(
      answers.last_,
      Buffer::Allocate(most_rows * forward.model().config.hidden * sizeof(float),
                       "the activations of " + std::to_string(most_rows) + " tokens"));
  answers.divergence_.resize(answers.rows_at_once_);
  return answers;
}

std::span<float> Answers::Rows(size_t first, size_t n) {
  return ValuesOf<float>(memory_).subspan(first * vocabulary_, n * vocabulary_);
}

/// Logits that are not needed for now: they go to the disk, if that is where they rest.
void Answers::Release(size_t first_row, size_t n) const {
  const size_t row_bytes = vocabulary_ * sizeof(float);
  memory_.ReleasePages(first_row * row_bytes, n * row_bytes);
}

/// The last rows of every chunk of x, ready for the head. @return how many
Result<size_t> Answers::Finish(engine::Forward& forward, std::span<const float> x) {
  const size_t hidden = forward.model().config.hidden, chunk = context_ * hidden;
  const size_t kept = n_rows_ * hidden;
  const std::span<float> last = ValuesOf<float>(last_);
  size_t n = 0;
  for (size_t end = chunk; end <= x.size(); end += chunk, n += kept) {
    const std::span<const float> rows = x.subspan(end - kept, kept);
    ALT_CHECK(n + kept <= last.size());
    std::copy(rows.begin(), rows.end(), last.begin() + static_cast<std::ptrdiff_t>(n));
  }
  ALT_RETURN_IF_ERROR(forward.Finish(last.first(n)));
  return n / hidden;
}

Status Answers::Keep(engine::Forward& forward, size_t chunk, std::span<const float> x) {
  ALT_ASSIGN_OR_RETURN(const size_t n, Finish(forward, x));
  const size_t start = chunk * n_rows_;
  ALT_RETURN_IF_ERROR(forward.LogitsInSlices(0, n, Rows(start, n), head_read_));
  ThreadTeam& team = forward.compute().team();
  team.Run([&](int thread) {
    const Share share = ShareOf(n, 1, thread, team.size());
    for (size_t row = start + share.begin; row < start + share.end; ++row) {
      summaries_[row] = eval::Summarize(Rows(row, 1));
    }
  });
  Release(start, n);
  return Status();
}

Result<double> Answers::Divergence(engine::Forward& forward, size_t chunk,
                                   std::span<const float> x) {
  ALT_ASSIGN_OR_RETURN(const size_t n_finished, Finish(forward, x));
  const size_t n = n_finished, start = chunk * n_rows_;
  ThreadTeam& team = forward.compute().team();
  const std::span<float> logits = ValuesOf<float>(logits_);
  double sum = 0;
  for (size_t first = 0; first < n; first += rows_at_once_) {
    const size_t count = std::min(rows_at_once_, n - first);
    ALT_RETURN_IF_ERROR(forward.LogitsInSlices(first, count, logits, head_read_));
    team.Run([&](int thread) {
      const Share share = ShareOf(count, 1, thread, team.size());
      for (size_t row = share.begin; row < share.end; ++row) {
        const std::span<const float> changed = logits.subspan(row * vocabulary_, vocabulary_);
        const size_t original = start + first + row;
        divergence_[row] = eval::KlDivergence(Rows(original, 1), summaries_[original], changed,
                                              eval::Summarize(changed));
      }
    });
    for (size_t row = 0; row < count; ++row) sum += divergence_[row];
  }
  Release(start, n);
  return sum;
}

}  // namespace altteul::compress
