// SPDX-License-Identifier: Apache-2.0

#include "compress/fit_block.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/codecs/half.h"

namespace altteul::compress {
namespace {

constexpr int kStarts = 24;       // scales tried from each end of the levels; four at once
constexpr int kRefinements = 3;   // of the best start: codes, then least squares, and again
constexpr int kSuperStarts = 12;  // values of d tried

/// One sub-block: values and their weights.
struct SubBlock {
  std::span<const float> w;
  std::span<const float> h;
};

/// w[j] is about scale * level[j] + offset.
struct Fit {
  float scale = 0;
  float offset = 0;
  float error = std::numeric_limits<float>::infinity();
  float level_weight = 0;  ///< sum of h * level^2: how much an error of the scale costs
};

/// The sums of a least-squares fit of scale and offset. Those without levels do not change.
struct Sums {
  double h = 0, hw = 0, hww = 0;
  double hl = 0, hll = 0, hwl = 0;

  explicit Sums(const SubBlock& sub) {
    for (size_t j = 0; j < sub.w.size(); ++j) {
      const auto weight = static_cast<double>(sub.h[j]), w = static_cast<double>(sub.w[j]);
      h += weight;
      hw += weight * w;
      hww += weight * w * w;
    }
  }

  Fit ScaleOnly() const {
    Fit fit;
    fit.level_weight = static_cast<float>(hll);
    fit.scale = hll > 0 ? static_cast<float>(hwl / hll) : 0.0f;
    fit.error = static_cast<float>(hww - (hll > 0 ? hwl * hwl / hll : 0.0));
    return fit;
  }
  /// @param highest_offset  the offset may not be larger
  Fit ScaleAndOffset(double highest_offset) const {
    const double determinant = h * hll - hl * hl;
    if (determinant <= 1e-12 * h * hll) return ScaleOnly();
    const double scale = (h * hwl - hw * hl) / determinant;
    const double offset = (hll * hw - hl * hwl) / determinant;
    if (offset > highest_offset || scale < 0) return ScaleOnly();
    Fit fit;
    fit.level_weight = static_cast<float>(hll);
    fit.scale = static_cast<float>(scale);
    fit.offset = static_cast<float>(offset);
    fit.error = static_cast<float>(hww - scale * hwl - offset * hw);
    return fit;
  }
};

/// Fits to the levels nearest to (w - offset) * inverse, for four values of `inverse`.
class FourFits {
 public:
  FourFits(const SubBlock& sub, const Levels& levels, const Sums& sums, Float4 inverse,
           float offset)
      : sums_(sums) {
    for (size_t j = 0; j < sub.w.size(); ++j) {
      const Float4 level = levels.NearestValues(Same4(sub.w[j] - offset) * inverse);
      const Float4 weighted = level * sub.h[j];
      hl_ += weighted;
      hll_ += weighted * level;
      hwl_ += weighted * sub.w[j];
    }
  }

  /// The sums of one of them.
  const Sums& Of(size_t lane) {
    sums_.hl = static_cast<double>(hl_[lane]);
    sums_.hll = static_cast<double>(hll_[lane]);
    sums_.hwl = static_cast<double>(hwl_[lane]);
    return sums_;
  }

 private:
  Sums sums_;
  Float4 hl_{}, hll_{}, hwl_{};
};

class BlockFitter {
 public:
  BlockFitter(const ScalarType& type, const Levels& levels, std::span<const float> wanted,
              std::span<const float> importance)
      : type_(type), levels_(levels), wanted_(wanted), importance_(importance) {}

