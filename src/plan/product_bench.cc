// SPDX-License-Identifier: Apache-2.0

#include "plan/product_bench.h"

#include <array>

#include "base/random.h"

namespace altteul::plan {
namespace {

using kernels::PanelKind;
using kernels::WeightMatrix;

size_t Aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

Result<ProductBench> ProductBench::Create(compute::Compute& compute, const Clock& clock,
                                          size_t n_rows, size_t cols, size_t out_rows) {
  ProductBench bench(compute, clock);
  bench.scratch_bytes_ = Aligned(kernels::LinearScratchBytes(cols));
  const size_t blocks = cols / 16 + 1;
  const std::array<size_t, 7> sizes = {
      n_rows * cols * 4,   n_rows * cols,     n_rows * blocks * 4,  n_rows * blocks * 4,
      n_rows * blocks * 4, n_rows * cols * 2, n_rows * out_rows * 4};
  size_t total = bench.scratch_bytes_ * static_cast<size_t>(compute.team().size());
  for (const size_t size : sizes) total += Aligned(size);
  ALT_ASSIGN_OR_RETURN(bench.memory_, Buffer::Allocate(total, "the activations of a benchmark"));
  std::byte* at = bench.memory_.mutable_bytes().data();
  std::array<std::byte*, 7> parts{};
  for (size_t i = 0; i < sizes.size(); ++i) {
    parts[i] = at;
    at += Aligned(sizes[i]);
  }
  bench.scratch_ = at;
  auto* x = reinterpret_cast<float*>(parts[0]);
  const RandomStream random(1, "bench activations");
  for (size_t i = 0; i < n_rows * cols; ++i) x[i] = static_cast<float>(random.Uniform(i)) - 0.5f;
  bench.rows_ = {.n_rows = n_rows,
                 .cols = cols,
                 .f32 = x,
                 .q8 = reinterpret_cast<int8_t*>(parts[1]),
                 .q8_scale = reinterpret_cast<float*>(parts[2]),
                 .q8_sum16 = reinterpret_cast<int32_t*>(parts[3]),
                 .q8_offset = reinterpret_cast<float*>(parts[4]),
                 .bf16 = reinterpret_cast<uint16_t*>(parts[5])};
  bench.out_ = reinterpret_cast<float*>(parts[6]);
  return bench;
}

std::vector<double> ProductBench::Seconds(std::span<const WeightMatrix* const> matrices,
                                          int sweeps) const {
  kernels::PreparedForms forms;
  for (const WeightMatrix* w : matrices) {
    forms.q8 |= w->panel == PanelKind::kP8;
    forms.bf16 |= w->panel == PanelKind::kP16;
  }
  kernels::PreparedRows rows = rows_;
  rows.cols = matrices.front()->cols;
  compute_->team().Run([&](int thread) {
    compute_->kernels().prepare(rows, forms, kernels::ShareBy::kRows, thread,
                                compute_->team().size());
  });
  std::vector<double> seconds;
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    const double start = clock_->Seconds();
    compute_->team().Run([&](int thread) {
      for (const WeightMatrix* w : matrices) {
        compute_->kernels().linear({.w = w, .x = &rows, .out = out_, .out_stride = w->rows},
                                   Scratch(thread), thread, compute_->team().size());
        compute_->team().Barrier();
      }
    });
    seconds.push_back(clock_->Seconds() - start);
  }
  return seconds;
}

}  // namespace altteul::plan
