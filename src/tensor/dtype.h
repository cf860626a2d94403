// SPDX-License-Identifier: Apache-2.0

// Element types: one table row each. The ids are those of ggml, so that a GGUF file's type field
// is a DType. A quantized type stores `block_elements` consecutive values of a row as one block of
// `block_bytes`; for plain types a block is one element.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace altteul {

enum class DType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ8_1 = 9,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kQ8_K = 15,
  kIQ2_XXS = 16,
  kIQ2_XS = 17,
  kIQ3_XXS = 18,
  kIQ1_S = 19,
  kIQ4_NL = 20,
  kIQ3_S = 21,
  kIQ2_S = 22,
  kIQ4_XS = 23,
  kI8 = 24,
  kI16 = 25,
  kI32 = 26,
  kI64 = 27,
  kF64 = 28,
  kIQ1_M = 29,
  kBF16 = 30,
  kTQ1_0 = 34,
  kTQ2_0 = 35,
  kMXFP4 = 39,
  kNVFP4 = 40,
  kQ1_0 = 41,
  kQ2_0 = 42,
};

struct DTypeTraits {
  DType type;
  std::string_view name;  ///< as llama.cpp prints it: "Q4_K", "F16"
  uint32_t block_elements;
  uint32_t block_bytes;

  double bits_per_element() const { return 8.0 * block_bytes / block_elements; }
};

/// Every known type, ascending by id.
std::span<const DTypeTraits> AllDTypes();

/// The row of a known type.
const DTypeTraits& TraitsOf(DType type);

/// The type with this ggml id; nothing for ids that are unknown or were removed.
std::optional<DType> DTypeFromId(uint32_t id);

/// The type with this name, whatever the case ("q4_0", "Q4_0").
std::optional<DType> DTypeFromName(std::string_view name);

/// Bytes of one row of `cols` values; nothing when cols is no multiple of the block or the size
/// does not fit in 64 bits.
std::optional<uint64_t> RowBytes(DType type, uint64_t cols);

}  // namespace altteul
