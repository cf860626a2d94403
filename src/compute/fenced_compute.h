// SPDX-License-Identifier: Apache-2.0

// For tests: a compute whose memory the host cannot touch, as if it were a device's.
//
// It holds copies of weights, plays tapes late (when Finish() waits for them), on a thread of its
// own, with the reference kernels, and its memory is there for the host at no other time: who looks
// behind an address faults. A step that names what was never handed over fails its tape. What goes
// right here knows no device's memory. Any allocation, copy or step can be made to fail.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "compute/compute.h"
#include "compute/fenced_memory.h"

namespace altteul::compute {

class FencedCompute final : public Compute {
 public:
  /// @param team       the host's, for work that is no tape; outlives this
  /// @param n_threads  of its own team, which plays
  explicit FencedCompute(ThreadTeam& team, int n_threads = 1);
  ~FencedCompute() override;
  FencedCompute(const FencedCompute&) = delete;
  FencedCompute& operator=(const FencedCompute&) = delete;

  ThreadTeam& team() override { return team_; }
  const kernels::KernelTable& kernels() const override { return kernels::kReferenceKernels; }
  Result<Memory> Allocate(uint64_t size_bytes, const std::string& purpose) override;
  void Copy(Bytes to, Bytes from, size_t size_bytes) override;
  Result<std::unique_ptr<Owned>> Hold(std::span<const std::byte> weights) override;
  Result<std::unique_ptr<Player>> NewPlayer(const TapeLimits& limits) override;

  // What is to fail, once each. The next one is 1.
  void FailAllocate(size_t nth) { allocate_fails_in_ = nth; }
  void FailCopy(size_t nth) { copy_fails_in_ = nth; }
  /// @param step  of that tape, from 0; those before it are played, at most all
  void FailStep(size_t nth_tape, size_t step) {
    tape_fails_in_ = nth_tape;
    failing_step_ = step;
  }

  size_t n_steps_of_last_tape() const { return n_steps_; }
  size_t held_bytes() const;  ///< of weights, now

 private:
  class OwnedPiece;
  class FencedPlayer;
  class TapeAddresses;
  struct Held {
    std::span<const std::byte> host;
    const std::byte* fenced;
  };

  void Queue(std::function<void()> job);
  void Drain();
  void Work();
  void CopyNow(Bytes to, Bytes from, size_t size_bytes, bool fails);
  bool IsMemory(const void* begin, size_t size_bytes) const;
  const Held* FindHeld(const void* begin, size_t size_bytes) const;

  ThreadTeam& team_;
  FencedMemory memory_;
  // While the thread works, the host waits in Drain(), so what follows needs no lock.
  std::vector<const FencedMemory::Piece*> allocated_;
  std::vector<Held> held_;
  Status copy_error_;
  std::unique_ptr<ThreadTeam> device_team_;

  size_t allocate_fails_in_ = 0, copy_fails_in_ = 0, tape_fails_in_ = 0, failing_step_ = 0;
  size_t n_steps_ = 0;

  std::deque<std::function<void()>> jobs_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool works_ = false, ends_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace altteul::compute
