// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/reference/attention.inl"
#include "kernels/simd/isas_under_test.h"

namespace altteul::kernels {
namespace {

/// An emulator takes some twenty times as long: it gets the same edges with fewer sizes and plans.
#ifdef ALT_EMULATED
constexpr bool kIsEmulated = true;
#else
constexpr bool kIsEmulated = false;
#endif

constexpr KvType kKvTypes[] = {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0,
                               KvType::kQ4_0};
bool HasScales(KvType type) { return KvLayout{.type = type}.has_scales(); }

struct Case {
  KvType type = KvType::kF16;
  size_t n_heads = 6;
  size_t n_kv_heads = 2;
  size_t head_dim = 64;
  size_t n_tokens = 100;
  size_t n_pages = 2;  ///< used in turn
  size_t window = 0;
  float softcap = 0.0f;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << KvTypeName(c.type) << ", heads " << c.n_heads << "/" << c.n_kv_heads << ", head_dim "
       << c.head_dim << ", tokens " << c.n_tokens << ", pages " << c.n_pages << ", window "
       << c.window << ", softcap " << c.softcap;
}

/// Normal values that bf16 holds exactly: a kernel that multiplies bf16 need not round them, and
/// its errors can be bounded closely.
std::vector<float> Bf16Values(size_t n, const std::string& purpose) {
  std::vector<float> values = NormalValues(n, purpose.c_str());
  for (float& value : values) value = Bf16ToF32(F32ToBf16(value));
  return values;
}

/// Queries that 8 bits and a scale for each 32 hold exactly: multiples of 2^-5, the largest of each
/// 32 being 127 of them.
std::vector<float> Q8Values(size_t n, const std::string& purpose) {
  std::vector<float> values = NormalValues(n, purpose.c_str());
  for (size_t i = 0; i < n; ++i) {
    const float steps = i % 32 == 5
                            ? std::copysign(127.0f, values[i])
                            : std::clamp(std::nearbyint(values[i] * 32.0f), -127.0f, 127.0f);
    values[i] = steps / 32.0f;
  }
  return values;
}

/// Before and behind what a page holds of the layer: another layer's.
constexpr size_t kPageOffset = 192;

/// One sequence: its inputs, and its pages, which start full of NaN (f32, f16 and scales alike).
struct Sequence {
  Sequence(const Case& c, const char* purpose)
      : layout{c.type, c.n_kv_heads, c.head_dim},
        n_pages(c.n_pages),
        window(c.window),
        q(c.type == KvType::kQ8_0 ? Q8Values(c.n_tokens * c.n_heads * c.head_dim, purpose)
                                  : Bf16Values(c.n_tokens * c.n_heads * c.head_dim, purpose)),
        k(Bf16Values(c.n_tokens * c.n_kv_heads * c.head_dim, std::string(purpose) + " k")),
        v(Bf16Values(c.n_tokens * c.n_kv_heads * c.head_dim, std::string(purpose) + " v")),
        cache(n_pages * PageBytes(), std::byte{0xFF}) {}

  size_t PageBytes() const { return layout.page_bytes() + 2 * kPageOffset; }

  /// Pages lie in memory last one first; a window's are used again, and those behind it are null.
  SequenceRows Rows(size_t n_rows, size_t first_position = 0, size_t first_row = 0) {
    const size_t first_seen =
        window == 0 || first_position < window ? 0 : first_position - window + 1;
    table.clear();
    for (size_t i = 0; i * kKeyTile < first_position + n_rows; ++i) {
      const bool is_behind = (i + 1) * kKeyTile <= first_seen;
      std::byte* page = cache.data() + (n_pages - 1 - i % n_pages) * PageBytes();
      table.push_back(is_behind ? nullptr : page);
    }
    return {.layout = layout,
            .pages = table.data(),
            .page_offset = kPageOffset,
            .first_row = first_row,
            .n_rows = n_rows,
            .first_position = first_position};
  }

