// SPDX-License-Identifier: Apache-2.0

#include "compress/row_errors.h"

#include <algorithm>

namespace altteul::compress {
namespace {

constexpr size_t kPanelCols = 128;

}  // namespace

std::vector<Panel> PanelsOf(size_t n, size_t block_cols) {
  const size_t width = std::max(block_cols, kPanelCols / block_cols * block_cols);
  std::vector<Panel> panels;
  for (size_t first = 0; first < n; first += width) {
    panels.push_back({first, std::min(width, n - first)});
  }
  return panels;
}

void AddRows(const kernels::KernelTable& kernels, std::span<const float> factor, const float* x,
             size_t stride, std::span<float> y) {
  kernels.add_product({.a = factor.data(),
                       .a_stride = factor.size(),
                       .x = x,
                       .x_stride = stride,
                       .n_rows = 1,
                       .depth = factor.size(),
                       .width = y.size(),
                       .y = y.data(),
                       .y_stride = y.size()});
}

void RowErrors::Start(size_t n_rows, std::span<const float> targets,
                      std::span<const float> values) {
  const size_t n = metric_.n;
  n_rows_ = n_rows;
  values_.assign(values.begin(), values.end());
  scratch_.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) scratch_[i] = values[i] - targets[i];
  gradients_.assign(values.size(), 0.0f);
  kernels_.add_product({.a = scratch_.data(),
                        .a_stride = n,
                        .x = metric_.h.data(),
                        .x_stride = n,
                        .n_rows = n_rows,
                        .depth = n,
                        .width = n,
                        .y = gradients_.data(),
                        .y_stride = n});
}

void RowErrors::Open(const Panel& panel) {
  panel_ = panel;
  moved_.assign(n_rows_ * panel.cols, 0.0f);
}

void RowErrors::Close(bool also_before) {
  if (also_before) AddMoves(0, panel_.first);
  AddMoves(panel_.end(), metric_.n);
}

/// To the gradients of the columns [first, end).
void RowErrors::AddMoves(size_t first, size_t end) {
  if (first == end) return;
  const size_t n = metric_.n;
  kernels_.add_product({.a = moved_.data(),
                        .a_stride = panel_.cols,
                        .x = metric_.h.data() + panel_.first * n + first,
                        .x_stride = n,
                        .n_rows = n_rows_,
                        .depth = panel_.cols,
                        .width = end - first,
                        .y = gradients_.data() + first,
                        .y_stride = n});
}

RowErrors::Parabola RowErrors::Along(size_t first, std::span<const float> direction) {
  const size_t n = metric_.n;
  scratch_.assign(direction.size(), 0.0f);  // H direction, within these columns
  AddRows(kernels_, direction, metric_.h.data() + first * n + first, n, scratch_);
  Parabola along{0, 0};
  for (size_t c = 0; c < direction.size(); ++c) {
    along.slope += static_cast<double>(direction[c] * gradient(first + c));
    along.curvature += static_cast<double>(direction[c] * scratch_[c]);
  }
  return along;
}

void RowErrors::Move(size_t first, std::span<const float> now) {
  const size_t n = metric_.n;
  float* values = values_.data() + row_ * n + first;
  float* moved = moved_.data() + row_ * panel_.cols + (first - panel_.first);
  scratch_.resize(now.size());
  for (size_t c = 0; c < now.size(); ++c) {
    scratch_[c] = now[c] - values[c];
    values[c] = now[c];
    moved[c] += scratch_[c];
  }
  AddRows(kernels_, scratch_, metric_.h.data() + first * n + panel_.first, n,
          {gradients_.data() + row_ * n + panel_.first, panel_.cols});
}

}  // namespace altteul::compress
