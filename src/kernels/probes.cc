// SPDX-License-Identifier: Apache-2.0

#include "kernels/probes.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "kernels/probe_loops.h"
#include "tensor/buffer.h"

namespace altteul::kernels {
namespace {

constexpr double kRunSeconds = 0.03;
constexpr int kRuns = 3;

ProbeLoops LoopsOf(std::string_view isa) {
#if defined(__x86_64__)
  if (isa == "avx2") return kProbeLoopsAvx2;
  if (isa == "avxvnni") return kProbeLoopsAvxVnni;
  if (isa == "avx512vnni") return kProbeLoopsAvx512Vnni;
  if (isa == "avx512") return kProbeLoopsAvx512;
#elif defined(__aarch64__)
  if (isa == "neon") return kProbeLoopsNeon;
#endif
  (void)isa;
  return {};
}

/// Iterations that take about kRunSeconds.
uint64_t Calibrate(const ProbeLoop& loop, const Clock& clock) {
  uint64_t n = 100'000;
  while (true) {
    const double start = clock.Seconds();
    loop.run(n);
    const double seconds = clock.Seconds() - start;
    if (seconds >= kRunSeconds / 4) {
      return std::max<uint64_t>(
          1, static_cast<uint64_t>(static_cast<double>(n) * kRunSeconds / seconds));
    }
    if (n > uint64_t{1} << 40) return n;  // a clock that stands still
    n *= 2;
  }
}

/// All work over the slowest thread's time, for the fastest of a few runs.
/// @param body  one thread's work, done between two readings of the clock
template <typename Body>
double BestSeconds(ThreadTeam& team, const Clock& clock, const Body& body) {
  double best = 0.0;
  std::vector<double> seconds(static_cast<size_t>(team.size()));
  for (int run = 0; run < kRuns; ++run) {
    team.Run([&](int thread) {
      team.Barrier();
      const double start = clock.Seconds();
      body(thread);
      seconds[static_cast<size_t>(thread)] = clock.Seconds() - start;
    });
    const double slowest = *std::max_element(seconds.begin(), seconds.end());
    if (run == 0 || slowest < best) best = slowest;
  }
  return best;
}

double MeasureLoop(ThreadTeam& team, const Clock& clock, const ProbeLoop& loop) {
  if (loop.run == nullptr) return 0.0;
  const uint64_t n = Calibrate(loop, clock);
  const double seconds = BestSeconds(team, clock, [&](int /*thread*/) { loop.run(n); });
  const double ops = static_cast<double>(n) * loop.ops_per_iteration * team.size();
  return seconds > 0.0 ? ops / seconds : 0.0;
}

Peaks MeasureTeam(ThreadTeam& team, const Clock& clock, const ProbeLoops& loops) {
  return {.int8_ops_per_s = MeasureLoop(team, clock, loops.int8),
          .bf16_flops = MeasureLoop(team, clock, loops.bf16),
          .f32_flops = MeasureLoop(team, clock, loops.f32)};
}

uint64_t WordAt(const std::byte* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

/// Reads every byte. Four chains of 8 bytes: 16 bytes a cycle even without vector instructions or
/// optimisation, which is more than one core draws from memory.
/// @pre bytes.size() is a multiple of 32
uint64_t XorOfWords(std::span<const std::byte> bytes) {
  uint64_t a = 0, b = 0, c = 0, d = 0;
  const std::byte* end = bytes.data() + bytes.size();
  for (const std::byte* p = bytes.data(); p != end; p += 32) {
    a ^= WordAt(p);
    b ^= WordAt(p + 8);
    c ^= WordAt(p + 16);
    d ^= WordAt(p + 24);
  }
  return a ^ b ^ c ^ d;
}

}  // namespace

MeasuredPeaks MeasurePeaks(ThreadTeam& team, const Clock& clock, std::string_view isa) {
  const ProbeLoops loops = LoopsOf(isa);
  ThreadTeam alone(1);
  MeasuredPeaks peaks;
  peaks.thread = MeasureTeam(alone, clock, loops);
  peaks.team = team.size() == 1 ? peaks.thread : MeasureTeam(team, clock, loops);
  return peaks;
}

Result<double> MeasureReadBandwidth(ThreadTeam& team, const Clock& clock, uint64_t size_bytes) {
  size_bytes = size_bytes / 4096 * 4096;
  ALT_ASSIGN_OR_RETURN(Buffer buffer, Buffer::Allocate(size_bytes, "measuring memory bandwidth"));
  const std::span<std::byte> bytes = buffer.mutable_bytes();
  const auto share_of = [&](int thread) {
    const Share share = ShareOf(bytes.size(), 4096, thread, team.size());
    return bytes.subspan(share.begin, share.end - share.begin);
  };
  // Written first, by the thread that will read it: untouched pages are one page of zeros.
  team.Run([&](int thread) {
    const std::span<std::byte> mine = share_of(thread);
    std::fill(mine.begin(), mine.end(), std::byte{1});
  });
  std::vector<uint64_t> results(static_cast<size_t>(team.size()));  // keeps the reads alive
  const double seconds = BestSeconds(team, clock, [&](int thread) {
    results[static_cast<size_t>(thread)] = XorOfWords(share_of(thread));
  });
  // Equal words cancel in pairs.
  ALT_CHECK(std::all_of(results.begin(), results.end(), [](uint64_t x) { return x == 0; }));
  return seconds > 0.0 ? static_cast<double>(size_bytes) / seconds : 0.0;
}

}  // namespace altteul::kernels
