// SPDX-License-Identifier: Apache-2.0

// Scales and entries for one block of a type with a codebook, each column for itself.
//
// For every sub-block the scale of the smallest weighted error is looked for among some dozens of
// starts, each followed by a least-squares fit. Then values of d are tried: under each, every
// sub-block takes the best of the scales near its own, and d is fitted to what they chose. All
// entries compete for every scale that is tried (codeword_envelope.h).

#pragma once

#include <span>
#include <vector>

#include "compress/codeword_envelope.h"

namespace altteul::compress {

class CodebookFitter {
 public:
  explicit CodebookFitter(const CodebookType& type);

  /// Minimizes sum_j importance[j] * (wanted[j] - value_j)^2.
  /// @param wanted      [256]; what is not finite gives some fields
  /// @param importance  [256], positive
  CodebookFields FitBlock(std::span<const float> wanted, std::span<const float> importance);

  /// The best scale number of one sub-block under a d that is given.
  /// @param wanted, importance  [sub_cols]
  int FitScale(std::span<const float> wanted, std::span<const float> importance, float d);

 private:
  /// What a sub-block does under one scale.
  struct SubChoice {
    Contribution sum;
    float error = 0;
    size_t variant = 0;  // shared by the words of IQ1_S
  };
  struct BlockChoice {
    float error = 0;
    float d = 0;
    std::array<uint8_t, 16> scale{};
    Contribution sum;  // over 2 * scale + 1 instead of the scale
  };

  size_t BestVariant(size_t word, float scale) const;
  SubChoice TrySub(size_t sub, float scale) const;
  float BestScale(size_t sub) const;
  BlockChoice TryD(float d, float unit, std::span<const float> scales) const;
  BlockChoice Search(float unit) const;

  const CodebookType& type_;
  WordEnvelopes envelopes_;
  std::span<const float> wanted_;  // what is fitted now: scaled to at most 1
  float largest_point_ = 0;
  std::vector<float> scaled_;
};

}  // namespace altteul::compress
