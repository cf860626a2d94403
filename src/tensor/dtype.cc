// SPDX-License-Identifier: Apache-2.0

#include "tensor/dtype.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/check.h"
#include "base/checked_math.h"

namespace altteul {
namespace {

// Block sizes: ggml-common.h of ggml (the published layouts), see docs/formats/gguf.md.
constexpr std::array kTable = {
    DTypeTraits{DType::kF32, "F32", 1, 4},
    DTypeTraits{DType::kF16, "F16", 1, 2},
    DTypeTraits{DType::kQ4_0, "Q4_0", 32, 18},
    DTypeTraits{DType::kQ4_1, "Q4_1", 32, 20},
    DTypeTraits{DType::kQ5_0, "Q5_0", 32, 22},
    DTypeTraits{DType::kQ5_1, "Q5_1", 32, 24},
    DTypeTraits{DType::kQ8_0, "Q8_0", 32, 34},
    DTypeTraits{DType::kQ8_1, "Q8_1", 32, 36},
    DTypeTraits{DType::kQ2_K, "Q2_K", 256, 84},
    DTypeTraits{DType::kQ3_K, "Q3_K", 256, 110},
    DTypeTraits{DType::kQ4_K, "Q4_K", 256, 144},
    DTypeTraits{DType::kQ5_K, "Q5_K", 256, 176},
    DTypeTraits{DType::kQ6_K, "Q6_K", 256, 210},
    DTypeTraits{DType::kQ8_K, "Q8_K", 256, 292},
    DTypeTraits{DType::kIQ2_XXS, "IQ2_XXS", 256, 66},
    DTypeTraits{DType::kIQ2_XS, "IQ2_XS", 256, 74},
    DTypeTraits{DType::kIQ3_XXS, "IQ3_XXS", 256, 98},
    DTypeTraits{DType::kIQ1_S, "IQ1_S", 256, 50},
    DTypeTraits{DType::kIQ4_NL, "IQ4_NL", 32, 18},
    DTypeTraits{DType::kIQ3_S, "IQ3_S", 256, 110},
    DTypeTraits{DType::kIQ2_S, "IQ2_S", 256, 82},
    DTypeTraits{DType::kIQ4_XS, "IQ4_XS", 256, 136},
    DTypeTraits{DType::kI8, "I8", 1, 1},
    DTypeTraits{DType::kI16, "I16", 1, 2},
    DTypeTraits{DType::kI32, "I32", 1, 4},
    DTypeTraits{DType::kI64, "I64", 1, 8},
    DTypeTraits{DType::kF64, "F64", 1, 8},
    DTypeTraits{DType::kIQ1_M, "IQ1_M", 256, 56},
    DTypeTraits{DType::kBF16, "BF16", 1, 2},
    DTypeTraits{DType::kTQ1_0, "TQ1_0", 256, 54},
    DTypeTraits{DType::kTQ2_0, "TQ2_0", 256, 66},
    DTypeTraits{DType::kMXFP4, "MXFP4", 32, 17},
    DTypeTraits{DType::kNVFP4, "NVFP4", 64, 36},
    DTypeTraits{DType::kQ1_0, "Q1_0", 128, 18},
    DTypeTraits{DType::kQ2_0, "Q2_0", 64, 18},
};

bool SameIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::toupper(static_cast<unsigned char>(x)) ==
           std::toupper(static_cast<unsigned char>(y));
  });
}

}  // namespace

std::span<const DTypeTraits> AllDTypes() { return kTable; }

const DTypeTraits& TraitsOf(DType type) {
  for (const DTypeTraits& row : kTable) {
    if (row.type == type) return row;
  }
  ALT_CHECK(false && "a DType outside the table");
  std::abort();
}

std::optional<DType> DTypeFromId(uint32_t id) {
  for (const DTypeTraits& row : kTable) {
    if (static_cast<uint32_t>(row.type) == id) return row.type;
  }
  return std::nullopt;
}

std::optional<DType> DTypeFromName(std::string_view name) {
  for (const DTypeTraits& row : kTable) {
    if (SameIgnoringCase(row.name, name)) return row.type;
  }
  return std::nullopt;
}

std::optional<uint64_t> RowBytes(DType type, uint64_t cols) {
  const DTypeTraits& row = TraitsOf(type);
  if (cols % row.block_elements != 0) return std::nullopt;
  return CheckedMul(cols / row.block_elements, row.block_bytes);
}

}  // namespace altteul
