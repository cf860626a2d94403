// SPDX-License-Identifier: Apache-2.0

// The product that defines the answer: every weight decoded to f32, plain multiply and add.

#include "kernels/reference/linear.inl"
#include "base/check.h"
#include "kernels/reference/reference.h"

namespace altteul::kernels {

bool FastPanelReference(DType /*type*/, PanelKind* /*panel*/) { return false; }

void PrepareReference(const PreparedRows& /*x*/, PreparedForms forms, ShareBy /*by*/,
                      int /*thread*/, int /*n_threads*/) {
  ALT_CHECK(!forms.q8 && !forms.bf16);  // FastPanelReference promised nobody anything
}

void LinearReference(const LinearArgs& args, std::span<std::byte> scratch, int thread,
                     int n_threads) {
  LinearPlain<float>(args, scratch, thread, n_threads);
}

}  // namespace altteul::kernels
