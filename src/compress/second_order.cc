#include "compress/second_order.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <string>
#include <utility>

#include "base/check.h"

namespace altteul::compress {
namespace {

template <typename Scalar>
using MatrixOf = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Matrix = MatrixOf<float>;
using View = Eigen::Map<Matrix>;
using ConstView = Eigen::Map<const Matrix>;

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

template <typename Scalar>
using RefOf = Eigen::Ref<MatrixOf<Scalar>, 0, Eigen::OuterStride<>>;

/// L -> L^-1 of a lower triangle, in place; what stands above the diagonal is not touched.
template <typename Scalar>
void InvertLower(RefOf<Scalar> l) {
  constexpr Eigen::Index kSmall = 64;
  const Eigen::Index n = l.rows();
  if (n <= kSmall) {
    MatrixOf<Scalar> inverse = MatrixOf<Scalar>::Identity(n, n);
    l.template triangularView<Eigen::Lower>().solveInPlace(inverse);
    l.template triangularView<Eigen::Lower>() = inverse;
    return;
  }
  // [A 0; B C]^-1 = [A^-1 0; -C^-1 B A^-1 C^-1]
  const Eigen::Index half = n / 2, rest = n - half;
  RefOf<Scalar> a = l.topLeftCorner(half, half), b = l.bottomLeftCorner(rest, half),
                c = l.bottomRightCorner(rest, rest);
  c.template triangularView<Eigen::Lower>().solveInPlace(b);
  a.template triangularView<Eigen::Lower>().template solveInPlace<Eigen::OnTheRight>(b);
  b *= Scalar(-1);
  InvertLower<Scalar>(a);
  InvertLower<Scalar>(c);
}

/// [i][j] <-> [n - 1 - i][n - 1 - j].
template <typename Scalar>
void Reverse(RefOf<Scalar> m) {
  const Eigen::Index n = m.rows();
  for (Eigen::Index row = 0; row < n / 2; ++row) {
    for (Eigen::Index c = 0; c < n; ++c) std::swap(m(row, c), m(n - 1 - row, n - 1 - c));
  }
  for (Eigen::Index c = 0; c < n / 2 && n % 2 == 1; ++c)
    std::swap(m(n / 2, c), m(n / 2, n - 1 - c));
}

/// h -> the upper triangular U with h^-1 = U^T U, in place; false when h is not positive.
template <typename Scalar>
bool InverseFactor(RefOf<Scalar> h) {
  // With the order of columns reversed, H = R R^T for an upper triangular R, and U = R^-1.
  Reverse<Scalar>(h);
  Eigen::LLT<RefOf<Scalar>, Eigen::Lower> cholesky(h);
  if (cholesky.info() != Eigen::Success) return false;
  InvertLower<Scalar>(h);
  h.template triangularView<Eigen::StrictlyUpper>().setZero();
  Reverse<Scalar>(h);
  return true;
}

View ViewOf(SquareMatrix& matrix) {
  const auto n = static_cast<Eigen::Index>(matrix.n());
  return View(matrix.data(), n, n);
}

/// sums / tokens + damping
void Average(SquareMatrix& sums, double tokens, const std::vector<float>& damping) {
  View view = ViewOf(sums);
  view /= static_cast<float>(tokens);
  view.diagonal() += Eigen::Map<const Eigen::VectorXf>(damping.data(), view.rows());
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

Result<Metric> MakeMetric(Moments moments, double damping, const WorkFolder* work) {
  const size_t n = moments.n;
  ALT_CHECK(damping > 0 && moments.tokens > 0 && moments.own.n() == n);
  Metric metric;
  metric.n = n;
  metric.damping = DampingOf(moments, damping);
  metric.factor = std::move(moments.own);
  Average(metric.factor, moments.tokens, metric.damping);
  metric.cross = std::move(moments.cross);
  if (!metric.cross.empty()) Average(metric.cross, moments.tokens, metric.damping);
  View factor = ViewOf(metric.factor);
  if (!factor.allFinite()) {
    return Status(ErrorCode::kCorruptFile,
                  "the activations of " + std::to_string(n) + " columns are not finite");
  }
  ALT_ASSIGN_OR_RETURN(metric.h, SquareMatrix::Create(n, metric.cross.empty() ? nullptr : work));
  metric.h.Take(metric.factor);
  if (!InverseFactor<float>(factor)) {
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
  MatrixOf<double> u = h;
  const bool is_positive = InverseFactor<double>(u);
  if (is_positive) out = u.cast<float>();
  if (!is_positive) out = h.diagonal().cwiseSqrt().cwiseInverse().cast<float>().asDiagonal();
  return factor;
}

void MoveToTarget(const Metric& metric, size_t n_rows, std::span<float> rows) {
  if (metric.cross.empty()) return;
  const auto n = static_cast<Eigen::Index>(metric.n);
  View w(rows.data(), static_cast<Eigen::Index>(n_rows), n);
  const ConstView u(metric.factor.data(), n, n), cross(metric.cross.data(), n, n);
  const Matrix wanted = w * cross;
  // (X X^T + lambda)^-1 = U^T U
  const Matrix half = wanted * u.triangularView<Eigen::Upper>().transpose();
  w = half * u.triangularView<Eigen::Upper>();
}

}  // namespace altteul::compress
