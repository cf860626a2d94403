// SPDX-License-Identifier: Apache-2.0

// Attention alone, one thread: a prompt of 512 and one token after 2048 or 4096 others, the latter
// in 30 layers too, which no processor's caches hold.
//
// Counters: ns_per_pair, the time of one (query, key) pair of one head; GFLOP/s, counting four per
// pair and element of head_dim. Compare with the f32 peak that `altteul doctor` measures.

#include <cmath>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/random.h"
#include "kernels/attention.h"
#include "kernels/simd/isas_under_test.h"

namespace altteul::kernels {
namespace {

struct Shape {
  const char* name;
  size_t n_heads;
  size_t n_kv_heads;
  size_t head_dim;
  size_t n_before;  // tokens already in the cache
  size_t n_tokens;
  size_t n_layers = 1;
};

constexpr Shape kShapes[] = {
    {"prefill512/h9_kv3_d64", 9, 3, 64, 0, 512},
    {"prefill512/h32_kv8_d128", 32, 8, 128, 0, 512},
    {"prefill512/h4_kv1_d256", 4, 1, 256, 0, 512},
    {"decode2048/h9_kv3_d64", 9, 3, 64, 2047, 1},
    {"decode2048/h32_kv8_d128", 32, 8, 128, 2047, 1},
    {"decode4096/h9_kv3_d64", 9, 3, 64, 4095, 1},
    {"decode4096_30layers/h9_kv3_d64", 9, 3, 64, 4095, 1, 30},
};

/// The pages of one sequence as an engine has them: 64 positions of all layers in each.
struct Pages {
  Pages(const KvLayout& kv_layout, size_t n_layers, size_t n_positions)
      : layout(kv_layout), memory((n_positions + 63) / 64 * n_layers * layout.page_bytes()) {
    for (size_t at = 0; at < memory.size(); at += n_layers * layout.page_bytes()) {
      table.push_back(memory.data() + at);
    }
  }
  SequenceRows Rows(size_t layer, size_t n_rows, size_t first_position = 0) const {
    return {.layout = layout,
            .pages = table.data(),
            .page_offset = layer * layout.page_bytes(),
            .n_rows = n_rows,
            .first_position = first_position};
  }

  KvLayout layout;
  std::vector<std::byte> memory;
  std::vector<std::byte*> table;
};

void RunAttention(benchmark::State& state, const IsaUnderTest& isa, const Shape& shape,
                  KvType type) {
  const size_t end = shape.n_before + shape.n_tokens;
  const Pages pages({type, shape.n_kv_heads, shape.head_dim}, shape.n_layers, end);
  const auto k = NormalValues(end * shape.n_kv_heads * shape.head_dim, "k");
  const auto q = NormalValues(shape.n_tokens * shape.n_heads * shape.head_dim, "q");
  std::vector<float> out(q.size());
  for (size_t layer = 0; layer < shape.n_layers; ++layer) {
    const SequenceRows all = pages.Rows(layer, end);
    isa.store_kv({.sequences = {&all, 1}, .k = k.data(), .v = k.data()}, 0, 1);
  }

  SequenceRows rows = pages.Rows(0, shape.n_tokens, shape.n_before);
  std::vector<std::byte> scratch(AttentionScratchBytes(shape.head_dim));
  const AttentionArgs args{.sequences = {&rows, 1},
                           .q = q.data(),
                           .out = out.data(),
                           .n_heads = shape.n_heads,
                           .scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim))};
  for (auto _ : state) {
    for (size_t layer = 0; layer < shape.n_layers; ++layer) {
      rows.page_offset = layer * pages.layout.page_bytes();
      isa.attend(args, scratch, 0, 1);
    }
    benchmark::ClobberMemory();
  }

  double pairs = 0.0;
  for (size_t t = 0; t < shape.n_tokens; ++t) pairs += static_cast<double>(shape.n_before + t + 1);
  pairs *= static_cast<double>(shape.n_heads * shape.n_layers * state.iterations());
  state.counters["ns_per_pair"] =
      benchmark::Counter(pairs * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["GFLOP/s"] = benchmark::Counter(pairs * 4e-9 * static_cast<double>(shape.head_dim),
                                                 benchmark::Counter::kIsRate);
}

void RunStore(benchmark::State& state, const IsaUnderTest& isa, KvType type) {
  constexpr size_t kTokens = 512;
  const Pages pages({type, 3, 64}, 1, kTokens);
  const auto k = NormalValues(kTokens * 3 * 64, "k");
  const SequenceRows rows = pages.Rows(0, kTokens);
  for (auto _ : state) {
    isa.store_kv({.sequences = {&rows, 1}, .k = k.data(), .v = k.data()}, 0, 1);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(kTokens) * state.iterations());
}

void RegisterAll() {
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    if (isa.name == "reference") continue;
    for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kQ8_0, KvType::kQ4_0}) {
      const std::string suffix = "/" + std::string(KvTypeName(type)) + "/" + isa.name;
      for (const Shape& shape : kShapes) {
        benchmark::RegisterBenchmark(
            (shape.name + suffix).c_str(),
            [isa, shape, type](benchmark::State& state) { RunAttention(state, isa, shape, type); });
      }
      benchmark::RegisterBenchmark(
          ("store512/kv3_d64" + suffix).c_str(),
          [isa, type](benchmark::State& state) { RunStore(state, isa, type); });
    }
  }
}

}  // namespace
}  // namespace altteul::kernels

int main(int argc, char** argv) {
  altteul::kernels::RegisterAll();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
