// SPDX-License-Identifier: Apache-2.0

// The original's answers to some text, and how far a changed model is from them.

#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/thread_team.h"
#include "compress/work_folder.h"
#include "engine/forward.h"
#include "eval/distribution.h"
#include "tensor/buffer.h"

namespace altteul::compress {

/// Logits of the last tokens of each chunk, where there is most context.
class Answers {
 public:
  using HeadRead = std::function<void(size_t first_row, size_t n_rows)>;

  /// @param forward     of the rows that Keep() and Divergence() may get at once; not kept
  /// @param most_bytes  for logits; at least one row a chunk is kept
  /// @param head_read   told which rows of the head were read, see Forward::LogitsInSlices()
  /// @param work        where many logits rest; may be null
  /// @return kOutOfMemory, kIoError
  static Result<Answers> Create(size_t n_chunks, size_t context, const engine::Forward& forward,
                                uint64_t most_bytes, HeadRead head_read,
                                const WorkFolder* work = nullptr);

  /// Keeps what `forward` says of one chunk or of several that follow each other: for short chunks
  /// the head, which is read each time, had better be read once for some of them.
  /// @param x  [n * context, hidden] behind the last layer, of chunks from `chunk` on;
  ///           n * tokens_per_chunk() <= forward.max_rows()
  Status Keep(engine::Forward& forward, size_t chunk, std::span<const float> x);

  /// Sum over the chunks' tokens of the KL divergence of `forward` from what was kept [nats].
  Result<double> Divergence(engine::Forward& forward, size_t chunk, std::span<const float> x);

  size_t tokens_per_chunk() const { return n_rows_; }

 private:
  Answers() = default;
  std::span<float> Rows(size_t first, size_t n);
  void Release(size_t first_row, size_t n) const;
  Result<size_t> Finish(engine::Forward& forward, std::span<const float> x);

  HeadRead head_read_;
  Buffer memory_;
  std::vector<eval::RowSummary> summaries_;  // [n_chunks, n_rows]
  Buffer last_;                              // f32 [rows of some chunks, hidden]
  Buffer logits_;                            // f32 [rows_at_once, vocabulary]
  std::vector<double> divergence_;           // [rows_at_once]
  size_t context_ = 0, vocabulary_ = 0, n_rows_ = 0, rows_at_once_ = 0;
};

}  // namespace altteul::compress