  KvLayout layout;
  size_t n_pages;
  size_t window;
  std::vector<float> q, k, v;
  std::vector<std::byte> cache;
  std::vector<std::byte*> table;
};

using Attend = decltype(&AttendReference);

/// How a prompt is cut and shared.
struct Plan {
  size_t chunk = 1;
  int n_threads = 1;
  bool shares_segments = false;
};

void AttendChunk(const Case& c, const IsaUnderTest& isa, Attend attend, const Plan& plan,
                 std::span<const SequenceRows> rows, const float* q, const float* k, const float* v,
                 float* out) {
  std::vector<std::byte> scratch(AttentionScratchBytes(c.head_dim), std::byte{0xFF});
  const StoreKvArgs store{.sequences = rows, .k = k, .v = v};
  size_t n_rows = 0, longest = 0;
  for (const SequenceRows& sequence : rows) {
    n_rows += sequence.n_rows;
    longest = std::max(longest, sequence.first_position + sequence.n_rows);
  }
  const size_t n_segments = (longest + kKeySegment - 1) / kKeySegment;
  std::vector<float> sums(plan.shares_segments
                              ? n_rows * c.n_heads * n_segments * SegmentSums::StrideOf(c.head_dim)
                              : 0,
                          std::numeric_limits<float>::quiet_NaN());
  const AttentionArgs args{
      .sequences = rows,
      .q = q,
      .out = out,
      .n_heads = c.n_heads,
      .scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim)),
      .softcap = c.softcap,
      .window = c.window,
      .sums = {.data = plan.shares_segments ? sums.data() : nullptr, .n_segments = n_segments}};
  for (int t = 0; t < plan.n_threads; ++t) isa.store_kv(store, t, plan.n_threads);
  for (int t = 0; t < plan.n_threads; ++t) attend(args, scratch, t, plan.n_threads);
  for (int t = 0; t < plan.n_threads; ++t) isa.merge_segments(args, t, plan.n_threads);
}

/// Stores and attends the whole sequence, chunk by chunk. Returns [n_tokens, n_heads, head_dim].
std::vector<float> AttendAll(const Case& c, const IsaUnderTest& isa, Attend attend,
                             const Plan& plan, Sequence sequence) {
  std::vector<float> out(sequence.q.size(), -12345.0f);
  for (size_t at = 0; at < c.n_tokens; at += plan.chunk) {
    const SequenceRows rows = sequence.Rows(std::min(plan.chunk, c.n_tokens - at), at);
    const size_t kv_at = at * c.n_kv_heads * c.head_dim;
    const size_t q_at = at * c.n_heads * c.head_dim;
    AttendChunk(c, isa, attend, plan, {&rows, 1}, sequence.q.data() + q_at,
                sequence.k.data() + kv_at, sequence.v.data() + kv_at, out.data() + q_at);
  }
  return out;
}

std::vector<float> AttendAll(const Case& c, const IsaUnderTest& isa, const Plan& plan,
                             const Sequence& sequence) {
  return AttendAll(c, isa, isa.attend, plan, sequence);
}

/// The first index where two runs differ in a bit, or the size.
size_t FirstDifference(std::span<const float> a, std::span<const float> b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0) return i;
  }
  return a.size();
}

double LargestNorm(const std::vector<float>& rows, size_t width) {
  double largest = 0.0;
  for (size_t at = 0; at < rows.size(); at += width) {
    double sum = 0.0;
    for (size_t d = 0; d < width; ++d) sum += static_cast<double>(rows[at + d]) * rows[at + d];
    largest = std::max(largest, sum);
  }
  return std::sqrt(largest);
}

/// Whether a cache that is neither f32 nor q8_0 is multiplied in bf16 (attention.h).
bool MultipliesBf16(const Case& c, const IsaUnderTest& isa) {
  return isa.name == "avx512" && c.type != KvType::kF32 && c.type != KvType::kQ8_0;
}

/// What fast kernels' integer weights over q8_0 can do to an output, as a share of the largest
/// value: 64 keys of a tile err by half a step each (and three f32 roundings of 2^14 steps), a step
/// being 1/16383 of the tile's largest weight times value; all tiles' largest weights add up to at
/// most the sum of weights.
double WeightStepError(const Case& c, const IsaUnderTest& isa) {
  if (c.type != KvType::kQ8_0 || isa.name == "reference") return 0.0;
  return 64.0 * (0.5 + 3.0 * 0x1p-10) / 16383.0;
}

