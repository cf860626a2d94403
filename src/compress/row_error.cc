#include "compress/row_error.h"

namespace altteul::compress {

void AddRows(const kernels::KernelTable& kernels, std::span<const float> factor, const float* x,
             size_t stride, std::span<float> y) {
  kernels.add_rows({.factor = factor.data(),
                    .x = x,
                    .stride = stride,
                    .n_rows = factor.size(),
                    .width = y.size(),
                    .y = y.data()});
}

void RowError::Start(std::span<const float> target, std::span<const float> value) {
  value_.assign(target.begin(), target.end());
  gradient_.assign(target.size(), 0.0f);
  Move(0, value);
}

RowError::Parabola RowError::Along(size_t first, std::span<const float> direction) {
  scratch_.assign(direction.size(), 0.0f);  // H direction, within these columns
  AddRows(kernels_, direction, metric_.h.data() + first * metric_.n + first, metric_.n, scratch_);
  Parabola along{0, 0};
  for (size_t c = 0; c < direction.size(); ++c) {
    along.slope += static_cast<double>(direction[c] * gradient_[first + c]);
    along.curvature += static_cast<double>(direction[c] * scratch_[c]);
  }
  return along;
}

void RowError::Move(size_t first, std::span<const float> now) {
  scratch_.resize(now.size());
  for (size_t c = 0; c < now.size(); ++c) {
    scratch_[c] = now[c] - value_[first + c];
    value_[first + c] = now[c];
  }
  AddRows(kernels_, scratch_, metric_.h.data() + first * metric_.n, metric_.n, gradient_);
}

}  // namespace altteul::compress
