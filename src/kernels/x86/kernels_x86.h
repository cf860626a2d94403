// SPDX-License-Identifier: Apache-2.0

// The tables of the x86-64 instruction sets.

#pragma once

#include "kernels/kernel_table.h"

namespace altteul::kernels {

extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvxVnniKernels;
extern const KernelTable kAvx512VnniKernels;
extern const KernelTable kAvx512Kernels;

}  // namespace altteul::kernels
