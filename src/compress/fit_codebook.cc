// SPDX-License-Identifier: Apache-2.0

#include "compress/fit_codebook.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compress/fit_block.h"

namespace altteul::compress {
namespace {

// The largest weight of a sub-block over the largest point gives a scale at which nothing is
// clipped. From a fifth above it to where all points stand for it, in steps of 7 %.
constexpr int kStarts = 24;
constexpr float kFirstStart = 1.2f;
constexpr float kStartRatio = 0.93f;
// Steps around a d that gives the widest sub-block exactly one of its scales.
constexpr float kAround[] = {0.97f, 1.0f, 1.03f};
constexpr int kRefits = 4;

// Below, d is zero in f16 for every type.
constexpr float kTiny = 1e-10f;

float Largest(std::span<const float> x) {
  float largest = 0;
  for (const float each : x) {
    if (!std::isfinite(each)) return each;
    largest = std::max(largest, std::fabs(each));
  }
  return largest;
}

}  // namespace

CodebookFitter::CodebookFitter(const CodebookType& type)
    : type_(type), envelopes_(type), scaled_(kCodebookBlockCols) {
  for (const int8_t point : type.points) {
    largest_point_ = std::max(largest_point_, static_cast<float>(point));
  }
  if (!type.has_signs()) largest_point_ = 1.0f + kShift;
}

size_t CodebookFitter::BestVariant(size_t word, float scale) const {
  if (envelopes_.n_variants() == 1) return 0;
  return envelopes_.At(word, 1, scale).Error(scale) < envelopes_.At(word, 0, scale).Error(scale)
             ? 1
             : 0;
}

CodebookFitter::SubChoice CodebookFitter::TrySub(size_t sub, float scale) const {
  const size_t first = sub * type_.sub_words(), end = first + type_.sub_words();
  SubChoice best;
  if (type_.signs != WordSigns::kBlockShift) {
    for (size_t word = first; word < end; ++word) {
      best.sum = best.sum + envelopes_.At(word, BestVariant(word, scale), scale);
    }
    best.error = best.sum.Error(scale);
    return best;
  }
  for (size_t variant = 0; variant < envelopes_.n_variants(); ++variant) {
    SubChoice choice;
    choice.variant = variant;
    for (size_t word = first; word < end; ++word) {
      choice.sum = choice.sum + envelopes_.At(word, variant, scale);
    }
    choice.error = choice.sum.Error(scale);
    if (variant == 0 || choice.error < best.error) best = choice;
  }
  return best;
}

/// Without a shared d.
float CodebookFitter::BestScale(size_t sub) const {
  const float largest = Largest(wanted_.subspan(sub * type_.sub_cols, type_.sub_cols));
  float best = 0, best_error = 0, scale = kFirstStart * largest / largest_point_;
  for (int i = 0; i < kStarts; ++i, scale *= kStartRatio) {
    const Contribution sum = TrySub(sub, scale).sum;
    const float fitted = sum.gain / sum.size;
    if (!(fitted > 0)) continue;
    const float error = TrySub(sub, fitted).error;
    if (error < best_error) {
      best_error = error;
      best = fitted;
    }
  }
  return best;
}

/// @param unit    the type's, in the measure of what is fitted
/// @param scales  [n_subs] from BestScale()
CodebookFitter::BlockChoice CodebookFitter::TryD(float d, float unit,
                                                 std::span<const float> scales) const {
  BlockChoice choice;
  choice.d = d;
  const float step = d * unit;
  for (size_t sub = 0; sub < scales.size(); ++sub) {
    const float number = step > 0 ? 0.5f * (scales[sub] / step - 1.0f) : 0.0f;
    const int highest = type_.scale_highest;
    const int near = static_cast<int>(std::clamp(number + 0.5f, 0.0f, static_cast<float>(highest)));
    SubChoice best;
    for (int k = std::max(near - 1, 0); k <= std::min(near + 1, highest); ++k) {
      const SubChoice sub_choice = TrySub(sub, step * static_cast<float>(2 * k + 1));
      if (best.sum.size > 0 && !(sub_choice.error < best.error)) continue;
      best = sub_choice;
      choice.scale[sub] = static_cast<uint8_t>(k);
    }
    choice.error += best.error;
    const float odd = static_cast<float>(2 * choice.scale[sub] + 1);
    choice.sum.gain += odd * best.sum.gain;
    choice.sum.size += odd * odd * best.sum.size;
  }
  return choice;
}

CodebookFields CodebookFitter::FitBlock(std::span<const float> wanted,
                                        std::span<const float> importance) {
  const float measure = Largest(wanted);
  CodebookFields fields;
  if (!(measure > kTiny && std::isfinite(measure))) return fields;
  // IQ1's points are not the same turned around, so that a negative d may fit better.
  BlockChoice best;
  for (const float sign : {1.0f, -1.0f}) {
    if (sign < 0 && type_.has_signs()) break;
    for (size_t j = 0; j < wanted.size(); ++j) scaled_[j] = sign * wanted[j] / measure;
    wanted_ = scaled_;
    envelopes_.Build(wanted_, importance);
    const BlockChoice choice = Search(type_.unit / measure);
    if (sign > 0 || choice.error < best.error) {
      best = choice;
      best.d *= sign;
    }
  }
  fields.d = best.d;
  if (best.d > 0 && !type_.has_signs()) {
    for (float& each : scaled_) each = -each;
    envelopes_.Build(wanted_, importance);
  }
  fields.scale = best.scale;
  for (size_t word = 0; word < kBlockWords; ++word) {
    const size_t sub = word / type_.sub_words();
    const float scale =
        std::fabs(best.d) * type_.unit / measure * static_cast<float>(2 * best.scale[sub] + 1);
    const size_t variant = type_.signs == WordSigns::kBlockShift ? TrySub(sub, scale).variant
                                                                 : BestVariant(word, scale);
    fields.word[word] = envelopes_.Choose(word, variant, scale);
  }
  return fields;
}

/// Of what wanted_ and the envelopes hold.
/// @param unit  the type's, in the measure of what is fitted
CodebookFitter::BlockChoice CodebookFitter::Search(float unit) const {
  std::array<float, 16> scales{};
  for (size_t sub = 0; sub < type_.n_subs(); ++sub) scales[sub] = BestScale(sub);
  const std::span<const float> used = std::span(scales).first(type_.n_subs());
  const float widest = Largest(used);
  BlockChoice best = TryD(0.0f, unit, used);
  const auto keep = [&](double d) {
    const BlockChoice choice = TryD(NearestHalf(d), unit, used);
    const bool is_better = choice.error < best.error;
    if (is_better) best = choice;
    return choice;
  };
  for (int k = type_.scale_highest / 2; k <= type_.scale_highest; ++k) {
    for (const float around : kAround) {
      const BlockChoice choice =
          keep(static_cast<double>(around * widest / (static_cast<float>(2 * k + 1) * unit)));
      keep(static_cast<double>(choice.sum.gain / choice.sum.size / unit));
    }
  }
  for (int i = 0; i < kRefits; ++i) {
    const float before = best.error;
    keep(static_cast<double>(best.sum.gain / best.sum.size / unit));
    if (!(best.error < before)) break;
  }
  return best;
}

int CodebookFitter::FitScale(std::span<const float> wanted, std::span<const float> importance,
                             float d) {
  for (size_t j = 0; j < wanted.size(); ++j) scaled_[j] = d < 0 ? -wanted[j] : wanted[j];
  wanted_ = std::span(scaled_).first(wanted.size());
  envelopes_.Build(wanted_, importance);
  int best = 0;
  float best_error = std::numeric_limits<float>::infinity();
  for (int k = 0; k <= type_.scale_highest; ++k) {
    const float error = TrySub(0, CodebookScale(type_, std::fabs(d), k)).error;
    if (error < best_error) {
      best_error = error;
      best = k;
    }
  }
  return best;
}

}  // namespace altteul::compress
