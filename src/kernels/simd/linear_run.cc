// SPDX-License-Identifier: Apache-2.0

#include "kernels/simd/linear_run.h"

#include <span>

#include <gtest/gtest.h>

#include "base/machine.h"
#include "base/random.h"
#include "kernels/simd/linear_slices.h"

namespace altteul::kernels {

std::vector<Isa> LinearIsasHere() {
  const CpuFeatures has = DetectCpuFeatures();
  std::vector<Isa> isas;
  for (const KernelTable* table : BuiltKernels()) {
    if (table == &kReferenceKernels || !CanRun(*table, has)) continue;
    isas.push_back({table->name, table->fast_panel, table->prepare, table->linear});
  }
#if defined(__x86_64__)
  using Evex = LinearSteps<kLinearAvxVnniEvex, PanelKind::kP32>;
  if (has.avx512_vnni) {
    isas.push_back({"avxvnni as EVEX", Evex::FastPanel, Evex::Prepare, Evex::Linear});
  }
#endif
  return isas;
}

std::vector<std::byte> Grouped(DType type, const std::vector<std::byte>& file, size_t rows,
                               size_t cols) {
  std::vector<std::byte> groups(GroupedBytes(type, rows, cols));
  GroupRows(type, file.data(), 0, rows, cols, groups.data());
  return groups;
}

Activations::Activations(size_t n, size_t n_cols)
    : cols(n_cols),
      f32(n * n_cols),
      q8(n * n_cols, 77),
      scale(n * n_cols / 32, -1.0f),
      sum16(n * n_cols / 16, -1),
      offset(n * n_cols / 32, -1.0f),
      bf16(n * n_cols, 0xabcd) {
  const RandomStream random(9, "activations");
  for (size_t i = 0; i < f32.size(); ++i) f32[i] = random.Normal(i);
  // The extremes: all codes +-127, all +127, zeros, and the ends of f32's range.
  for (size_t c = 0; c < cols; ++c) {
    f32[c] = c % 3 == 0 ? 1.5f : -1.5f;
    if (n > 1) f32[cols + c] = 0.25f;
    if (n > 2) f32[2 * cols + c] = 0.0f;
    if (n > 3) f32[3 * cols + c] *= 1e18f;
    if (n > 4) f32[4 * cols + c] *= 1e-37f;
    if (n > 5) f32[5 * cols + c] = -2.0f;
  }
}

std::string RunOptions::ToString() const {
  return std::to_string(n_tokens) + " tokens, " + std::to_string(n_threads) + " threads" +
         (with_bias ? ", bias" : "") + (add_to_out ? ", added" : "");
}

std::vector<float> Multiply(const Isa& isa, const WeightMatrix& w, Activations* x,
                            const RunOptions& run, const std::vector<float>& bias) {
  constexpr float kCanary = 12345.0f;
  const PreparedRows rows = x->Rows(run.n_tokens);
  const size_t stride = w.rows + 5;
  std::vector<float> out(run.n_tokens * stride + 16, kCanary);
  for (size_t t = 0; t < run.n_tokens; ++t) {
    for (size_t r = 0; r < w.rows; ++r) out[t * stride + r] = kOldOutput;
  }
  const size_t scratch_bytes = LinearScratchBytes(w.cols);
  std::vector<std::byte> scratch(scratch_bytes + 64, std::byte{0x5a});
  const LinearArgs args{
      &w, &rows, out.data(), stride, run.with_bias ? bias.data() : nullptr, run.add_to_out};
  for (int thread = run.n_threads - 1; thread >= 0; --thread) {
    isa.linear(args, std::span(scratch).first(scratch_bytes), thread, run.n_threads);
  }
  for (size_t i = scratch_bytes; i < scratch.size(); ++i) {
    EXPECT_EQ(scratch[i], std::byte{0x5a}) << "wrote past the scratch";
  }
  std::vector<float> y(run.n_tokens * w.rows);
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t t = i / stride, r = i % stride;
    if (t < run.n_tokens && r < w.rows) {
      y[t * w.rows + r] = out[i];
    } else {
      EXPECT_EQ(out[i], kCanary) << "wrote outside the output, at " << i;
    }
  }
  return y;
}

}  // namespace altteul::kernels
