// SPDX-License-Identifier: Apache-2.0

#include "base/thread_team.h"

#include <utility>

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
  try {
    for (int thread = 1; thread < n_threads; ++thread) {
      workers_.emplace_back([this, thread] { WorkerLoop(thread); });
    }
  } catch (...) {
    StopWorkers();
    throw;
  }
}

ThreadTeam::~ThreadTeam() { StopWorkers(); }

void ThreadTeam::StopWorkers() {
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
  TakePart(body, 0);
  if (n_threw_.load(std::memory_order_relaxed) != 0) ThrowAgain();
}

/// Returns when all are done with `body`.
void ThreadTeam::TakePart(const std::function<void(int)>& body, int thread) {
  std::exception_ptr exception;
  try {
    body(thread);
  } catch (...) {
    exception = std::current_exception();
  }
  if (exception != nullptr) return LeaveWith(std::move(exception));
  EndRun();
}

/// Of the run that goes on.
std::atomic<uint32_t>& ThreadTeam::LastBarrier() {
  return last_barrier_[run_epoch_.load(std::memory_order_relaxed) % 2];
}

void ThreadTeam::EndRun() {
  LastBarrier().store(barrier_epoch_.load(std::memory_order_relaxed) + 1,
                      std::memory_order_relaxed);
  Barrier();
}

/// Passes the barriers that others still come to, the run's last one among them.
void ThreadTeam::LeaveWith(std::exception_ptr exception) {
  const int before = n_threw_.fetch_add(1, std::memory_order_relaxed);
  if (before == 0) {
    exception_ = std::move(exception);
  } else {
    exception = nullptr;  // gone before the caller of Run() goes on
  }
  // Where all have thrown, nobody is left who would come to the end of the body.
  if (before == n_threads_ - 1) return EndRun();
  const std::atomic<uint32_t>& last = LastBarrier();
  uint32_t passed = barrier_epoch_.load(std::memory_order_relaxed);
  do {
    Barrier();
    ++passed;
    // Others may be ahead and at the end already, but then of the next barrier.
  } while (last.load(std::memory_order_relaxed) != passed);
}

void ThreadTeam::ThrowAgain() {
  n_threw_.store(0, std::memory_order_relaxed);
  std::rethrow_exception(std::exchange(exception_, nullptr));
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
    TakePart(*body_, thread);
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
