// SPDX-License-Identifier: Apache-2.0

#include "compress/second_order.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/check.h"
#include "compress/inverse_factor.h"

namespace altteul::compress {
namespace {

using kernels::KernelTable;

// Found on text that was not calibrated on (docs/decisions/damping.md).
constexpr double kOfColumn = 3;

std::vector<float> DampingOf(const Moments& moments, double damping) {
  const size_t n = moments.n;
  const auto square = [&](size_t i) {
    return static_cast<double>(moments.own[i * n + i]) / moments.tokens;
  };
  double mean = 0;
  for (size_t i = 0; i < n; ++i) mean += square(i) / static_cast<double>(n);
  // Inputs that never fire leave nothing to weigh with; then all columns count alike.
  if (!(mean > 0)) return std::vector<float>(n, 1.0f);
  std::vector<float> d(n);
  for (size_t i = 0; i < n; ++i) {
    d[i] = static_cast<float>(damping * (mean + kOfColumn * square(i)));
  }
  return d;
}

/// sums / tokens + damping
void Average(SquareMatrix& sums, double tokens, const std::vector<float>& damping) {
  const size_t n = sums.n();
  const auto divisor = static_cast<float>(tokens);
  for (size_t i = 0; i < n; ++i) {
    float* row = sums.data() + i * n;
    for (size_t j = 0; j < n; ++j) row[j] /= divisor;
    row[i] += damping[i];
  }
}

bool IsFinite(const SquareMatrix& matrix) {
  return std::ranges::all_of(matrix.values(), [](float value) { return std::isfinite(value); });
}

}  // namespace

Status Metric::ForgetTargets() {
  cross = SquareMatrix();
  if (!h.is_on_disk()) return Status();
  ALT_ASSIGN_OR_RETURN(SquareMatrix in_memory, SquareMatrix::Create(n));
  in_memory.Take(h);
  h = std::move(in_memory);
  return Status();
}

Result<Metric> MakeMetric(Moments moments, double damping, compute::Compute& compute,
                          const WorkFolder* work) {
  const size_t n = moments.n;
  ALT_CHECK(damping > 0 && moments.tokens > 0 && moments.own.n() == n);
  Metric metric;
  metric.n = n;
  metric.damping = DampingOf(moments, damping);
  metric.factor = std::move(moments.own);
  Average(metric.factor, moments.tokens, metric.damping);
  metric.cross = std::move(moments.cross);
  if (!metric.cross.empty()) Average(metric.cross, moments.tokens, metric.damping);
  if (!IsFinite(metric.factor)) {
    return Status(ErrorCode::kCorruptFile,
                  "the activations of " + std::to_string(n) + " columns are not finite");
  }
  ALT_ASSIGN_OR_RETURN(metric.h, SquareMatrix::Create(n, metric.cross.empty() ? nullptr : work));
  metric.h.Take(metric.factor);
  ALT_RETURN_IF_ERROR(FactorInverse(metric.factor, compute));
  return metric;
}

std::vector<float> ColumnImportance(const Metric& metric, bool feedback) {
  std::vector<float> importance(metric.n);
  for (size_t j = 0; j < metric.n; ++j) {
    const float u = metric.factor[j * metric.n + j];
    importance[j] = feedback ? 1.0f / (u * u) : metric.h[j * metric.n + j];
  }
  return importance;
}

std::vector<float> FactorOfColumns(const Metric& metric, size_t first, size_t count) {
  // In f64, so that a part of a positive matrix is positive.
  std::vector<double> u(count * count);
  for (size_t i = 0; i < count; ++i) {
    const float* h = metric.h.data() + (first + i) * metric.n + first;
    std::copy_n(h, count, &u[i * count]);
  }
  if (!FactorInverse(count, u)) {
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = 0; j < count; ++j) {
        double& value = u[i * count + j];
        value = i == j ? 1 / std::sqrt(value) : 0;
      }
    }
  }
  return {u.begin(), u.end()};
}

void MoveToTarget(const Metric& metric, const KernelTable& kernels, size_t n_rows,
                  std::span<float> rows) {
  if (metric.cross.empty()) return;
  const size_t n = metric.n;
  std::vector<float> wanted(rows.size()), half(rows.size());
  kernels.add_product({.a = rows.data(),
                       .a_stride = n,
                       .x = metric.cross.data(),
                       .x_stride = n,
                       .n_rows = n_rows,
                       .depth = n,
                       .width = n,
                       .y = wanted.data(),
                       .y_stride = n});
  // (X X^T + D)^-1 = U^T U
  const RowsOf<const float> u{metric.factor.data(), n};
  AddTimesUpper(kernels, n_rows, n, {wanted.data(), n}, u, Turned::kYes, {half.data(), n});
  std::fill(rows.begin(), rows.end(), 0.0f);
  AddTimesUpper(kernels, n_rows, n, {half.data(), n}, u, Turned::kNo, {rows.data(), n});
}

}  // namespace altteul::compress
