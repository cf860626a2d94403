// SPDX-License-Identifier: Apache-2.0

// Time as people tell it. Nothing in text asks a clock: whoever calls gives the moment.

#pragma once

#include <cstdint>

namespace altteul::text {

/// A moment and how far local time is ahead of UTC there and then.
struct WallTime {
  int64_t unix_seconds = 0;
  int64_t utc_offset_seconds = 0;
};

}  // namespace altteul::text
