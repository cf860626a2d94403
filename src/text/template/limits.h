// SPDX-License-Identifier: Apache-2.0

// What a template may use up. It is a stranger's program, so each of these is finite.

#pragma once

#include <cstdint>

namespace altteul::text {

struct TemplateLimits {
  uint64_t max_steps = 2'000'000;  ///< evaluated nodes, and one for each 64 bytes moved
  uint32_t max_depth = 200;        ///< nesting of expressions, blocks, macro calls and values
  uint64_t max_output_bytes = 16u << 20;  ///< of the rendered text
  uint64_t max_value_bytes = 64u << 20;   ///< strings and lists alive at one time
};

}  // namespace altteul::text
