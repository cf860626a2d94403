// SPDX-License-Identifier: Apache-2.0

#include "compress/inverse_factor.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <string>
#include <vector>

namespace altteul::compress {
namespace {

using kernels::KernelTable;
using Part = RowsOf<float>;
using ConstPart = RowsOf<const float>;

// Triangles are multiplied in strips of so many rows or columns, which leave out most zeros.
constexpr size_t kStrip = 256;

/// By halves, so that nearly all of it is products.
class LargeInverse {
 public:
  explicit LargeInverse(compute::Compute& compute) : compute_(compute) {}

  /// Only the upper triangle is read.
  Status Factor(Part h, size_t n) {
    if (n > kSmall) {
      ALT_ASSIGN_OR_RETURN(scratch_,
                           Buffer::Allocate(Half(n) * (n - Half(n)) * sizeof(float),
                                            "the factor over " + std::to_string(n) + " columns"));
    }
    if (FactorPart(h, n)) return Status();
    return Status(ErrorCode::kCorruptFile,
                  "the activations of " + std::to_string(n) + " columns give no positive matrix");
  }

 private:
  static constexpr size_t kSmall = 64;
  static constexpr size_t kRowsAtOnce = 192;

  static size_t Half(size_t n) { return (n / 2 + kSmall - 1) / kSmall * kSmall; }

  /// H = [A B; B^T C] = R R^T with R = [R1 Y; 0 R2], whose inverse is U = [U1 X; 0 U2]:
  /// U2 from C, Y = B U2^T, U1 from A - Y Y^T, X = -U1 Y U2.
  bool FactorPart(Part h, size_t n) {
    if (n <= kSmall) return FactorSmall(h, n);
    const size_t left = Half(n), right = n - left;
    const Part b{h.At(0, left), h.stride}, c{h.At(left, left), h.stride};
    if (!FactorPart(c, right)) return false;
    const Part product{ValuesOf<float>(scratch_).data(), right};
    ForRows(left, [&](size_t first, size_t count) {
      TimesUpper(b.AsConst(), c.AsConst(), Turned::kYes, first, count, right, product);
      for (size_t i = first; i < first + count; ++i) {  // B becomes -Y
        for (size_t j = 0; j < right; ++j) *b.At(i, j) = -*product.At(i, j);
      }
    });
    ForRows(left, [&](size_t first, size_t count) {
      compute_.kernels().add_product({.a = b.At(first, 0),
                                      .a_stride = b.stride,
                                      .x = product.At(first, 0),
                                      .x_stride = product.stride,
                                      .x_is_turned = true,
                                      .n_rows = count,
                                      .depth = right,
                                      .width = left - first,
                                      .y = h.At(first, first),
                                      .y_stride = h.stride});
    });
    if (!FactorPart(h, left)) return false;
    ForRows(left, [&](size_t first, size_t count) {
      TimesUpper(b.AsConst(), c.AsConst(), Turned::kNo, first, count, right, product);
    });
    ForRows(left, [&](size_t first, size_t count) {
      for (size_t i = first; i < first + count; ++i) std::fill_n(b.At(i, 0), right, 0.0f);
      compute_.kernels().add_product({.a = h.At(first, first),
                                      .a_stride = h.stride,
                                      .x = product.At(first, 0),
                                      .x_stride = product.stride,
                                      .n_rows = count,
                                      .depth = left - first,
                                      .width = right,
                                      .y = b.At(first, 0),
                                      .y_stride = b.stride});
    });
    for (size_t i = left; i < n; ++i) std::fill_n(h.At(i, 0), left, 0.0f);
    return true;
  }

  static bool FactorSmall(Part h, size_t n) {
    std::vector<double> u(n * n);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = i; j < n; ++j) u[i * n + j] = u[j * n + i] = static_cast<double>(*h.At(i, j));
    }
    if (!FactorInverse(n, u)) return false;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) *h.At(i, j) = static_cast<float>(u[i * n + j]);
    }
    return true;
  }

  /// Some rows of a u, or a u^T, for an upper triangular u [n, n].
  void TimesUpper(ConstPart a, ConstPart u, Turned turned, size_t first, size_t count, size_t n,
                  Part out) const {
    for (size_t i = first; i < first + count; ++i) std::fill_n(out.At(i, 0), n, 0.0f);
    AddTimesUpper(compute_.kernels(), count, n, {a.At(first, 0), a.stride}, u, turned,
                  {out.At(first, 0), out.stride});
  }

  template <typename Body>
  void ForRows(size_t n_rows, const Body& body) {
    compute_.team().Run([&](int thread) {
      const size_t step = kRowsAtOnce * static_cast<size_t>(compute_.team().size());
      for (size_t row = kRowsAtOnce * static_cast<size_t>(thread); row < n_rows; row += step) {
        body(row, std::min(kRowsAtOnce, n_rows - row));
      }
    });
  }

  compute::Compute& compute_;
  Buffer scratch_;  // a product of FactorPart()
};

}  // namespace

Status FactorInverse(SquareMatrix& h, compute::Compute& compute) {
  return LargeInverse(compute).Factor({h.data(), h.n()}, h.n());
}

bool FactorInverse(size_t n, std::span<double> h) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto size = static_cast<Eigen::Index>(n);
  Eigen::Map<Matrix> view(h.data(), size, size);
  // With the order of columns reversed, H = R R^T for an upper triangular R, and U = R^-1.
  const Matrix reversed = view.reverse();
  const Eigen::LLT<Matrix> cholesky(reversed);
  if (cholesky.info() != Eigen::Success) return false;
  Matrix inverse = Matrix::Identity(size, size);
  cholesky.matrixL().solveInPlace(inverse);
  view = inverse.reverse();
  return true;
}

void AddTimesUpper(const KernelTable& kernels, size_t n_rows, size_t n, ConstPart a, ConstPart u,
                   Turned turned, Part out) {
  const bool is_turned = turned == Turned::kYes;
  for (size_t first = 0; first < n; first += kStrip) {
    const size_t cols = std::min(kStrip, n - first);
    // Of output j count the columns from j on, or those up to j.
    const size_t begin = is_turned ? first : 0, end = is_turned ? n : first + cols;
    kernels.add_product({.a = a.At(0, begin),
                         .a_stride = a.stride,
                         .x = is_turned ? u.At(first, begin) : u.At(begin, first),
                         .x_stride = u.stride,
                         .x_is_turned = is_turned,
                         .n_rows = n_rows,
                         .depth = end - begin,
                         .width = cols,
                         .y = out.At(0, first),
                         .y_stride = out.stride});
  }
}

}  // namespace altteul::compress
