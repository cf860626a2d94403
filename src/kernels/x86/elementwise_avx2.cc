// SPDX-License-Identifier: Apache-2.0

// The small steps with AVX2.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/x86/float_avx2.h"
#include "kernels/x86/float_kernels_x86.h"

// Compiled once for each instruction set, over the Vec of the header above.
#include "kernels/simd/elementwise.inl"

namespace altteul::kernels {

void RmsNormAvx2(const RmsNormArgs& args, int thread, int n_threads) {
  RmsNorm(args, thread, n_threads);
}

void RopeAvx2(const RopeArgs& args, int thread, int n_threads) { Rope(args, thread, n_threads); }

void GluAvx2(const GluArgs& args, int thread, int n_threads) { Glu(args, thread, n_threads); }

void AddAvx2(const AddArgs& args, int thread, int n_threads) { AddTo(args, thread, n_threads); }

void SoftcapAvx2(const SoftcapArgs& args, int thread, int n_threads) {
  Softcap(args, thread, n_threads);
}

void ExpAvx2(const float* x, float* y, size_t n) {
  for (size_t i = 0; i < n; i += kLanes) Store(y + i, Exp(Load(x + i)));
}

void TanhAvx2(const float* x, float* y, size_t n) {
  for (size_t i = 0; i < n; i += kLanes) Store(y + i, Tanh(Load(x + i)));
}

}  // namespace altteul::kernels