  BlockFields Run() {
    block_.scale.fill(1);
    for (size_t s = 0; s < type_.n_subs(); ++s) {
      fits_[s] = type_.min_kind == MinKind::kNone ? FitScale(Sub(s)) : FitScaleAndOffset(Sub(s));
    }
    if (!type_.has_d) {
      for (size_t s = 0; s < type_.n_subs(); ++s) block_.scale[s] = ScaleNear(fits_[s].scale);
    } else if (type_.scale_lowest == type_.scale_highest) {
      block_.d = NearestHalf(static_cast<double>(fits_[0].scale));
      if (type_.min_kind == MinKind::kWhole)
        block_.dmin = NearestHalf(static_cast<double>(fits_[0].offset));
    } else {
      ShareScales();
      if (type_.min_kind == MinKind::kSubBlock) ShareMinimums();
    }
    for (size_t s = 0; s < type_.n_subs(); ++s) TryNeighbours(s);
    return block_;
  }

 private:
  SubBlock Sub(size_t s) const {
    const size_t n = type_.sub_cols;
    return {wanted_.subspan(s * n, n), importance_.subspan(s * n, n)};
  }

  Fit FitScale(const SubBlock& sub) const {
    float largest = 0;
    for (const float w : sub.w) largest = std::fabs(w) > std::fabs(largest) ? w : largest;
    Fit best;
    if (largest == 0) {
      best.error = 0;
      return best;
    }
    // A scale may clip the largest value by up to two and a half steps, or leave one step unused.
    const float steps = static_cast<float>(levels_.size()) / 2;
    const float least = std::max(0.4f, 1.0f - 2.5f / steps);
    const float most = 1.0f + 1.0f / steps;
    const Sums sums(sub);
    const bool may_turn = type_.has_d;  // other scales are never negative
    for (const float end : {levels_.value(0), levels_.value(levels_.size() - 1)}) {
      const float start = largest / end;
      if (end == 0 || (!may_turn && start < 0)) continue;
      for (int i = 0; i < kStarts; i += 4) {
        const Float4 number = Float4{0, 1, 2, 3} + static_cast<float>(i);
        const Float4 scale = start * (least + (most - least) / (kStarts - 1) * number);
        FourFits four(sub, levels_, sums, 1.0f / scale, 0);
        for (size_t lane = 0; lane < 4; ++lane) {
          if (!std::isfinite(1.0f / scale[lane])) continue;
          const Fit fit = four.Of(lane).ScaleOnly();
          if (fit.error < best.error) best = fit;
        }
      }
    }
    for (int i = 0; i < kRefinements && std::isfinite(1.0f / best.scale); ++i) {
      const Fit fit = FourFits(sub, levels_, sums, Same4(1.0f / best.scale), 0).Of(0).ScaleOnly();
      if (fit.error >= best.error) break;
      best = fit;
    }
    if (!may_turn) best.scale = std::fabs(best.scale);
    return best;
  }

  Fit FitScaleAndOffset(const SubBlock& sub) const {
    const bool is_subtracted = type_.min_kind == MinKind::kSubBlock;
    const double highest_offset = is_subtracted ? 0.0 : std::numeric_limits<double>::infinity();
    auto [low_at, high_at] = std::minmax_element(sub.w.begin(), sub.w.end());
    const float low = is_subtracted ? std::min(*low_at, 0.0f) : *low_at;
    const float range = *high_at - low;
    Fit best;
    if (!(range > 0)) {
      best.scale = 0;
      best.offset = low;
      best.error = 0;
      return best;
    }
    const float last = static_cast<float>(levels_.size() - 1);
    const Sums sums(sub);
    for (int i = 0; i < 2 * kStarts; i += 4) {
      const Float4 number = Float4{0, 1, 2, 3} + static_cast<float>(i);
      const Float4 steps = last - 1.2f + 2.2f / (2 * kStarts - 1) * number;
      FourFits four(sub, levels_, sums, steps / range, low);
      for (size_t lane = 0; lane < 4; ++lane) {
        const Fit fit = four.Of(lane).ScaleAndOffset(highest_offset);
        if (fit.error < best.error) best = fit;
      }
    }
    for (int i = 0; i < kRefinements && best.scale > 0; ++i) {
      const Fit fit = FourFits(sub, levels_, sums, Same4(1.0f / best.scale), best.offset)
                          .Of(0)
                          .ScaleAndOffset(highest_offset);
      if (fit.error >= best.error) break;
      best = fit;
    }
    best.scale = std::max(best.scale, 0.0f);
    return best;
  }

