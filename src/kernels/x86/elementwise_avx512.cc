// SPDX-License-Identifier: Apache-2.0

// The small steps with AVX-512.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/x86/float_avx512.h"
#include "kernels/x86/float_kernels_x86.h"

// Compiled once for each instruction set, over the Vec of the header above.
#include "kernels/simd/elementwise.inl"

namespace altteul::kernels {

void RmsNormAvx512(const RmsNormArgs& args, int thread, int n_threads) {
  RmsNorm(args, thread, n_threads);
}

void RopeAvx512(const RopeArgs& args, int thread, int n_threads) { Rope(args, thread, n_threads); }

void GluAvx512(const GluArgs& args, int thread, int n_threads) { Glu(args, thread, n_threads); }

void AddAvx512(const AddArgs& args, int thread, int n_threads) { AddTo(args, thread, n_threads); }

void SoftcapAvx512(const SoftcapArgs& args, int thread, int n_threads) {
  Softcap(args, thread, n_threads);
}

void ExpAvx512(const float* x, float* y, size_t n) {
  for (size_t i = 0; i < n; i += kLanes) Store(y + i, Exp(Load(x + i)));
}

void TanhAvx512(const float* x, float* y, size_t n) {
  for (size_t i = 0; i < n; i += kLanes) Store(y + i, Tanh(Load(x + i)));
}

}  // namespace altteul::kernels
