#include "compress/second_order.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <string>

#include "base/check.h"

namespace altteul::compress {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
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

}  // namespace

Result<Metric> MakeMetric(const Moments& moments, double damping) {
  const size_t n = moments.n;
  ALT_CHECK(damping > 0 && moments.tokens > 0 && moments.own.size() == n * n);
  const auto size = static_cast<Eigen::Index>(n);
  const float lambda = Lambda(moments, damping);
  Metric metric{.n = n, .h = std::vector<float>(n * n), .factor = std::vector<float>(n * n)};
  View h(metric.h.data(), size, size);
  h = ConstView(moments.own.data(), size, size) / static_cast<float>(moments.tokens);
  h.diagonal().array() += lambda;
  if (!h.allFinite()) {
    return Status(ErrorCode::kCorruptFile,
                  "the activations of " + std::to_string(n) + " columns are not finite");
  }
  // With the order of columns reversed, H = R R^T for an upper triangular R, and U = R^-1.
  Matrix reversed = h.reverse();
  Eigen::LLT<Eigen::Ref<Matrix>, Eigen::Lower> cholesky(reversed);
  if (cholesky.info() != Eigen::Success) {
    return Status(ErrorCode::kCorruptFile,
                  "the activations of " + std::to_string(n) + " columns give no positive matrix");
  }
  const Matrix upper = Matrix(reversed.triangularView<Eigen::Lower>()).reverse();
  View factor(metric.factor.data(), size, size);
  factor.setIdentity();
  upper.triangularView<Eigen::Upper>().solveInPlace(factor);
  return metric;
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
