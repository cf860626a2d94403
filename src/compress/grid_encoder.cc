// SPDX-License-Identifier: Apache-2.0

#include "compress/grid_encoder.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "compress/pack_blocks.h"
#include "kernels/codecs/half.h"

namespace altteul::compress {
namespace {

using kernels::Bf16ToF32;
using kernels::F16ToF32;
using kernels::F32ToBf16;
using kernels::F32ToF16;

// Where the source's rounding leaves more numbers open than this, its grid is too coarse to tell.
constexpr int kMostCandidates = 64;

bool HasOneScale(const ScalarType& type) {
  return type.min_kind == MinKind::kNone &&
         (!type.has_d || type.scale_lowest == type.scale_highest);
}

/// f16 numbers by their order; both zeros are 0.
float HalfAt(int place) {
  const float magnitude = F16ToF32(static_cast<uint16_t>(std::abs(place)));
  return place < 0 ? -magnitude : magnitude;
}
int PlaceOf(double x) {
  const uint16_t bits = F32ToF16(static_cast<float>(x));
  const int magnitude = bits & 0x7fff;
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

/// Whether `fits` is true of any f16 number in [lowest, highest].
template <typename Fits>
bool AnyHalf(double lowest, double highest, const Fits& fits) {
  constexpr int kLargest = 0x7bff;
  // Rounding may have gone past the first one.
  int place = std::clamp(PlaceOf(lowest) - 1, -kLargest, kLargest);
  for (int tried = 0; place <= kLargest && tried < kMostCandidates; ++place) {
    const float half = HalfAt(place);
    if (static_cast<double>(half) > highest) break;
    if (static_cast<double>(half) < lowest) continue;
    if (fits(half)) return true;
    ++tried;
  }
  return false;
}

}  // namespace

bool HasGrid(DType type) {
  const ScalarType* row = FindScalarType(type);
  return row != nullptr && (HasOneScale(*row) || row->min_kind == MinKind::kWhole);
}

std::vector<DType> GridTypes() {
  std::vector<DType> types;
  for (const ScalarType& row : AllScalarTypes()) {
    if (HasGrid(row.type)) types.push_back(row.type);
  }
  return types;
}

GridEncoder::GridEncoder(DType type, DType source)
    : type_(*FindScalarType(type)), levels_(type_), source_(source) {
  ALT_CHECK(HasGrid(type));
  ALT_CHECK(source == DType::kF32 || source == DType::kF16 || source == DType::kBF16);
  for (size_t i = 0; i < levels_.size(); ++i) {
    if (levels_.value(i) != 0) by_size_.push_back(levels_.value(i));
  }
  std::sort(by_size_.begin(), by_size_.end(),
            [](float a, float b) { return std::fabs(a) > std::fabs(b); });
}

bool GridEncoder::Encode(std::span<const float> row, std::byte* out) {
  const size_t block_cols = type_.block_cols;
  ALT_CHECK(row.size() % block_cols == 0);
  const size_t block_bytes = TraitsOf(type_.type).block_bytes;
  for (size_t first = 0; first < row.size(); first += block_cols, out += block_bytes) {
    const std::span<const float> values = row.subspan(first, block_cols);
    block_ = BlockFields{};
    block_.scale.fill(1);
    if (type_.min_kind == MinKind::kWhole) {
      if (!FitScaleAndMinimum(values)) return false;
    } else {
      for (size_t s = 0; s < type_.n_subs(); ++s) {
        if (!FitScale(values.subspan(s * type_.sub_cols, type_.sub_cols), s)) return false;
      }
    }
    Pack(type_.type, block_, out);
  }
  return true;
}

/// What is left of a number of which the source keeps fewer bits.
float GridEncoder::Rounded(float value) const {
  if (source_ == DType::kF16) return F16ToF32(F32ToF16(value));
  if (source_ == DType::kBF16) return Bf16ToF32(F32ToBf16(value));
  return value;
}

/// How far a number may have been from this one before it was rounded; a little more does no harm.
double GridEncoder::Slack(float value) const {
  const double size = std::fabs(static_cast<double>(value));
  if (source_ == DType::kF16) return std::max(size * 0x1p-11, 0x1p-25);
  return size * (source_ == DType::kBF16 ? 0x1p-8 : 0x1p-24);
}

bool GridEncoder::FitScale(std::span<const float> values, size_t sub) {
  float largest = 0;
  for (const float w : values) largest = std::fabs(w) > std::fabs(largest) ? w : largest;
  if (largest == 0) {
    if (type_.has_d) block_.d = 0;
    return TakeCodes(values, sub);
  }
  return std::any_of(by_size_.begin(), by_size_.end(),
                     [&](float level) { return TryScales(values, sub, level, largest); });
}

/// All scales under which `level` may be what `value` was.
bool GridEncoder::TryScales(std::span<const float> values, size_t sub, float level, float value) {
  const double scale = static_cast<double>(value) / static_cast<double>(level);
  const double slack = Slack(value) / std::fabs(static_cast<double>(level));
  if (type_.has_d) {
    return AnyHalf(scale - slack, scale + slack, [&](float d) {
      block_.d = d;
      return TakeCodes(values, sub);
    });
  }
  if (scale < 0) return false;
  int low = type_.scale_lowest, high = type_.scale_highest;
  while (low < high) {  // to the first that is not below; scale_value grows
    const int middle = (low + high) / 2;
    const bool is_below = static_cast<double>(type_.scale_value(middle)) < scale - slack;
    (is_below ? low : high) = is_below ? middle + 1 : middle;
  }
  for (; low <= type_.scale_highest; ++low) {
    if (static_cast<double>(type_.scale_value(low)) > scale + slack) break;
    block_.scale[sub] = static_cast<int16_t>(low);
    if (TakeCodes(values, sub)) return true;
  }
  return false;
}

bool GridEncoder::FitScaleAndMinimum(std::span<const float> values) {
  const auto [low_at, high_at] = std::minmax_element(values.begin(), values.end());
  const float low = *low_at, high = *high_at;
  if (low == high) return FitConstant(values);
  const double range = static_cast<double>(high) - static_cast<double>(low);
  const double slack = Slack(low) + Slack(high);
  // A negative scale is the positive one with the levels counted from the other end.
  for (size_t steps = levels_.size() - 1; steps > 0; --steps) {
    const auto n = static_cast<double>(steps);
    if (AnyHalf((range - slack) / n, (range + slack) / n,
                [&](float d) { return TryScale(values, d, steps, low); })) {
      return true;
    }
  }
  return false;
}

/// @param steps  levels between the smallest and the largest value
bool GridEncoder::TryScale(std::span<const float> values, float scale, size_t steps, float lowest) {
  if (!(scale > 0)) return false;
  const double d = scale, slack = Slack(lowest);
  for (const float w : values) {
    const double from_lowest = (static_cast<double>(w) - static_cast<double>(lowest)) / d;
    if (std::fabs(from_lowest - std::round(from_lowest)) > (slack + Slack(w)) / d) return false;
  }
  block_.d = scale;
  for (size_t code = 0; code + steps < levels_.size(); ++code) {
    const double minimum = static_cast<double>(lowest) - d * static_cast<double>(code);
    if (AnyHalf(minimum - slack, minimum + slack, [&](float m) {
          block_.dmin = m;
          return TakeCodes(values, 0);
        })) {
      return true;
    }
  }
  return false;
}

bool GridEncoder::FitConstant(std::span<const float> values) {
  const auto value = static_cast<double>(values.front());
  block_.dmin = NearestHalf(value) + 0.0f;  // not the negative zero
  block_.d = 0;
  if (TakeCodes(values, 0)) return true;
  block_.d = NearestHalf(value - static_cast<double>(block_.dmin)) + 0.0f;
  return TakeCodes(values, 0);
}

/// Whether each value is a level under the scale and minimum chosen.
bool GridEncoder::TakeCodes(std::span<const float> values, size_t sub) {
  const float scale = EffectiveScale(type_, block_, sub);
  const float min = EffectiveMin(type_, block_, sub);
  for (size_t j = 0; j < values.size(); ++j) {
    const float steps = scale == 0.0f ? 0.0f : (values[j] + min) / scale;
    const size_t level = levels_.Nearest(steps);
    if (Rounded(scale * levels_.value(level) - min) != values[j]) return false;
    block_.code[sub * type_.sub_cols + j] = levels_.code(level);
  }
  return true;
}

}  // namespace altteul::compress
