// SPDX-License-Identifier: Apache-2.0

// Entry points of the NEON kernels, with the signatures of KernelTable. Plain structs only: files
// compiled for one instruction set include this.

#pragma once

#include <cstddef>
#include <span>

#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "kernels/product.h"

namespace altteul::kernels {

struct KernelTable;
extern const KernelTable kNeonKernels;

void RmsNormNeon(const RmsNormArgs& args, int thread, int n_threads);
void RopeNeon(const RopeArgs& args, int thread, int n_threads);
void GluNeon(const GluArgs& args, int thread, int n_threads);
void AddNeon(const AddArgs& args, int thread, int n_threads);
void SoftcapNeon(const SoftcapArgs& args, int thread, int n_threads);
void AddProductNeon(const AddProductArgs& args);
void StoreKvNeon(const StoreKvArgs& args, int thread, int n_threads);
void AttendNeon(const AttentionArgs& args, std::span<std::byte> scratch, int thread, int n_threads);
void MergeSegmentsNeon(const AttentionArgs& args, int thread, int n_threads);

/// As ExpAvx2 and TanhAvx2. @pre n is a multiple of 4
void ExpNeon(const float* x, float* y, size_t n);
void TanhNeon(const float* x, float* y, size_t n);

}  // namespace altteul::kernels
