// SPDX-License-Identifier: Apache-2.0

#include "compress/type_reach.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "compress/codebook_block.h"
#include "compress/scalar_block.h"
#include "kernels/codecs/half.h"

namespace altteul::compress {
namespace {

using kernels::kLargestF16;

constexpr float kSmallestF16 = 0x1p-21f;  // eight of its last steps: rounded to a sixteenth
// Sub-scales make up for how coarse d is, but encoders choose it so that the largest is used.
constexpr float kSmallestD = 0x1p-24f;
// Encoders sum squares of errors in f32, so types with wide scales are not used to their ends.
constexpr float kLargestSquared = 0x1p60f;

/// The outermost level; of two sides the nearer one, because encoders may turn a block around.
float EndOf(const auto& levels) {
  int low = 0, high = 0;
  for (const int level : levels) {
    low = std::min(low, level);
    high = std::max(high, level);
  }
  return static_cast<float>(low < 0 && high > 0 ? std::min(-low, high) : std::max(-low, high));
}

Reach ReachOfScalar(const ScalarType& type) {
  const float level = EndOf(type.levels);
  const float scale = type.scale_value(type.scale_highest);
  if (!type.has_d) {
    return {.smallest = std::max(1 / kLargestSquared, type.scale_value(1) * level),
            .largest = std::min(kLargestSquared, scale * level)};
  }
  Reach reach{.smallest = level * std::max(kSmallestF16, kSmallestD * scale),
              .largest = kLargestF16 * scale * level};
  if (type.min_kind == MinKind::kWhole) reach.largest = kLargestF16;
  if (type.min_kind == MinKind::kSubBlock) {
    reach.largest = std::min(reach.largest, kLargestF16 * static_cast<float>(type.min_highest));
  }
  return reach;
}

Reach ReachOfCodebook(const CodebookType& type) {
  const float point = EndOf(type.points) * type.unit;
  const auto scale = static_cast<float>(2 * type.scale_highest + 1);
  return {.smallest = point * std::max(kSmallestF16, kSmallestD * scale),
          .largest = kLargestF16 * point * scale};
}

}  // namespace

Reach ReachOf(DType type) {
  if (const ScalarType* scalar = FindScalarType(type)) return ReachOfScalar(*scalar);
  if (const CodebookType* codebook = FindCodebookType(type)) return ReachOfCodebook(*codebook);
  switch (type) {
    case DType::kF32:
      return {.smallest = 0, .largest = std::numeric_limits<float>::max()};
    case DType::kF16:
      return {.smallest = kSmallestF16, .largest = kLargestF16};
    case DType::kBF16:
      return {.smallest = std::numeric_limits<float>::min(), .largest = kernels::kLargestBf16};
    default:
      ALT_CHECK(false && "a type that nothing encodes");
  }
  return {};
}

}  // namespace altteul::compress
