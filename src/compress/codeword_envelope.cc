#include "compress/codeword_envelope.h"

#include <bit>
#include <cmath>

#include "base/check.h"
#include "compress/float4.h"

namespace altteul::compress {

// From scale 0 on, where the largest gain is best, to the entry whose line is crossed next, until
// no smaller one is left (gift wrapping).
void CodewordEnvelope::Build(std::span<const float> gain, std::span<const float> size,
                             std::span<float> scratch) {
  lines_.clear();
  for (size_t i = 0; i < gain.size(); ++i) scratch[i] = -gain[i];
  size_t entry = ArgMin(scratch);
  float from = 0;
  const Float4 never = Same4(std::numeric_limits<float>::infinity());
  while (true) {
    lines_.push_back({{gain[entry], size[entry]}, from, static_cast<uint16_t>(entry)});
    const Float4 here_gain = Same4(gain[entry]), here_size = Same4(size[entry]);
    for (size_t i = 0; i < gain.size(); i += 4) {
      const Float4 smaller = here_size - Load4(&size[i]);
      const Float4 crossing = 2.0f * (here_gain - Load4(&gain[i])) / smaller;
      Store4(smaller > 0.0f ? crossing : never, &scratch[i]);
    }
    const size_t next = ArgMin(scratch);
    if (!std::isfinite(scratch[next]) || !(size[next] < size[entry])) return;
    from = std::max(from, scratch[next]);
    entry = next;
  }
}

WordEnvelopes::WordEnvelopes(const CodebookType& type)
    : type_(type),
      n_variants_(
          !type.has_signs() || (type.signs == WordSigns::kEven && type.entry_cols < kWordCols) ? 2
                                                                                               : 1),
      planes_(type.entry_cols, std::vector<float>(type.codebook.size())),
      words_(kBlockWords),
      gain_(type.codebook.size()),
      size_(gain_),
      scratch_(gain_) {
  ALT_CHECK(type.codebook.size() % 4 == 0);
  for (size_t at = 0; at < type.entry_cols; ++at) {
    for (size_t i = 0; i < type.codebook.size(); ++i) planes_[at][i] = type.Point(i, at);
  }
}

void WordEnvelopes::Build(std::span<const float> wanted, std::span<const float> importance) {
  wanted_ = wanted;
  importance_ = importance;
  for (size_t word = 0; word < wanted.size() / kWordCols; ++word) {
    for (size_t half = 0; half < type_.word_entries(); ++half) BuildPart(word, half);
  }
}

void WordEnvelopes::BuildPart(size_t word, size_t half) {
  const size_t cols = type_.entry_cols;
  const float* w = wanted_.data() + word * kWordCols + half * cols;
  const float* h = importance_.data() + word * kWordCols + half * cols;
  size_t n_minus = 0;
  for (size_t at = 0; at < cols; ++at) n_minus += std::signbit(w[at]) ? 1 : 0;
  for (size_t variant = 0; variant < n_variants_; ++variant) {
    const float shift = type_.has_signs() ? 0.0f : (variant == 0 ? kShift : -kShift);
    const bool must_flip = type_.signs == WordSigns::kEven && (n_minus + variant) % 2 != 0;
    for (size_t i = 0; i < gain_.size(); i += 4) {
      Float4 gain{}, size{}, flip = Same4(std::numeric_limits<float>::infinity());
      for (size_t at = 0; at < cols; ++at) {
        const float weighted = h[at] * (type_.has_signs() ? std::fabs(w[at]) : w[at]);
        const Float4 point = Load4(&planes_[at][i]) + shift;
        const Float4 term = weighted * point;
        gain += term;
        size += h[at] * (point * point);
        flip = Min4(term, flip);
      }
      Store4(must_flip ? gain - 2.0f * flip : gain, &gain_[i]);
      Store4(size, &size_[i]);
    }
    words_[word][variant][half].Build(gain_, size_, scratch_);
  }
}

CodebookWord WordEnvelopes::Choose(size_t word, size_t variant, float scale) const {
  CodebookWord chosen;
  for (size_t half = 0; half < type_.word_entries(); ++half) {
    chosen.entry[half] = words_[word][variant][half].At(scale).entry;
  }
  if (!type_.has_signs()) {
    chosen.signs = static_cast<uint8_t>(variant);
    return chosen;
  }
  for (size_t half = 0; half < type_.word_entries(); ++half) {
    unsigned signs = 0;
    size_t cheapest = 0;
    float least = std::numeric_limits<float>::infinity();
    for (size_t at = 0; at < type_.entry_cols; ++at) {
      const size_t col = half * type_.entry_cols + at;
      const float w = wanted_[word * kWordCols + col];
      if (std::signbit(w)) signs |= 1u << col;
      const float cost =
          importance_[word * kWordCols + col] * std::fabs(w) * type_.Point(chosen.entry[half], at);
      if (cost < least) {
        least = cost;
        cheapest = col;
      }
    }
    const bool must_flip = type_.signs == WordSigns::kEven &&
                           (static_cast<size_t>(std::popcount(signs)) + variant) % 2 != 0;
    if (must_flip) signs ^= 1u << cheapest;
    chosen.signs = static_cast<uint8_t>(chosen.signs | signs);
  }
  return chosen;
}

}  // namespace altteul::compress
