// The fast linear layers against plain loops that follow kernels/linear.h step by step. P8 and P32
// must agree to the last bit: integer sums are exact, and every rounding has its place.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/machine.h"
#include "base/random.h"
#include "kernels/codecs/codec.h"
#include "kernels/codecs/half.h"
#include "kernels/x86/kernels_x86.h"

namespace altteul::kernels {
namespace {

struct Isa {
  const char* name;
  bool (*fast_panel)(DType, PanelKind*);
  void (*prepare)(const PreparedRows&, PreparedForms, int, int);
  void (*linear)(const LinearArgs&, std::span<std::byte>, int, int);
};

std::vector<Isa> LinearIsasHere() {
  const CpuFeatures has = DetectCpuFeatures();
  std::vector<Isa> isas;
  if (has.avx2) isas.push_back({"avx2", FastPanelAvx2, PrepareAvx2, LinearAvx2});
  if (has.avx512 && has.avx512_vnni && has.avx512_bf16) {
    isas.push_back({"avx512", FastPanelAvx512, PrepareAvx512, LinearAvx512});
  }
  return isas;
}

struct Shape {
  size_t rows;
  size_t cols;
  size_t max_tokens;
};

// One row, odd tails of a group, several groups; one block, odd numbers of blocks, real layers.
constexpr Shape kShapes[] = {{1, 32, 100},   {3, 64, 100},   {16, 256, 100}, {17, 576, 100},
                             {31, 1536, 31}, {192, 2048, 9}, {576, 576, 13}};
constexpr size_t kTokenCounts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 31, 64, 100};

constexpr DType kP8Types[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0,
                              DType::kQ5_1, DType::kQ8_0, DType::kIQ4_NL,
                              DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};

bool SameBits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

// ---- random weights ----

/// Where a block keeps f16 numbers; every other byte may hold anything.
std::vector<size_t> HalvesOf(DType type) {
  switch (type) {
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
      return {0, 2};
    case DType::kQ6_K:
      return {208};
    default:
      return {0};
  }
}

void PutU16(uint16_t value, std::byte* at) { std::memcpy(at, &value, sizeof value); }

/// Rows of random blocks. The first three rows have codes of one byte each (0x80, 0xff, 0): the
/// extremes of every type. One scale in 16 is zero, subnormal, negative or the largest.
std::vector<std::byte> RandomQuantizedRows(DType type, size_t rows, size_t cols) {
  const DTypeTraits& traits = TraitsOf(type);
  const RandomStream random(7, traits.name);
  const size_t n_blocks = rows * cols / traits.block_elements;
  std::vector<std::byte> bytes(n_blocks * traits.block_bytes);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(random.Bits(i));
  const size_t row_bytes = bytes.size() / rows;
  constexpr std::array<int, 3> kExtremes = {0x80, 0xff, 0};
  for (size_t r = 0; r < std::min(rows, kExtremes.size()); ++r) {
    std::memset(bytes.data() + r * row_bytes, kExtremes[r], row_bytes);
  }
  constexpr std::array<uint16_t, 4> kOddScales = {0, 0x0001, 0xa000, 0x7bff};
  for (size_t b = 0; b < n_blocks; ++b) {
    for (const size_t offset : HalvesOf(type)) {
      const uint64_t bits = random.Bits(1'000'000'000 + b * 4 + offset);
      const uint16_t usual = F32ToF16(0.01f + 0.02f * static_cast<float>(bits % 1000) / 1000.0f);
      const uint16_t odd = kOddScales[(bits >> 20) % 4];
      PutU16((bits >> 40) % 16 == 0 ? odd : usual, bytes.data() + b * traits.block_bytes + offset);
    }
  }
  return bytes;
}

/// Rows of normal values in a plain type.
std::vector<std::byte> RandomPlainRows(DType type, size_t rows, size_t cols) {
  const RandomStream random(8, TraitsOf(type).name);
  std::vector<float> values(rows * cols);
  for (size_t i = 0; i < values.size(); ++i) values[i] = random.Normal(i);
  std::vector<std::byte> bytes(values.size() * TraitsOf(type).block_bytes);
  FindCodec(type)->encode(values.data(), values.size(), bytes.data());
  return bytes;
}

std::vector<std::byte> Grouped(DType type, const std::vector<std::byte>& file, size_t rows,
                               size_t cols) {
  std::vector<std::byte> groups(GroupedBytes(type, rows, cols));
  GroupRows(type, file.data(), 0, rows, cols, groups.data());
  return groups;
}

// ---- activations ----

/// Owns what PreparedRows points to.
struct Activations {
  Activations(size_t n, size_t n_cols)
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

// ---- plain loops ----

/// A P8 weight matrix as the formats' pages define it: w = scale * code + min.
struct PlainP8 {
  size_t rows, cols, scale_cols;
  bool has_min;
  std::vector<int16_t> codes;  // [rows, cols], bias already taken off
  std::vector<float> scales;   // [rows, cols / scale_cols]
  std::vector<float> mins;     // [rows, cols / 32]
};

float HalfAt(const uint8_t* p) {
  uint16_t half;
  std::memcpy(&half, p, sizeof half);
  return F16ToF32(half);
}

constexpr int kIq4Levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                1,    13,   25,  38,  53,  69,  89,  113};

int FifthBit(const uint8_t* qh, size_t j) { return (qh[j / 8] >> (j % 8) & 1) << 4; }

/// One block of 32 columns -> codes, scale, minimum.
void ParseBlock32(DType type, const uint8_t* p, int16_t* codes, float* scale, float* min) {
  *scale = HalfAt(p);
  const bool has_min = type == DType::kQ4_1 || type == DType::kQ5_1;
  const bool has_fifth = type == DType::kQ5_0 || type == DType::kQ5_1;
  *min = has_min ? HalfAt(p + 2) : 0.0f;
  const uint8_t* qh = p + (has_min ? 4 : 2);
  const uint8_t* qs = qh + (has_fifth ? 4 : 0);
  for (size_t j = 0; j < 32; ++j) {
    int code = 0;
    if (type == DType::kQ8_0) {
      code = static_cast<int8_t>(qs[j]);
    } else {
      code = j < 16 ? qs[j] & 15 : qs[j - 16] >> 4;
      if (has_fifth) code |= FifthBit(qh, j);
      if (type == DType::kQ4_0) code -= 8;
      if (type == DType::kQ5_0) code -= 16;
      if (type == DType::kIQ4_NL) code = kIq4Levels[code];
    }
    codes[j] = static_cast<int16_t>(code);
  }
}

void ParseQ45K(DType type, const uint8_t* p, int16_t* codes, float* scales, float* mins) {
  const float d = HalfAt(p);
  const float dmin = HalfAt(p + 2);
  const uint8_t* packed = p + 4;
  const uint8_t* qh = p + 16;
  const uint8_t* qs = type == DType::kQ5_K ? p + 48 : p + 16;
  for (size_t s = 0; s < 8; ++s) {
    const int sc = s < 4 ? packed[s] & 63 : (packed[s + 4] & 15) | (packed[s - 4] >> 6 << 4);
    const int m = s < 4 ? packed[s + 4] & 63 : (packed[s + 4] >> 4) | (packed[s] >> 6 << 4);
    scales[s] = d * static_cast<float>(sc);
    mins[s] = -(dmin * static_cast<float>(m));
    for (size_t j = 0; j < 32; ++j) {
      int code = s % 2 == 0 ? qs[s / 2 * 32 + j] & 15 : qs[s / 2 * 32 + j] >> 4;
      if (type == DType::kQ5_K) code |= (qh[j] >> s & 1) << 4;
      codes[s * 32 + j] = static_cast<int16_t>(code);
    }
  }
}

void ParseQ6K(const uint8_t* p, int16_t* codes, float* scales) {
  const float d = HalfAt(p + 208);
  for (size_t s = 0; s < 16; ++s) {
    scales[s] = d * static_cast<float>(static_cast<int8_t>(p[192 + s]));
  }
  for (size_t j = 0; j < 256; ++j) {
    const size_t half = j / 128, quarter = j % 128 / 32, i = j % 32;
    const uint8_t ql = p[half * 64 + quarter % 2 * 32 + i];
    const int upper = p[128 + half * 32 + i] >> (2 * quarter) & 3;
    const int code = (quarter < 2 ? ql & 15 : ql >> 4) | upper << 4;
    codes[j] = static_cast<int16_t>(code - 32);
  }
}

PlainP8 ParseP8(DType type, const std::vector<std::byte>& file, size_t rows, size_t cols) {
  const DTypeTraits& traits = TraitsOf(type);
  PlainP8 w{rows, cols, type == DType::kQ6_K ? size_t{16} : size_t{32}, false, {}, {}, {}};
  w.has_min =
      type == DType::kQ4_1 || type == DType::kQ5_1 || type == DType::kQ4_K || type == DType::kQ5_K;
  w.codes.resize(rows * cols);
  w.scales.resize(rows * cols / w.scale_cols);
  w.mins.resize(rows * cols / 32);
  const uint8_t* p = reinterpret_cast<const uint8_t*>(file.data());
  for (size_t at = 0; at < rows * cols; at += traits.block_elements, p += traits.block_bytes) {
    int16_t* codes = w.codes.data() + at;
    float* scales = w.scales.data() + at / w.scale_cols;
    float* mins = w.mins.data() + at / 32;
    if (traits.block_elements == 32) {
      ParseBlock32(type, p, codes, scales, mins);
    } else if (type == DType::kQ6_K) {
      ParseQ6K(p, codes, scales);
    } else {
      ParseQ45K(type, p, codes, scales, mins);
    }
  }
  return w;
}

/// [n, rows] of the definition in kernels/linear.h.
std::vector<float> PlainProductP8(const PlainP8& w, const Activations& x, size_t n) {
  std::vector<float> y(n * w.rows);
  const size_t n_blocks = w.cols / 32;
  for (size_t t = 0; t < n; ++t) {
    for (size_t r = 0; r < w.rows; ++r) {
      float acc = 0.0f, acc_min = 0.0f;
      for (size_t s = 0; s < w.cols / w.scale_cols; ++s) {
        const size_t col = s * w.scale_cols;
        int32_t isum = 0;
        for (size_t c = col; c < col + w.scale_cols; ++c) {
          isum += int32_t{w.codes[r * w.cols + c]} * int32_t{x.q8[t * w.cols + c]};
        }
        const float scale = w.scales[r * (w.cols / w.scale_cols) + s];
        acc = std::fma(static_cast<float>(isum), scale * x.scale[t * n_blocks + col / 32], acc);
      }
      for (size_t b = 0; b < n_blocks && w.has_min; ++b) {
        acc_min = std::fma(w.mins[r * n_blocks + b], x.offset[t * n_blocks + b], acc_min);
      }
      y[t * w.rows + r] = w.has_min ? acc + acc_min : acc;
    }
  }
  return y;
}

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

// ---- running a product ----

constexpr float kCanary = 12345.0f;
constexpr float kOldOutput = 0.75f;

struct RunOptions {
  size_t n_tokens;
  int n_threads;
  bool with_bias;
  bool add_to_out;

  std::string ToString() const {
    return std::to_string(n_tokens) + " tokens, " + std::to_string(n_threads) + " threads" +
           (with_bias ? ", bias" : "") + (add_to_out ? ", added" : "");
  }
};

/// Runs every thread's share, last first, and checks what must not be written.
/// @return [n, rows]
std::vector<float> Multiply(const Isa& isa, const WeightMatrix& w, Activations* x,
                            const RunOptions& run, const std::vector<float>& bias) {
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

TEST(LinearX86Test, QuantizedTypesMatchPlainLoopsToTheLastBit) {
  for (const Isa& isa : LinearIsasHere()) {
    for (const DType type : kP8Types) {
      PanelKind panel{};
      ASSERT_TRUE(isa.fast_panel(type, &panel) && panel == PanelKind::kP8);
      for (const Shape& shape : kShapes) {
        if (shape.cols % TraitsOf(type).block_elements != 0) continue;
        const auto file = RandomQuantizedRows(type, shape.rows, shape.cols);
        const auto groups = Grouped(type, file, shape.rows, shape.cols);
        const WeightMatrix w{type,       RestForm::kGroups16, panel,
                             shape.rows, shape.cols,          groups.data()};
        Activations x(shape.max_tokens, shape.cols);
        isa.prepare(x.Rows(shape.max_tokens), {.q8 = true, .bf16 = false}, 0, 1);
        const PlainP8 plain = ParseP8(type, file, shape.rows, shape.cols);
        ExpectProducts(isa, w, &x, shape.max_tokens, PlainProductP8(plain, x, shape.max_tokens));
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(LinearX86Test, PlainFloatsInF32MatchPlainLoopsToTheLastBit) {
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

TEST(LinearX86Test, EveryTypeInFileRowsMatchesItsDecodedValues) {
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

TEST(LinearX86Test, FileRowsMayHaveAnyNumberOfColumns) {
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
TEST(LinearX86Test, HalvesInBf16PairsAreWithinTheirRounding) {
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
        isa.prepare(x.Rows(shape.max_tokens), {.q8 = false, .bf16 = true}, 0, 1);
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
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(PrepareX86Test, QuantizesAsPlainLoopsWhateverTheThreads) {
  constexpr size_t kTokens = 7, kCols = 576;
  for (const Isa& isa : LinearIsasHere()) {
    for (int n_threads = 1; n_threads <= 9; n_threads += 2) {
      Activations x(kTokens, kCols);
      for (int thread = n_threads - 1; thread >= 0; --thread) {
        isa.prepare(x.Rows(kTokens), {.q8 = true, .bf16 = true}, thread, n_threads);
      }
      for (size_t b = 0; b < kTokens * kCols / 32; ++b) {
        const float* values = x.f32.data() + b * 32;
        float max = 0.0f;
        for (size_t i = 0; i < 32; ++i) max = std::max(max, std::fabs(values[i]));
        const float factor = 127.0f / max;
        ASSERT_EQ(x.scale[b], max / 127.0f);
        int32_t sums[2] = {0, 0};
        for (size_t i = 0; i < 32; ++i) {
          const float code = std::isfinite(factor) ? std::nearbyint(values[i] * factor) : 0.0f;
          ASSERT_EQ(static_cast<float>(x.q8[b * 32 + i]), code)
              << isa.name << " value " << values[i];
          ASSERT_LE(std::fabs(code), 127.0f);
          sums[i / 16] += static_cast<int32_t>(code);
        }
        ASSERT_EQ(x.sum16[2 * b], sums[0]);
        ASSERT_EQ(x.sum16[2 * b + 1], sums[1]);
        ASSERT_EQ(x.offset[b], x.scale[b] * static_cast<float>(sums[0] + sums[1]));
      }
      for (size_t i = 0; i < x.f32.size(); ++i) ASSERT_EQ(x.bf16[i], F32ToBf16(x.f32[i])) << i;
    }
  }
}

TEST(PrepareX86Test, RoundsHalfwayCodesToEven) {
  for (const Isa& isa : LinearIsasHere()) {
    Activations x(1, 32);
    for (size_t i = 0; i < 32; ++i) x.f32[i] = static_cast<float>(i) - 15.5f;
    x.f32[0] = 127.0f;  // factor 1
    isa.prepare(x.Rows(1), {.q8 = true, .bf16 = false}, 0, 1);
    for (size_t i = 1; i < 32; ++i) EXPECT_EQ(x.q8[i] % 2, 0) << isa.name << " " << x.f32[i];
  }
}

TEST(PrepareX86Test, NotANumberAndInfinityReachTheOutputs) {
  for (const Isa& isa : LinearIsasHere()) {
    for (const float odd :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          -std::numeric_limits<float>::infinity()}) {
      Activations x(2, 64);
      x.f32[64 + 40] = odd;
      isa.prepare(x.Rows(2), {.q8 = true, .bf16 = true}, 0, 1);
      for (size_t c = 96; c < 128; ++c) EXPECT_EQ(x.q8[c], 0);
      EXPECT_EQ(x.bf16[64 + 40], F32ToBf16(odd));

      const auto file = RandomQuantizedRows(DType::kQ4_0, 16, 64);
      const auto groups = Grouped(DType::kQ4_0, file, 16, 64);
      const WeightMatrix w{DType::kQ4_0, RestForm::kGroups16, PanelKind::kP8, 16,
                           64,           groups.data()};
      const std::vector<float> y = Multiply(isa, w, &x, {2, 1, false, false}, {});
      for (size_t r = 0; r < 16; ++r) {
        EXPECT_TRUE(std::isfinite(y[r])) << "one token's numbers are not another's";
        EXPECT_TRUE(std::isnan(y[16 + r])) << isa.name << " row " << r << " hides a broken input";
      }
    }
  }
}

TEST(LinearX86Test, TypesWithoutKernelHaveNoPanel) {
  for (const Isa& isa : LinearIsasHere()) {
    PanelKind panel{};
    for (const Codec& codec : AllCodecs()) {
      if (!isa.fast_panel(codec.type, &panel)) continue;
      EXPECT_FALSE(codec.group_fields.empty()) << TraitsOf(codec.type).name;
    }
    EXPECT_FALSE(isa.fast_panel(DType::kQ2_K, &panel));
  }
}

}  // namespace
}  // namespace altteul::kernels
