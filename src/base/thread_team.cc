// SPDX-License-Identifier: Apache-2.0

#include "base/thread_team.h"

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace altteul {
namespace {

// About 20 us on a 3 GHz machine: longer than any step's imbalance while the team is alone on its
// cores, shorter than a scheduler's time slice when it is not.
constexpr int kSpins = 1000;

void CpuPause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Denormals and rounding decide bits, so every thread computes under the same control word.
void SetFloatControl() {
#if defined(__x86_64__)
  _mm_setcsr(0x1F80);  // the default of the x86-64 ABI: all exceptions masked, round to nearest
#elif defined(__aarch64__)
  asm volatile("msr fpcr, xzr");  // the default of AAPCS64: the same
#endif
}

}  // namespace

ThreadTeam::ThreadTeam(int n_threads) : n_threads_(n_threads) {
  ALT_CHECK(n_threads >= 1 && n_threads <= kMaxThreads);
  workers_.reserve(static_cast<size_t>(n_threads - 1));
  for (int thread = 1; thread < n_threads; ++thread) {
    workers_.emplace_back([this, thread] { WorkerLoop(thread); });
  }
}

ThreadTeam::~ThreadTeam() {
  stop_.store(true, std::memory_order_relaxed);
  run_epoch_.fetch_add(1, std::memory_order_release);
  run_epoch_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadTeam::Run(const std::function<void(int)>& body) {
  SetFloatControl();
  if (n_threads_ == 1) {
    body(0);
    return;
  }
  body_ = &body;
  run_epoch_.fetch_add(1, std::memory_order_release);
  run_epoch_.notify_all();
  body(0);
  Barrier();  // the workers are done with `body`
}

void ThreadTeam::Barrier() {
  if (n_threads_ == 1) return;
  const uint32_t epoch = barrier_epoch_.load(std::memory_order_relaxed);
  if (barrier_arrived_.fetch_add(1, std::memory_order_acq_rel) == n_threads_ - 1) {
    barrier_arrived_.store(0, std::memory_order_relaxed);
    barrier_epoch_.store(epoch + 1, std::memory_order_release);
    barrier_epoch_.notify_all();
    return;
  }
  WaitWhile(barrier_epoch_, epoch);
}

void ThreadTeam::WorkerLoop(int thread) {
  SetFloatControl();
  uint32_t seen = 0;
  while (true) {
    WaitWhile(run_epoch_, seen);
    ++seen;
    if (stop_.load(std::memory_order_relaxed)) return;
    (*body_)(thread);
    Barrier();
  }
}

void ThreadTeam::WaitWhile(const std::atomic<uint32_t>& value, uint32_t old) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (value.load(std::memory_order_acquire) != old) return;
    CpuPause();
  }
  while (value.load(std::memory_order_acquire) == old) {
    value.wait(old, std::memory_order_acquire);
  }
}

}  // namespace altteul
