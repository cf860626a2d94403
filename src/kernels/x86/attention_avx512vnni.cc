// SPDX-License-Identifier: Apache-2.0

// Attention and the key-value cache with AVX-512 and without BF16.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/attention_scratch.h"
#include "kernels/x86/float_avx512.h"
#include "kernels/x86/float_kernels_x86.h"

// Compiled once for each instruction set, over the Vec of the header above.
#include "kernels/simd/attention.inl"

namespace altteul::kernels {

void StoreKvAvx512Vnni(const StoreKvArgs& args, int thread, int n_threads) {
  StoreKv(args, static_cast<size_t>(thread), static_cast<size_t>(n_threads));
}

void AttendAvx512Vnni(const AttentionArgs& args, std::span<std::byte> scratch, int thread,
                      int n_threads) {
  Attend(args, scratch.data(), static_cast<size_t>(thread), static_cast<size_t>(n_threads));
}

void MergeSegmentsAvx512Vnni(const AttentionArgs& args, int thread, int n_threads) {
  MergeSegments(args, static_cast<size_t>(thread), static_cast<size_t>(n_threads));
}

}  // namespace altteul::kernels
