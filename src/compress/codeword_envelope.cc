// SPDX-License-Identifier: Apache-2.0

#include "compress/codeword_envelope.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "compress/float4.h"

namespace altteul::compress {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Where the line of the larger entry `a` meets that of `b`; not a number or infinite where it has
/// no reason to.
float Crossing(const Contribution& a, const Contribution& b) {
  return 2.0f * (a.gain - b.gain) / (a.size - b.size);
}
float LineAt(const Contribution& sum, float scale) { return scale * sum.size - 2.0f * sum.gain; }

}  // namespace

// The ends of the envelope are the largest gain and the smallest size; where their lines meet, a
// third entry is the best. Whatever else belongs to the envelope lies below the corner of the first
// and third line or of the third and second: few entries do.
void CodewordEnvelope::FindCandidates(std::span<const float> gain, std::span<const float> size,
                                      Scratch& scratch) {
  std::vector<float>& value = scratch.value;
  std::vector<Line>& found = scratch.candidates;
  value.resize(gain.size());
  found.clear();
  const auto sum = [&](size_t entry) { return Contribution{gain[entry], size[entry]}; };
  const auto add = [&](size_t entry) {
    found.push_back({sum(entry), 0.0f, static_cast<uint16_t>(entry)});
  };
  for (size_t i = 0; i < gain.size(); i += 4) Store4(-Load4(&gain[i]), &value[i]);
  const size_t largest = ArgMin(value), smallest = ArgMin(size);
  add(largest);
  add(smallest);
  const float meeting = Crossing(sum(largest), sum(smallest));
  if (!(meeting > 0 && meeting < kInfinity)) return;
  for (size_t i = 0; i < gain.size(); i += 4) {
    Store4(meeting * Load4(&size[i]) - 2.0f * Load4(&gain[i]), &value[i]);
  }
  const size_t middle = ArgMin(value);
  add(middle);
  // A corner that does not exist lies below everything.
  const auto corner = [&](size_t a, size_t b, float& scale) {
    scale = Crossing(sum(a), sum(b));
    return scale > 0 && scale < kInfinity ? LineAt(sum(a), scale) : -kInfinity;
  };
  float first = 0, second = 0;
  const float below_first = corner(largest, middle, first);
  const float below_second = corner(middle, smallest, second);
  if (below_first == -kInfinity) first = 0;
  if (below_second == -kInfinity) second = 0;
  for (size_t i = 0; i < gain.size(); i += 4) {
    const Float4 twice = 2.0f * Load4(&gain[i]), sizes = Load4(&size[i]);
    const Bits4 belongs =
        (first * sizes - twice < below_first) | (second * sizes - twice < below_second);
    if (!Any4(belongs)) continue;
    for (size_t k = 0; k < 4; ++k) {
      if (belongs[k] != 0) add(i + k);
    }
  }
}

void CodewordEnvelope::Build(std::span<const float> gain, std::span<const float> size,
                             Scratch& scratch) {
  FindCandidates(gain, size, scratch);
  std::sort(scratch.candidates.begin(), scratch.candidates.end(), [](const Line& a, const Line& b) {
    if (a.sum.size != b.sum.size) return a.sum.size > b.sum.size;
    return a.sum.gain != b.sum.gain ? a.sum.gain < b.sum.gain : a.entry > b.entry;
  });
  lines_.clear();
  for (Line line : scratch.candidates) {
    // Behind a line that is neither smaller nor sooner the best nobody looks.
    while (!lines_.empty()) {
      const Line& last = lines_.back();
      line.from = Crossing(last.sum, line.sum);
      if (line.sum.gain < last.sum.gain && line.from > last.from) break;
      lines_.pop_back();
    }
    if (lines_.empty()) line.from = 0;
    lines_.push_back(line);
  }
}

WordEnvelopes::WordEnvelopes(const CodebookType& type)
    : type_(type),
      n_variants_(
          !type.has_signs() || (type.signs == WordSigns::kEven && type.entry_cols < kWordCols) ? 2
                                                                                               : 1),
      planes_(type.entry_cols, std::vector<float>(type.codebook.size())),
      words_(kBlockWords),
      sum_(type.codebook.size()),
      size_(sum_),
      extra_(sum_),
      gain_(sum_),
      moved_(sum_) {
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

/// Gains and sizes of the entries as they are, then those of each variant from them.
void WordEnvelopes::BuildPart(size_t word, size_t half) {
  const size_t cols = type_.entry_cols;
  const float* w = wanted_.data() + word * kWordCols + half * cols;
  const float* h = importance_.data() + word * kWordCols + half * cols;
  const bool has_signs = type_.has_signs();
  float all_gain = 0, all_size = 0;  // of a point 1 everywhere
  size_t n_minus = 0;
  for (size_t at = 0; at < cols; ++at) {
    n_minus += std::signbit(w[at]) ? 1 : 0;
    all_gain += h[at] * w[at];
    all_size += h[at];
  }
  for (size_t i = 0; i < sum_.size(); i += 4) {
    // With signs `extra` is the smallest term of the gain, else the sum of h p.
    Float4 gain{}, size{}, extra = Same4(has_signs ? kInfinity : 0.0f);
    for (size_t at = 0; at < cols; ++at) {
      const Float4 point = Load4(&planes_[at][i]);
      const Float4 important = h[at] * point;
      const Float4 term = (has_signs ? std::fabs(w[at]) : w[at]) * important;
      gain += term;
      size += important * point;
      extra = has_signs ? Min4(term, extra) : extra + important;
    }
    Store4(gain, &sum_[i]);
    Store4(size, &size_[i]);
    Store4(extra, &extra_[i]);
  }
  for (size_t variant = 0; variant < n_variants_; ++variant) {
    CodewordEnvelope& envelope = words_[word][variant][half];
    if (!has_signs) {
      const float shift = variant == 0 ? kShift : -kShift;
      for (size_t i = 0; i < sum_.size(); i += 4) {
        Store4(Load4(&sum_[i]) + shift * all_gain, &gain_[i]);
        Store4(Load4(&size_[i]) + (2.0f * shift) * Load4(&extra_[i]) + shift * shift * all_size,
               &moved_[i]);
      }
      envelope.Build(gain_, moved_, scratch_);
    } else if (type_.signs == WordSigns::kEven && (n_minus + variant) % 2 != 0) {
      for (size_t i = 0; i < sum_.size(); i += 4) {
        Store4(Load4(&sum_[i]) - 2.0f * Load4(&extra_[i]), &gain_[i]);
      }
      envelope.Build(gain_, size_, scratch_);
    } else {
      envelope.Build(sum_, size_, scratch_);
    }
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
    float least = kInfinity;
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
