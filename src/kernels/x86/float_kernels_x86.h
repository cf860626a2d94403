// SPDX-License-Identifier: Apache-2.0

// Entry points of the attention and elementwise kernels of x86-64, with the signatures of
// KernelTable. Plain structs only: files compiled for one instruction set include this.

#pragma once

#include <cstddef>
#include <span>

#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "kernels/product.h"

namespace altteul::kernels {

void RmsNormAvx2(const RmsNormArgs& args, int thread, int n_threads);
void RopeAvx2(const RopeArgs& args, int thread, int n_threads);
void GluAvx2(const GluArgs& args, int thread, int n_threads);
void AddAvx2(const AddArgs& args, int thread, int n_threads);
void SoftcapAvx2(const SoftcapArgs& args, int thread, int n_threads);
void AddProductAvx2(const AddProductArgs& args);
void StoreKvAvx2(const StoreKvArgs& args, int thread, int n_threads);
void AttendAvx2(const AttentionArgs& args, std::span<std::byte> scratch, int thread, int n_threads);
void MergeSegmentsAvx2(const AttentionArgs& args, int thread, int n_threads);

void RmsNormAvx512(const RmsNormArgs& args, int thread, int n_threads);
void RopeAvx512(const RopeArgs& args, int thread, int n_threads);
void GluAvx512(const GluArgs& args, int thread, int n_threads);
void AddAvx512(const AddArgs& args, int thread, int n_threads);
void SoftcapAvx512(const SoftcapArgs& args, int thread, int n_threads);
void AddProductAvx512(const AddProductArgs& args);
void StoreKvAvx512(const StoreKvArgs& args, int thread, int n_threads);
void AttendAvx512(const AttentionArgs& args, std::span<std::byte> scratch, int thread,
                  int n_threads);
void MergeSegmentsAvx512(const AttentionArgs& args, int thread, int n_threads);
// Without bf16 products; the other steps of AVX-512 have none.
void StoreKvAvx512Vnni(const StoreKvArgs& args, int thread, int n_threads);
void AttendAvx512Vnni(const AttentionArgs& args, std::span<std::byte> scratch, int thread,
                      int n_threads);
void MergeSegmentsAvx512Vnni(const AttentionArgs& args, int thread, int n_threads);

/// The kernels' own functions of one variable over x[n], y[n], so that tests can sweep them.
/// @pre n is a multiple of 16
void ExpAvx2(const float* x, float* y, size_t n);
void TanhAvx2(const float* x, float* y, size_t n);
void ExpAvx512(const float* x, float* y, size_t n);
void TanhAvx512(const float* x, float* y, size_t n);

}  // namespace altteul::kernels
