// SPDX-License-Identifier: Apache-2.0

// Test support: linear layers of every instruction set that this machine has, run with guards
// around what they may write.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernel_table.h"
#include "kernels/linear.h"
#include "tensor/dtype.h"

namespace altteul::kernels {

struct Isa {
  std::string_view name;
  decltype(KernelTable::fast_panel) fast_panel;
  decltype(KernelTable::prepare) prepare;
  decltype(KernelTable::linear) linear;
};

/// Every table but the reference that this machine can run; and AVX-VNNI's text, which machines
/// with AVX-512 run in another encoding.
std::vector<Isa> LinearIsasHere();

/// Rows of a file as groups of 16.
std::vector<std::byte> Grouped(DType type, const std::vector<std::byte>& file, size_t rows,
                               size_t cols);

/// Owns what PreparedRows points to.
struct Activations {
  Activations(size_t n, size_t n_cols);

  PreparedRows Rows(size_t n) {
    return {n, cols, f32.data(), q8.data(), scale.data(), sum16.data(), offset.data(), bf16.data()};
  }

  size_t cols;
  std::vector<float> f32;
  std::vector<int8_t> q8;
  std::vector<float> scale;
  std::vector<int32_t> sum16;
  std::vector<float> offset;
  std::vector<uint16_t> bf16;
};

/// What an output has before a product that adds to it.
inline constexpr float kOldOutput = 0.75f;

struct RunOptions {
  size_t n_tokens;
  int n_threads;
  bool with_bias;
  bool add_to_out;

  std::string ToString() const;
};

/// Runs every thread's share, last first, and checks what must not be written.
/// @return [n, rows]
std::vector<float> Multiply(const Isa& isa, const WeightMatrix& w, Activations* x,
                            const RunOptions& run, const std::vector<float>& bias);

}  // namespace altteul::kernels
