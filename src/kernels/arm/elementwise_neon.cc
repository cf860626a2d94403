// SPDX-License-Identifier: Apache-2.0

// The small steps with NEON.

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/arm/float_neon.h"
#include "kernels/arm/kernels_neon.h"

// Compiled once for each instruction set, over the Vec of the header above.
#include "kernels/simd/elementwise.inl"

namespace altteul::kernels {

void RmsNormNeon(const RmsNormArgs& args, int thread, int n_threads) {
  RmsNorm(args, thread, n_threads);
}

void RopeNeon(const RopeArgs& args, int thread, int n_threads) { Rope(args, thread, n_threads); }

void GluNeon(const GluArgs& args, int thread, int n_threads) { Glu(args, thread, n_threads); }

void AddNeon(const AddArgs& args, int thread, int n_threads) { AddTo(args, thread, n_threads); }

void SoftcapNeon(const SoftcapArgs& args, int thread, int n_threads) {
  Softcap(args, thread, n_threads);
}

void ExpNeon(const float* x, float* y, size_t n) {
  for (size_t i = 0; i < n; i += kLanes) Store(y + i, Exp(Load(x + i)));
}

void TanhNeon(const float* x, float* y, size_t n) {
  for (size_t i = 0; i < n; i += kLanes) Store(y + i, Tanh(Load(x + i)));
}

}  // namespace altteul::kernels
