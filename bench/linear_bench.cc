// SPDX-License-Identifier: Apache-2.0

// Linear layers: operations per second with many tokens, bytes per second with few, one thread.
//   linear_bench --benchmark_filter='avx512/Q4_0'
// Beside them the two ceilings: Int8Peak (products in registers) and ReadMemory.

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/machine.h"
#include "int8_peak.h"
#include "kernels/codecs/codec.h"
#include "kernels/kernel_table.h"
#include "tensor/buffer.h"

namespace altteul::kernels {
namespace {

struct Isa {
  std::string_view name;
  decltype(KernelTable::fast_panel) fast_panel;
  decltype(KernelTable::prepare) prepare;
  decltype(KernelTable::linear) linear;
};

struct Case {
  DType type;
  size_t rows, cols, n_tokens;
};

double Operations(const Case& c) {
  return 2.0 * static_cast<double>(c.rows) * static_cast<double>(c.cols) *
         static_cast<double>(c.n_tokens);
}

void SetRates(benchmark::State& state, double ops_per_iteration, size_t bytes_per_iteration) {
  const double n = static_cast<double>(state.iterations());
  state.counters["GOP/s"] =
      benchmark::Counter(n * ops_per_iteration / 1e9, benchmark::Counter::kIsRate);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes_per_iteration));
}

void RunLinear(benchmark::State& state, const Isa& isa, const Case& c) {
  PanelKind panel{};
  if (!isa.fast_panel(c.type, &panel)) return state.SkipWithError("no fast kernel");
  const size_t weight_bytes = GroupedBytes(c.type, c.rows, c.cols);
  Buffer weights = Buffer::Allocate(weight_bytes, "a benchmark").value();
  // One byte everywhere: as an f16 or bf16 it is a small number, and no code is special to the
  // multipliers.
  std::memset(weights.mutable_bytes().data(), 0x2c, weight_bytes);
  const WeightMatrix w{c.type, RestForm::kGroups16, panel, c.rows, c.cols, weights.bytes().data()};

  const size_t n = c.n_tokens * c.cols;
  std::vector<float> f32(n), scale(n / 32), offset(n / 32), out(c.n_tokens * c.rows);
  std::vector<int8_t> q8(n);
  std::vector<int32_t> sum16(n / 16);
  std::vector<uint16_t> bf16(n);
  for (size_t i = 0; i < n; ++i) f32[i] = static_cast<float>(i % 61) - 30.0f;
  const PreparedRows x{c.n_tokens,   c.cols,       f32.data(),    q8.data(),
                       scale.data(), sum16.data(), offset.data(), bf16.data()};
  isa.prepare(x, {.q8 = true, .bf16 = true}, ShareBy::kRows, 0, 1);
  std::vector<std::byte> scratch(LinearScratchBytes(c.cols));
  const LinearArgs args{&w, &x, out.data(), c.rows, nullptr, false};
  for (auto _ : state) {
    isa.linear(args, scratch, 0, 1);
    benchmark::ClobberMemory();
  }
  SetRates(state, Operations(c), weight_bytes);
}

void RunPrepare(benchmark::State& state, const Isa& isa) {
  constexpr size_t kTokens = 512, kCols = 576, kValues = kTokens * kCols;
  std::vector<float> f32(kValues, 0.5f), scale(kValues / 32), offset(kValues / 32);
  std::vector<int8_t> q8(kValues);
  std::vector<int32_t> sum16(kValues / 16);
  const PreparedRows x{kTokens,      kCols,        f32.data(),    q8.data(),
                       scale.data(), sum16.data(), offset.data(), nullptr};
  for (auto _ : state) {
    isa.prepare(x, {.q8 = true, .bf16 = false}, ShareBy::kRows, 0, 1);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kValues * sizeof(float)));
}