  /// One unit for numbers x[s] that cost weight[s] * (unit * integer[s] - x[s])^2.
  template <typename Write>
  float ShareUnit(std::span<const float> x, std::span<const float> weight, int lowest, int highest,
                  const Write& write) const {
    float extreme = 0;
    for (const float each : x) extreme = std::fabs(each) > std::fabs(extreme) ? each : extreme;
    const auto integer = [&](float unit, size_t s) {
      const float steps = unit == 0 ? 0.0f : x[s] / unit;
      return std::clamp(static_cast<int>(std::lrint(std::clamp(steps, -1e6f, 1e6f))), lowest,
                        highest);
    };
    float best_unit = 0;
    double best_cost = std::numeric_limits<double>::infinity();
    for (const int end : {lowest, highest}) {
      if (end == 0 || extreme == 0) continue;
      for (int i = 0; i < kSuperStarts; ++i) {
        float unit = extreme / static_cast<float>(end) *
                     (0.94f + 0.1f * static_cast<float>(i) / (kSuperStarts - 1));
        if (lowest == 0 && unit < 0) continue;
        double top = 0, bottom = 0;
        for (size_t s = 0; s < x.size(); ++s) {
          const auto k = static_cast<double>(integer(unit, s));
          top += static_cast<double>(weight[s]) * k * static_cast<double>(x[s]);
          bottom += static_cast<double>(weight[s]) * k * k;
        }
        if (bottom > 0) unit = static_cast<float>(top / bottom);
        unit = NearestHalf(static_cast<double>(unit));
        double cost = 0;
        for (size_t s = 0; s < x.size(); ++s) {
          const double miss =
              static_cast<double>(unit * static_cast<float>(integer(unit, s)) - x[s]);
          cost += static_cast<double>(weight[s]) * miss * miss;
        }
        if (cost < best_cost) {
          best_cost = cost;
          best_unit = unit;
        }
      }
    }
    for (size_t s = 0; s < x.size(); ++s) write(s, integer(best_unit, s));
    return best_unit;
  }

  void ShareScales() {
    std::array<float, 16> x{}, weight{};
    for (size_t s = 0; s < type_.n_subs(); ++s) {
      x[s] = fits_[s].scale;
      weight[s] = fits_[s].level_weight;
    }
    block_.d = ShareUnit(
        std::span(x).first(type_.n_subs()), std::span(weight).first(type_.n_subs()),
        type_.scale_lowest, type_.scale_highest,
        [this](size_t s, int integer) { block_.scale[s] = static_cast<int16_t>(integer); });
  }

  void ShareMinimums() {
    std::array<float, 16> x{}, weight{};
    for (size_t s = 0; s < type_.n_subs(); ++s) {
      x[s] = -fits_[s].offset;
      for (const float h : Sub(s).h) weight[s] += h;
    }
    block_.dmin =
        ShareUnit(std::span(x).first(type_.n_subs()), std::span(weight).first(type_.n_subs()), 0,
                  type_.min_highest,
                  [this](size_t s, int integer) { block_.min[s] = static_cast<uint8_t>(integer); });
  }

  /// The integer whose scale is nearest; scale_value grows with it.
  int16_t ScaleNear(float scale) const {
    int low = type_.scale_lowest, high = type_.scale_highest;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (type_.scale_value(middle) < scale) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const bool lower_is_nearer = low > type_.scale_lowest && scale - type_.scale_value(low - 1) <
                                                                 type_.scale_value(low) - scale;
    return static_cast<int16_t>(low - (lower_is_nearer ? 1 : 0));
  }