/// What rounding can do to an output, to first order: f32 (u = 2^-24 a step), bf16 for weights, for
/// what codes decode to and for turned queries, and the integer weights of q8_0.
double Tolerance(const Case& c, const IsaUnderTest& isa, const Sequence& s) {
  const double u = 0x1p-24;
  const bool is_bf16 = MultipliesBf16(c, isa);
  const double fast_exp = isa.name == "avx512" && c.type != KvType::kF32 ? 4e-6 : 0.0;
  const double weight_rounding = (is_bf16 ? 0x1p-9 : 0.0) + fast_exp;
  const double cache_rounding = is_bf16 && HasScales(c.type) ? 0x1p-9 : 0.0;
  const bool is_turned = KvLayout{.type = c.type}.is_turned();
  const double query_rounding = is_bf16 && is_turned ? 0x1p-9 : 0.0;
  // A score is a chain of head_dim steps over products of at most |q||k| in sum, then scaled; both
  // norms may grow by 1 % in the cache's type, and by an eighth of it in q4_0.
  const double growth = c.type == KvType::kQ4_0 ? 1.125 : 1.02;
  const double largest_score = growth * LargestNorm(s.q, c.head_dim) *
                               LargestNorm(s.k, c.head_dim) /
                               std::sqrt(static_cast<double>(c.head_dim));
  double score_error =
      ((static_cast<double>(c.head_dim) + 2.0) * u + cache_rounding + query_rounding) *
      largest_score;
  // softcap: slope at most 1; a division, tanh within 4 units in the last place, a product.
  if (c.softcap > 0.0f) score_error += 12.0 * u * c.softcap;
  // A weight errs by the scores' error and its maximum's, the subtraction's and exp's rounding.
  const double weight_error =
      2.0 * score_error + 2.0 * u * largest_score + 8.0 * u + weight_rounding;
  // Then chains over the keys for sums and values, and 64-key and 512-key corrections.
  const double seen = static_cast<double>(c.window == 0 ? c.n_tokens : c.window);
  const double chain = (seen + 6.0 * (seen / 64.0 + 2.0) + 4.0) * u;
  double largest_value = 0.0;
  for (const float value : s.v) largest_value = std::max(largest_value, std::fabs(double{value}));
  // A turned row has elements as large as its norm, and 8 steps back.
  if (is_turned) largest_value = LargestNorm(s.v, c.head_dim);
  const double turning = is_turned ? 10.0 * u : 0.0;
  return (2.0 * (weight_error + chain) + cache_rounding + turning + WeightStepError(c, isa)) *
         growth * largest_value;
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const KvType type : kKvTypes) {
    for (const size_t head_dim : {16, 20, 24, 32, 64, 80, 96, 128, 256}) {
      if (HasScales(type) && head_dim % 32 != 0) continue;
      if (kIsEmulated && (head_dim == 96 || head_dim == 128)) continue;
      cases.push_back({.type = type, .head_dim = head_dim, .n_tokens = 70});
    }
    cases.push_back({.type = type, .window = 17});
    cases.push_back({.type = type, .softcap = 2.0f});
    cases.push_back({.type = type, .n_heads = 9, .n_kv_heads = 3, .window = 64, .softcap = 5.0f});
    cases.push_back({.type = type, .n_heads = 2, .n_kv_heads = 2});
    cases.push_back({.type = type, .n_heads = 16, .n_kv_heads = 1, .head_dim = 32});
    cases.push_back({.type = type, .n_heads = 60, .n_kv_heads = 1, .head_dim = 32, .n_tokens = 20});
    // A ring: the window and a chunk of 90 fit in three pages, the sequence does not.
    Case ring{.type = type, .head_dim = 32, .n_tokens = 300, .n_pages = 3, .window = 30};
    cases.push_back(ring);
    ring.softcap = 3.0f;
    cases.push_back(ring);
  }
  // Three segments, whole and through a window that spans a border.
  const Case whole{.n_heads = 2, .n_kv_heads = 1, .head_dim = 16, .n_tokens = 1100, .n_pages = 18};
  if (!kIsEmulated) cases.push_back(whole);
  cases.push_back(whole);
  cases.back().window = 200;
  return cases;
}

class AttentionTest : public ::testing::TestWithParam<Case> {};