void Int8Peak(benchmark::State& state) {
  constexpr size_t kRounds = 1 << 16;
  int32_t sink = 1;
  size_t count = 0;
  for (auto _ : state) count = bench::RunInt8Peak(kRounds, &sink);
  benchmark::DoNotOptimize(sink);
  SetRates(state, static_cast<double>(count * bench::kOpsPerVpdpbusd), 0);
}

void ReadMemory(benchmark::State& state) {
  const size_t bytes = size_t{128} << 20;
  Buffer buffer = Buffer::Allocate(bytes, "a benchmark").value();
  std::memset(buffer.mutable_bytes().data(), 1, bytes);
  const auto* words = reinterpret_cast<const uint64_t*>(buffer.bytes().data());
  for (auto _ : state) {
    uint64_t sums[8] = {};
    for (size_t i = 0; i < bytes / 8; i += 8) {
      for (size_t j = 0; j < 8; ++j) sums[j] += words[i + j];
    }
    for (uint64_t& sum : sums) benchmark::DoNotOptimize(sum);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void Register(const Isa& isa) {
  // SmolLM2-135M's layers and head with a prompt; a matrix larger than any cache with few tokens.
  constexpr size_t kLayers[][2] = {{576, 576}, {1536, 576}, {576, 1536}, {49152, 576}};
  constexpr size_t kFewTokens[] = {1, 2, 4, 8, 16, 32};
  constexpr DType kTypes[] = {DType::kQ4_0,   DType::kQ4_1,    DType::kQ5_0,    DType::kQ5_1,
                              DType::kQ8_0,   DType::kQ4_K,    DType::kQ5_K,    DType::kQ6_K,
                              DType::kF16,    DType::kBF16,    DType::kIQ4_NL,  DType::kF32,
                              DType::kIQ4_XS, DType::kMXFP4,   DType::kNVFP4,   DType::kQ2_K,
                              DType::kQ3_K,   DType::kQ2_0,    DType::kQ1_0,    DType::kTQ1_0,
                              DType::kTQ2_0,  DType::kIQ3_S,   DType::kIQ3_XXS, DType::kIQ2_XS,
                              DType::kIQ2_S,  DType::kIQ2_XXS, DType::kIQ1_S,   DType::kIQ1_M};
  std::vector<Case> cases;
  for (const DType type : kTypes) {
    const bool fits_576 = FindCodec(type)->tile_cols == 32;
    for (const auto& [rows, cols] : kLayers) {
      if (fits_576) cases.push_back({type, rows, cols, 512});
    }
    if (!fits_576) cases.push_back({type, 1536, 1536, 512});
    for (const size_t n : kFewTokens) cases.push_back({type, 16384, 4096, n});
  }
  for (const Case& c : cases) {
    const std::string name = std::string(isa.name) + "/" + std::string(TraitsOf(c.type).name) +
                             "/" + std::to_string(c.rows) + "x" + std::to_string(c.cols) + "/" +
                             std::to_string(c.n_tokens);
    benchmark::RegisterBenchmark(name.c_str(), RunLinear, isa, c)->Unit(benchmark::kMicrosecond);
  }
  benchmark::RegisterBenchmark((std::string(isa.name) + "/prepare").c_str(), RunPrepare, isa)
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace
}  // namespace altteul::kernels

int main(int argc, char** argv) {
  using namespace altteul::kernels;
  benchmark::Initialize(&argc, argv);
  const altteul::CpuFeatures has = altteul::DetectCpuFeatures();
  benchmark::RegisterBenchmark("ReadMemory", ReadMemory)->Unit(benchmark::kMillisecond);
  if (has.avx512_vnni) {
    benchmark::RegisterBenchmark("Int8Peak", Int8Peak)->Unit(benchmark::kMicrosecond);
  }
  for (const KernelTable* table : BuiltKernels()) {
    if (table == &kReferenceKernels || !CanRun(*table, has)) continue;
    Register({table->name, table->fast_panel, table->prepare, table->linear});
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
