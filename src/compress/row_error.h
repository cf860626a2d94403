// The error (q - target) H (q - target)^T of a row q while its columns move, by its gradient.

#pragma once

#include <span>
#include <vector>

#include "compress/second_order.h"
#include "kernels/kernel_table.h"

namespace altteul::compress {

/// y += factor * rows, the first of which begins at x, the next `stride` behind it.
void AddRows(const kernels::KernelTable& kernels, std::span<const float> factor, const float* x,
             size_t stride, std::span<float> y);

class RowError {
 public:
  /// @param metric  outlives this
  RowError(const Metric& metric, const kernels::KernelTable& kernels)
      : metric_(metric), kernels_(kernels) {}

  /// @param target, value  [n]
  void Start(std::span<const float> target, std::span<const float> value);

  std::span<const float> value() const { return value_; }
  /// H (q - target): half of the error's derivatives.
  std::span<const float> gradient() const { return gradient_; }

  /// How the error changes when columns move by `step` times a direction.
  struct Parabola {
    double slope, curvature;
    double Change(double step) const { return step * (2 * slope + step * curvature); }
  };
  /// @param direction  of the columns from `first` on
  Parabola Along(size_t first, std::span<const float> direction);

  /// The columns from `first` on are `now`.
  void Move(size_t first, std::span<const float> now);

 private:
  const Metric& metric_;
  const kernels::KernelTable& kernels_;
  std::vector<float> value_, gradient_, scratch_;
};

}  // namespace altteul::compress
