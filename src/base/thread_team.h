// SPDX-License-Identifier: Apache-2.0

// The threads of one engine: a fixed team that runs one body together, step by step.
//
// A forward pass is one Run(): every thread walks through the same steps, takes its share of each
// by (thread, size()), and waits at Barrier() where a step reads what another thread wrote. That
// costs one wake-up a pass instead of one a step. Waiting threads spin for some microseconds and
// then sleep, so that two engines on two cores do not starve each other.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "base/share.h"  // every body takes its share

namespace altteul {

class ThreadTeam {
 public:
  /// Starts n_threads - 1 workers; the thread that calls Run() is the team's thread 0.
  /// @pre 1 <= n_threads <= kMaxThreads
  explicit ThreadTeam(int n_threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  static constexpr int kMaxThreads = 256;

  int size() const { return n_threads_; }

  /// Runs body(thread) once on each thread, 0 <= thread < size(), and returns when all are done.
  /// One call at a time; `body` must not throw and must not call Run().
  void Run(const std::function<void(int)>& body);

  /// Waits until every thread of the team has come here; what was written before is then visible
  /// to all. Only inside Run(), and every thread must pass the same barriers.
  void Barrier();

 private:
  void WorkerLoop(int thread);
  static void WaitWhile(const std::atomic<uint32_t>& value, uint32_t old);

  const int n_threads_;
  std::vector<std::thread> workers_;
  const std::function<void(int)>* body_ = nullptr;  // published by run_epoch_

  // Each on a cache line of its own: they are written by different threads at different times.
  alignas(64) std::atomic<uint32_t> run_epoch_{0};  // +1 starts a run
  alignas(64) std::atomic<uint32_t> barrier_epoch_{0};
  alignas(64) std::atomic<int> barrier_arrived_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace altteul
