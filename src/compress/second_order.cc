#include "compress/second_order.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <string>

#include "base/check.h"

namespace altteul::compress {
namespace {

template <typename Scalar>
using MatrixOf = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Matrix = MatrixOf<float>;
using View = Eigen::Map<Matrix>;
using ConstView = Eigen::Map<const Matrix>;

float Lambda(const Moments& moments, double damping) {
  double trace = 0;
  for (size_t i = 0; i < moments.n; ++i) {
    trace += static_cast<double>(moments.own[i * moments.n + i]);
  }
  const double mean = trace / moments.tokens / static_cast<double>(moments.n);
  // Inputs that never fire leave nothing to weigh with; then all columns count alike.
  return static_cast<float>(mean > 0 ? damping * mean : 1.0);
}

/// The upper triangular U with h^-1 = U^T U; false when h is not positive.
template <typename Scalar>
bool InverseFactor(const Eigen::Ref<const MatrixOf<Scalar>>& h,
                   Eigen::Ref<MatrixOf<Scalar>> factor) {
  // With the order of columns reversed, H = R R^T for an upper triangular R, and U = R^-1.
  MatrixOf<Scalar> reversed = h.reverse();
  Eigen::LLT<Eigen::Ref<MatrixOf<Scalar>>, Eigen::Lower> cholesky(reversed);
  if (cholesky.info() != Eigen::Success) return false;
  const MatrixOf<Scalar> upper =
      MatrixOf<Scalar>(reversed.template triangularView<Eigen::Lower>()).reverse();
  factor.setIdentity();
  upper.template triangularView<Eigen::Upper>().solveInPlace(factor);
  return true;
}

}  // namespace

Result<Metric> MakeMetric(const Moments& moments, double damping) {
  const size_t n = moments.n;
  ALT_CHECK(damping > 0 && moments.tokens > 0 && moments.own.size() == n * n);
  const auto size = static_cast<Eigen::Index>(n);
  const float lambda = Lambda(moments, damping);
  Metric metric{.n = n, .h = std::vector<float>(n * n), .factor = std::vector<float>(n * n)};
  View h(metric.h.data(), size, size), factor(metric.factor.data(), size, size);
  h = ConstView(moments.own.data(), size, size) / static_cast<float>(moments.tokens);
  h.diagonal().array() += lambda;
  if (!h.allFinite()) {
    return Status(ErrorCode::kCorruptFile,
                  "the activations of " + std::to_string(n) + " columns are not finite");
  }
  if (!InverseFactor<float>(h, factor)) {
    return Status(ErrorCode::kCorruptFile,
                  "the activations of " + std::to_string(n) + " columns give no positive matrix");
  }
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
  const auto size = static_cast<Eigen::Index>(metric.n);
  const auto at = static_cast<Eigen::Index>(first), n = static_cast<Eigen::Index>(count);
  std::vector<float> factor(count * count);
  View out(factor.data(), n, n);
  // In f64, so that a part of a positive matrix is positive.
  const MatrixOf<double> h =
      ConstView(metric.h.data(), size, size).block(at, at, n, n).cast<double>();
  MatrixOf<double> u(n, n);
  const bool is_positive = InverseFactor<double>(h, u);
  if (is_positive) out = u.cast<float>();
  if (!is_positive) out = h.diagonal().cwiseSqrt().cwiseInverse().cast<float>().asDiagonal();
  return factor;
}

void MoveToTarget(const Moments& moments, const Metric& metric, double damping, size_t n_rows,
                  std::span<float> rows) {
  if (moments.cross.empty()) return;
  const auto n = static_cast<Eigen::Index>(moments.n);
  View w(rows.data(), static_cast<Eigen::Index>(n_rows), n);
  const ConstView u(metric.factor.data(), n, n);
  const ConstView cross(moments.cross.data(), n, n);
  const Matrix wanted =
      w * cross / static_cast<float>(moments.tokens) + Lambda(moments, damping) * w;
  // (X X^T + lambda)^-1 = U^T U
  const Matrix half = wanted * u.triangularView<Eigen::Upper>().transpose();
  w = half * u.triangularView<Eigen::Upper>();
}

}  // namespace altteul::compress
