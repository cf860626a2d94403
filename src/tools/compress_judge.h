// SPDX-License-Identifier: Apache-2.0

// What became of a model that was compressed, held against the original: quality on texts that it
// was not fitted to, speed, memory, what a smaller KV cache would cost, and answers side by side.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "compute/compute.h"
#include "eval/evaluate.h"
#include "model/model.h"
#include "text/tokenizer.h"
#include "tools/series_spec.h"

namespace altteul::tools {

/// A text that is judged on.
struct JudgeText {
  std::string name;    ///< as the user calls it
  std::string file;    ///< empty for tokens that were held out
  std::string sha256;  ///< of the file
  std::string text;
  std::vector<text::TokenId> ids;
};

/// "NAME=FILE", or only FILE, which then is its own name.
/// @param calibration  the calibration files as they were given
/// @return kInvalidArgument for a name twice, no file, or a calibration file itself: what weights
///         were fitted to proves nothing
Result<std::vector<JudgeText>> ParseJudgeTexts(const std::vector<std::string>& arguments,
                                               const std::vector<std::string>& calibration);

/// Fills a text with what its file holds.
/// @param calibration_texts  what was or will be fitted to; none may lie in the other
/// @param n_dropped_bytes   see Tokenizer::EncodeOptions
/// @return also kInvalidArgument for a text of fewer than `context` tokens
Status FillJudgeText(std::string content, const std::vector<std::string>& calibration_texts,
                     const text::Tokenizer& tokenizer, size_t context, JudgeText* judge,
                     size_t* n_dropped_bytes);

struct JudgeOptions {
  size_t context = 512;    ///< tokens of a chunk
  size_t max_chunks = 20;  ///< of each text, 0: all
  size_t kv_chunks = 4;    ///< of the first text
  size_t n_samples = 3;
  size_t sample_tokens = 48;  ///< of an answer
  size_t speed_rounds = 3;
  SeriesSpec prompt{.kind = SeriesSpec::Kind::kPrompt, .tokens = 128};
  SeriesSpec answer{.kind = SeriesSpec::Kind::kAnswer, .tokens = 32};
};

/// The machine and where to say how far the work is.
struct JudgeRoom {
  compute::Compute& compute;
  const Clock& clock;
  std::function<ProgressSink(std::string what)> progress;  ///< may be empty
  LogSink log;
};

struct JudgedText {
  std::string name;
  eval::Evaluation evaluation;  ///< with the original in f32 arithmetic as the reference
};

/// Tokens a second of both models, round by round.
struct JudgedSpeed {
  SeriesSpec spec;
  std::vector<double> before, after;  ///< [rounds]

  double Ratio() const;  ///< the median of the rounds' after / before
};

/// The result with its keys and values in this type, held against itself with f32 ones.
struct JudgedKvType {
  kernels::KvType type = kernels::KvType::kF16;
  uint64_t bytes = 0;  ///< of a context of kKvContext tokens
  eval::Divergence divergence;
};

struct JudgedSample {
  std::string prompt, before, after;
};

inline constexpr size_t kKvContext = 4096;

struct Judgement {
  std::vector<JudgedText> texts;   ///< in the order given
  std::vector<JudgedSpeed> speed;  ///< prompt, answer
  uint64_t weight_bytes_before = 0, weight_bytes_after = 0;
  std::vector<JudgedKvType> kv;  ///< f16 and smaller ones that suit the model's heads
  std::vector<JudgedSample> samples;

  /// Which type of KV cache is worth its loss, and why, in a sentence. @pre kv is not empty
  std::string KvAdvice() const;
  kernels::KvType AdvisedKvType() const;
};

/// Perplexity and divergence only.
/// @param texts  at least one
Result<std::vector<JudgedText>> JudgeQuality(const std::string& original, const std::string& result,
                                             const std::vector<JudgeText>& texts,
                                             const JudgeOptions& options, const JudgeRoom& room);

/// @param max_kld  0: anything will do
/// @return kQualityGate with both numbers when the divergence is larger than allowed or no number
Status CheckDivergence(const JudgedText& judged, double max_kld, const std::string& out);

/// All else; samples and KV caches by the first text. @param judgement  its texts are filled
Status JudgeUse(const std::string& original, const std::string& result,
                const std::vector<JudgeText>& texts, const JudgeOptions& options,
                const JudgeRoom& room, Judgement* judgement);

/// Beginnings of `n` parts of a text, at the start of a line or sentence and at most some 200 bytes
/// long. Fewer when the text has too few.
std::vector<std::string> PromptsFrom(const std::string& text, size_t n);

}  // namespace altteul::tools
