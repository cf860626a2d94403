// SPDX-License-Identifier: Apache-2.0

// The steps in plain loops: the definition that every faster version is tested against.

#pragma once

#include <cstddef>
#include <span>

#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "kernels/linear.h"
#include "kernels/product.h"

namespace altteul::kernels {

bool FastPanelReference(DType type, PanelKind* panel);
void PrepareReference(const PreparedRows& x, PreparedForms forms, ShareBy by, int thread,
                      int n_threads);
void LinearReference(const LinearArgs& args, std::span<std::byte> scratch, int thread,
                     int n_threads);

void RmsNormReference(const RmsNormArgs& args, int thread, int n_threads);
void RopeReference(const RopeArgs& args, int thread, int n_threads);
void GluReference(const GluArgs& args, int thread, int n_threads);
void AddReference(const AddArgs& args, int thread, int n_threads);
void SoftcapReference(const SoftcapArgs& args, int thread, int n_threads);
void AddProductReference(const AddProductArgs& args);
void StoreKvReference(const StoreKvArgs& args, int thread, int n_threads);
void AttendReference(const AttentionArgs& args, std::span<std::byte> scratch, int thread,
                     int n_threads);
/// The reference never leaves sums.
void MergeSegmentsReference(const AttentionArgs& args, int thread, int n_threads);

}  // namespace altteul::kernels