TEST_P(AttentionTest, AgreesWithTheOracle) {
  const Case c = GetParam();
  const Sequence sequence(c, "oracle");
  const Plan plan{.chunk = 90};
  const auto isas = IsasUnderTest();
  const auto expected = AttendAll(c, isas[0], AttendPlain<double>, plan, sequence);
  for (const IsaUnderTest& isa : isas) {
    if (isa.name == "reference" && c.n_tokens > (kIsEmulated ? 70 : 300)) continue;  // slow
    const double limit = Tolerance(c, isa, sequence);
    const auto out = AttendAll(c, isa, plan, sequence);
    for (size_t i = 0; i < out.size(); ++i) {
      ASSERT_NEAR(out[i], expected[i], limit)
          << isa.name << ", token " << i / (c.n_heads * c.head_dim) << ", head "
          << i / c.head_dim % c.n_heads << ", d " << i % c.head_dim;
    }
  }
}

TEST_P(AttentionTest, HasTheSameBitsHoweverThePromptIsCutAndShared) {
  const Case c = GetParam();
  const Sequence sequence(c, "cut");
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    if (isa.name == "reference" && (c.n_tokens > 100 || c.head_dim > 32)) continue;  // slow
    const auto expected = AttendAll(c, isa, {.chunk = 1}, sequence);
    std::vector<Plan> plans = {{90, 2}, {7, 1}, {1, 3, true}};
    if (!kIsEmulated) plans.insert(plans.end(), {{90, 1}, {64, 3}, {1, 5}, {5, 2, true}});
    for (const Plan& plan : plans) {
      const auto out = AttendAll(c, isa, plan, sequence);
      const size_t i = FirstDifference(out, expected);
      ASSERT_EQ(i, out.size()) << isa.name << ", chunks of " << plan.chunk << ", " << plan.n_threads
                               << " threads, token " << i / (c.n_heads * c.head_dim) << ": "
                               << out[i] << " against " << expected[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, AttentionTest, ::testing::ValuesIn(Cases()));

// Without a window a prompt may come as one chunk.
TEST(AttentionChunkTest, OneChunkOf100EqualsHundredOfOne) {
  for (const KvType type : kKvTypes) {
    const Case c{.type = type};
    const Sequence sequence(c, "one chunk");
    for (const IsaUnderTest& isa : IsasUnderTest()) {
      const auto whole = AttendAll(c, isa, {.chunk = 100, .n_threads = 2}, sequence);
      const auto single = AttendAll(c, isa, {.chunk = 1}, sequence);
      EXPECT_EQ(FirstDifference(whole, single), whole.size()) << isa.name;
    }
  }
}

TEST(AttentionBatchTest, OtherSequencesInTheBatchChangeNothing) {
  const Case c{.n_tokens = 30};
  const Case longer{.n_tokens = 90};
  const Sequence first(c, "first");
  const Sequence second(longer, "second");
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    const auto first_alone = AttendAll(c, isa, {.chunk = 30}, first);
    const auto second_alone = AttendAll(longer, isa, {.chunk = 90}, second);
    for (const int n_threads : {1, 2, 3, 7}) {
      Sequence a = first, b = second;
      const SequenceRows rows[] = {b.Rows(90), a.Rows(30, 0, 90)};
      std::vector<float> q = b.q, k = b.k, v = b.v;
      q.insert(q.end(), a.q.begin(), a.q.end());
      k.insert(k.end(), a.k.begin(), a.k.end());
      v.insert(v.end(), a.v.begin(), a.v.end());
      std::vector<float> out(q.size());
      const Plan plan{.n_threads = n_threads, .shares_segments = n_threads % 2 == 1};
      AttendChunk(c, isa, isa.attend, plan, rows, q.data(), k.data(), v.data(), out.data());
      const auto all = std::span<const float>(out);
      EXPECT_EQ(FirstDifference(all.first(b.q.size()), second_alone), b.q.size()) << isa.name;
      EXPECT_EQ(FirstDifference(all.subspan(b.q.size()), first_alone), a.q.size()) << isa.name;
    }
  }
}

TEST(AttentionNanTest, LaterTokensOfTheChunkDoNotLeakIntoEarlierRows) {
  // Neighbours, so that one of them is the later token of a register tile of two tokens.
  for (const size_t bad_token : {50, 51}) {
    const Case c{.window = bad_token == 50 ? size_t{0} : size_t{20}};
    const Sequence clean(c, "clean");
    Sequence bad = clean;
    const size_t width = c.n_kv_heads * c.head_dim;
    for (size_t i = 0; i < width; ++i) {
      bad.k[bad_token * width + i] = std::numeric_limits<float>::quiet_NaN();
      bad.v[bad_token * width + i] = std::numeric_limits<float>::quiet_NaN();
    }
    for (const IsaUnderTest& isa : IsasUnderTest()) {
      const auto expected = AttendAll(c, isa, {.chunk = 100}, clean);
      const auto out = AttendAll(c, isa, {.chunk = 100}, bad);
      const size_t row = c.n_heads * c.head_dim;
      for (size_t i = 0; i < out.size(); ++i) {
        const size_t token = i / row;
        const bool sees_it = token >= bad_token && (c.window == 0 || token < bad_token + c.window);
        ASSERT_EQ(std::isnan(out[i]), sees_it) << isa.name << ", token " << token;
        if (!sees_it) {
          ASSERT_EQ(FirstDifference({&out[i], 1}, {&expected[i], 1}), 1u)
              << isa.name << ", token " << token;
        }
      }
    }
  }
}

TEST(StoreKvTest, StoresTheSameBytesAsTheReferenceAndNothingElse) {
  for (const KvType type : kKvTypes) {
    for (const size_t head_dim : {32, 96, 20}) {
      if (HasScales(type) && head_dim % 32 != 0) continue;
      const Case c{.type = type, .head_dim = head_dim, .n_tokens = 40};
      Sequence sequence(c, "store");
      sequence.k[3] = 0x1p-20f;  // a subnormal half
      std::fill_n(sequence.k.begin() + static_cast<ptrdiff_t>(c.n_kv_heads * head_dim), 32, 0.0f);
      std::vector<std::byte> expected;
      for (const IsaUnderTest& isa : IsasUnderTest()) {
        Sequence s = sequence;
        // Across the ring's end: positions 110 to 149, in the second page and the first again.
        const SequenceRows rows = s.Rows(40, 110);
        const StoreKvArgs args{.sequences = {&rows, 1}, .k = s.k.data(), .v = s.v.data()};
        for (int t = 0; t < 3; ++t) isa.store_kv(args, t, 3);
        if (expected.empty()) expected = s.cache;
        EXPECT_TRUE(s.cache == expected)
            << isa.name << ", " << KvTypeName(type) << ", head_dim " << head_dim;
      }
    }
  }
}

TEST(StoreKvTest, Q8ErrsByAtMostHalfAStep) {
  const Case c{.type = KvType::kQ8_0, .n_kv_heads = 1, .head_dim = 64, .n_tokens = 64};
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    Sequence s(c, "q8");
    const SequenceRows rows = s.Rows(c.n_tokens);
    isa.store_kv({.sequences = {&rows, 1}, .k = s.k.data(), .v = s.v.data()}, 0, 1);
    float keys[64 * kPanelRows];
    for (size_t i = 0; i < s.k.size(); ++i) {
      const size_t token = i / 64;
      ReadKeys16(rows, 0, token / kPanelRows * kPanelRows, keys);
      const float stored = keys[i % 64 * kPanelRows + token % kPanelRows];
      const size_t block = i / 32 * 32;
      float largest = 0.0f;
      for (size_t j = block; j < block + 32; ++j) largest = std::max(largest, std::fabs(s.k[j]));
      // Half a step; the largest value loses up to 127 * 2^-11 steps more where the scale was
      // rounded down and its code is held at 127.
      const double step = largest / 127.0;
      EXPECT_NEAR(stored, s.k[i], step * (0.5 + 0.063)) << isa.name;
    }
  }
}

