// SPDX-License-Identifier: Apache-2.0

// The best entry of a codebook for every scale at once, when each column counts for itself.
//
// With points p, weights w and importance h, an entry under a scale s > 0 leaves
//   sum_j h w^2 - s * (2 * gain - s * size),    gain = sum_j h w p,  size = sum_j h p^2
// so that divided by s each entry is a straight line over s, and the best entries are the lower
// envelope of these lines: a dozen of a thousand, found once, between which any number of scales
// can be tried. A sign that must not be the weight's own only lowers an entry's gain.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compress/codebook_block.h"

namespace altteul::compress {

/// What some columns contribute under a scale s: the error falls by s * (2 * gain - s * size).
struct Contribution {
  float gain = 0;
  float size = 0;

  float Error(float scale) const { return scale * (scale * size - 2.0f * gain); }
  Contribution operator+(const Contribution& other) const {
    return {gain + other.gain, size + other.size};
  }
};

class CodewordEnvelope {
 public:
  struct Line {
    Contribution sum;
    float from = 0;  ///< the smallest scale for which this entry is the best
    uint16_t entry = 0;
  };

  /// Of one thread.
  struct Scratch {
    std::vector<float> value;      // of each entry
    std::vector<Line> candidates;  // for the envelope
  };
  /// @param gain, size  of every entry, a multiple of 4; size positive
  void Build(std::span<const float> gain, std::span<const float> size, Scratch& scratch);

  const Line& At(float scale) const {
    size_t i = 0;
    while (i + 1 < lines_.size() && lines_[i + 1].from <= scale) ++i;
    return lines_[i];
  }

 private:
  static void FindCandidates(std::span<const float> gain, std::span<const float> size,
                             Scratch& scratch);

  std::vector<Line> lines_;  // ascending by from
};

/// The envelopes of the words of a block.
class WordEnvelopes {
 public:
  explicit WordEnvelopes(const CodebookType& type);

  /// @param wanted, importance  [words * 8]; importance positive, products of both within f32
  void Build(std::span<const float> wanted, std::span<const float> importance);

  /// Shifts of IQ1, parities of the first half's minus signs of IQ3_XXS; 1 for all others.
  size_t n_variants() const { return n_variants_; }
  Contribution At(size_t word, size_t variant, float scale) const {
    const auto& halves = words_[word][variant];
    const Contribution first = halves[0].At(scale).sum;
    return type_.word_entries() == 1 ? first : first + halves[1].At(scale).sum;
  }
  /// The best word of a variant, its signs included.
  CodebookWord Choose(size_t word, size_t variant, float scale) const;

 private:
  void BuildPart(size_t word, size_t half);

  const CodebookType& type_;
  size_t n_variants_;
  std::vector<std::vector<float>> planes_;  // [entry_cols][entries]: the points by their place
  std::vector<std::array<std::array<CodewordEnvelope, 2>, 2>> words_;  // [variant][half]
  std::span<const float> wanted_, importance_;
  std::vector<float> sum_, size_, extra_, gain_, moved_;  // of each entry
  CodewordEnvelope::Scratch scratch_;
};

}  // namespace altteul::compress
