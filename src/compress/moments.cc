// SPDX-License-Identifier: Apache-2.0

#include "compress/moments.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace altteul::compress {
namespace {

// Few enough that little is computed twice, many enough that turning the other side costs little.
constexpr size_t kPanelRows = 192;

/// rows [n_rows, n] -> turned [n, n_rows], this thread's columns.
void Turn(std::span<const float> rows, size_t n_rows, size_t n, float* turned, Share columns) {
  for (size_t row = 0; row < n_rows; ++row) {
    for (size_t c = columns.begin; c < columns.end; ++c)
      turned[c * n_rows + row] = rows[row * n + c];
  }
}

}  // namespace

Result<MomentSums> MomentSums::Create(size_t n, size_t most_rows, bool cross,
                                      compute::Compute& compute) {
  MomentSums sums(compute);
  sums.moments_.n = n;
  ALT_ASSIGN_OR_RETURN(sums.moments_.own, SquareMatrix::Create(n));
  if (cross) {
    ALT_ASSIGN_OR_RETURN(sums.moments_.cross, SquareMatrix::Create(n));
  }
  const size_t turned_bytes = n * most_rows * sizeof(float), half_bytes = turned_bytes / 2;
  sums.scratch_bytes_ = (kernels::LinearScratchBytes(most_rows) + 63) / 64 * 64;
  ALT_ASSIGN_OR_RETURN(
      sums.memory_,
      Buffer::Allocate(2 * turned_bytes + half_bytes +
                           sums.scratch_bytes_ * static_cast<size_t>(compute.team().size()),
                       "sums over " + std::to_string(n) + " columns"));
  std::byte* place = sums.memory_.mutable_bytes().data();
  sums.turned_ = reinterpret_cast<float*>(place);
  sums.turned_original_ = reinterpret_cast<float*>(place + turned_bytes);
  sums.half_ = reinterpret_cast<uint16_t*>(place + 2 * turned_bytes);
  sums.scratch_ = place + 2 * turned_bytes + half_bytes;
  sums.Touch();
  return sums;
}

/// Memory that was never written costs as much as a chunk's sums. With that behind us the first
/// chunk takes as long as the others, whose time is estimated by it.
void MomentSums::Touch() {
  compute_->team().Run([&](int thread) {
    const auto clear = [&](std::byte* bytes, size_t n) {
      const Share share = ShareOf(n, 4096, thread, compute_->team().size());
      std::memset(bytes + share.begin, 0, share.end - share.begin);
    };
    const size_t matrix_bytes = moments_.n * moments_.n * sizeof(float);
    clear(reinterpret_cast<std::byte*>(moments_.own.data()), matrix_bytes);
    if (!moments_.cross.empty()) {
      clear(reinterpret_cast<std::byte*>(moments_.cross.data()), matrix_bytes);
    }
    clear(memory_.mutable_bytes().data(), memory_.size());
  });
}

void MomentSums::Add(size_t n_rows, std::span<const float> rows, std::span<const float> original) {
  const size_t n = moments_.n;
  ALT_CHECK(rows.size() == n_rows * n);
  const bool cross = !moments_.cross.empty();
  compute_->team().Run([&](int thread) {
    const Share columns = ShareOf(n, 16, thread, compute_->team().size());
    Turn(rows, n_rows, n, turned_, columns);
    if (cross) Turn(original, n_rows, n, turned_original_, columns);
  });
  // own is symmetric: of each panel of rows only what stands behind the panel's first column.
  const kernels::PreparedRows own = Prepare(n_rows, turned_);
  for (size_t first = 0; first < n; first += kPanelRows) {
    AddProduct(
        {.first_row = first, .last_row = std::min(first + kPanelRows, n), .first_col = first}, own,
        moments_.own);
  }
  if (cross) {
    AddProduct({.first_row = 0, .last_row = n, .first_col = 0}, Prepare(n_rows, turned_original_),
               moments_.cross);
  }
  moments_.tokens += static_cast<double>(n_rows);
}

kernels::PanelKind MomentSums::PanelFor(size_t n_rows) const {
  return n_rows % 2 == 0 ? kernels::HalfPanel(compute_->kernels()) : kernels::PanelKind::kP32;
}

kernels::PreparedRows MomentSums::Prepare(size_t n_rows, const float* turned) {
  kernels::PreparedRows x;
  x.n_rows = moments_.n;
  x.cols = n_rows;
  x.f32 = turned;
  x.bf16 = half_;
  const bool is_half = PanelFor(n_rows) == kernels::PanelKind::kP16;
  compute_->team().Run([&](int thread) {
    compute_->kernels().prepare(x, {.q8 = false, .bf16 = is_half}, kernels::ShareBy::kRows, thread,
                                compute_->team().size());
  });
  return x;
}

/// sums[l][r] += sum over rows of left[l] * turned_[r], for a panel's l and r.
void MomentSums::AddProduct(const Panel& panel, const kernels::PreparedRows& left,
                            SquareMatrix& sums) {
  const size_t n = moments_.n, n_rows = left.cols;
  const float* right = turned_ + panel.first_col * n_rows;
  const kernels::WeightMatrix weights = {.type = DType::kF32,
                                         .form = kernels::RestForm::kFileRows,
                                         .panel = PanelFor(n_rows),
                                         .rows = n - panel.first_col,
                                         .cols = n_rows,
                                         .data = reinterpret_cast<const std::byte*>(right)};
  kernels::PreparedRows x = left;
  x.n_rows = panel.last_row - panel.first_row;
  x.f32 += panel.first_row * n_rows;
  x.bf16 += panel.first_row * n_rows;
  float* out = sums.data() + panel.first_row * n + panel.first_col;
  compute_->team().Run([&](int thread) {
    const auto at = static_cast<size_t>(thread) * scratch_bytes_;
    compute_->kernels().linear(
        {.w = &weights, .x = &x, .out = out, .out_stride = n, .add_to_out = true},
        {scratch_ + at, scratch_bytes_}, thread, compute_->team().size());
  });
}

Moments MomentSums::Take() && {
  const size_t n = moments_.n;
  float* own = moments_.own.data();
  for (size_t row = 0; row < n; ++row) {
    for (size_t col = 0; col < row; ++col) own[row * n + col] = own[col * n + row];
  }
  return std::move(moments_);
}

}  // namespace altteul::compress
