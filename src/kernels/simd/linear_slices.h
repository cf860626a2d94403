// SPDX-License-Identifier: Apache-2.0

// The linear layers' entry points: which type goes to which kernel, and who does which rows. The
// kernels themselves stand in files compiled for one instruction set (see linear_isa.h).

#pragma once

#include <cstddef>
#include <span>

#include "kernels/linear.h"
#include "kernels/simd/linear_isa.h"

namespace altteul::kernels {

// The steps of KernelTable with these names, over the kernels of `isa`.
// @param half  what the instruction set multiplies 16-bit floats in: P16 or P32

bool FastPanel(DType type, PanelKind half, PanelKind* panel);
/// The kernel that Linear takes for weights in groups; null for a type without FastPanel.
LinearSliceFn FindKernel(const LinearIsa& isa, DType type);
void Prepare(const LinearIsa& isa, const PreparedRows& x, PreparedForms forms, ShareBy by,
             int thread, int n_threads);
void Linear(const LinearIsa& isa, PanelKind half, const LinearArgs& args,
            std::span<std::byte> scratch, int thread, int n_threads);

/// The same with the signatures that KernelTable wants.
template <const LinearIsa& kIsa, PanelKind kHalf>
struct LinearSteps {
  static bool FastPanel(DType type, PanelKind* panel) {
    return kernels::FastPanel(type, kHalf, panel);
  }
  static void Prepare(const PreparedRows& x, PreparedForms forms, ShareBy by, int thread,
                      int n_threads) {
    kernels::Prepare(kIsa, x, forms, by, thread, n_threads);
  }
  static void Linear(const LinearArgs& args, std::span<std::byte> scratch, int thread,
                     int n_threads) {
    kernels::Linear(kIsa, kHalf, args, scratch, thread, n_threads);
  }
};

}  // namespace altteul::kernels
