// Entry points of the x86-64 instruction sets, with the signatures of KernelTable.

#pragma once

#include <cstddef>
#include <span>

#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "kernels/kernel_table.h"
#include "kernels/linear.h"
#include "kernels/x86/float_kernels_x86.h"

namespace altteul::kernels {

extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;

// The linear layers and their preparation (linear_x86.cc).

bool FastPanelAvx2(DType type, PanelKind* panel);
void PrepareAvx2(const PreparedRows& x, PreparedForms forms, int thread, int n_threads);
void LinearAvx2(const LinearArgs& args, std::span<std::byte> scratch, int thread, int n_threads);

bool FastPanelAvx512(DType type, PanelKind* panel);
void PrepareAvx512(const PreparedRows& x, PreparedForms forms, int thread, int n_threads);
void LinearAvx512(const LinearArgs& args, std::span<std::byte> scratch, int thread, int n_threads);

}  // namespace altteul::kernels
