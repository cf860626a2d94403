// SPDX-License-Identifier: Apache-2.0

#include "compress/calibration_text.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "base/human_units.h"

namespace altteul::compress {
namespace {

double SumOfWeights(std::span<const WeightedText> texts) {
  return std::accumulate(texts.begin(), texts.end(), 0.0,
                         [](double sum, const WeightedText& text) { return sum + text.weight; });
}

/// `n` in whole numbers by the weights; what rounding leaves goes to the largest remainders.
std::vector<size_t> SharesOf(size_t n, std::span<const WeightedText> texts) {
  const double sum = SumOfWeights(texts);
  std::vector<size_t> shares;
  std::vector<double> left;
  for (const WeightedText& text : texts) {
    const double exact = static_cast<double>(n) * text.weight / sum;
    shares.push_back(static_cast<size_t>(exact));
    left.push_back(exact - std::floor(exact));
  }
  const size_t given = std::accumulate(shares.begin(), shares.end(), size_t{0});
  for (size_t i = given; i < n; ++i) {
    const auto largest = std::max_element(left.begin(), left.end());
    *largest = -1;
    ++shares[static_cast<size_t>(largest - left.begin())];
  }
  return shares;
}

/// Whether there are chunks for these shares.
bool Fits(std::span<const size_t> shares, std::span<const WeightedText> texts, size_t context) {
  for (size_t i = 0; i < texts.size(); ++i) {
    if (shares[i] > texts[i].ids.size() / context) return false;
  }
  return true;
}

/// The most chunks, at most `n`, of which each text has its share.
size_t MostChunks(size_t n, std::span<const WeightedText> texts, size_t context) {
  while (n > 0 && !Fits(SharesOf(n, texts), texts, context)) --n;
  return n;
}

/// How many of each text's `chunks` are held out, `n` in all: one by one of the text that is
/// furthest below its share, so that a text of less than half a chunk gives none. A whole one would
/// rule what is chosen by so few, since most is lost where little is calibrated on. A text's last
/// chunk is held out only when no other text has two.
std::vector<size_t> HeldOutOf(std::span<const size_t> chunks, size_t n,
                              std::span<const WeightedText> texts) {
  const double sum = SumOfWeights(texts);
  std::vector<size_t> held_out(texts.size(), 0);
  const auto claim = [&](size_t i) {
    const double share = static_cast<double>(n) * texts[i].weight / sum;
    return std::pair(std::min<size_t>(chunks[i] - held_out[i], 2),
                     share - static_cast<double>(held_out[i]));
  };
  for (size_t given = 0; given < n; ++given) {
    size_t largest = 0;
    for (size_t i = 1; i < texts.size(); ++i) {
      if (claim(i) > claim(largest)) largest = i;
    }
    ++held_out[largest];
  }
  return held_out;
}

using Chunk = std::span<const text::TokenId>;

/// The chunks of several texts one behind the other, each text's evenly spread over the whole.
std::vector<text::TokenId> InTurn(const std::vector<std::vector<Chunk>>& texts,
                                  std::optional<text::TokenId> bos) {
  std::vector<std::pair<double, Chunk>> placed;
  for (const std::vector<Chunk>& chunks : texts) {
    for (size_t k = 0; k < chunks.size(); ++k) {
      const double place = (static_cast<double>(k) + 0.5) / static_cast<double>(chunks.size());
      placed.emplace_back(place, chunks[k]);
    }
  }
  std::stable_sort(placed.begin(), placed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<text::TokenId> ids;
  for (const auto& [place, chunk] : placed) {
    const size_t begin = ids.size();
    ids.insert(ids.end(), chunk.begin(), chunk.end());
    if (bos) ids[begin] = *bos;
  }
  return ids;
}

}  // namespace

Result<CalibrationText> CutCalibrationText(std::span<const WeightedText> texts,
                                           const CalibrationSize& size) {
  const size_t context = size.context;
  CalibrationText cut;
  size_t all_chunks = 0;
  for (const WeightedText& text : texts) {
    if (!(text.weight > 0) || !std::isfinite(text.weight)) {
      return Status(ErrorCode::kInvalidArgument,
                    text.name + ": the weight of a text must be a positive number");
    }
    cut.text_tokens += text.ids.size();
    all_chunks += text.ids.size() / context;
  }
  const size_t wanted =
      size.fitted_chunks == 0 ? all_chunks : size.fitted_chunks + size.held_out_chunks;
  const size_t n_chunks = MostChunks(std::min(wanted, all_chunks), texts, context);
  if (n_chunks <= size.held_out_chunks) {
    std::string names;
    for (const WeightedText& text : texts) names += (names.empty() ? "" : ", ") + text.name;
    return Status(ErrorCode::kInvalidArgument,
                  names + ": " + FormatCount(cut.text_tokens) +
                      " tokens are too few for one chunk of " + std::to_string(context) +
                      " to fit to" +
                      (size.held_out_chunks == 0
                           ? ""
                           : " and " + std::to_string(size.held_out_chunks) + " held out"));
  }
  cut.chunks = SharesOf(n_chunks, texts);
  const std::vector<size_t> n_held_out = HeldOutOf(cut.chunks, size.held_out_chunks, texts);
  std::vector<std::vector<Chunk>> fitted(texts.size()), held_out(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const size_t in_text = texts[i].ids.size() / context, n = cut.chunks[i];
    for (size_t k = 0; k < n; ++k) {
      const size_t at = k * in_text / n * context;
      // Among those that are fitted to: chunks times n_held_out / n cross a whole number as often.
      const bool is_held_out = (k + 1) * n_held_out[i] / n != k * n_held_out[i] / n;
      (is_held_out ? held_out : fitted)[i].push_back(std::span(texts[i].ids).subspan(at, context));
    }
  }
  cut.fitted = InTurn(fitted, size.bos);
  cut.held_out = InTurn(held_out, size.bos);
  return cut;
}

Result<std::span<const text::TokenId>> WholeChunks(std::span<const text::TokenId> ids,
                                                   size_t context, const std::string& what) {
  const size_t n_chunks = ids.size() / context;
  if (n_chunks == 0) {
    return Status(ErrorCode::kInvalidArgument, what + " has " + std::to_string(ids.size()) +
                                                   " tokens, which is less than one chunk of " +
                                                   std::to_string(context));
  }
  return ids.first(n_chunks * context);
}

Probe ProbeOf(std::span<const text::TokenId> text, size_t context, size_t n_tokens) {
  const size_t n_chunks = text.size() / context;
  ALT_CHECK(n_chunks > 0 && n_tokens <= context);
  const size_t n_runs = std::clamp<size_t>(n_tokens / kLeastRun, 1, n_chunks);
  Probe probe{.ids = {}, .context = n_tokens / n_runs};
  for (size_t i = 0; i < n_runs; ++i) {
    const Chunk run = text.subspan(i * context, probe.context);
    probe.ids.insert(probe.ids.end(), run.begin(), run.end());
  }
  return probe;
}

}  // namespace altteul::compress
