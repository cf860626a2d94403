// Which chunks of some texts weights are fitted to, and which are held out for choosing and
// judging.

#pragma once

#include <cstddef>
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
};

struct CalibrationText {
  std::vector<text::TokenId> fitted;    ///< whole chunks
  std::vector<text::TokenId> held_out;  ///< whole chunks, none of them fitted to
  size_t text_tokens = 0;               ///< of all texts
  std::vector<size_t> chunks;           ///< [texts] taken from each, fitted and held out
};

/// Takes chunks evenly spread over each text, and puts the texts' chunks in turn: where only the
/// first are used, they too are of all texts. A text that is too short for its share limits all.
/// @return kInvalidArgument when there is not a chunk to fit to and all that are to be held out
///         (with the numbers), or a weight is not positive
Result<CalibrationText> CutCalibrationText(std::span<const WeightedText> texts,
                                           const CalibrationSize& size);

}  // namespace altteul::compress
