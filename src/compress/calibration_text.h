// SPDX-License-Identifier: Apache-2.0

// Which chunks of some texts weights are fitted to, and which are held out for choosing and
// judging.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "text/tokenizer.h"

namespace altteul::compress {

struct WeightedText {
  std::string name;  ///< for messages
  std::vector<text::TokenId> ids;
  double weight = 1;  ///< its share of the chunks is weight / sum of the weights
};

struct CalibrationSize {
  size_t context = 512;      ///< tokens of a chunk
  size_t fitted_chunks = 0;  ///< 0: as many as the texts and their shares give
  size_t held_out_chunks = 0;
  /// Takes the place of each chunk's first token, where the model begins with one. Without it such
  /// models read like no text that they know, and activations are not those of use.
  std::optional<text::TokenId> bos = std::nullopt;
};

struct CalibrationText {
  std::vector<text::TokenId> fitted;    ///< whole chunks
  std::vector<text::TokenId> held_out;  ///< whole chunks, none of them fitted to
  size_t text_tokens = 0;               ///< of all texts
  std::vector<size_t> chunks;           ///< [texts] taken from each, fitted and held out
};

/// Takes chunks evenly spread over each text, and puts the texts' chunks in turn: where only the
/// first are used, they too are of all texts. A text that is too short for its share limits all.
/// Of what is held out each text has its share, too; less than half a chunk is none.
/// @return kInvalidArgument when there is not a chunk to fit to and all that are to be held out
///         (with the numbers), or a weight is not positive
Result<CalibrationText> CutCalibrationText(std::span<const WeightedText> texts,
                                           const CalibrationSize& size);

/// The beginning of a text that is whole chunks.
/// @param what  names the text in the message
/// @return kInvalidArgument when the text is shorter than a chunk (both numbers)
Result<std::span<const text::TokenId>> WholeChunks(std::span<const text::TokenId> ids,
                                                   size_t context, const std::string& what);

/// Of a probe [tokens]: shorter runs say little of context.
inline constexpr size_t kLeastRun = 64;

/// Runs over short pieces of text, for what is measured once for every tensor.
struct Probe {
  std::vector<text::TokenId> ids;  ///< whole runs
  size_t context = 0;              ///< tokens of a run
};

/// The beginnings of the first chunks of `text`, as many of them and as long as `n_tokens` and
/// kLeastRun allow: chunks of several texts are in turn, so the probe is of as many texts as it has
/// runs.
/// @param context  tokens of a chunk of the text, at least n_tokens; there is at least one chunk
Probe ProbeOf(std::span<const text::TokenId> text, size_t context, size_t n_tokens);

}  // namespace altteul::compress
