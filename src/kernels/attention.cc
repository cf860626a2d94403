// SPDX-License-Identifier: Apache-2.0

#include "kernels/attention.h"

#include <algorithm>

#include "kernels/attention_scratch.h"

namespace altteul::kernels {

std::string_view KvTypeName(KvType type) {
  switch (type) {
    case KvType::kF32:
      return "f32";
    case KvType::kF16:
      return "f16";
    case KvType::kBF16:
      return "bf16";
    case KvType::kQ8_0:
      return "q8_0";
    case KvType::kQ4_0:
      return "q4_0";
  }
  return "unknown";
}

size_t AttentionScratchBytes(size_t head_dim) {
  const size_t fast = PlanScratch(head_dim).n_floats * sizeof(float) + 64;  // 64 to align it
  const size_t reference =                                                  // AttendScratch<double>
      sizeof(double) + head_dim * (2 * sizeof(double) + (16 + 2) * sizeof(float));
  return std::max(fast, reference);
}

}  // namespace altteul::kernels
