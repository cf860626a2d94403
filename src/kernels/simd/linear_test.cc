// SPDX-License-Identifier: Apache-2.0

// The fast linear layers against plain loops that follow kernels/linear.h step by step. P8 and P32
// must agree to the last bit: integer sums are exact, and every rounding has its place.

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "kernels/codecs/codec.h"
#include "kernels/codecs/half.h"
#include "kernels/kernel_table.h"
#include "kernels/simd/linear_run.h"
#include "kernels/simd/linear_slices.h"
#include "kernels/simd/plain_p8.h"

namespace altteul::kernels {
namespace {

struct Shape {
  size_t rows;
  size_t cols;
  size_t max_tokens;
};

// One row, odd tails of a group, several groups; one block, odd numbers of blocks, real layers.
constexpr Shape kShapes[] = {{1, 32, 100},   {3, 64, 100},   {16, 256, 100},
                             {17, 576, 100}, {31, 1536, 31}, {192, 2048, 9},
                             {576, 576, 13}, {1, 128, 20},   {3, 768, 20}};
constexpr size_t kTokenCounts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 31, 64, 100};

bool SameBits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

// ---- random weights ----

/// Rows of normal values in a plain type, or of those that another type has.
std::vector<std::byte> RandomPlainRows(DType type, size_t rows, size_t cols,
                                       std::optional<DType> of = {}) {
  const RandomStream random(8, TraitsOf(of.value_or(type)).name);
  std::vector<float> values(rows * cols);
  for (size_t i = 0; i < values.size(); ++i) values[i] = random.Normal(i);
  std::vector<std::byte> bytes(values.size() * TraitsOf(type).block_bytes);
  FindCodec(type)->encode(values.data(), values.size(), bytes.data());
  return bytes;
}

// ---- plain loops ----

/// [n, rows]: one chain of fused multiply-adds an output.
std::vector<float> PlainProductF32(const std::vector<float>& w, const Activations& x, size_t rows,
                                   size_t n) {
  std::vector<float> y(n * rows);
  for (size_t t = 0; t < n; ++t) {
    for (size_t r = 0; r < rows; ++r) {
      float acc = 0.0f;
      for (size_t c = 0; c < x.cols; ++c)
        acc = std::fma(w[r * x.cols + c], x.f32[t * x.cols + c], acc);
      y[t * rows + r] = acc;
    }
  }
  return y;
}

/// Compares all token counts, thread counts, biases and additions with expected [max_tokens, rows].
void ExpectProducts(const Isa& isa, const WeightMatrix& w, Activations* x, size_t max_tokens,
                    const std::vector<float>& expected) {
  std::vector<float> bias(w.rows);
  for (size_t r = 0; r < w.rows; ++r) bias[r] = 0.1f * static_cast<float>(r) - 1.0f;
  int turn = 0;
  for (const size_t n : kTokenCounts) {
    if (n > max_tokens) break;
    const RunOptions run{n, 1 + turn % 3, (turn & 1) != 0, (turn & 2) != 0};
    ++turn;
    const std::vector<float> y = Multiply(isa, w, x, run, bias);
    for (size_t i = 0; i < y.size(); ++i) {
      float want = expected[i];
      if (run.with_bias) want += bias[i % w.rows];
      if (run.add_to_out) want = kOldOutput + want;
      ASSERT_TRUE(SameBits(y[i], want))
          << isa.name << " " << TraitsOf(w.type).name << " [" << w.rows << ", " << w.cols << "], "
          << run.ToString() << ": token " << i / w.rows << " row " << i % w.rows << " is " << y[i]
          << ", plain loops say " << want;
    }
  }
}

// ---- tests ----

/// In the order of BuiltKernels(), without the reference.
std::vector<const LinearIsa*> BuiltLinearIsas() {
#if defined(__x86_64__)
  return {&kLinearAvx2, &kLinearAvxVnni, &kLinearAvx512Vnni, &kLinearAvx512};
#elif defined(__aarch64__)
  return {&kLinearNeon};
#else
  return {};
#endif
}

// Of tables that this machine cannot run, too. First, because other tests would call a null.
TEST(LinearSimdTest, EveryTypeWithAPanelHasAKernelInEveryBuiltTable) {
  const std::vector<const LinearIsa*> isas = BuiltLinearIsas();
  ASSERT_EQ(isas.size() + 1, BuiltKernels().size());
  for (size_t i = 0; i < isas.size(); ++i) {
    const std::string_view name = BuiltKernels()[i + 1]->name;
    EXPECT_NE(isas[i]->quantize, nullptr) << name;
    EXPECT_NE(isas[i]->round_to_bf16, nullptr) << name;
    EXPECT_NE(isas[i]->widen_f16, nullptr) << name;
    for (const Codec& codec : AllCodecs()) {
      PanelKind panel{};
      EXPECT_EQ(FindKernel(*isas[i], codec.type) != nullptr,
                BuiltKernels()[i + 1]->fast_panel(codec.type, &panel))
          << name << " " << TraitsOf(codec.type).name;
    }
  }
}

TEST(LinearSimdTest, QuantizedTypesMatchPlainLoopsToTheLastBit) {
  for (const Isa& isa : LinearIsasHere()) {
    for (const DType type : P8Types()) {
      PanelKind panel{};
      ASSERT_TRUE(isa.fast_panel(type, &panel) && panel == PanelKind::kP8);
      for (const Shape& shape : kShapes) {
        if (shape.cols % TraitsOf(type).block_elements != 0) continue;
        const auto file = RandomQuantizedRows(type, shape.rows, shape.cols);
        const auto groups = Grouped(type, file, shape.rows, shape.cols);
        const WeightMatrix w{type,       RestForm::kGroups16, panel,
                             shape.rows, shape.cols,          groups.data()};
        Activations x(shape.max_tokens, shape.cols);
        isa.prepare(x.Rows(shape.max_tokens), {.q8 = true, .bf16 = false}, ShareBy::kRows, 0, 1);
        const PlainP8 plain = ParseP8(type, file, shape.rows, shape.cols);
        ExpectProducts(isa, w, &x, shape.max_tokens,
                       PlainProductP8(plain, x.Rows(shape.max_tokens)));
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(LinearSimdTest, EveryScaleOfFp4MatchesPlainLoopsToTheLastBit) {
  for (const Isa& isa : LinearIsasHere()) {
    for (const DType type : {DType::kMXFP4, DType::kNVFP4}) {
      constexpr size_t kScales = 256;
      const DTypeTraits& traits = TraitsOf(type);
      std::vector<std::byte> file(kScales * traits.block_bytes, std::byte{0x01});
      for (size_t r = 0; r < kScales; ++r) {
        std::memset(file.data() + r * traits.block_bytes, static_cast<int>(r),
                    type == DType::kMXFP4 ? 1 : 4);
      }
      const size_t cols = traits.block_elements;
      const auto groups = Grouped(type, file, kScales, cols);
      const WeightMatrix w{type, RestForm::kGroups16, PanelKind::kP8, kScales, cols, groups.data()};
      Activations x(1, cols);
      isa.prepare(x.Rows(1), {.q8 = true, .bf16 = false}, ShareBy::kRows, 0, 1);
      const PlainP8 plain = ParseP8(type, file, kScales, cols);
      ExpectProducts(isa, w, &x, 1, PlainProductP8(plain, x.Rows(1)));
    }
  }
}

TEST(LinearSimdTest, PlainFloatsInF32MatchPlainLoopsToTheLastBit) {
  for (const Isa& isa : LinearIsasHere()) {
    for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
      PanelKind panel{};
      ASSERT_TRUE(isa.fast_panel(type, &panel));
      if (panel != PanelKind::kP32) continue;
      for (const Shape& shape : kShapes) {
        const auto file = RandomPlainRows(type, shape.rows, shape.cols);
        const auto groups = Grouped(type, file, shape.rows, shape.cols);
        const WeightMatrix w{type,       RestForm::kGroups16, panel,
                             shape.rows, shape.cols,          groups.data()};
        Activations x(shape.max_tokens, shape.cols);
        std::vector<float> decoded(shape.rows * shape.cols);
        FindCodec(type)->decode(file.data(), decoded.size(), decoded.data());
        ExpectProducts(isa, w, &x, shape.max_tokens,
                       PlainProductF32(decoded, x, shape.rows, shape.max_tokens));
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(LinearSimdTest, EveryTypeInFileRowsMatchesItsDecodedValues) {
  constexpr size_t kFileRows = 19, kCols = 512, kMaxTokens = 31;
  for (const Isa& isa : LinearIsasHere()) {
    for (const Codec& codec : AllCodecs()) {
      // Random bytes: of a type that we may not know here. What decodes to NaN must multiply so.
      const RandomStream random(11, TraitsOf(codec.type).name);
      std::vector<std::byte> file(kFileRows * *RowBytes(codec.type, kCols));
      for (size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::byte>(random.Bits(i));
      std::vector<float> decoded(kFileRows * kCols);
      codec.decode(file.data(), decoded.size(), decoded.data());
      const WeightMatrix w{codec.type, RestForm::kFileRows, PanelKind::kP32, kFileRows,
                           kCols,      file.data()};
      Activations x(kMaxTokens, kCols);
      ExpectProducts(isa, w, &x, kMaxTokens, PlainProductF32(decoded, x, kFileRows, kMaxTokens));
      if (HasFatalFailure()) return;
    }
  }
}

/// Of the slices that a kernel was given.
std::vector<std::byte> weights_seen;

// On machines without such products too: rows in file order reach a bf16 kernel as groups of BF16
// do.
TEST(LinearSimdTest, FileRowsInBf16ReachTheKernelAsGroups) {
  constexpr size_t kCols = 704, kRows = 35;  // a tail of a chunk, a tail of a group
  for (size_t i = 0; i < BuiltLinearIsas().size(); ++i) {
    if (!CanRun(*BuiltKernels()[i + 1], DetectCpuFeatures())) continue;
    LinearIsa isa = *BuiltLinearIsas()[i];
    isa.bf16 = [](const LinearSlice& slice) {
      const auto* weights = reinterpret_cast<const std::byte*>(slice.weights);
      weights_seen.insert(weights_seen.end(), weights, weights + kGroupRows * slice.cols * 2);
    };
    const auto file = RandomPlainRows(DType::kF32, kRows, kCols);
    const WeightMatrix w{DType::kF32, RestForm::kFileRows, PanelKind::kP16, kRows,
                         kCols,       file.data()};
    Activations x(1, kCols);
    const PreparedRows prepared = x.Rows(1);
    std::vector<float> out(kRows);
    std::vector<std::byte> scratch(LinearScratchBytes(kCols));
    weights_seen.clear();
    Linear(isa, PanelKind::kP16, {.w = &w, .x = &prepared, .out = out.data(), .out_stride = kRows},
           scratch, 0, 1);
    const auto rounded = RandomPlainRows(DType::kBF16, kRows, kCols, DType::kF32);
    EXPECT_EQ(weights_seen, Grouped(DType::kBF16, rounded, kRows, kCols));
  }
}

TEST(LinearSimdTest, FileRowsMayHaveAnyNumberOfColumns) {
  for (const Isa& isa : LinearIsasHere()) {
    for (const size_t cols : {size_t{1}, size_t{20}, size_t{255}, size_t{257}, size_t{700}}) {
      const auto file = RandomPlainRows(DType::kF32, 17, cols);
      std::vector<float> decoded(17 * cols);
      std::memcpy(decoded.data(), file.data(), file.size());
      const WeightMatrix w{DType::kF32, RestForm::kFileRows, PanelKind::kP32, 17,
                           cols,        file.data()};
      Activations x(31, cols);
      ExpectProducts(isa, w, &x, 31, PlainProductF32(decoded, x, 17, 31));
    }
  }
}

// vdpbf16ps rounds each pair's two products into the sum: at most one half unit in the last place
// of a partial sum per product. Partial sums stay below sum |w x|, so that cols * 2^-24 of it
// bounds the error; twice that, because intermediate results may be rounded once more. (Denormal
// products count as zero: cols * 2^-126 at most, covered by the smallest normal number.)
TEST(LinearSimdTest, HalvesInBf16PairsAreWithinTheirRounding) {
  for (const Isa& isa : LinearIsasHere()) {
    for (const DType type : {DType::kF16, DType::kBF16}) {
      PanelKind panel{};
      ASSERT_TRUE(isa.fast_panel(type, &panel));
      if (panel != PanelKind::kP16) continue;
      for (const Shape& shape : kShapes) {
        const auto file = RandomPlainRows(type, shape.rows, shape.cols);
        const auto groups = Grouped(type, file, shape.rows, shape.cols);
        const WeightMatrix w{type,       RestForm::kGroups16, panel,
                             shape.rows, shape.cols,          groups.data()};
        Activations x(shape.max_tokens, shape.cols);
        isa.prepare(x.Rows(shape.max_tokens), {.q8 = false, .bf16 = true}, ShareBy::kRows, 0, 1);
        std::vector<float> decoded(shape.rows * shape.cols);
        FindCodec(type)->decode(file.data(), decoded.size(), decoded.data());

        const RunOptions all{shape.max_tokens, 1, false, false};
        const std::vector<float> y = Multiply(isa, w, &x, all, {});
        for (size_t i = 0; i < y.size(); ++i) {
          const size_t t = i / shape.rows, r = i % shape.rows;
          double sum = 0.0, sum_abs = 0.0;
          for (size_t c = 0; c < shape.cols; ++c) {
            const float weight = Bf16ToF32(F32ToBf16(decoded[r * shape.cols + c]));
            const double product = double{weight} * double{Bf16ToF32(x.bf16[t * shape.cols + c])};
            sum += product;
            sum_abs += std::fabs(product);
          }
          const double limit = 2.0 * static_cast<double>(shape.cols) * 0x1p-24 * sum_abs +
                               static_cast<double>(shape.cols) * 0x1p-126;
          ASSERT_NEAR(y[i], sum, limit) << isa.name << " " << TraitsOf(type).name << " token " << t
                                        << " row " << r << " of " << shape.rows;
        }
        // Fewer tokens, more threads: the same bits (and ExpectProducts checks the edges).
        ExpectProducts(isa, w, &x, shape.max_tokens, y);
        WeightMatrix in_file_order = w;
        in_file_order.form = RestForm::kFileRows;
        in_file_order.data = file.data();
        ExpectProducts(isa, in_file_order, &x, shape.max_tokens, y);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(LinearSimdTest, TypesWithoutKernelHaveNoPanel) {
  for (const Isa& isa : LinearIsasHere()) {
    PanelKind panel{};
    for (const Codec& codec : AllCodecs()) {
      if (!isa.fast_panel(codec.type, &panel)) continue;
      EXPECT_FALSE(codec.group_fields.empty()) << TraitsOf(codec.type).name;
    }
    EXPECT_FALSE(isa.fast_panel(DType::kF64, &panel));
  }
}

}  // namespace
}  // namespace altteul::kernels