// Two keys, the values of one 0 and of the other 1: the output is the second's weight, from which
// the difference of the scores follows.
TEST(AttentionQ8Test, QueriesErrByHalfAStepOf32) {
  const Case c{.type = KvType::kQ8_0, .n_heads = 1, .n_kv_heads = 1, .head_dim = 64, .n_tokens = 2};
  const double scale = 1.0 / std::sqrt(64.0);
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    for (int trial = 0; trial < 50; ++trial) {
      Sequence s(c, "keys");
      s.q = NormalValues(2 * 64, ("queries " + std::to_string(trial)).c_str());
      s.q[64 + 7] *= 4.0f;  // an outlier costs the others of its block precision
      std::fill_n(s.v.begin(), 64, 0.0f);
      std::fill_n(s.v.begin() + 64, 64, 1.0f);
      const auto out = AttendAll(c, isa, {.chunk = 2}, s);

      const SequenceRows rows = s.Rows(2);
      isa.store_kv({.sequences = {&rows, 1}, .k = s.k.data(), .v = s.v.data()}, 0, 1);
      float keys[64 * kPanelRows];
      ReadKeys16(rows, 0, 0, keys);
      double expected = 0.0, limit = 0.0;
      for (size_t d = 0; d < 64; ++d) {
        const double difference = double{keys[d * kPanelRows + 1]} - keys[d * kPanelRows];
        float largest = 0.0f;
        for (size_t j = d / 32 * 32; j < d / 32 * 32 + 32; ++j) {
          largest = std::max(largest, std::fabs(s.q[64 + j]));
        }
        expected += scale * s.q[64 + d] * difference;
        limit += scale * largest / 127.0 * 0.5 * std::fabs(difference);
      }
      // The smaller weight errs by a step of 1/16383 of the larger; a value of 1 by 2^-11.
      const double weight = out[64];
      const double slack = (1.0 / 16383.0 + 0x1p-11) / std::min(weight, 1.0 - weight);
      EXPECT_NEAR(std::log(weight / (1.0 - weight)), expected, limit + slack)
          << isa.name << ", trial " << trial;
    }
  }
}

