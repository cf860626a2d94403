#include "compress/answers.h"

#include <algorithm>
#include <string>
#include <utility>

namespace altteul::compress {
namespace {

// Of logits that are computed at once: each time the whole head is read.
constexpr uint64_t kBytesAtOnce = uint64_t{64} << 20;

}  // namespace

Result<Answers> Answers::Create(size_t n_chunks, size_t context, size_t vocabulary,
                                uint64_t most_bytes, HeadRead head_read, const WorkFolder* work) {
  Answers answers;
  answers.head_read_ = std::move(head_read);
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
  answers.rows_at_once_ =
      std::min<size_t>(answers.n_rows_, std::max<uint64_t>(16, kBytesAtOnce / row_bytes));
  answers.logits_.resize(answers.rows_at_once_ * vocabulary);
  answers.divergence_.resize(answers.rows_at_once_);
  return answers;
}

std::span<float> Answers::Row(size_t chunk, size_t row) {
  float* logits = reinterpret_cast<float*>(memory_.mutable_bytes().data());
  return {logits + (chunk * n_rows_ + row) * vocabulary_, vocabulary_};
}

/// A chunk's logits are not needed for now: they go to the disk, if that is where they rest.
void Answers::Release(size_t chunk) const {
  const size_t chunk_bytes = n_rows_ * vocabulary_ * sizeof(float);
  memory_.ReleasePages(chunk * chunk_bytes, chunk_bytes);
}

void Answers::Keep(engine::Forward& forward, size_t chunk, std::span<const float> x,
                   ThreadTeam& team) {
  forward.Finish(x);
  const std::span<float> first = Row(chunk, 0);
  forward.LogitsInSlices(context_ - n_rows_, n_rows_, {first.data(), n_rows_ * vocabulary_},
                         head_read_);
  team.Run([&](int thread) {
    const Share share = ShareOf(n_rows_, 1, thread, team.size());
    for (size_t row = share.begin; row < share.end; ++row) {
      summaries_[chunk * n_rows_ + row] = eval::Summarize(Row(chunk, row));
    }
  });
  Release(chunk);
}

double Answers::Divergence(engine::Forward& forward, size_t chunk, std::span<const float> x,
                           ThreadTeam& team) {
  forward.Finish(x);
  double sum = 0;
  for (size_t first = 0; first < n_rows_; first += rows_at_once_) {
    const size_t count = std::min(rows_at_once_, n_rows_ - first);
    forward.LogitsInSlices(context_ - n_rows_ + first, count, logits_, head_read_);
    team.Run([&](int thread) {
      const Share share = ShareOf(count, 1, thread, team.size());
      for (size_t row = share.begin; row < share.end; ++row) {
        const std::span<const float> changed =
            std::span(logits_).subspan(row * vocabulary_, vocabulary_);
        divergence_[row] =
            eval::KlDivergence(Row(chunk, first + row), summaries_[chunk * n_rows_ + first + row],
                               changed, eval::Summarize(changed));
      }
    });
    for (size_t row = 0; row < count; ++row) sum += divergence_[row];
  }
  Release(chunk);
  return sum;
}

}  // namespace altteul::compress
