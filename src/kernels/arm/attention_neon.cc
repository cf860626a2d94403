// SPDX-License-Identifier: Apache-2.0

// Attention and the key-value cache with NEON.

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/arm/float_neon.h"
#include "kernels/arm/kernels_neon.h"
#include "kernels/attention_scratch.h"

// Compiled once for each instruction set, over the Vec of the header above.
#include "kernels/simd/attention.inl"

namespace altteul::kernels {

void StoreKvNeon(const StoreKvArgs& args, int thread, int n_threads) {
  StoreKv(args, static_cast<size_t>(thread), static_cast<size_t>(n_threads));
}

void AttendNeon(const AttentionArgs& args, std::span<std::byte> scratch, int thread,
                int n_threads) {
  Attend(args, scratch.data(), static_cast<size_t>(thread), static_cast<size_t>(n_threads));
}

void MergeSegmentsNeon(const AttentionArgs& args, int thread, int n_threads) {
  MergeSegments(args, static_cast<size_t>(thread), static_cast<size_t>(n_threads));
}

}  // namespace altteul::kernels
