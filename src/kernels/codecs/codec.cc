// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/codec.h"

#include <array>

#include "kernels/codecs/fp4.h"
#include "kernels/codecs/iq1.h"
#include "kernels/codecs/iq2.h"
#include "kernels/codecs/iq3.h"
#include "kernels/codecs/iq4.h"
#include "kernels/codecs/plain.h"
#include "kernels/codecs/q1_0.h"
#include "kernels/codecs/q2_0.h"
#include "kernels/codecs/q2_k.h"
#include "kernels/codecs/q3_k.h"
#include "kernels/codecs/q4_0.h"
#include "kernels/codecs/q4_1.h"
#include "kernels/codecs/q4_k.h"
#include "kernels/codecs/q5_0.h"
#include "kernels/codecs/q5_1.h"
#include "kernels/codecs/q5_k.h"
#include "kernels/codecs/q6_k.h"
#include "kernels/codecs/q8_0.h"
#include "kernels/codecs/tq.h"

namespace altteul::kernels {
namespace {

// Fields of one row's share of a tile, in their order at rest: codes, high bits, scales. Codes come
// in units of 4 bytes, so that the 16 rows' units are one 64-byte vector of 16 rows x 4 bytes.

constexpr std::span<const GroupField> kNone{};
constexpr GroupField kF32Fields[] = {{0, 4, 32}};
constexpr GroupField kF16Fields[] = {{0, 4, 16}};             // a unit is 2 columns
constexpr GroupField kQ4_0Fields[] = {{2, 4, 4}, {0, 2, 1}};  // others too
constexpr GroupField kQ4_1Fields[] = {{4, 4, 4}, {0, 2, 1}, {2, 2, 1}};
constexpr GroupField kQ5_0Fields[] = {{6, 4, 4}, {2, 4, 1}, {0, 2, 1}};
constexpr GroupField kQ5_1Fields[] = {{8, 4, 4}, {4, 4, 1}, {0, 2, 1}, {2, 2, 1}};
constexpr GroupField kQ8_0Fields[] = {{2, 4, 8}, {0, 2, 1}};
constexpr GroupField kQ4_KFields[] = {{16, 4, 32}, {4, 4, 3}, {0, 2, 1}, {2, 2, 1}};
constexpr GroupField kQ5_KFields[] = {{48, 4, 32}, {16, 4, 8}, {4, 4, 3}, {0, 2, 1}, {2, 2, 1}};
constexpr GroupField kQ6_KFields[] = {{0, 4, 32}, {128, 4, 16}, {192, 1, 16}, {208, 2, 1}};
constexpr GroupField kQ2_KFields[] = {{16, 4, 16}, {0, 4, 4}, {80, 2, 1}, {82, 2, 1}};
constexpr GroupField kQ3_KFields[] = {{32, 4, 16}, {0, 4, 8}, {96, 4, 3}, {108, 2, 1}};
constexpr GroupField kIQ2_XXSFields[] = {{2, 4, 16}, {0, 2, 1}};
constexpr GroupField kIQ2_XSFields[] = {{2, 4, 16}, {66, 4, 2}, {0, 2, 1}};
constexpr GroupField kIQ2_SFields[] = {{2, 4, 8}, {34, 4, 8}, {66, 4, 2}, {74, 4, 2}, {0, 2, 1}};
constexpr GroupField kIQ3_XXSFields[] = {{2, 4, 16}, {66, 4, 8}, {0, 2, 1}};
constexpr GroupField kIQ3_SFields[] = {{2, 4, 16}, {66, 4, 2}, {74, 4, 8}, {106, 4, 1}, {0, 2, 1}};
constexpr GroupField kIQ1_SFields[] = {{2, 4, 8}, {34, 4, 4}, {0, 2, 1}};
constexpr GroupField kIQ1_MFields[] = {{0, 4, 8}, {32, 4, 4}, {48, 4, 2}};
constexpr GroupField kIQ4_XSFields[] = {{8, 4, 32}, {4, 4, 1}, {2, 2, 1}, {0, 2, 1}};
constexpr GroupField kTQ1_0Fields[] = {{0, 4, 13}, {52, 2, 1}};
constexpr GroupField kTQ2_0Fields[] = {{0, 4, 16}, {64, 2, 1}};
constexpr GroupField kMXFP4Fields[] = {{1, 4, 4}, {0, 1, 1}};
constexpr GroupField kNVFP4Fields[] = {{4, 4, 8}, {0, 1, 4}};

// Ascending by type. The fourth column is tile_cols.
constexpr std::array kTable = {
    Codec{DType::kF32, DecodeF32, EncodeF32, 32, kF32Fields},
    Codec{DType::kF16, DecodeF16, EncodeF16, 32, kF16Fields},
    Codec{DType::kQ4_0, DecodeQ4_0, EncodeQ4_0, 32, kQ4_0Fields},
    Codec{DType::kQ4_1, DecodeQ4_1, EncodeQ4_1, 32, kQ4_1Fields},
    Codec{DType::kQ5_0, DecodeQ5_0, EncodeQ5_0, 32, kQ5_0Fields},
    Codec{DType::kQ5_1, DecodeQ5_1, EncodeQ5_1, 32, kQ5_1Fields},
    Codec{DType::kQ8_0, DecodeQ8_0, EncodeQ8_0, 32, kQ8_0Fields},
    Codec{DType::kQ2_K, DecodeQ2_K, nullptr, 256, kQ2_KFields},
    Codec{DType::kQ3_K, DecodeQ3_K, nullptr, 256, kQ3_KFields},
    Codec{DType::kQ4_K, DecodeQ4_K, nullptr, 256, kQ4_KFields},
    Codec{DType::kQ5_K, DecodeQ5_K, nullptr, 256, kQ5_KFields},
    Codec{DType::kQ6_K, DecodeQ6_K, nullptr, 256, kQ6_KFields},
    Codec{DType::kIQ2_XXS, DecodeIQ2_XXS, nullptr, 256, kIQ2_XXSFields},
    Codec{DType::kIQ2_XS, DecodeIQ2_XS, nullptr, 256, kIQ2_XSFields},
    Codec{DType::kIQ3_XXS, DecodeIQ3_XXS, nullptr, 256, kIQ3_XXSFields},
    Codec{DType::kIQ1_S, DecodeIQ1_S, nullptr, 256, kIQ1_SFields},
    Codec{DType::kIQ4_NL, DecodeIQ4_NL, EncodeIQ4_NL, 32, kQ4_0Fields},
    Codec{DType::kIQ3_S, DecodeIQ3_S, nullptr, 256, kIQ3_SFields},
    Codec{DType::kIQ2_S, DecodeIQ2_S, nullptr, 256, kIQ2_SFields},
    Codec{DType::kIQ4_XS, DecodeIQ4_XS, nullptr, 256, kIQ4_XSFields},
    Codec{DType::kF64, DecodeF64, nullptr, 1, kNone},
    Codec{DType::kIQ1_M, DecodeIQ1_M, nullptr, 256, kIQ1_MFields},
    Codec{DType::kBF16, DecodeBf16, EncodeBf16, 32, kF16Fields},
    Codec{DType::kTQ1_0, DecodeTQ1_0, nullptr, 256, kTQ1_0Fields},
    Codec{DType::kTQ2_0, DecodeTQ2_0, nullptr, 256, kTQ2_0Fields},
    Codec{DType::kMXFP4, DecodeMXFP4, nullptr, 32, kMXFP4Fields},
    Codec{DType::kNVFP4, DecodeNVFP4, nullptr, 64, kNVFP4Fields},
    Codec{DType::kQ1_0, DecodeQ1_0, nullptr, 128, kQ4_0Fields},
    Codec{DType::kQ2_0, DecodeQ2_0, nullptr, 64, kQ4_0Fields},
};

}  // namespace

const Codec* FindCodec(DType type) {
  for (const Codec& row : kTable) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

std::span<const Codec> AllCodecs() { return kTable; }

}  // namespace altteul::kernels
