// SPDX-License-Identifier: Apache-2.0

// What the processor can do at most, measured beside the kernels: on a shared machine yesterday's
// figure is no yardstick.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::bench {

/// n rounds of 16 independent vpdpbusd on registers. @return their count, to compute operations
/// @pre the machine has AVX-512 VNNI
size_t RunInt8Peak(size_t n, int32_t* sink);

inline constexpr size_t kOpsPerVpdpbusd = 128;  ///< 64 products and 64 additions

}  // namespace altteul::bench