// An outlier among the keys costs a plain cache of 4 bits all other elements of its block; turned,
// it costs a part of each.
TEST(StoreKvTest, Q4ErrsByHalfAStepOfTheTurnedRow) {
  const Case c{.type = KvType::kQ4_0, .n_kv_heads = 1, .head_dim = 64, .n_tokens = 64};
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    Sequence s(c, "q4");
    for (size_t token = 0; token < c.n_tokens; ++token) s.k[token * 64 + token] = 40.0f;
    const SequenceRows rows = s.Rows(c.n_tokens);
    isa.store_kv({.sequences = {&rows, 1}, .k = s.k.data(), .v = s.v.data()}, 0, 1);
    for (size_t token = 0; token < c.n_tokens; ++token) {
      float keys[64 * kPanelRows];
      ReadKeys16(rows, 0, token / kPanelRows * kPanelRows, keys);
      float turned[64];
      Turned(s.k.data() + token * 64, 64, turned);
      for (size_t d = 0; d < 64; ++d) {
        float largest = 0.0f;
        for (size_t j = d / 32 * 32; j < d / 32 * 32 + 32; ++j) {
          largest = std::max(largest, std::fabs(turned[j]));
        }
        // A whole step where the largest of the other sign is held at code 7.
        EXPECT_NEAR(keys[d * kPanelRows + token % kPanelRows], turned[d], largest / 8.0 * 1.01)
            << isa.name << ", token " << token << ", d " << d;
      }
    }
  }
}

TEST(HadamardTurnTest, IsTheWalshHadamardMatrixAndItsOwnInverse) {
  for (const size_t n : {16, 32, 64, 96, 80, 128, 256, 512}) {
    const size_t width = n & (~n + 1);
    const auto x = NormalValues(n, "turn");
    std::vector<float> turned(n);
    Turned(x.data(), n, turned.data());
    for (size_t i = 0; i < n; ++i) {
      double sum = 0.0;
      for (size_t j = 0; j < width; ++j) {
        const bool is_odd = __builtin_popcountll(i % width & j) % 2 != 0;
        sum += (is_odd ? -1.0 : 1.0) * x[i / width * width + j];
      }
      EXPECT_NEAR(turned[i], sum / std::sqrt(static_cast<double>(width)), 1e-5) << n << ", " << i;
    }
    HadamardTurn(turned.data(), n);
    for (size_t i = 0; i < n; ++i) EXPECT_NEAR(turned[i], x[i], 1e-5) << n << ", " << i;
  }
}

}  // namespace
}  // namespace altteul::kernels
