// SPDX-License-Identifier: Apache-2.0

#include "kernels/reference/reference.h"

namespace altteul::kernels {

void AddProductReference(const AddProductArgs& args) {
  for (size_t row = 0; row < args.n_rows; ++row) {
    const float* a = args.a + row * args.a_stride;
    float* y = args.y + row * args.y_stride;
    for (size_t k = 0; k < args.depth; ++k) {
      for (size_t c = 0; c < args.width; ++c) {
        y[c] += a[k] *
                (args.x_is_turned ? args.x[c * args.x_stride + k] : args.x[k * args.x_stride + c]);
      }
    }
  }
}

}  // namespace altteul::kernels
