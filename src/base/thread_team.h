// SPDX-License-Identifier: Apache-2.0

// The threads of one engine: a fixed team that runs one body together, step by step.
//
// A forward pass is one Run(): every thread walks through the same steps, takes its share of each
// by (thread, size()), and waits at Barrier() where a step reads what another thread wrote. That
// costs one wake-up a pass instead of one a step. Waiting threads spin for some microseconds and
// then sleep, so that two engines on two cores do not starve each other.
//
// A body may throw, as containers do without memory. The thread that threw keeps its place at the
// barriers until the run ends, so that nobody waits for it for ever, and Run() throws again.

#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "base/share.h"  // every body takes its share

namespace altteul {

class ThreadTeam {
 public:
  /// Starts n_threads - 1 workers; the thread that calls Run() is the team's thread 0.
  /// @pre 1 <= n_threads <= kMaxThreads
  /// @throws std::system_error when the system has no room for another thread
  explicit ThreadTeam(int n_threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  static constexpr int kMaxThreads = 256;

  int size() const { return n_threads_; }

  /// Runs body(thread) once on each thread, 0 <= thread < size(), and returns when all are done.
  /// One call at a time; `body` must not call Run(). What a body throws is thrown again here, when
  /// all are done; of several exceptions one. The other threads went on meanwhile with whatever the
  /// thrower had left unwritten: what a run shares must be safe to read from the start.
  void Run(const std::function<void(int)>& body);

  /// Waits until every thread of the team has come here; what was written before is then visible
  /// to all. Only inside Run(), and every thread must pass the same barriers.
  void Barrier();

 private:
  void WorkerLoop(int thread);
  void StopWorkers();
  void TakePart(const std::function<void(int)>& body, int thread);
  void LeaveWith(std::exception_ptr exception);
  void EndRun();
  std::atomic<uint32_t>& LastBarrier();
  void ThrowAgain();
  static void WaitWhile(const std::atomic<uint32_t>& value, uint32_t old);

  const int n_threads_;
  std::vector<std::thread> workers_;
  const std::function<void(int)>* body_ = nullptr;  // published by run_epoch_

  // Each on a cache line of its own: they are written by different threads at different times.
  alignas(64) std::atomic<uint32_t> run_epoch_{0};  // +1 starts a run
  alignas(64) std::atomic<uint32_t> barrier_epoch_{0};
  alignas(64) std::atomic<int> barrier_arrived_{0};
  // The barrier_epoch_ that ends a run, set by all who come to its end. Runs take turns with the
  // two: who has not looked yet at how one ended must not find what the next one sets.
  std::atomic<uint32_t> last_barrier_[2] = {};
  std::atomic<int> n_threw_{0};   // in this run
  std::exception_ptr exception_;  // of the first of them, published by the last barrier
  std::atomic<bool> stop_{false};
};

}  // namespace altteul