  /// The weighted error of sub-block s under the block's scales, with the best codes.
  double ErrorOf(size_t s) const {
    const SubBlock sub = Sub(s);
    const float scale = EffectiveScale(type_, block_, s), min = EffectiveMin(type_, block_, s);
    Float4 sum{};
    for (size_t j = 0; j < sub.w.size(); j += 4) {
      const Float4 w = Load4(&sub.w[j]);
      const Float4 steps = scale == 0 ? Float4{} : (w + min) / scale;
      const Float4 miss = w - (scale * levels_.NearestValues(steps) - min);
      sum += Load4(&sub.h[j]) * miss * miss;
    }
    return static_cast<double>(sum[0] + sum[1] + sum[2] + sum[3]);
  }

  /// Steps of scale and minimum around what was rounded, then codes.
  void TryNeighbours(size_t s) {
    double best = ErrorOf(s);
    const int scale = block_.scale[s], min = block_.min[s];
    int best_scale = scale, best_min = min;
    const int reach = type_.has_d ? 1 : 2;
    const bool scales = type_.scale_lowest != type_.scale_highest;
    const bool minimums = type_.min_kind == MinKind::kSubBlock;
    for (int ds = scales ? -reach : 0; ds <= (scales ? reach : 0); ++ds) {
      for (int dm = minimums ? -1 : 0; dm <= (minimums ? 1 : 0); ++dm) {
        if (scale + ds < type_.scale_lowest || scale + ds > type_.scale_highest) continue;
        if (min + dm < 0 || min + dm > type_.min_highest) continue;
        block_.scale[s] = static_cast<int16_t>(scale + ds);
        block_.min[s] = static_cast<uint8_t>(min + dm);
        const double error = ErrorOf(s);
        if (error < best) {
          best = error;
          best_scale = scale + ds;
          best_min = min + dm;
        }
      }
    }
    block_.scale[s] = static_cast<int16_t>(best_scale);
    block_.min[s] = static_cast<uint8_t>(best_min);
    for (size_t j = 0; j < type_.sub_cols; ++j) {
      const size_t col = s * type_.sub_cols + j;
      block_.code[col] = NearestCode(type_, levels_, block_, s, wanted_[col]);
    }
  }

  const ScalarType& type_;
  const Levels& levels_;
  std::span<const float> wanted_, importance_;
  std::array<Fit, 16> fits_;
  BlockFields block_;
};

}  // namespace

float NearestHalf(double x) {
  constexpr double kLargest = 65504.0;
  if (std::isnan(x)) return 0.0f;  // rows beyond all scales, whose errors outgrew f32
  return kernels::F16ToF32(
      kernels::F32ToF16(static_cast<float>(std::clamp(x, -kLargest, kLargest))));
}

Levels::Levels(const ScalarType& type) {
  for (const uint8_t code : type.ascending) {
    value_.push_back(static_cast<float>(type.levels[code]));
    code_.push_back(code);
  }
  const float first = value_.front();
  const auto n_cells = static_cast<size_t>(2 * (value_.back() - first));
  size_t index = 0;
  for (size_t cell = 0; cell <= n_cells; ++cell) {
    const float middle = first + (static_cast<float>(cell) + 0.5f) / 2;
    while (index + 1 < value_.size() && value_[index + 1] - middle < middle - value_[index]) {
      ++index;
    }
    index_.push_back(static_cast<uint8_t>(index));
    nearest_.push_back(value_[index]);
  }
  first_ = Same4(first);
  last_cell_ = Same4(static_cast<float>(n_cells));
}

uint8_t NearestCode(const ScalarType& type, const Levels& levels, const BlockFields& block,
                    size_t sub, float wanted) {
  const float scale = EffectiveScale(type, block, sub);
  const float steps = scale == 0.0f ? 0.0f : (wanted + EffectiveMin(type, block, sub)) / scale;
  return levels.code(levels.Nearest(steps));
}

BlockFields FitBlock(const ScalarType& type, const Levels& levels, std::span<const float> wanted,
                     std::span<const float> importance) {
  return BlockFitter(type, levels, wanted, importance).Run();
}

}  // namespace altteul::compress
