// SPDX-License-Identifier: Apache-2.0

// How the steps of a forward pass divide their work among threads. Plain constants only: files
// compiled for one instruction set include this.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

/// Outputs of a product that stay with one thread: whole groups of rows, and whole blocks of the
/// next product's activations, so that a thread can prepare what it has just computed.
inline constexpr size_t kShareOutputs = 32;

enum class ShareBy : uint8_t {
  kRows,     ///< thread t takes whole rows: ShareOf(n_rows, 1, t, n)
  kColumns,  ///< of every row the columns ShareOf(cols, kShareOutputs, t, n), as products do
};

}  // namespace altteul::kernels
